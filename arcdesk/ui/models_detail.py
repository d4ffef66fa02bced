"""The right side of the models window: one model, what is known of it, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.hub import DownloadPhase
from arcdesk.core.models import Format, ModelEntry, Place, StartModel, Trouble
from arcdesk.ui.flow_row import FlowRow
from arcdesk.ui.models_facts import facts_of, subtitle_of
from arcdesk.ui.models_fit import FitBox
from arcdesk.ui.models_view import Detail
from arcdesk.ui.models_words import TROUBLES, breakable
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import LIGHT, Palette

_DOWNLOADABLE = (Trouble.INCOMPLETE, Trouble.BROKEN_LINKS, Trouble.BAD_CONFIG, Trouble.MISSING_SHARDS)


class ModelDetail(QScrollArea):
    """Presents a Detail; wishes go out by name with the model they are for."""

    wished = Signal(str, object)  # 'use', 'download' … as in `wishes_of`
    action_requested = Signal(Action)
    low_bit_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("modelDetail")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._palette = LIGHT
        self._detail: Detail | None = None
        self._name, self._subtitle = _text("settingsHeading"), _text("secondary")
        self._problem, self._trouble = ProblemCard(is_wide=True), ProblemCard(is_wide=True)
        for card in (self._problem, self._trouble):
            card.action_requested.connect(self.action_requested)
        self.fit = FitBox()
        self.fit.low_bit_requested.connect(self.low_bit_requested)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(16)
        self._facts.setVerticalSpacing(4)
        self._facts.setColumnStretch(1, 1)
        self._fact_texts: list[tuple[str, str]] = []
        self.buttons = self._make_buttons()
        self._empty = _text("secondary")
        self._empty.setText(self.tr("Choose a model to see what it is and whether it fits."))
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._content = self._make_content()
        self._arrange()
        self.present(None)

    def _make_buttons(self) -> dict[str, QPushButton]:
        words = {
            "use": self.tr("Use this model"),
            "download": self.tr("Download"),
            "ask": self.tr("See whether it fits"),
            "page": self.tr("Open its page"),
            "folder": self.tr("Open folder"),
            "copy": self.tr("Copy id"),
            "verify": self.tr("Verify"),
            "move": self.tr("Move…"),
            "delete": self.tr("Delete…"),
        }
        buttons = {}
        for wish, label in words.items():
            button = QPushButton(label)
            button.clicked.connect(lambda _=False, wish=wish: self._wish(wish))
            buttons[wish] = button
        for wish in ("use", "download"):
            buttons[wish].setProperty("role", "primary")
        return buttons

    def _make_content(self) -> QWidget:
        content = QWidget()
        first = FlowRow(
            *(self.buttons[wish] for wish in ("use", "download", "ask", "folder", "page", "copy"))
        )
        second = FlowRow(*(self.buttons[wish] for wish in ("verify", "move", "delete")))
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for widget in (self._name, self._subtitle, self._problem, self._trouble):
            column.addWidget(widget)
        column.addLayout(first)
        column.addWidget(self.fit)
        column.addLayout(self._facts)
        column.addLayout(second)
        column.addStretch(1)
        return content

    def _arrange(self) -> None:
        inner = QWidget()
        inner.setObjectName("modelDetailInner")
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 16, 16, 16)
        column.addWidget(self._content, 1)
        column.addWidget(self._empty, 1)
        self.setWidget(inner)

    @property
    def detail(self) -> Detail | None:
        """What is shown."""
        return self._detail

    def present(self, detail: Detail | None) -> None:
        """Show this model, or how to choose one."""
        is_other = detail is None or self._detail is None or detail.subject != self._detail.subject
        self._detail = detail
        self._content.setVisible(detail is not None)
        self._empty.setVisible(detail is None)
        if detail is None:
            return
        self._name.setText(breakable(detail.name))
        self._name.setAccessibleName(detail.name)
        self._subtitle.setText(subtitle_of(detail))
        self._problem.present(detail.problem)
        self._trouble.present(_trouble_of(detail))
        self.fit.setVisible(_has_fit(detail))
        self.fit.present(detail)
        self._fill_facts(facts_of(detail))
        self._enable(detail)
        if is_other:
            self.verticalScrollBar().setValue(0)

    def _enable(self, detail: Detail) -> None:
        wishes = wishes_of(detail)
        for wish, button in self.buttons.items():
            button.setVisible(wish in wishes)
            button.setEnabled(wishes.get(wish, False))
        is_loading = detail.download is not None and not wishes.get("download", True)
        self.buttons["download"].setText(self.tr("Downloading…") if is_loading else self.tr("Download"))
        is_served = isinstance(detail.subject, ModelEntry) and detail.subject.is_served
        self.buttons["use"].setText(self.tr("In use") if is_served else self.tr("Use this model"))

    def _fill_facts(self, facts: list[tuple[str, str]]) -> None:
        if facts == self._fact_texts:
            return
        self._fact_texts = facts
        while (item := self._facts.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for row, (label, value) in enumerate(facts):
            name, text = _text("secondary"), _text("")
            name.setText(label)
            name.setWordWrap(False)
            text.setText(breakable(value) if label in ("Where", "Served from") else value)
            text.setAccessibleName(f"{label}: {value}")
            self._facts.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(text, row, 1)

    def _wish(self, wish: str) -> None:
        if self._detail is not None:
            self.wished.emit(wish, self._detail.subject)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        for card in (self._problem, self._trouble):
            card.set_palette_colors(palette)
        self.fit.set_palette_colors(palette, self._detail)


def wishes_of(detail: Detail) -> dict[str, bool]:
    """The buttons that this model has, and whether each can be pressed now."""
    subject = detail.subject
    is_loading = detail.download is not None and not detail.download.phase.is_over
    is_paused = detail.download is not None and detail.download.phase is DownloadPhase.PAUSED
    if detail.is_here:
        return {"use": True, "page": True, "copy": True}
    if not isinstance(subject, ModelEntry):
        wishes = {"download": not is_loading or is_paused, "page": True, "copy": True}
        can_ask = isinstance(subject, StartModel) and _has_fit(detail) and detail.fit is None
        return {**wishes, "ask": not detail.is_asking} if can_ask else wishes
    if subject.place is Place.SERVER:
        return {"copy": True}
    wishes = {"use": not subject.is_served, "folder": True, "copy": True}
    if subject.place is Place.STARTER:
        return wishes
    if subject.place is Place.CACHE and set(subject.troubles) & set(_DOWNLOADABLE):
        wishes["download"] = not is_loading or is_paused
    if subject.format is Format.NONE or _is_broken(subject):
        del wishes["use"]
    free = not subject.is_served and not is_loading
    return {**wishes, "verify": True, "move": free, "delete": free}


def _is_broken(entry: ModelEntry) -> bool:
    """An engine would fail on it; what is unfinished beside a whole revision does no harm."""
    harmless = {Trouble.INCOMPLETE} if entry.snapshot else set()
    return bool(set(entry.troubles) & set(_DOWNLOADABLE) - harmless)


def _has_fit(detail: Detail) -> bool:
    """GGUF files run on the processor here, and of what is elsewhere nothing is known."""
    match detail.subject:
        case ModelEntry() as entry:
            return entry.format in (Format.SAFETENSORS, Format.PYTORCH)
        case StartModel() as model:
            return model.engine == "container"
        case _:
            return True


def _trouble_of(detail: Detail) -> Problem | None:
    entry = detail.subject
    if not isinstance(entry, ModelEntry) or not entry.troubles:
        return None
    titles = [TROUBLES[trouble] for trouble in entry.troubles]
    own = Action(kind=ActionKind.OWN_CACHE, label="Make them mine", target=entry.id)
    return Problem(
        cause="model_trouble",
        title=titles[0][0],
        detail="\n".join(title for title, _ in titles[1:]),
        hint="\n".join(dict.fromkeys(fix for _, fix in titles)),
        actions=(own,) if Trouble.NOT_YOURS in entry.troubles else (),
    )


def _text(role: str) -> QLabel:
    label = QLabel()
    label.setProperty("role", role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
