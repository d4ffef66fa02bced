"""The app's picture for a notification server that does not know our icon by its name."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from arcdesk.core.ident import APP_ID
from arcdesk.desktop.note import Pixels

SIZE_PX = 48
_TILE, _MARK = "#2b57e0", "#ffffff"


def note_icon() -> Pixels | None:
    """The mark on a tile; None when our icon is installed, for then the server draws it sharper."""
    return None if is_icon_installed() else _drawn()


def is_icon_installed() -> bool:
    """The theme that all others inherit from has an icon by our id, where this session looks."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    system = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    themes = (Path(folder, "icons/hicolor") for folder in (home, *system.split(":")) if folder)
    return any(
        next(theme.glob(f"*/apps/{APP_ID}.{end}"), None) is not None
        for theme in themes
        for end in ("png", "svg")
    )


@cache
def _drawn() -> Pixels:
    from PySide6.QtCore import QRectF, Qt
    from PySide6.QtGui import QColor, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    from arcdesk.ui.resources import resource_dir

    image = QImage(SIZE_PX, SIZE_PX, QImage.Format.Format_RGBA8888_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(_TILE))
    painter.drawRoundedRect(QRectF(0, 0, SIZE_PX, SIZE_PX), SIZE_PX / 5, SIZE_PX / 5)
    mark = (resource_dir() / "icons/mark.svg").read_text(encoding="utf-8").replace("currentColor", _MARK)
    edge = SIZE_PX * 2 / 3
    rest = (SIZE_PX - edge) / 2
    QSvgRenderer(mark.encode()).render(painter, QRectF(rest, rest, edge, edge))
    painter.end()
    plain = image.convertToFormat(QImage.Format.Format_RGBA8888)
    return Pixels(width=SIZE_PX, height=SIZE_PX, stride=plain.bytesPerLine(), rgba=bytes(plain.constBits()))
