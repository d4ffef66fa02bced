"""Shows the tray; prints each of its signals as a line, and renders the phases that stdin names."""

from __future__ import annotations

import logging
import signal
import sys

from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication

from arcdesk.core.engine_state import EnginePhase, EngineSnapshot
from arcdesk.core.store import AppState
from arcdesk.ui import tray_host
from arcdesk.ui.tray import Tray

SIGNALS = (
    "start_requested",
    "stop_requested",
    "restart_requested",
    "open_chat_requested",
    "quick_prompt_requested",
    "quit_requested",
    "host_found",
    "host_missing",
)


def say(word: str) -> None:
    """One line, at once."""
    print(word, flush=True)


def main() -> int:
    """Run until the tray's Quit or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(name)s %(message)s")
    sys.excepthook = lambda kind, error, _: say(f"error {kind.__name__}: {error}".replace("\n", " "))
    app = QApplication(["arcdesk-tray"])
    app.setQuitOnLastWindowClosed(False)
    for word in sys.argv[1:]:
        if word.startswith("--patience-ms="):
            tray_host.PATIENCE_MS = int(word.split("=")[1])
    tray = Tray(reduced_motion="--still" in sys.argv)
    for name in SIGNALS:
        getattr(tray, name).connect(lambda name=name: say(name))
    tray.quit_requested.connect(app.quit)

    def on_input() -> None:
        line = sys.stdin.readline().strip()
        if not line:
            notifier.setEnabled(False)
            return
        tray.render(AppState(engine=EngineSnapshot(phase=EnginePhase(line), model="SmolLM2", place="here")))
        say(f"rendered {line}")

    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(on_input)
    tray.show()
    say("shown")
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
