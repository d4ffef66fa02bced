"""Draws the tray icon for each state: again for every size, monochrome, readable on any panel."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from enum import Enum
from math import cos, radians, sin

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from arcdesk.ui.phase_words import TrayShape

STEPS = 6  # places of the travelling dot
STILL_STEP = 2  # where it rests with reduced motion: upper left, in the midst of the arc
_ARC_START_DEG, _ARC_SPAN_DEG = 0.0, 270.0  # from 3 o'clock over the top to 6 o'clock
_DOT_FIRST_DEG = 240.0  # clear of the desk


class PanelTone(Enum):
    """What the panel behind the icon is like, as far as one can know."""

    DARK = "dark"
    LIGHT = "light"
    UNKNOWN = "unknown"


_DARK_PANELS = frozenset({"gnome", "unity", "x-cinnamon", "budgie"})  # dark in their light style also
_FAITHFUL_PANELS = frozenset({"kde"})  # as light or dark as the windows

# Ink and halo. The halo melts into a panel of the expected kind and keeps the shape readable on the
# other kind. Where nothing is known, one grey stands 3:1 or more from both a dark and a white panel.
_COLOURS: dict[PanelTone, tuple[str, str | None]] = {
    PanelTone.DARK: ("#f2f3f4", "#000000"),
    PanelTone.LIGHT: ("#1b1c1e", "#ffffff"),
    PanelTone.UNKNOWN: ("#787b80", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The measures of one size in px, chosen so that edges fall on whole pixels."""

    size: int
    stroke: float
    center: tuple[float, float]
    radius: float  # of the middle of the stroke
    desk: tuple[float, float, float, float]  # x, y, width, height
    dot: float  # radius
    gap: float  # clear ground around a badge
    halo: float


_GRIDS = {
    16: _Grid(
        size=16, stroke=1.5, center=(8, 6.75), radius=5.25, desk=(4, 14, 8, 1.5), dot=1.8, gap=1, halo=1
    ),
    22: _Grid(size=22, stroke=2, center=(11, 9), radius=7, desk=(5, 19, 12, 2), dot=2.4, gap=1.2, halo=1),
    24: _Grid(size=24, stroke=2, center=(12, 10), radius=8, desk=(6, 21, 12, 2), dot=2.6, gap=1.2, halo=1),
    32: _Grid(
        size=32, stroke=2.5, center=(16, 13.25), radius=11, desk=(8, 28, 16, 2.5), dot=3.6, gap=1.6, halo=1.5
    ),
    48: _Grid(
        size=48, stroke=3.5, center=(24, 20), radius=16.25, desk=(12, 42, 24, 3.5), dot=5, gap=2.5, halo=2
    ),
}
SIZES_PX = tuple(_GRIDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One piece of a picture: a line of `width` px, or filled when it is 0."""

    path: QPainterPath
    width: float = 0


def panel_tone(scheme: Qt.ColorScheme) -> PanelTone:
    """The likely tone of the panel, from the desktop's own rules and else from its colour `scheme`."""
    if sys.platform == "darwin":
        return PanelTone.UNKNOWN  # the icon is a mask there, coloured by the menu bar
    if sys.platform == "win32":
        return _taskbar_tone()
    desktops = set(os.environ.get("XDG_CURRENT_DESKTOP", "").lower().split(":"))
    if scheme == Qt.ColorScheme.Dark or desktops & _DARK_PANELS:
        return PanelTone.DARK
    if scheme == Qt.ColorScheme.Light and desktops & _FAITHFUL_PANELS:
        return PanelTone.LIGHT
    return PanelTone.UNKNOWN  # a dark panel on a light desktop is common elsewhere


def _taskbar_tone() -> PanelTone:
    """Windows keeps the taskbar's tone apart from that of the apps."""
    from PySide6.QtCore import QSettings

    key = r"HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
    light = QSettings(key, QSettings.Format.NativeFormat).value("SystemUsesLightTheme")
    return {"0": PanelTone.DARK, "1": PanelTone.LIGHT}.get(str(light), PanelTone.UNKNOWN)


def tray_icon(shape: TrayShape, tone: PanelTone, step: int = STILL_STEP) -> QIcon:
    """The icon in all sizes. `step` (0 to STEPS - 1) places the travelling dot."""
    icon = QIcon()
    for size in SIZES_PX:
        icon.addPixmap(QPixmap.fromImage(draw(shape, size, tone, step)))
    icon.setIsMask(sys.platform == "darwin")
    return icon


def draw(shape: TrayShape, size: int, tone: PanelTone, step: int = STILL_STEP) -> QImage:
    """One picture of `size` px. Raises KeyError for a size that is not in SIZES_PX."""
    grid = _GRIDS[size]
    ink, halo = _COLOURS[tone]
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    ground, badge = _parts(shape, grid, step)
    _paint(painter, ground, grid, ink, halo)
    if badge:
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Clear)
        _fill(painter, badge, "#000000", grid.gap)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        _paint(painter, badge, grid, ink, halo)
    painter.end()
    return image


def _paint(painter: QPainter, parts: list[_Part], grid: _Grid, ink: str, halo: str | None) -> None:
    if halo is not None:
        _fill(painter, parts, halo, grid.halo)
    _fill(painter, parts, ink, 0)


def _fill(painter: QPainter, parts: list[_Part], colour: str, wider_px: float) -> None:
    for part in parts:
        if not part.width:
            painter.fillPath(part.path, QColor(colour))
        width = part.width + 2 * wider_px
        if width:
            cap, join = Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.RoundJoin
            pen = QPen(QColor(colour), width, Qt.PenStyle.SolidLine, cap, join)
            painter.strokePath(part.path, pen)


def _parts(shape: TrayShape, grid: _Grid, step: int) -> tuple[list[_Part], list[_Part]]:
    """The ground, and the badge that is cut clear of it."""
    match shape:
        case TrayShape.MARK:
            return [_arc(grid), _desk(grid)], []
        case TrayShape.RING:
            return [_ring(grid), _desk(grid)], []
        case TrayShape.FILLED_RING:
            core = _disc(QPointF(*grid.center), grid.radius - grid.stroke / 2 - 1.5 * grid.gap)
            return [_ring(grid), _desk(grid), core], []
        case TrayShape.SLASHED:
            return [_arc(grid), _desk(grid)], [_slash(grid)]
        case TrayShape.TRAVELLING_DOT:
            return [_arc(grid), _desk(grid)], [_disc(_on_arc(grid, step), grid.dot)]
        case TrayShape.TRIANGLE:
            return [_arc(grid), _desk(grid)], [_triangle(grid)]
        case TrayShape.SQUARE:
            return [_arc(grid), _desk(grid), _square(grid)], []


def _arc(grid: _Grid) -> _Part:
    arc = QPainterPath()
    arc.arcMoveTo(_circle(grid), _ARC_START_DEG)
    arc.arcTo(_circle(grid), _ARC_START_DEG, _ARC_SPAN_DEG)
    return _Part(path=arc, width=grid.stroke)


def _ring(grid: _Grid) -> _Part:
    ring = QPainterPath()
    ring.addEllipse(_circle(grid))
    return _Part(path=ring, width=grid.stroke)


def _desk(grid: _Grid) -> _Part:
    desk = QPainterPath()
    desk.addRect(QRectF(*grid.desk))
    return _Part(path=desk)


def _circle(grid: _Grid) -> QRectF:
    x, y = grid.center
    return QRectF(x - grid.radius, y - grid.radius, 2 * grid.radius, 2 * grid.radius)


def _on_arc(grid: _Grid, step: int) -> QPointF:
    angle = radians(_DOT_FIRST_DEG * (1 - (step % STEPS) / (STEPS - 1)))
    x, y = grid.center
    return QPointF(x + grid.radius * cos(angle), y - grid.radius * sin(angle))


def _disc(center: QPointF, radius: float) -> _Part:
    disc = QPainterPath()
    disc.addEllipse(center, radius, radius)
    return _Part(path=disc)


def _slash(grid: _Grid) -> _Part:
    unit = grid.size / 16
    line = QPainterPath(QPointF(1.75 * unit, 1 * unit))
    line.lineTo(14.25 * unit, 13.5 * unit)
    return _Part(path=line, width=grid.stroke)


def _triangle(grid: _Grid) -> _Part:
    """Stands at the right on the ground of the desk, in the opening of the arc."""
    _, top, _, height = grid.desk
    right, bottom, side = grid.size - 0.5, top + height, round(grid.size * 0.46)
    corners = [(right, bottom), (right - side, bottom), (right - side / 2, bottom - side * 0.95)]
    triangle = QPainterPath()
    triangle.addPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
    triangle.closeSubpath()
    return _Part(path=triangle)


def _square(grid: _Grid) -> _Part:
    x, y = grid.center
    half = round(grid.size / 8)
    square = QPainterPath()
    square.addRect(QRectF(round(x) - half, round(y) - half, 2 * half, 2 * half))
    return _Part(path=square)
