"""A process of tests: the bar on two screens of different scale, one of which goes. Prints one JSON object.

Argument: a folder for the offscreen platform's description of its screens.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

SCREENS = [
    {
        "name": "one",
        "x": 0,
        "y": 0,
        "width": 1280,
        "height": 800,
        "logicalDpi": 96,
        "logicalBaseDpi": 96,
        "dpr": 1,
    },
    {
        "name": "two",
        "x": 1280,
        "y": 0,
        "width": 600,
        "height": 500,
        "logicalDpi": 96,
        "logicalBaseDpi": 96,
        "dpr": 2,
    },
]


def main(folder: Path) -> None:
    file = folder / "screens.json"
    file.write_text(json.dumps({"synchronousWindowSystemEvents": True, "screens": SCREENS}), encoding="utf-8")
    os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={file}"
    from PySide6.QtGui import QCursor, QGuiApplication
    from PySide6.QtWidgets import QApplication

    from arcdesk.ui.quick_foot import QuickView
    from arcdesk.ui.quick_place import screen_of_pointer
    from arcdesk.ui.quick_prompt import QuickPrompt

    app = QApplication([])
    bar = QuickPrompt()
    seen = {}
    for name, point in (("first", (100, 100)), ("second", (1400, 100)), ("nowhere", (5000, 5000))):
        QCursor.setPos(*point)
        bar.appear()
        bar.present(QuickView(has_talk=True))
        app.processEvents()
        seen[name] = [screen_of_pointer().name(), bar.x(), bar.y(), bar.width()]
        bar.hide()
    seen["screens"] = [screen.name() for screen in QGuiApplication.screens()]
    print(json.dumps(seen), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
