"""How a model fits on the fullest card: the verdict, a bar of what takes its memory, and why."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.fit import Fit, FitPart
from arcdesk.core.models import StartModel
from arcdesk.core.settings import LOW_BIT_FORMATS
from arcdesk.ui.models_view import Detail
from arcdesk.ui.models_words import VERDICTS, size_text, tokens_text, verdict_line
from arcdesk.ui.theme import LIGHT, Palette

BAR_PX, SWATCH_PX, RADIUS_PX = 12, 10, 3
SHADES = (1.0, 0.6, 0.32)  # of the accent: weights, reserve, cache
MOST_REASONS = 4


class FitBox(QFrame):
    """Presents a Fit, or why there is none; another format can be asked for."""

    low_bit_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("fitBox")
        self._palette = LIGHT
        self._drawn: tuple[object, ...] = ()
        self._verdict = _text("title")
        self._where = _text("secondary")
        self._format = QComboBox()
        self._format.setAccessibleName(self.tr("Format to reckon with"))
        self._format.addItems(list(LOW_BIT_FORMATS))
        self._format.activated.connect(lambda: self.low_bit_requested.emit(self._format.currentText()))
        self._bar = FitBar()
        self._parts = QGridLayout()
        self._parts.setHorizontalSpacing(8)
        self._parts.setVerticalSpacing(4)
        self._parts.setColumnStretch(1, 1)
        self._limits = _text("")
        self._reasons = _text("secondary")
        self._arrange()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._verdict, 1)
        head.addWidget(self._format)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self._where)
        column.addWidget(self._bar)
        column.addLayout(self._parts)
        column.addWidget(self._limits)
        column.addWidget(self._reasons)

    def present(self, detail: Detail) -> None:
        """Show what is known of this model's fit. A download that goes on does not draw it anew."""
        fit = detail.fit
        drawn = (fit, detail.fit_problem, detail.is_asking, detail.low_bit, detail.subject, self._palette)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        role = VERDICTS[fit.verdict][1] if fit is not None else "secondary"
        self._dress(self._verdict, f"fit-{role}")
        self._verdict.setText(self._headline(detail))
        shown = detail.low_bit or (fit.low_bit if fit is not None else "")
        self._format.setVisible(fit is not None and bool(fit.cards) and shown in LOW_BIT_FORMATS)
        self._format.setCurrentText(shown)
        parts = fit.parts if fit is not None else ()
        self._bar.present(parts, _card_bytes(fit), self._palette)
        self._bar.setVisible(bool(parts))
        self._bar.setAccessibleName(", ".join(f"{part.name} {size_text(part.size_bytes)}" for part in parts))
        self._fill_parts(parts)
        self._say(self._where, self._where_words(fit))
        self._say(self._limits, self._limit_words(fit))
        self._say(self._reasons, self._why(detail))

    def _headline(self, detail: Detail) -> str:
        if detail.fit is not None:
            return verdict_line(detail.fit)
        if detail.is_asking:
            return self.tr("Reckoning whether it fits…")
        return detail.fit_problem.title if detail.fit_problem else self.tr("Whether it fits is not known")

    def _where_words(self, fit: Fit | None) -> str:
        if fit is None or not fit.cards:
            return ""
        names = sorted({card.name for card in fit.cards})
        many = f"{len(fit.cards)} × " if len(fit.cards) > 1 else ""
        held = sum(card.held_bytes for card in fit.cards)
        others = self.tr(", {0} held by others").format(size_text(held)) if held else ""
        return f"{many}{', '.join(names)}: {size_text(_card_bytes(fit))}{others}"

    def _limit_words(self, fit: Fit | None) -> str:
        if fit is None:
            return ""
        said = []
        if fit.largest_context:
            said.append(self.tr("Largest context: {0}").format(tokens_text(fit.largest_context)))
        if fit.best_low_bit:
            said.append(self.tr("Most exact format that fits: {0}").format(fit.best_low_bit))
        if fit.host_peak_bytes:
            said.append(self.tr("Main memory while it loads: {0}").format(size_text(fit.host_peak_bytes)))
        return "\n".join(said)

    def _why(self, detail: Detail) -> str:
        fit, problem = detail.fit, detail.fit_problem
        if fit is not None:
            learnt = self.tr("Corrected by {0} starts on this computer.").format(fit.factors.n)
            return "\n".join([*fit.reasons[:MOST_REASONS], *([learnt] if fit.factors.n else [])])
        if problem is not None:
            return " ".join(text for text in (problem.detail, problem.hint) if text)
        is_asked_for = isinstance(detail.subject, StartModel) and not detail.is_asking
        return self.tr("Its config, a few KiB from the hub, would tell.") if is_asked_for else ""

    def _fill_parts(self, parts: Sequence[FitPart]) -> None:
        while (item := self._parts.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for row, part in enumerate(parts):
            swatch = QLabel()
            swatch.setFixedSize(SWATCH_PX, SWATCH_PX)
            color = part_color(row, self._palette).name()
            swatch.setStyleSheet(f"background: {color}; border-radius: {RADIUS_PX}px;")
            name, size = _text(""), _text("figure")
            name.setText(part.name)
            name.setToolTip(part.how if "<" not in part.how else "")
            name.setAccessibleDescription(part.how)
            size.setText(size_text(part.size_bytes))
            size.setAlignment(Qt.AlignmentFlag.AlignRight)
            for column, widget in enumerate((swatch, name, size)):
                self._parts.addWidget(widget, row, column)

    def _dress(self, label: QLabel, role: str) -> None:
        if label.property("role") != role:
            label.setProperty("role", role)
            label.style().unpolish(label)
            label.style().polish(label)

    @staticmethod
    def _say(label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))

    def set_palette_colors(self, palette: Palette, detail: Detail | None = None) -> None:
        """Take other colours."""
        self._palette = palette
        if detail is not None:
            self.present(detail)


class FitBar(QWidget):
    """The parts side by side, as wide as the card is big; what does not fit is marked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: tuple[FitPart, ...] = ()
        self._total_bytes = 0
        self._palette = LIGHT
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def present(self, parts: Sequence[FitPart], total_bytes: int | None, palette: Palette) -> None:
        """Show these parts of a card of `total_bytes` (None: unknown, the parts fill the bar)."""
        self._parts, self._palette = tuple(parts), palette
        self._total_bytes = total_bytes or sum(part.size_bytes for part in parts)
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(200, BAR_PX + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, parts, and where the card ends."""
        taken = sum(part.size_bytes for part in self._parts)
        whole = max(taken, self._total_bytes, 1)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self._palette.outline), 1))
        painter.setBrush(QColor(self._palette.raised))
        painter.drawRoundedRect(QRectF(0.5, 2.5, self.width() - 1, BAR_PX - 1), RADIUS_PX, RADIUS_PX)
        painter.setPen(Qt.PenStyle.NoPen)
        left = 1.0
        for index, part in enumerate(self._parts):
            wide = (self.width() - 2) * max(part.size_bytes, 0) / whole
            painter.setBrush(part_color(index, self._palette))
            painter.drawRect(QRectF(left, 3, max(wide - 1, 0), BAR_PX - 2))
            left += wide
        if taken > self._total_bytes:
            end = (self.width() - 2) * self._total_bytes / whole
            painter.setPen(QPen(QColor(self._palette.error), 2))
            painter.drawLine(QRectF(end, 0, 0, 0).topLeft(), QRectF(end, BAR_PX + 4, 0, 0).topLeft())


def part_color(index: int, palette: Palette) -> QColor:
    """A shade of the accent over the ground: the parts are told apart by it and by their order."""
    if index >= len(SHADES):  # what others hold
        return QColor(palette.outline)
    share = SHADES[index]
    accent, ground = QColor(palette.accent), QColor(palette.surface)
    return QColor(
        *(
            round(share * a + (1 - share) * g)
            for a, g in zip(accent.getRgb()[:3], ground.getRgb()[:3], strict=True)  # type: ignore[index]
        )
    )


def _card_bytes(fit: Fit | None) -> int | None:
    return min((card.total_bytes for card in fit.cards), default=None) if fit is not None else None


def _text(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(role != "figure")
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
