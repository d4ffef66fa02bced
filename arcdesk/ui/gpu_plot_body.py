"""The line of a plot as a picture that moves on: a new point costs a new stretch, not the whole line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF

from arcdesk.core.gpu_view import Point
from arcdesk.ui.gpu_curve import SPAN_S, runs

FILL_ALPHA = 36
LINE_PX = 1.5
MARGIN_PX = 2  # at the right, for the line's own width
_NOTHING: Sequence[Point] = ()


class PlotBody:
    """Draws points into a picture of whole device pixels: what is drawn once is only moved to the left.

    Columns lie on a grid of absolute time, so that moving never blurs and never drifts.
    """

    def __init__(self) -> None:
        self._picture = QPixmap()
        self._key: tuple[QSize, float, str] | None = None
        self._drawn: Point | None = None  # the newest point in the picture
        self._fill, self._colour = QColor(), QColor()
        self.full_draws = 0  # how often the picture began anew

    def paint(
        self, painter: QPainter, body: QRectF, points: Sequence[Point], top: float, accent: str, ratio: float
    ) -> None:
        """Bring the picture up to date and put it into `body` (logical pixels). `top` ends the axis."""
        size = QSize(max(round(body.width() * ratio), 8), max(round(body.height() * ratio), 4))
        fresh = self._fresh_points(points) if self._key == (size, top, accent) else None
        if fresh is None:
            self._begin(size, top, accent)
            self._draw(points, None, ratio)
        elif fresh:
            self._draw(fresh, self._drawn, ratio)
        if points:
            self._drawn = points[-1]
            painter.drawPixmap(body.topLeft(), self._picture)

    def spot(self, body: QRectF, points: Sequence[Point], index: int, top: float) -> QPointF | None:
        """Where a point is in `body` (logical pixels); None for a gap."""
        point = points[index]
        if point.value is None or self._key is None:
            return None
        scale = body.width() / self._key[0].width()
        behind = self._column(points[-1].at) - self._column(point.at)
        x = self._key[0].width() - MARGIN_PX - behind
        y = self._height(point.value, top, self._key[0].height())
        return QPointF(body.left() + x * scale, body.top() + y * scale)

    def _fresh_points(self, points: Sequence[Point]) -> Sequence[Point] | None:
        """Those newer than the picture; None where the picture must begin anew."""
        if self._drawn is None or not points:
            return None
        first = len(points)
        while first and points[first - 1].at > self._drawn.at:
            first -= 1
        if not first or points[first - 1] != self._drawn:
            return None
        return points[first:] if first < len(points) else _NOTHING

    def _begin(self, size: QSize, top: float, accent: str) -> None:
        self.full_draws += 1
        self._key = (size, top, accent)
        self._drawn = None
        self._picture = QPixmap(size)
        self._picture.fill(Qt.GlobalColor.transparent)
        fill = QColor(accent)
        fill.setAlpha(FILL_ALPHA)
        self._fill, self._colour = fill, QColor(accent)

    def _move_on(self, columns: int) -> QRect:
        """Move the picture to the left; returns what is free then, with nothing drawn over yet."""
        width, height = self._picture.width(), self._picture.height()
        if 0 < columns < width:
            self._picture.scroll(-columns, 0, self._picture.rect())
        return QRect(max(width - columns, 0), 0, columns, height)

    def _column(self, at: float) -> int:
        assert self._key is not None
        return round(at * (self._key[0].width() - 2 * MARGIN_PX) / SPAN_S)

    def _height(self, value: float, top: float, height: int) -> float:
        return height - 1 - max(value, 0.0) / top * (height - 3)

    def _draw(self, points: Sequence[Point], before: Point | None, ratio: float) -> None:
        """Draw the line through `points`, going on from `before`."""
        if not points or self._key is None:
            return
        free = QRect()
        if before is not None:
            points = [before, *points]
            free = self._move_on(self._column(points[-1].at) - self._column(before.at))
        self._picture.setDevicePixelRatio(1.0)  # drawn in device pixels
        painter = QPainter(self._picture)
        if not free.isEmpty():
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Clear)
            painter.fillRect(free, Qt.GlobalColor.transparent)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        for number, run in enumerate(runs(points, self._spots(points))):
            # alone and first: where the picture goes on from there, it has it already
            if len(run) > 1 or number or before is None or before.value is None:
                self._draw_run(painter, run, ratio)
        painter.end()
        self._picture.setDevicePixelRatio(ratio)

    def _spots(self, points: Sequence[Point]) -> list[QPointF | None]:
        assert self._key is not None
        size, top, _ = self._key
        right, height = size.width() - MARGIN_PX - self._column(points[-1].at), size.height()
        return [
            None if value is None else QPointF(right + self._column(at), self._height(value, top, height))
            for at, value in points
        ]

    def _draw_run(self, painter: QPainter, run: list[QPointF], ratio: float) -> None:
        if len(run) == 1:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(_pen(self._colour, 2 * ratio))
            painter.drawPoint(run[0])
            return
        self._fill_below(painter, run)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(_pen(self._colour, LINE_PX * ratio))
        if len(run) == 2:
            painter.drawLine(run[0], run[1])
        else:
            painter.drawPolyline(QPolygonF(run))

    def _fill_below(self, painter: QPainter, run: list[QPointF]) -> None:
        """Whole columns: what was filled in stretches is the same as what was filled at once."""
        floor = self._picture.height()
        for start, end in pairwise(run):
            left, top = round(start.x()), round((start.y() + end.y()) / 2)
            painter.fillRect(left, top, round(end.x()) - left, floor - top, self._fill)


def _pen(colour: QColor, width: float) -> QPen:
    pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)  # as stretches join that were drawn one by one
    return pen
