"""The page 'Privacy' of the settings: keys, and what left this computer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from arcdesk.core.egress_list import EgressView
from arcdesk.core.errors import Action, Problem
from arcdesk.core.secrets import SecretsView
from arcdesk.ui.privacy_keys import KeysSection, words_label
from arcdesk.ui.privacy_list import ContactsSection
from arcdesk.ui.problem_card import ProblemCard
from arcdesk.ui.theme import DARK, LIGHT

SEARCH_WORDS = "privacy key token api keyring secret hub hugging face egress network hosts contacts traffic"


class PrivacyPage(QWidget):
    """Shows what it is given; emits what the person wants. The settings scroll it."""

    secret_given = Signal(str, str)  # name, secret
    secret_removed = Signal(str)
    move_requested = Signal()
    action_requested = Signal(Action)  # of a shown problem
    export_requested = Signal()
    clear_requested = Signal()
    shown = Signal()  # look at it anew

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keys, self.contacts = KeysSection(), ContactsSection()
        self.card = ProblemCard(is_dismissable=True)
        self.card.dismissed.connect(lambda: self.present_problem(None))
        self.card.action_requested.connect(self.action_requested)
        self.keys.secret_given.connect(self.secret_given)
        self.keys.secret_removed.connect(self.secret_removed)
        self.keys.move_requested.connect(self.move_requested)
        self.contacts.export_requested.connect(self.export_requested)
        self.contacts.clear_requested.connect(self.clear_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        for heading, section in (
            (self.tr("What left this computer"), self.contacts),
            (self.tr("Keys"), self.keys),
        ):
            label = words_label("title")
            label.setText(heading)
            column.addWidget(label)
            if section is self.keys:
                column.addWidget(self.card)
            column.addWidget(section)

    def present_secrets(self, view: SecretsView) -> None:
        """Show where the keys are."""
        self.keys.present(view)

    def present_contacts(self, view: EgressView, now: float) -> None:
        """Show the list as it is at `now` (Unix seconds)."""
        self.contacts.present(view, now)

    def present_problem(self, problem: Problem | None) -> None:
        """Show why the last wish was not done; None: it was."""
        self.card.present(problem)

    def close_edit(self, name: str) -> None:
        """The secret of this name was kept: its line is done."""
        if (row := self.keys.rows.get(name)) is not None:
            row.close_edit()

    def showEvent(self, event: QShowEvent) -> None:
        """Come into view."""
        super().showEvent(event)
        self._take_colors()
        self.shown.emit()

    def changeEvent(self, event: QEvent) -> None:
        """The theme may change while the page is shown."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._take_colors()

    def _take_colors(self) -> None:
        is_dark = self.palette().window().color().lightness() < 128
        self.card.set_palette_colors(DARK if is_dark else LIGHT)
