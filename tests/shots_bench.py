"""Draws live figures, X-ray, benchmark, ledger and A/B: `python -m tests.shots_bench FOLDER`.

What they show was measured a moment before, by the program's own parts, on scripted servers that answer at a
known pace.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from arcdesk.ui import theme
from tests.screenshots import make_small
from tests.ui.ab_rig import ab_running_window, ab_setup_window, ab_vote_window, ab_window
from tests.ui.bench_rig import bench_empty_window, bench_running_window, bench_window
from tests.ui.ledger_rig import (
    ledger_compare_window,
    ledger_empty_window,
    ledger_history_window,
    ledger_window,
)
from tests.ui.live_rig import live_window
from tests.ui.results_rig import results_window
from tests.ui.xray_rig import bare_xray_window, xray_window

SETTLE_MS = 200
WIDE, WIDE_SIZE = ("bench-empty", "bench-running", "bench-done", "ledger", "ab-"), (1120, 760)
Make = Callable[[theme.Palette], QWidget]
SCENES: dict[str, Make] = {
    "live": live_window,
    "live-bottom": partial(live_window, at_the_bottom=True),
    "live-strip": partial(live_window, is_open=False),
    "xray": xray_window,
    "xray-held-back": partial(xray_window, is_held_back=True),
    "xray-no-metrics": bare_xray_window,
    "bench-empty": bench_empty_window,
    "bench-running": bench_running_window,
    "bench-done": bench_window,
    "bench-results": partial(results_window, width=1000),
    "ledger": ledger_window,
    "ledger-history": ledger_history_window,
    "ledger-compare": ledger_compare_window,
    "ledger-empty": ledger_empty_window,
    "ab-setup": ab_setup_window,
    "ab-running": ab_running_window,
    "ab-vote": ab_vote_window,
    "ab-results": ab_window,
}


def take(folder: Path, scenes: list[str]) -> None:
    """Every scene in both themes."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    folder.mkdir(parents=True, exist_ok=True)
    for name in scenes or list(SCENES):
        for theme_name, palette in (("light", theme.LIGHT), ("dark", theme.DARK)):
            theme.apply(app, palette)
            window = SCENES[name](palette)
            window.show()
            if name.startswith(WIDE):  # the platform's screen is small, and they keep to it
                window.resize(*WIDE_SIZE)
            QTest.qWait(SETTLE_MS)
            file = folder / f"{name}-{theme_name}.png"
            window.grab().save(str(file))
            window.close()
            window.deleteLater()
            app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            make_small(file)
            print(file, flush=True)


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures"), sys.argv[2:])
