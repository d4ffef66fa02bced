"""One line of a card: title, value, reason or note; painted by itself, so that a new value moves nothing."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from arcdesk.ui.gpu_facts import GAP, Fact
from arcdesk.ui.gpu_paint import Fonts
from arcdesk.ui.gpu_words import tip
from arcdesk.ui.theme import LIGHT, Palette

PADDING_PX = 3
GAP_PX = 12
TITLE_SAMPLE = "Temperature—"  # the title column is as wide as this
WARNING = "▲ "  # told by shape and word first


class FactLine(QWidget):
    """Paints one Fact. Repaints when it changes; its size depends on the font alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fact = Fact(id="", title="")
        self._palette = LIGHT
        self._fonts = Fonts(self.font())
        self.paints = 0  # how often it was painted
        # it paints all of its ground, the card's: nothing below it need be painted for a new value
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def fact(self) -> Fact:
        """What is shown."""
        return self._fact

    def present(self, fact: Fact) -> None:
        """Show it. Where only the value is another, only the value is painted."""
        if fact == self._fact:
            return
        old, self._fact = self._fact, fact
        self.setAccessibleName(fact.sentence())
        if (fact.note, fact.about) != (old.note, old.about):
            self.setAccessibleDescription(fact.about)
            self.setToolTip(tip("\n".join(part for part in (fact.note, fact.about) if part)))
        if (fact.title, fact.why, fact.note, fact.is_warning) != (
            old.title,
            old.why,
            old.note,
            old.is_warning,
        ):
            self.update()
            return
        same = same_start(old.value, fact.value)
        left = math.floor(self._value_left + self._fonts.width(fact.value[:same]))
        width = max(self._fonts.width(fact.value[same:]), self._fonts.width(old.value[same:]))
        self.update(left, 0, math.ceil(width) + 2, self.height())

    @property
    def _value_left(self) -> float:
        return self._fonts.width(TITLE_SAMPLE) + GAP_PX

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self.update()

    # Qt overrides

    def paintEvent(self, event: QPaintEvent) -> None:
        """Title, value, reason from the left, the note at the right; of these what is asked for."""
        self.paints += 1
        fact, fonts, dirty = self._fact, self._fonts, event.rect()
        painter = QPainter(self)
        painter.fillRect(dirty, QColor(self._palette.surface))
        left = self._value_left
        if dirty.left() < left - 1:
            painter.setPen(QColor(self._palette.secondary))
            fonts.draw(painter, "plain", 0, PADDING_PX, fact.title)
        room = self.width() - left
        value_px = min(fonts.width(fact.value), room)
        self._paint_value(painter, left, room, dirty.left())
        self._paint_rest(painter, left + value_px + GAP_PX, dirty.right())
        painter.end()

    def _paint_value(self, painter: QPainter, left: float, room: float, dirty_left: int) -> None:
        """The numbers in the colour of text, what they belong to in the secondary one."""
        fonts, value = self._fonts, self._fact.value
        painter.setPen(QColor(self._palette.text))
        if fonts.width(value) > room:
            fonts.draw(painter, "plain", left, PADDING_PX, fonts.cut(value, room))
            return
        for start, end, is_label in labels(value):
            if left + fonts.width(value[:end]) < dirty_left:
                continue
            painter.setPen(QColor(self._palette.secondary if is_label else self._palette.text))
            fonts.draw(painter, "plain", left + fonts.width(value[:start]), PADDING_PX, value[start:end])

    def _paint_rest(self, painter: QPainter, left: float, dirty_right: int) -> None:
        """Reason and note, where there is room and they are asked for."""
        fact, fonts, right = self._fact, self._fonts, float(self.width())
        painter.setPen(QColor(self._palette.secondary))
        if fact.why and left < right:
            why = fonts.cut(fact.why, right - left)
            fonts.draw(painter, "plain", left, PADDING_PX, why)
            left += fonts.width(why) + GAP_PX
        if not fact.note or left >= right:
            return
        note = fonts.cut(f"{WARNING}{fact.note}" if fact.is_warning else fact.note, right - left)
        if dirty_right >= right - fonts.width(note):
            painter.setPen(QColor(self._palette.warn if fact.is_warning else self._palette.secondary))
            fonts.draw(painter, "plain", 0, PADDING_PX, note, right=right)

    def sizeHint(self) -> QSize:
        """One line of text."""
        return QSize(480, round(self._fonts.line_px) + 2 * PADDING_PX)

    def minimumSizeHint(self) -> QSize:
        """The title and a short value."""
        return QSize(240, self.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        """A font of another size needs other room."""
        if event.type() == QEvent.Type.FontChange:
            self._fonts = Fonts(self.font())
            self.updateGeometry()
        super().changeEvent(event)


def labels(value: str) -> list[tuple[int, int, bool]]:
    """Where 'core 78 °C   memory 82 °C' has labels and where numbers: start, end, whether it is a label."""
    parts: list[tuple[int, int, bool]] = []
    start = 0
    for segment in value.split(GAP):
        end = start + len(segment)
        first = next((i for i, char in enumerate(segment) if char.isdigit()), 0)
        if first:
            parts.append((start, start + first, True))
        parts.append((start + first, end, False))
        start = end + len(GAP)
    return parts


def same_start(one: str, other: str) -> int:
    """How many of the first characters are the same, in whole parts of a value: what need not be painted."""
    length = 0
    for old, new in zip(one.split(GAP), other.split(GAP), strict=False):
        if old != new:
            break
        length += len(old) + len(GAP)
    return min(length, len(one), len(other))
