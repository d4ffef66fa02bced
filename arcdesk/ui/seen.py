"""Tells of a part of a window whether somebody can see it: what is shown there costs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, SignalInstance
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    _Base = QWidget
else:
    _Base = object  # Qt allows one class of its own among the bases


class SeenWithWindow(_Base):
    """Stands before the widget's class among its bases; that class has the signal `seen_changed` (bool)."""

    seen_changed: SignalInstance
    _is_seen = False

    @property
    def is_seen(self) -> bool:
        """Shown, in a window that is not minimised."""
        return self._is_seen

    def showEvent(self, event: QShowEvent) -> None:
        """Seen with its window."""
        super().showEvent(event)
        self.window().installEventFilter(self)
        self._look_who_sees()

    def hideEvent(self, event: QHideEvent) -> None:
        """Folded away, or its window is hidden."""
        super().hideEvent(event)
        self.window().removeEventFilter(self)
        self._look_who_sees()

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        """A minimised window is not seen either."""
        if event.type() == QEvent.Type.WindowStateChange:
            self._look_who_sees()
        return False

    def _look_who_sees(self) -> None:
        is_seen = self.isVisible() and not self.window().isMinimized()
        if is_seen != self._is_seen:
            self._is_seen = is_seen
            self.seen_changed.emit(is_seen)
