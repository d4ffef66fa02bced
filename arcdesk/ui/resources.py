"""Finds what is shipped beside the code, and draws our icons in a colour."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon, QPixmap

ICON_SIZES_PX = (16, 20, 24)


@cache
def resource_dir() -> Path:
    """The folder with `icons/` and `qss/`: in the package when installed, beside it in a checkout.

    Raises FileNotFoundError when the installation lacks both.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "resources", package.parent / "resources"):
        if (folder / "icons").is_dir():
            return folder
    raise FileNotFoundError(f"ArcDesk's resources are missing beside {package}: install it again")


def icon(name: str, color: str) -> QIcon:
    """The icon `name` drawn in `color` ('#rrggbb'), sharp on every screen the application has now.

    Raises FileNotFoundError for a name that is not in `icons/`.
    """
    from PySide6.QtGui import QGuiApplication

    ratios = tuple(sorted({screen.devicePixelRatio() for screen in QGuiApplication.screens()} | {1.0}))
    return _drawn(name, color, ratios)


@cache
def _drawn(name: str, color: str, ratios: tuple[float, ...]) -> QIcon:
    from PySide6.QtGui import QIcon

    source = _source(name, color)
    result = QIcon()
    for ratio in ratios:
        for size in ICON_SIZES_PX:
            result.addPixmap(_render(source, size, ratio))
    return result


def _source(name: str, color: str) -> bytes:
    path = resource_dir() / "icons" / f"{name}.svg"
    return path.read_text(encoding="utf-8").replace("currentColor", color).encode()


def _render(source: bytes, size_px: int, ratio: float) -> QPixmap:
    from PySide6.QtCore import QRectF, Qt
    from PySide6.QtGui import QPainter, QPixmap
    from PySide6.QtSvg import QSvgRenderer

    edge = round(size_px * ratio)
    pixmap = QPixmap(edge, edge)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(source).render(painter, QRectF(0, 0, edge, edge))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
