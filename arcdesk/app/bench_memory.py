"""Remembers from run to run of the program which benchmark was made last, and the person's own one."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSettings

from arcdesk.core.bench import BenchPlan
from arcdesk.core.bench_check import check, form_of
from arcdesk.core.bench_presets import PRESETS, PresetId, preset_of
from arcdesk.storage import paths
from arcdesk.storage.bench_ledger_codec import plan_from_json, plan_to_json

LAST, OWN = "bench/lastPlan", "bench/ownPlan"


class BenchMemory:
    """Two plans in the file that the windows keep their places in."""

    def __init__(self) -> None:
        self._file = QSettings(str(paths.state_dir() / "window.ini"), QSettings.Format.IniFormat)

    @property
    def last(self) -> BenchPlan:
        """The plan that was started last; the quick look before the first time."""
        return self._plan(LAST) or PRESETS[0].plan

    @property
    def own(self) -> BenchPlan | None:
        """The newest plan that was no preset."""
        return self._plan(OWN)

    def keep(self, plan: BenchPlan) -> None:
        """This one was started."""
        text = plan_to_json(plan)
        self._file.setValue(LAST, text)
        if preset_of(plan) is PresetId.OWN:
            self._file.setValue(OWN, text)

    def _plan(self, key: str) -> BenchPlan | None:
        """None: there is none, or it can't be read (any more)."""
        text: Any = self._file.value(key, "")
        try:
            plan = plan_from_json(str(text)) if text else None
            is_sound = plan is not None and check(form_of(plan)).plan == plan  # the file may be edited
            return plan if is_sound else None
        except (ValueError, TypeError):
            return None
