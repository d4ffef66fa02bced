"""Another program with a text field, as a neighbour of ArcDesk: prints its text, one JSON line a change."""

from __future__ import annotations

import json
import sys

from PySide6.QtWidgets import QApplication, QPlainTextEdit


def main() -> None:
    app = QApplication(sys.argv)
    field = QPlainTextEdit()
    field.setWindowTitle("another editor")
    field.textChanged.connect(lambda: print(json.dumps(field.toPlainText()), flush=True))
    field.show()
    app.exec()


if __name__ == "__main__":
    main()
