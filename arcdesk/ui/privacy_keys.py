"""The keys on the privacy page: where each is kept, and a line to type another."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from arcdesk.core.secrets import KeptIn, SecretState, SecretsView
from arcdesk.ui.privacy_words import secret_place, secret_purpose, secret_title


def words_label(role: str = "") -> QLabel:
    """A label of plain text that wraps and can be copied."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setProperty("role", role)
    return label


class KeyRow(QFrame):
    """One secret. The secret itself is never shown again."""

    given = Signal(str, str)
    removed = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        title = secret_title(name)
        self._place, purpose = words_label("secondary"), words_label("secondary")
        heading = words_label()
        heading.setText(title)
        purpose.setText(secret_purpose(name))
        self.change = QPushButton()
        self.change.clicked.connect(self._open)
        self.remove = QPushButton(self.tr("Remove"))
        self.remove.setAccessibleName(self.tr("Remove: %s") % title)
        self.remove.clicked.connect(lambda: self.removed.emit(self._name))
        self.edit = QLineEdit()
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setPlaceholderText(self.tr("Paste it here"))
        self.edit.setAccessibleName(title)
        self.edit.returnPressed.connect(self._submit)
        self.save = QPushButton(self.tr("Save"))
        self.save.setAccessibleName(self.tr("Save: %s") % title)
        self.save.setProperty("role", "primary")
        self.save.setEnabled(False)
        self.edit.textChanged.connect(lambda text: self.save.setEnabled(bool(text.strip())))
        self.save.clicked.connect(self._submit)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setAccessibleName(self.tr("Cancel: %s") % title)
        self.cancel.clicked.connect(self.close_edit)
        self._lay_out(heading, purpose)
        self.close_edit()

    def _lay_out(self, heading: QLabel, purpose: QLabel) -> None:
        words = QVBoxLayout()
        words.setSpacing(0)
        for label in (heading, self._place, purpose):
            words.addWidget(label)
        head, line = QHBoxLayout(), QHBoxLayout()
        for row in (head, line):
            row.setSpacing(8)
        head.addLayout(words, 1)
        head.addWidget(self.change, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.edit, 1)
        line.addWidget(self.save)
        line.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(head)
        column.addLayout(line)

    def present(self, state: SecretState) -> None:
        """Say where it is. A line being typed stays."""
        self._place.setText(secret_place(state))
        is_fixed = state.kept_in is KeptIn.VARIABLE
        word = self.tr("Replace…") if state.is_set and not is_fixed else self.tr("Set…")
        self.change.setText(word)
        self.change.setAccessibleName(f"{word.rstrip('…')}: {secret_title(self._name)}")
        self.change.setEnabled(not is_fixed)
        self.remove.setVisible(state.is_set and not is_fixed)
        if is_fixed:
            self.close_edit()

    def close_edit(self) -> None:
        """Forget what was typed."""
        had_focus = self.edit.hasFocus()
        self.edit.clear()
        for widget in (self.edit, self.save, self.cancel):
            widget.hide()
        if had_focus:
            self.change.setFocus()

    def _open(self) -> None:
        for widget in (self.edit, self.save, self.cancel):
            widget.show()
        self.edit.setFocus()

    def _submit(self) -> None:
        if secret := self.edit.text().strip():
            self.given.emit(self._name, secret)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape gives a line up before it closes the window."""
        if event.key() == Qt.Key.Key_Escape and self.edit.isVisible():
            self.close_edit()
            return
        super().keyPressEvent(event)


class KeysSection(QWidget):
    """All secrets, and why they are where they are."""

    secret_given = Signal(str, str)
    secret_removed = Signal(str)
    move_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[str, KeyRow] = {}
        self._rows = QVBoxLayout()
        self._rows.setSpacing(16)
        self._notice = words_label("secondary")
        self.move_button = QPushButton(self.tr("Move to the keyring"))
        self.move_button.clicked.connect(self.move_requested)
        container = words_label("secondary")
        container.setText(
            self.tr("The key of the engine's container is made anew for each container and kept inside it.")
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        column.addLayout(self._rows)
        column.addWidget(self._notice)
        column.addWidget(self.move_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(container)
        self.present(SecretsView())

    def present(self, view: SecretsView) -> None:
        """Show where each is."""
        wanted = {state.name: state for state in view.secrets}
        for name in self.rows.keys() - wanted.keys():
            row = self.rows.pop(name)
            row.hide()
            row.deleteLater()
        for name, state in wanted.items():
            if name not in self.rows:
                row = self.rows[name] = KeyRow(name)
                row.given.connect(self.secret_given)
                row.removed.connect(self.secret_removed)
                self._rows.addWidget(row)
            self.rows[name].present(state)
        notice = view.notice
        text = f"{notice.title}: {notice.detail} {notice.hint}" if notice is not None else ""
        self._notice.setText(text)
        self._notice.setVisible(bool(text))
        self.move_button.setVisible(view.can_move)
