"""Pages that tell when the last words of an answer have reached the screen."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QPaintEvent, QTextCursor
from PySide6.QtWidgets import QWidget

from arcdesk.ui.transcript_lag import PaintLag
from arcdesk.ui.transcript_pages import MessagePages


class PaintedPages(MessagePages):
    """Measures where it was really drawn: a paint event that covers the end of an answer's text.

    The heir follows each answer on its way, and says when it is over. What was never drawn is not told.
    """

    answer_painted = Signal(int, float)  # id; seconds from its last piece's arrival to the paint that drew it

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lags: dict[int, PaintLag] = {}  # of answers on their way, or not on the screen yet

    def _answer_is_over(self, key: int) -> None:
        """Nothing more comes; all that came stands in the document, if anybody sees it."""
        lag = self._lags.get(key)
        if lag is None:
            return
        lag.is_over = True
        if lag.seconds is not None:
            self._tell_painted(key, lag.seconds)
        elif not lag.waits_for_paint:
            del self._lags[key]  # it was not seen: a paint of later says nothing

    def _tell_painted(self, key: int, seconds: float) -> None:
        del self._lags[key]
        self.answer_painted.emit(key, seconds)

    def paintEvent(self, event: QPaintEvent) -> None:
        """What is on the screen now has arrived there."""
        super().paintEvent(event)
        for key, lag in tuple(self._lags.items()):
            if not lag.waits_for_paint or not self._draws_end_of(key, event):
                continue
            lag.is_drawn()
            if lag.is_over and lag.seconds is not None:
                self._tell_painted(key, lag.seconds)

    def _draws_end_of(self, key: int, event: QPaintEvent) -> bool:
        section = self._sections.get(key)
        if section is None or section.body is None:
            return False
        end = QTextCursor(self.document())
        end.setPosition(section.body.end)
        return event.rect().intersects(self.cursorRect(end))
