"""A process of tests: the desktop program with the engine at its argument; asks one question in its window.

Prints "answering" when the first word of the answer is in view. With a second argument the desktop then ends
the session, as at a log-out.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from arcdesk.app.session import run_session
from arcdesk.desktop.instance_server import InstanceLock
from arcdesk.ui.main_window import MainWindow
from arcdesk.ui.tray import Tray

LOOK_EVERY_MS = 20
QUESTION = "What is the capital of France?"


class Person:
    """Waits for the window, asks, waits for the first word."""

    def __init__(self, application: QApplication, *, ends_session: bool) -> None:
        self._application = application
        self._ends_session = ends_session
        self._has_asked = False
        self._timer = QTimer(application, interval=LOOK_EVERY_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def _look(self) -> None:
        windows = [w for w in self._application.topLevelWidgets() if isinstance(w, MainWindow)]
        if not windows or not windows[0].isVisible():
            return
        window = windows[0]
        if not self._has_asked:
            self._has_asked = True
            window.prompt.set_text(QUESTION)
            window.prompt.submitted.emit(QUESTION)
        elif "Half" in window.transcript.toPlainText():
            self._timer.stop()
            print("answering", flush=True)
            if self._ends_session:
                self._application.exit(0)  # what Qt does to the loop then


if __name__ == "__main__":
    application = QApplication(["arcdesk"])
    application.setQuitOnLastWindowClosed(False)
    lock = InstanceLock.take()
    assert lock is not None
    tray = Tray()
    tray.show()
    person = Person(application, ends_session=len(sys.argv) > 2)
    options = Namespace(engine=sys.argv[1], background=False, verbose=False)
    code = run_session(application, tray, options)
    lock.release()
    sys.exit(code)
