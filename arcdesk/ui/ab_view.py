"""What the comparison's window is shown, as values, and the small parts that its pages share."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import Problem
from arcdesk.core.settings import Settings
from arcdesk.core.settings_info import Value
from arcdesk.ui.flow_row import FlowRow

_JOINTS = re.compile(r"([/._:-])")
NARROW_PX = 640  # of the two cards; below, one stands above the other


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOffer:
    """A model of this computer that B could use; `values` are the settings that it needs."""

    label: str
    kind: EngineKind
    values: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AbSetupView:
    """The page where a comparison is set up. `kind` is that of A, None while it is being found out.

    `refusal` keeps it from starting, in words; `differs` are the names of B's values that differ.
    """

    settings: Settings
    kind: EngineKind | None = None
    a_name: str = ""
    b_name: str = ""
    a_rows: tuple[tuple[str, str], ...] = ()
    offers: tuple[ModelOffer, ...] = ()
    differs: frozenset[str] = frozenset()
    summary: str = ""  # what differs, in words
    cost: str = ""
    refusal: str = ""
    problem: Problem | None = None


def label(text: str = "", role: str = "", *, wraps: bool = True) -> QLabel:
    """Plain text that can be selected."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wraps)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        made.setProperty("role", role)
    return made


def breakable(text: str) -> str:
    """The text with places where a line may end inside of long names."""
    return _JOINTS.sub("\\1\u200b", text)


class Card(QFrame):
    """A ground of its own with a head: a letter and a title."""

    def __init__(self, letter: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("abCard")
        self.letter = label(letter, "abLetter", wraps=False)
        self.letter.setVisible(bool(letter))
        self.title = label(title, "title")
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.letter, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.title, 1)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(16, 12, 16, 16)
        self.column.setSpacing(8)
        self.column.addLayout(head)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)


class Pair(QWidget):
    """Two widgets beside each other, below each other where there is little room."""

    def __init__(self, one: QWidget, other: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(12)
        self._row.addWidget(one, 1)
        self._row.addWidget(other, 1)

    @property
    def is_stacked(self) -> bool:
        """One stands above the other."""
        return self._row.direction() == QBoxLayout.Direction.TopToBottom

    def minimumSizeHint(self) -> QSize:
        """As narrow as one above the other: what asked for both beside each other would never get less."""
        return QSize(max(self._least_widths()), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Turn where the room asks for it."""
        super().resizeEvent(event)
        self._turn()

    def event(self, event: QEvent) -> bool:
        """What is inside may ask for more room, or less."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._turn()
        return super().event(event)

    def _least_widths(self) -> list[int]:
        items = (self._row.itemAt(place) for place in range(self._row.count()))
        return [item.minimumSize().width() for item in items if item is not None]

    def _turn(self) -> None:
        is_narrow = self.width() < max(NARROW_PX, sum(self._least_widths()) + self._row.spacing())
        way = QBoxLayout.Direction.TopToBottom if is_narrow else QBoxLayout.Direction.LeftToRight
        if self._row.direction() != way:
            self._row.setDirection(way)


def foot(*, said: QLabel | None = None, buttons: tuple[QWidget, ...]) -> QWidget:
    """A bar at a page's end: a sentence, then buttons, which go on in a second line where room is short."""
    bar = QFrame()
    bar.setObjectName("abFoot")
    column = QVBoxLayout(bar)
    column.setContentsMargins(16, 12, 16, 12)
    if said is None:
        column.addLayout(FlowRow(*buttons))
        return bar
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addWidget(said, 1)
    for button in buttons:
        row.addWidget(button)
    column.addLayout(row)
    return bar
