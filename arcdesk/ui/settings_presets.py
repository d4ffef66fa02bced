"""The person's presets of the quick prompt: a name to type after '/', and the question that it becomes."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from arcdesk.core.preset_names import Presets, name_refusal, text_refusal
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette

NAME_WIDTH_PX, TEXT_HEIGHT_PX = 140, 64


class PresetRow(QFrame):
    """One preset. Tells when it was left, when it shall go."""

    left = Signal()
    remove_requested = Signal()

    def __init__(self, name: str = "", text: str = "") -> None:
        super().__init__()
        self.name = QLineEdit(name)
        self.name.setPlaceholderText(self.tr("name"))
        self.name.setAccessibleName(self.tr("Name of the preset"))
        self.name.setFixedWidth(NAME_WIDTH_PX)
        self.name.editingFinished.connect(self.left)
        self.text = QPlainTextEdit(text)
        self.text.setPlaceholderText(self.tr("What is asked; {text} is what you type behind the name"))
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(TEXT_HEIGHT_PX)
        self.text.installEventFilter(self)
        self.remove = QToolButton()
        self.remove.setToolTip(self.tr("Remove"))
        self.remove.clicked.connect(self.remove_requested)
        self._refusal = QLabel()
        self._refusal.setProperty("role", "error")
        self._refusal.setWordWrap(True)
        self._refusal.hide()
        slash = QLabel("/")
        slash.setProperty("role", "secondary")
        row = QHBoxLayout()
        row.setSpacing(4)
        slash.setFixedHeight(self.name.sizeHint().height())
        for widget in (slash, self.name):
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)
        row.addSpacing(4)
        row.addWidget(self.text, 1)
        row.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 4)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._refusal)
        self.name.textChanged.connect(self._name_parts)
        for part in (self.name, self.text):  # it is being mended: judged again when it is left
            part.textChanged.connect(self._refusal.hide)
        self._name_parts()

    def _name_parts(self) -> None:
        shown = f"/{self.name.text().strip()}"
        self.text.setAccessibleName(self.tr("Text of %s") % shown)
        self.remove.setAccessibleName(self.tr("Remove %s") % shown)

    @property
    def pair(self) -> tuple[str, str]:
        """Name and text as they would be kept."""
        return self.name.text().strip().removeprefix("/"), self.text.toPlainText().strip()

    @property
    def is_blank(self) -> bool:
        """Nothing was written yet."""
        return self.pair == ("", "")

    def judge(self, others: set[str]) -> bool:
        """Say what is wrong, if anything; returns whether it can be kept."""
        name, text = self.pair
        why = None
        if not self.is_blank:
            taken = self.tr("The name is taken.") if name.casefold() in others else None
            why = name_refusal(name) or taken or text_refusal(text)
        self._refusal.setText(self.tr(why) if why else "")
        self._refusal.setVisible(bool(why))
        self.name.setAccessibleDescription(why or "")
        return why is None and not self.is_blank

    @property
    def refusal(self) -> str:
        """What was wrong with it when it was left."""
        return self._refusal.text()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The text is complete when it is left."""
        if event.type() == QEvent.Type.FocusOut:
            self.left.emit()
        return super().eventFilter(watched, event)


class PresetsEditor(QWidget):
    """Shows all presets; `changed` carries the whole new list, of presets that can be kept only."""

    changed = Signal(object)

    def __init__(self, built_in: tuple[str, ...] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[PresetRow] = []
        self._shown: Presets = ()
        self._removed: tuple[int, str, str] | None = None  # where, name, text
        self._palette = LIGHT
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        self.add = QPushButton(self.tr("Add a preset"))
        self.add.clicked.connect(self._on_add)
        self._gone = QLabel()
        self.undo = QPushButton(self.tr("Undo"))
        self.undo.setFlat(True)
        self.undo.clicked.connect(self._on_undo)
        note = QLabel(_built_in_words(built_in))
        note.setProperty("role", "secondary")
        note.setWordWrap(True)
        if not built_in:
            note.hide()
        foot = QHBoxLayout()
        foot.setSpacing(12)
        for widget in (self.add, self._gone, self.undo):
            foot.addWidget(widget)
        foot.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(note)
        column.addLayout(self._list)
        column.addLayout(foot)
        self._show_gone()

    def present(self, presets: Presets) -> None:
        """Show these; rows being written stay when nothing else changed."""
        if presets == self._shown:
            return
        self._shown = presets
        if presets == self._kept():
            return
        focus_free = [row for row in self.rows if not row.is_blank and row.refusal]
        for row in [row for row in self.rows if row not in focus_free]:
            self._drop(row)
        for name, text in presets:
            self._insert(len(self.rows) - len(focus_free), PresetRow(name, text))

    def _insert(self, at: int, row: PresetRow) -> None:
        row.left.connect(self._on_left)
        row.remove_requested.connect(lambda: self._on_remove(row))
        row.remove.setIcon(icon("trash", self._palette.text))
        self.rows.insert(at, row)
        self._list.insertWidget(at, row)
        row.show()  # now, not with the next turn of the loop: it is about to get the focus
        self._order_tabs()

    def _order_tabs(self) -> None:
        """Tab goes down the rows, then to the buttons below."""
        parts = [part for row in self.rows for part in (row.name, row.text, row.remove)]
        chain: list[QWidget] = [*parts, self.add, self.undo]
        for one, following in pairwise(chain):
            self.setTabOrder(one, following)

    def _drop(self, row: PresetRow) -> None:
        self.rows.remove(row)
        self._list.removeWidget(row)
        row.left.disconnect(self._on_left)
        row.hide()
        row.deleteLater()

    def _kept(self) -> Presets:
        """Judge all rows; those that can be kept."""
        kept: list[tuple[str, str]] = []
        for row in self.rows:
            if row.judge({name.casefold() for name, _ in kept}):
                kept.append(row.pair)
        return tuple(kept)

    def _on_left(self) -> None:
        kept = self._kept()
        if kept != self._shown and not self._is_waiting_for_a_mend():
            self._shown = kept
            self.changed.emit(kept)

    def _is_waiting_for_a_mend(self) -> bool:
        """A row of the kept list has a mistake now: the others are not kept without it meanwhile."""
        return any(row.refusal for row in self.rows)

    def _on_add(self) -> None:
        row = next((row for row in self.rows if row.is_blank), None)
        if row is None:
            row = PresetRow()
            self._insert(len(self.rows), row)
        row.name.setFocus()

    def _on_remove(self, row: PresetRow) -> None:
        name, text = row.pair
        self._removed = None if row.is_blank else (self.rows.index(row), name, text)
        (self.undo if self._removed else self.add).setFocus()
        self._drop(row)
        self._show_gone()
        self._on_left()

    def _on_undo(self) -> None:
        if self._removed is None:
            return
        at, name, text = self._removed
        self._removed = None
        row = PresetRow(name, text)
        self._insert(at, row)
        row.name.setFocus()
        self._show_gone()
        self._on_left()

    def _show_gone(self) -> None:
        is_gone = self._removed is not None
        self._gone.setText(self.tr("/%s was removed.") % self._removed[1] if self._removed else "")
        for widget in (self._gone, self.undo):
            widget.setVisible(is_gone)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        for row in self.rows:
            row.remove.setIcon(icon("trash", palette.text))


def _built_in_words(names: tuple[str, ...]) -> str:
    listed = ", ".join(f"/{name}" for name in names)
    return f"Built in: {listed}. A preset of yours with the same name goes first."
