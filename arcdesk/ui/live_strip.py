"""The speed of our own answers in short, for the inspector; a click opens the panel."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from arcdesk.core.live_stats import LiveFigure, LiveKey, OurView
from arcdesk.core.points import Point
from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.gpu_words import tip
from arcdesk.ui.live_words import THIN, UNKNOWN, about, number, sentence, value_text, whole
from arcdesk.ui.seen import SeenWithWindow
from arcdesk.ui.theme import LIGHT, Palette

PADDING_PX, LINE_GAP_PX = 6, 4
GAP_PX, NARROW_GAP_PX = 16, 4  # between two figures; where the strip is narrow
LONG_MS = 9999.5
AREA_ALPHA = 50  # under the line: a steady rate would look like an underline of what stands above
SPARK_POINTS = 30  # one a second
SPARK_BRIDGE_S = 5.0  # a pause this short, as between two questions, does not cut the line
LABEL_SAMPLE, VALUE_SAMPLE = "tok/s—", f"0{THIN}000"
KEYS = (
    LiveKey.OUR_TOKENS_PER_S,
    LiveKey.OUR_TTFT_P50_MS,
    LiveKey.OUR_TTFT_P95_MS,
    LiveKey.OUR_ITL_P50_MS,
    LiveKey.OUR_ITL_P95_MS,
)


class LiveStrip(SeenWithWindow, QAbstractButton):
    """Presents an OurView in four lines; painted by itself, opened by click, space or return."""

    seen_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("liveStrip")
        self._palette = LIGHT
        self._fonts = Fonts(self.font())
        self._view = OurView()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.paints = 0  # how often it was painted
        self._tell()

    @property
    def head(self) -> str:
        """What stands at the right of the first line: how many answers carry it, and until when."""
        if not self._view.at:
            return self.tr("no answer yet")
        answers = self._view[LiveKey.OUR_TTFT_P50_MS].n or 0
        count = f"n{THIN}={THIN}{whole(answers)}"
        ended_at = self._view.ended_at
        if self._view.is_streaming or ended_at is None:
            return count
        return f"{time.strftime('%H:%M', time.localtime(ended_at))} · {count}"

    @property
    def rate_text(self) -> str:
        """'84': tokens per second now, or of the last answer when none streams; '–' is unknown."""
        figure = self._view[LiveKey.OUR_TOKENS_PER_S]
        if self._view.is_streaming:
            return value_text(LiveKey.OUR_TOKENS_PER_S, figure).removesuffix(f"{THIN}tok/s")
        last = self._view.last_tokens_per_s
        return UNKNOWN if last is None else number(last)

    def present(self, view: OurView) -> None:
        """Show it."""
        grows = bool(view.at) != bool(self._view.at)
        self._view = view
        self._tell()
        if grows:
            self.updateGeometry()
        self.update()

    def _tell(self) -> None:
        if not self._view.at:
            said = self.tr("Live: no answer yet. Opens the live panel.")
            self.setAccessibleName(said)
            self.setToolTip(tip(said))
            return
        figures = [(key, self._view[key]) for key in KEYS]
        lines = [sentence(key, figure) for key, figure in figures]
        if not self._view.is_streaming:
            lines[0] = self.tr("Tokens per second, last answer: {0}").format(self.rate_text)
        notes = {about(figure) for _, figure in figures if figure.value is not None} - {""}
        last_minute = self.tr("ArcDesk, on its own answers of the last minute:")
        self.setAccessibleName(". ".join((self.tr("Live"), *lines)))
        self.setToolTip(tip("\n".join((last_minute, *lines, *sorted(notes)))))

    def set_palette_colors(self, palette: Palette = LIGHT) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()

    # painting

    def paintEvent(self, _: QPaintEvent) -> None:
        """Head, rate with its line, and the two latencies."""
        self.paints += 1
        fonts, colours = self._fonts, self._palette
        painter = QPainter(self)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        left, right, top = float(PADDING_PX), float(self.width() - PADDING_PX), float(PADDING_PX)
        painter.setPen(QColor(colours.text))
        fonts.draw(painter, "bold", left, top, self.tr("Live"))
        painter.setPen(QColor(colours.secondary))
        fonts.draw(painter, "plain", 0, top, self.head, right=right)
        if self._view.at:
            self._paint_rate(painter, top + self._step)
            view = self._view
            ttft = (view[LiveKey.OUR_TTFT_P50_MS], view[LiveKey.OUR_TTFT_P95_MS])
            itl = (view[LiveKey.OUR_ITL_P50_MS], view[LiveKey.OUR_ITL_P95_MS])
            for row, (label, figures) in enumerate((("TTFT", ttft), ("ITL", itl)), start=2):
                self._paint_latency(painter, top + row * self._step, label, *_in_one_unit(figures))
        painter.end()

    @property
    def _step(self) -> float:
        return self._fonts.line_px + LINE_GAP_PX

    @property
    def _value_right(self) -> float:
        widths = (LABEL_SAMPLE, "p50", VALUE_SAMPLE)
        return PADDING_PX + 4 + sum(self._fonts.width(sample) for sample in widths)

    def _paint_rate(self, painter: QPainter, top: float) -> None:
        fonts, colours = self._fonts, self._palette
        painter.setPen(QColor(colours.secondary))
        fonts.draw(painter, "plain", PADDING_PX, top, self.tr("tok/s"))
        painter.setPen(QColor(colours.text))
        fonts.draw(painter, "bold", 0, top, self.rate_text, right=self._value_right)
        left = self._value_right + GAP_PX
        room = QRectF(left, top + 1, self.width() - PADDING_PX - left, fonts.line_px - 2)
        if room.width() > 24:
            _spark(painter, room, self._view.points, colours.accent)

    def _paint_latency(
        self, painter: QPainter, top: float, label: str, texts: Sequence[str], unit: str
    ) -> None:
        """'TTFT   p50  131   p95  180 ms'."""
        fonts, colours = self._fonts, self._palette
        quiet, loud = QColor(colours.secondary), QColor(colours.text)
        name_px, value_px = fonts.width("p50") + 4, fonts.width(VALUE_SAMPLE)
        figures_px = fonts.width(LABEL_SAMPLE) + 2 * (name_px + value_px) + fonts.width(f"{THIN}ms")
        gap_px = min(GAP_PX, max(NARROW_GAP_PX, self.width() - 2 * PADDING_PX - figures_px))
        painter.setPen(quiet)
        fonts.draw(painter, "plain", PADDING_PX, top, label)
        left = PADDING_PX + fonts.width(LABEL_SAMPLE)
        for name, text in zip(("p50", "p95"), texts, strict=True):
            painter.setPen(quiet)
            fonts.draw(painter, "plain", left, top, name)
            painter.setPen(loud)
            left += name_px + value_px
            fonts.draw(painter, "plain", 0, top, text, right=left)
            left += gap_px
        painter.setPen(quiet)
        fonts.draw(painter, "plain", left - gap_px, top, THIN + unit)

    # Qt overrides

    def sizeHint(self) -> QSize:
        """Four lines; one before the first answer."""
        lines = 4 if self._view.at else 1
        return QSize(240, round(2 * PADDING_PX + lines * self._step - LINE_GAP_PX + 0.5))

    def changeEvent(self, event: QEvent) -> None:
        """A font of another size needs other room."""
        if event.type() == QEvent.Type.FontChange:
            self._fonts = Fonts(self.font())
            self.updateGeometry()
        super().changeEvent(event)


def _in_one_unit(figures: Sequence[LiveFigure]) -> tuple[list[str], str]:
    """The values of a row and their unit: seconds if one of them would be too long in milliseconds."""
    if not any((figure.value or 0.0) >= LONG_MS for figure in figures):
        texts = [value_text(LiveKey.OUR_ITL_P50_MS, figure, has_unit=False) for figure in figures]
        return texts, "ms"
    values = [figure.value for figure in figures]
    return [UNKNOWN if value is None else f"{value / 1000:.1f}" for value in values], "s"


def _spark(painter: QPainter, room: QRectF, points: Sequence[Point], accent: str) -> None:
    """The rates of the last half minute of answers, from 0 up to the highest; only long pauses are cut."""
    shown = points[-SPARK_POINTS:]
    highest = max((point.value for point in shown if point.value is not None), default=0.0)
    if highest <= 0:
        return
    step = room.width() / (SPARK_POINTS - 1)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen, area = QPen(QColor(accent), 1.5), QColor(accent)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    area.setAlpha(AREA_ALPHA)
    runs: list[list[QPointF]] = []
    last_at = float("-inf")
    for place, point in enumerate(shown):
        if point.value is None:
            continue
        if point.at - last_at > SPARK_BRIDGE_S:
            runs.append([])
        x = room.right() - (len(shown) - 1 - place) * step
        runs[-1].append(QPointF(x, room.bottom() - point.value / highest * room.height()))
        last_at = point.at
    for run in runs:
        if len(run) > 1:
            ground = (QPointF(run[-1].x(), room.bottom()), QPointF(run[0].x(), room.bottom()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(area)
            painter.drawPolygon(QPolygonF([*run, *ground]))
        painter.setPen(pen)
        if len(run) > 1:
            painter.drawPolyline(QPolygonF(run))
        else:
            painter.drawPoint(run[0])
