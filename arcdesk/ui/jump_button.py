"""A button over the transcript's lower edge that leads back to the newest text."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QPushButton

from arcdesk.ui.transcript import Transcript

ABOVE_EDGE_PX = 12


class JumpButton(QPushButton):
    """Seen only while the reader has scrolled away from the end."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript)
        self._transcript = transcript
        self.setText(self.tr("↓ Jump to latest"))
        self.clicked.connect(transcript.jump_to_latest)
        transcript.at_latest_changed.connect(self._on_place)
        transcript.installEventFilter(self)
        self.hide()

    def _on_place(self, is_at_latest: bool) -> None:
        self.setVisible(not is_at_latest)
        self._place()

    def _place(self) -> None:
        self.adjustSize()
        area = self._transcript.viewport().geometry()
        self.move(area.center().x() - self.width() // 2, area.bottom() - self.height() - ABOVE_EDGE_PX)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the lower edge."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)
