"""One setting in the window: title, control, explanation, and what is to be said about its value."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from arcdesk.core.settings_info import Effect, SettingInfo
from arcdesk.core.settings_source import Source, SourceKind
from arcdesk.ui.resources import icon
from arcdesk.ui.settings_editors import make_editor
from arcdesk.ui.settings_search import Words, highlighted, is_found
from arcdesk.ui.theme import LIGHT, Palette

GUTTER_PX = 20  # left of all text: the mark of a changed setting stands in it
WHEN = {
    Effect.AT_ONCE: "",
    Effect.NEXT_START: "Takes effect when the engine restarts.",
    Effect.NEW_CONTAINER: "Takes effect when the engine restarts.",
}


class SettingRow(QFrame):
    """Emits `changed` for values that can be kept; one that can't stays in the field, with the reason."""

    changed = Signal(str, str, object)
    reset = Signal(str, str)

    def __init__(self, info: SettingInfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("settingRow")
        self.info = info
        self._palette = LIGHT
        self._words: Words = ()
        self._value: object = None
        self._source = Source()
        self._asked: object = None  # the wish that was emitted and not yet answered
        self.editor = make_editor(info)
        self.editor.edited.connect(self._on_edited)
        self.editor.typed.connect(self._on_typed)
        self._title = self._label("settingTitle")
        self._mark = QLabel("●")
        self._mark.setProperty("role", "accent")
        self._mark.setFixedWidth(GUTTER_PX)
        self._why = self._label("secondary")
        self._note = self._label("secondary")
        self._refusal = self._label("error")
        self._refusal.hide()
        self._reset = QToolButton()
        self._reset.clicked.connect(self._on_reset)
        for widget in (self._mark, self._reset):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            widget.setSizePolicy(policy)
        self._arrange()
        self.show_found(())

    def _label(self, role: str) -> QLabel:
        label = QLabel()
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        return label

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(0)
        head.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addWidget(self._title, 1)
        head.addSpacing(16)
        body = QVBoxLayout()
        body.setContentsMargins(GUTTER_PX, 0, 0, 0)
        body.setSpacing(4)
        tools = QHBoxLayout()
        tools.setSpacing(8)
        if self.editor.is_wide:
            tools.addWidget(self.editor, 1, Qt.AlignmentFlag.AlignTop)
            tools.addWidget(self._reset, 0, Qt.AlignmentFlag.AlignTop)
            tools.addStretch(0)
            body.addLayout(tools)
        else:
            head.addWidget(self.editor)
            head.addSpacing(8)
            head.addWidget(self._reset)
        for label in (self._refusal, self._why, self._note):
            body.addWidget(label)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 12)
        column.setSpacing(4)
        column.addLayout(head)
        column.addLayout(body)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)

    # showing

    def present(self, value: object, source: Source, *, is_waiting: bool) -> None:
        """Show the value; `is_waiting`: the running engine was started with another one."""
        self._asked = None
        if value != self._value:
            self._tell_refusal(None)
        self._value, self._source = value, source
        self.editor.present(value)
        if not self.editor.is_dirty:
            self._tell_refusal(self.info.refusal(value))
        is_fixed = source.kind.is_fixed
        self.editor.setEnabled(not is_fixed)
        self._show_reset()
        note = self._source_note(source)
        if is_waiting and not is_fixed:
            note = self.tr(WHEN[self.info.effect])
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self._describe(note)

    @property
    def is_changed(self) -> bool:
        """The value is not what a reset would lead to."""
        return self._value != self._source.base

    def _show_reset(self) -> None:
        is_fixed = self._source.kind.is_fixed
        self._mark.setVisible(self.is_changed)
        self._reset.setVisible((self.is_changed or self.editor.is_dirty) and not is_fixed)
        base = self.info.words_of(self._source.base)
        self._mark.setAccessibleName(self.tr("Changed: %s") % self.tr(self.info.title))
        self._mark.setToolTip(self.tr("Changed. The default is: %s") % base)
        self._reset.setToolTip(self.tr("Back to: %s") % base)
        self._reset.setAccessibleName(self.tr("Reset %s") % self.tr(self.info.title))
        self._reset.setAccessibleDescription(self.tr("Back to: %s") % base)

    def _source_note(self, source: Source) -> str:
        match source.kind:
            case SourceKind.VARIABLE:
                return self.tr("Set by %s for this run, so it can't be changed here.") % source.name
            case SourceKind.FLAG:
                return (
                    self.tr("Set by the option %s for this run, so it can't be changed here.") % source.name
                )
            case SourceKind.SYSTEM:
                return self.tr("Set for this computer in %s. What you choose here goes first.") % source.name
            case _:
                return ""

    def _describe(self, note: str) -> None:
        parts = (self._refusal.text() if not self._refusal.isHidden() else "", self.tr(self.info.why), note)
        self.editor.field.setAccessibleName(self.tr(self.info.title))
        self.editor.field.setAccessibleDescription(" ".join(part for part in parts if part))

    def show_found(self, words: Words) -> bool:
        """Mark the words where they are; returns whether this row has them all."""
        self._words = words
        title, why = self.tr(self.info.title), self.tr(self.info.why)
        labels = [self.tr(label) for _, label in self.info.choices]
        is_here = is_found(words, title, why, self.info.id, *labels)
        shown = words if is_here else ()
        by_name = (
            bool(shown) and not is_found(shown, title, why) and is_found(shown, title, why, self.info.id)
        )
        self._mark_words(self._title, (title,), shown)
        self._mark_words(self._why, (why, self.info.id) if by_name else (why,), shown)
        return is_here

    def _mark_words(self, label: QLabel, lines: tuple[str, ...], words: Words) -> None:
        """Laying out HTML costs far more than text: only where something is marked."""
        label.setTextFormat(Qt.TextFormat.RichText if words else Qt.TextFormat.PlainText)
        marked = [highlighted(line, words, self._palette) if words else line for line in lines]
        label.setText(("<br>" if words else "\n").join(marked))

    def refuse(self, why: str) -> None:
        """Say why what was wished could not be done; it stays in the field."""
        self._tell_refusal(why)
        self._describe("")

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self._reset.setIcon(icon("reset", palette.text))
        self.editor.set_palette_colors(palette)
        self.show_found(self._words)

    # what a person does

    def _on_edited(self, value: object) -> None:
        why = self.info.refusal(value)
        self._tell_refusal(why)
        self._show_reset()
        self._describe("")
        latest = self._value if self._asked is None else self._asked
        if why is None and value != latest:  # Enter, then leaving the field, is one wish
            self._asked = value
            self.changed.emit(self.info.table, self.info.name, value)

    def _on_typed(self) -> None:
        self._tell_refusal(None)
        self._show_reset()

    def _on_reset(self) -> None:
        self.editor.revert()
        self._tell_refusal(self.info.refusal(self._value))
        self._show_reset()
        self.editor.field.setFocus()  # the button goes: the focus must not fall to somewhere else
        if self.is_changed:
            self.reset.emit(self.info.table, self.info.name)

    def revert(self) -> bool:
        """Throw away what is being written here; returns whether there was something."""
        was_dirty = self.editor.is_dirty
        if was_dirty:
            self.editor.revert()
            self._tell_refusal(self.info.refusal(self._value))
            self._show_reset()
        return was_dirty

    def _tell_refusal(self, why: str | None) -> None:
        self.editor.set_refused(why is not None)
        self._refusal.setText(self.tr(why) if why else "")
        self._refusal.setVisible(why is not None)
