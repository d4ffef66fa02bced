"""The unit tier runs without Qt: an import of it is an error, not an accident."""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class NoQt(MetaPathFinder):
    """Refuses PySide6 and what needs it."""

    def find_spec(
        self, name: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in ("PySide6", "shiboken6", "qasync"):
            raise ImportError(f"{name} is not for the unit tier")
        return None


if os.environ.get("ARCDESK_TEST_TIER") == "unit":
    assert "PySide6" not in sys.modules, "run the unit tier with `make unit`"
    sys.meta_path.insert(0, NoQt())
