"""Asks before a link of an answer is opened: a person sees first where it leads."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QWidget


def ask_to_open(parent: QWidget, url: str) -> None:
    """Show the address with Open and Cancel."""

    def tr(text: str) -> str:
        return QCoreApplication.translate("OpenLink", text)

    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(tr("Open a link?"))
    box.setText(tr("The answer links to another place. Open it in the browser?"))
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setInformativeText(url)
    box.setStandardButtons(QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel)
    box.accepted.connect(lambda: QDesktopServices.openUrl(url))
    box.open()
