"""The ui tier: real widgets on the offscreen platform, coroutines on the app's own kind of loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
import qasync
from PySide6.QtWidgets import QApplication

_kept: list[object] = []  # an application that goes with its first loop takes the process along


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Coroutine tests run on qasync's loop over the test's QApplication."""

    def make() -> Any:
        application = QApplication.instance() or QApplication([])
        _kept.append(application)
        return qasync.QEventLoop(application)

    return {"qasync": make}
