"""The icon of ArcDesk's windows and dialogs: the one installed under our id, else the same from our files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arcdesk.core.ident import APP_ID
from arcdesk.ui.resources import resource_dir

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon

SIZES_PX = (16, 22, 24, 32, 48, 256)


def app_icon() -> QIcon:
    """Looks for the installed one: the first search of a process reads the icon themes, some 5 ms."""
    from PySide6.QtGui import QIcon

    return QIcon.fromTheme(APP_ID, shipped_icon())


def shipped_icon() -> QIcon:
    """The tile with the mark, drawn for each of SIZES_PX. Raises FileNotFoundError without any resources."""
    from PySide6.QtGui import QIcon

    folder = resource_dir() / "icons" / "hicolor"
    icon = QIcon()
    for size in SIZES_PX:
        icon.addFile(str(folder / f"{size}x{size}" / "apps" / f"{APP_ID}.png"))
    return icon
