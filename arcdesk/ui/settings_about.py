"""What this program is, which versions run, and where its settings are."""

from __future__ import annotations

import platform

import PySide6
from PySide6.QtCore import Qt, Signal, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from arcdesk import __version__


def version_lines() -> tuple[tuple[str, str], ...]:
    """Name and version of what runs."""
    return (
        ("ArcDesk", __version__),
        ("Python", platform.python_version()),
        ("Qt", f"{qVersion()} (PySide6 {PySide6.__version__})"),
        ("Platform", QGuiApplication.platformName()),
    )


class AboutSection(QWidget):
    """Facts to read and to copy."""

    open_file_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        facts = QFormLayout()
        facts.setHorizontalSpacing(24)
        facts.setVerticalSpacing(4)
        self._file = self._value("")
        for name, value in version_lines():
            facts.addRow(self._name(name), self._value(value))
        facts.addRow(self._name(self.tr("Licence")), self._value("Apache-2.0 · The ArcDesk developers"))
        facts.addRow(self._name(self.tr("Settings file")), self._file)
        copy = QPushButton(self.tr("Copy versions"))
        copy.clicked.connect(self._on_copy)
        self.open_file = QPushButton(self.tr("Open the settings file"))
        self.open_file.clicked.connect(self.open_file_requested)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (copy, self.open_file):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(facts)
        column.addLayout(buttons)

    def _name(self, text: str) -> QLabel:
        label = QLabel(text)
        label.setProperty("role", "secondary")
        return label

    def _value(self, text: str) -> QLabel:
        label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def set_file(self, path: str) -> None:
        """Where the settings are kept."""
        self._file.setText(path)

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(f"{name} {value}" for name, value in version_lines()))
