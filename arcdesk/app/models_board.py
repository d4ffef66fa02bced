"""What the models window shows, in one place: replaced whole, shown while somebody looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.hub import Hub
from arcdesk.services.model_list import ModelList
from arcdesk.services.model_ports import Downloading, FitTeller
from arcdesk.storage.model_disk import ModelDisk
from arcdesk.ui.models_view import Detail, ModelsView, Notice, Subject, key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelParts:
    """What the models window works with. `start_list` is the text of models.toml; `own_cache` gives the
    files that a container wrote as root back to the person.
    """

    disk: ModelDisk
    models: ModelList
    hub: Hub
    downloads: Downloading
    fit: FitTeller
    start_list: str
    own_cache: Callable[[], Awaitable[object]]


class Board:
    """Holds the view. `present` is called with it while the window is seen."""

    def __init__(self, present: Callable[[ModelsView], None]) -> None:
        self._present = present
        self._is_seen = False
        self.view = ModelsView()

    @property
    def is_seen(self) -> bool:
        """The window is on the screen."""
        return self._is_seen

    def see(self, is_seen: bool) -> None:
        """The window was shown or hidden."""
        self._is_seen = is_seen
        if is_seen:
            self._present(self.view)

    def change(self, **changes: Any) -> None:
        """Replace fields of the view."""
        fresh = replace(self.view, **changes)
        if fresh != self.view:
            self.view = fresh
            if self._is_seen:
                self._present(fresh)

    def change_detail(self, subject: Subject, **changes: Any) -> None:
        """Replace fields of the detail, if this model is still the chosen one."""
        detail = self.view.detail
        if detail is not None and key_of(detail.subject) == key_of(subject):
            self.change(detail=replace(detail, **changes))

    def tell(self, text: str, detail: str = "", *buttons: tuple[str, str]) -> None:
        """Say what was done."""
        self.change(notice=Notice(text=text, detail=detail, buttons=(*buttons, ("close", "Dismiss"))))

    def refuse(self, error: ArcDeskError) -> None:
        """Say what could not be done."""
        self.change(problem=error.problem)

    def refuse_for(self, subject: Subject, problem: Problem | None) -> None:
        """Say it beside the model, or at the top when another one is shown."""
        detail: Detail | None = self.view.detail
        if detail is not None and key_of(detail.subject) == key_of(subject):
            self.change(detail=replace(detail, problem=problem))
        elif problem is not None:
            self.change(problem=problem)
