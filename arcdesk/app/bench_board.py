"""Holds what the benchmark's window shows, and shows it while somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from arcdesk.ui.bench_view import BenchView

_BY_IDENTITY = ("shown",)  # thousands of records: to compare them would take longer than to draw them


class BenchBoard:
    """`present` is called with the whole view, and only while the window is seen."""

    def __init__(self, present: Callable[[BenchView], None]) -> None:
        self._present = present
        self.view = BenchView()
        self.is_seen = False

    def see(self, is_seen: bool) -> None:
        """The window was shown or hidden."""
        self.is_seen = is_seen
        if is_seen:
            self._present(self.view)

    def change(self, **changes: Any) -> None:
        """Replace fields of the view."""
        if any(self._is_news(name, value) for name, value in changes.items()):
            self.view = replace(self.view, **changes)
            if self.is_seen:
                self._present(self.view)

    def _is_news(self, name: str, value: object) -> bool:
        old = getattr(self.view, name)
        return old is not value and (name in _BY_IDENTITY or old != value)
