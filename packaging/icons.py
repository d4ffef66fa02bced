"""Draws the application's icons into resources/icons/hicolor: `python packaging/icons.py`.

Every size has measures of its own, so that edges fall on whole pixels; the pictures are made from them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

APP_ID = "org.arcdesk.ArcDesk"
FOLDER = Path(__file__).resolve().parent.parent / "resources" / "icons" / "hicolor"
GROUND, INK = "#2b57e0", "#ffffff"  # the accent of the light palette: 5.6:1 against the mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The measures of one size in px: the tile, and on it the mark."""

    size: int
    inset: float  # clear room around the tile
    corner: float
    stroke: float
    center: tuple[float, float]
    radius: float  # of the middle of the stroke
    desk: tuple[float, float, float, float]  # x, y, width, height


GRIDS = (
    Grid(size=16, inset=0, corner=3.5, stroke=2, center=(8, 6.5), radius=3.5, desk=(4, 12, 8, 2)),
    Grid(size=22, inset=1, corner=4.5, stroke=2, center=(11, 9), radius=5, desk=(6, 16, 10, 2)),
    Grid(size=24, inset=1, corner=5, stroke=2, center=(12, 10), radius=5, desk=(6, 18, 12, 2)),
    Grid(size=32, inset=1, corner=7, stroke=3, center=(16, 12.5), radius=7, desk=(9, 23, 14, 3)),
    Grid(size=48, inset=2, corner=10, stroke=4, center=(24, 20), radius=10, desk=(13, 34, 22, 4)),
    Grid(size=256, inset=12, corner=52, stroke=18, center=(128, 107), radius=54, desk=(70, 181, 116, 18)),
)
SCALABLE = GRIDS[-1]
SYMBOLIC = Grid(size=16, inset=0, corner=0, stroke=1.5, center=(8, 6.75), radius=5.25, desk=(4, 14, 8, 1.5))


def coloured(grid: Grid) -> str:
    """The tile in the accent colour with the mark on it: readable on light and dark grounds alike."""
    edge = grid.size - 2 * grid.inset
    tile = (
        f'<rect x="{grid.inset:g}" y="{grid.inset:g}" width="{edge:g}" height="{edge:g}" '
        f'rx="{grid.corner:g}" fill="{GROUND}"/>'
    )
    return _document(grid.size, tile, f'<g fill="{INK}">{_mark(grid)}</g>')


def symbolic(grid: Grid) -> str:
    """The mark alone. Filled shapes only: desktops colour those, and would fill a stroked line."""
    return _document(grid.size, f'<g fill="#2e3436">{_mark(grid)}</g>')


def _mark(grid: Grid) -> str:
    """Three quarters of a ring, open at the lower right, over the desk."""
    x, y = grid.center
    outer, inner = grid.radius + grid.stroke / 2, grid.radius - grid.stroke / 2
    arc = (
        f"M{x + outer:g} {y:g}A{outer:g} {outer:g} 0 1 0 {x:g} {y + outer:g}"
        f"V{y + inner:g}A{inner:g} {inner:g} 0 1 1 {x + inner:g} {y:g}Z"
    )
    left, top, width, height = grid.desk
    return f'<path d="{arc}"/><path d="M{left:g} {top:g}h{width:g}v{height:g}h{-width:g}z"/>'


def _document(size: int, *parts: str) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 {size} {size}">'
    )
    return "\n".join((head, *(f"  {part}" for part in parts), "</svg>", ""))


def picture(grid: Grid) -> QImage:
    """The coloured icon in pixels."""
    image = QImage(grid.size, grid.size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(coloured(grid).encode())).render(painter, QRectF(0, 0, grid.size, grid.size))
    painter.end()
    return image


def main() -> None:
    """Write all of them."""
    _keep = QGuiApplication([])
    for grid in GRIDS:
        folder = _folder(f"{grid.size}x{grid.size}")
        picture(grid).save(str(folder / f"{APP_ID}.png"))
    (_folder("scalable") / f"{APP_ID}.svg").write_text(coloured(SCALABLE), encoding="utf-8")
    (_folder("symbolic") / f"{APP_ID}-symbolic.svg").write_text(symbolic(SYMBOLIC), encoding="utf-8")


def _folder(name: str) -> Path:
    folder = FOLDER / name / "apps"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
