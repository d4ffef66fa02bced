"""One line of live figures: a name and up to four columns of numbers, painted by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from arcdesk.core.live_stats import LiveFigure, LiveKey
from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.gpu_words import tip
from arcdesk.ui.live_words import THIN, UNKNOWN, about, sentence, tr, value_text, whole
from arcdesk.ui.phase_words import SEPARATOR
from arcdesk.ui.theme import LIGHT, Palette

PADDING_PX = 3
GAP_PX = 8
COLUMN_SAMPLE = f"≥{THIN}0{THIN}000"
COUNT_SAMPLE = f"0{THIN}000"
MIN_WIDTH_PX = 240


@dataclass(frozen=True, slots=True)
class LineSpec:
    """What a line shows: one figure with its unit at the right, or percentiles in columns with their n.

    Of a line without columns the second figure stands behind the first, in the words of `aside`, while it is
    told and above 0: '3 · swapped out 1'.
    """

    title: str
    keys: tuple[LiveKey, ...]
    columns: int = 0  # 0: one figure; else this many columns before the one of n
    about: str = ""
    aside: str = ""
    aside_about: str = ""


class ColumnHead(QWidget):
    """'p50  p95  p99  n' over the columns."""

    def __init__(self, title: str, columns: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._columns = title, (*columns, "n")
        self._palette = LIGHT
        self._fonts = Fonts(self.font())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(tip(tr("p95: 95 % of the values lie below. n: how many values carry the line.")))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        """In the small kind, over the right edges of the columns."""
        painter = QPainter(self)
        painter.setPen(QColor(self._palette.secondary))
        self._fonts.draw(painter, "small", 0, PADDING_PX, self._title)
        for text, right in zip(self._columns, column_rights(self._fonts, self.width(), 3), strict=True):
            self._fonts.draw(painter, "small", 0, PADDING_PX, text, right=right)
        painter.end()

    def sizeHint(self) -> QSize:
        """One small line."""
        return QSize(MIN_WIDTH_PX, round(self._fonts.small_line_px) + 2 * PADDING_PX)


class LiveLine(QWidget):
    """Paints one LineSpec's figures; each column tells its reason or its source on hover."""

    def __init__(self, spec: LineSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec = spec
        self._figures: tuple[LiveFigure, ...] = tuple(LiveFigure() for _ in spec.keys)
        self._texts: tuple[str, ...] = ()
        self._palette = LIGHT
        self._fonts = Fonts(self.font())
        self.paints = 0  # how often it was painted
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def texts(self) -> tuple[str, ...]:
        """What stands in the columns, from the left."""
        return self._texts

    def present(self, figures: Sequence[LiveFigure]) -> None:
        """Show them, in the order of the spec's keys; what is shown already is not painted again."""
        if (new := tuple(figures)) == self._figures:
            return
        self._figures = new
        self.setAccessibleName("; ".join(sentence(key, figure) for key, figure in self._told()))
        self.setAccessibleDescription(self.about_at(float(self.width())))
        texts = self._columns() if self.spec.columns else (self._with_aside(),)
        if texts != self._texts:
            self._texts = texts
            self.update()

    def _told(self) -> list[tuple[LiveKey, LiveFigure]]:
        """What is said: the columns, or the figure with the one aside if there is something to say."""
        pairs = list(zip(self.spec.keys, self._figures, strict=True))
        return pairs if self.spec.columns else pairs[:1] + [pair for pair in pairs[1:] if pair[1].value]

    def _with_aside(self) -> str:
        first, *asides = (value_text(key, figure) for key, figure in self._told())
        return SEPARATOR.join((first, *map(self.spec.aside.format, asides)))

    def _columns(self) -> tuple[str, ...]:
        texts = [
            value_text(key, figure, has_unit=False)
            for key, figure in zip(self.spec.keys, self._figures, strict=True)
        ]
        texts += [""] * (self.spec.columns - len(texts))
        counts = [figure.n for figure in self._figures if figure.n is not None]
        return (*texts, short_count(counts[0]) if counts else UNKNOWN)

    def about_at(self, x: float) -> str:
        """What there is to know of the figure at `x` (pixels)."""
        index = 0
        if self.spec.columns:
            rights = column_rights(self._fonts, self.width(), self.spec.columns)
            index = next((i for i, right in enumerate(rights) if x <= right), len(rights) - 1)
        key = min(index, len(self._figures) - 1)
        figure = self._figures[key]
        said = about(figure)
        if self.spec.columns and figure.n is not None and figure.value is not None:
            said = "\n".join(part for part in (sentence(self.spec.keys[key], figure), said) if part)
        parts = [self.spec.about, said]
        if not self.spec.columns:
            for _, aside in self._told()[1:]:
                parts += [self.spec.aside_about, about(aside)]
        return "\n".join(part for part in parts if part)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()

    # Qt overrides

    def event(self, event: QEvent) -> bool:
        """The tooltip is that of the column under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = tip(self.about_at(event.pos().x()))
            QToolTip.showText(event.globalPos(), text, self) if text else QToolTip.hideText()
            return True
        return super().event(event)

    def paintEvent(self, _: QPaintEvent) -> None:
        """The name from the left, numbers at the right; unknown ones in the secondary colour."""
        self.paints += 1
        fonts, painter = self._fonts, QPainter(self)
        painter.setPen(QColor(self._palette.secondary))
        if self.spec.columns:
            rights = column_rights(fonts, self.width(), self.spec.columns)
        else:
            rights = (float(self.width()),)
        widest = max((fonts.width(text) for text in self._texts[:1]), default=0.0)
        fonts.draw(painter, "plain", 0, PADDING_PX, fonts.cut(self.spec.title, rights[0] - widest - GAP_PX))
        for index, (text, right) in enumerate(zip(self._texts, rights, strict=False)):
            is_count = bool(self.spec.columns) and index == self.spec.columns
            is_quiet = is_count or text == UNKNOWN
            painter.setPen(QColor(self._palette.secondary if is_quiet else self._palette.text))
            fonts.draw(painter, "plain", 0, PADDING_PX, text, right=right)
        painter.end()

    def sizeHint(self) -> QSize:
        """One line of text."""
        return QSize(MIN_WIDTH_PX, round(self._fonts.line_px) + 2 * PADDING_PX)

    def minimumSizeHint(self) -> QSize:
        """As narrow as a side panel."""
        return self.sizeHint()

    def changeEvent(self, event: QEvent) -> None:
        """A font of another size needs other room."""
        if event.type() == QEvent.Type.FontChange:
            self._fonts = Fonts(self.font())
            self.updateGeometry()
        super().changeEvent(event)


def short_count(count: int) -> str:
    """'1 203', from ten thousand on '12k': the column of n is narrow, the exact number is told on hover."""
    return whole(count) if count < 10_000 else f"{count // 1000}k"


def column_rights(fonts: Fonts, width: int, columns: int) -> tuple[float, ...]:
    """Where the columns and the one of n end, in pixels from the left."""
    column, count = fonts.width(COLUMN_SAMPLE) + 4, fonts.width(COUNT_SAMPLE) + 10
    rights = [width - count - column * (columns - 1 - index) for index in range(columns)]
    return (*rights, float(width))
