"""Keeps, for this computer, how runs compared with their predictions: one small JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from arcdesk.core.fit_measured import RUNS_KEPT, RunRatio
from arcdesk.storage.paths import disk_errors, ensure_dir, state_dir
from arcdesk.storage.settings_disk import read_text, write_whole

FILE_NAME = "fit-factors.json"
VERSION = 1
MOST_UNIX_S = 1e11


class FitFactorsFile:
    """Reads and writes it whole. Blocking, and small."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path or state_dir() / FILE_NAME

    def load(self) -> tuple[RunRatio, ...]:
        """The last runs, the oldest first; none if there is no file or it can't be understood.

        It may be lost without harm, so nothing is raised.
        """
        try:
            data = json.loads(read_text(self.path) or "{}")
        except (OSError, ValueError, RecursionError):
            return ()
        runs = data.get("runs") if isinstance(data, dict) and data.get("version") == VERSION else None
        found = [_run(each) for each in runs] if isinstance(runs, list) else []
        return tuple(run for run in found if run is not None)[-RUNS_KEPT:]

    def save(self, runs: Sequence[RunRatio]) -> None:
        """Replace the file in one step, mode 0600. Raises ArcDeskError."""
        ensure_dir(self.path.parent)
        data = {"version": VERSION, "runs": [asdict(run) for run in runs[-RUNS_KEPT:]]}
        with disk_errors(self.path):
            write_whole(self.path, json.dumps(data, ensure_ascii=False, indent=1) + "\n")

    def forget(self) -> None:
        """Begin anew. Raises ArcDeskError."""
        with disk_errors(self.path):
            self.path.unlink(missing_ok=True)


def _run(raw: object) -> RunRatio | None:
    if not isinstance(raw, dict):
        return None
    key, weights, reserve = raw.get("key"), _ratio(raw.get("weights")), _ratio(raw.get("reserve"))
    if not isinstance(key, str) or not key or weights is None:
        return None
    model, low_bit, at = raw.get("model"), raw.get("low_bit"), raw.get("at")
    return RunRatio(
        key=key,
        weights=weights,
        reserve=reserve,
        model=model if isinstance(model, str) else "",
        low_bit=low_bit if isinstance(low_bit, str) else "",
        at=float(at) if isinstance(at, int | float) and 0 <= at < MOST_UNIX_S else 0.0,
    )


def _ratio(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 100 else None  # type: ignore[arg-type,operator]
