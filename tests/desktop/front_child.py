"""A window that goes behind others and, told so on stdin, comes to the front: 'front', or 'front TOKEN'."""

from __future__ import annotations

import os
import signal
import sys

from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication, QLineEdit

from arcdesk.desktop.activation import bring_to_front


def main() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    app = QApplication(["front"])
    app.setQuitOnLastWindowClosed(False)
    window = QLineEdit()
    window.setWindowTitle("Front")
    window.textChanged.connect(lambda text: print(f"text {text}", flush=True))
    window.show()

    def on_input() -> None:
        line = os.read(sys.stdin.fileno(), 4096).decode()
        notifier.setEnabled(bool(line))
        match line.split():
            case ["front", *token]:
                bring_to_front(window, *token)
                print("asked", flush=True)
            case ["hide"]:
                window.hide()
            case ["minimize"]:
                window.showMinimized()

    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(on_input)
    print("shown", flush=True)
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
