"""Two answers beside each other, with the words marked that the other has not."""

from __future__ import annotations

from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit, QVBoxLayout, QWidget

from arcdesk.core.ab_diff import Piece, differences, whole
from arcdesk.core.ab_report import AbAnswer
from arcdesk.core.ab_table import SPACE, number_text
from arcdesk.ui.ab_view import Card, Pair, label
from arcdesk.ui.theme import LIGHT, Palette

MARK_ALPHA = 46  # of 255: the text keeps its contrast
LEAST_HEIGHT_PX = 140


class TextCard(Card):
    """One answer with its figures."""

    def __init__(self, letter: str) -> None:
        super().__init__(letter, "")
        self.text = QTextEdit()
        self.text.setReadOnly(True)
        self.text.document().setDocumentMargin(0)
        self.text.setAcceptRichText(False)
        self.text.setMinimumHeight(LEAST_HEIGHT_PX)
        self.figures = label("", "secondary")
        self.column.addWidget(self.text, 1)
        self.column.addWidget(self.figures)

    def present(self, pieces: tuple[Piece, ...], empty: str, colour: QColor) -> None:
        """The text; `empty` stands where there is none."""
        self.text.clear()
        self.text.setPlaceholderText(empty)
        plain, own = QTextCharFormat(), QTextCharFormat()
        own.setBackground(colour)
        own.setFontUnderline(True)
        cursor = QTextCursor(self.text.document())
        for piece in pieces:
            words = piece.text.rstrip()
            cursor.insertText(words, own if piece.is_own else plain)
            cursor.insertText(piece.text[len(words) :], plain)
        self.text.moveCursor(QTextCursor.MoveOperation.Start)


class TextPair(QWidget):
    """Both answers to one prompt. Without names it tells neither figures nor differences."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.left, self.right = TextCard("A"), TextCard("B")
        self._palette = LIGHT
        self._shown: tuple[AbAnswer | None, AbAnswer | None, bool] = (None, None, False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(Pair(self.left, self.right))

    def name(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        """(letter, title) of both."""
        for card, (letter, title) in ((self.left, left), (self.right, right)):
            card.letter.setText(letter)
            card.letter.setVisible(bool(letter))
            card.title.setText(title)
            card.text.setAccessibleName(self.tr("Answer: {0}").format(f"{letter} {title}".strip()))

    def present(self, left: AbAnswer | None, right: AbAnswer | None, *, is_blind: bool = False) -> None:
        """Show them."""
        self._shown = (left, right, is_blind)
        colour = QColor(self._palette.accent)
        colour.setAlpha(MARK_ALPHA)
        one, other = (each.text if each is not None else "" for each in (left, right))
        pieces = differences(one, other)
        if is_blind or not one or not other:
            pieces = (whole(one), whole(other))
        for card, answer, words in ((self.left, left, pieces[0]), (self.right, right, pieces[1])):
            card.present(words, self._empty(answer), colour)
            card.figures.setText("" if is_blind else self._figures(answer))
            card.figures.setVisible(bool(card.figures.text()))

    def _empty(self, answer: AbAnswer | None) -> str:
        if answer is None:
            return self.tr("Not asked.")
        if answer.error:
            return self.tr("Failed before its first word.")
        return self.tr("Thoughts only, no answer yet: give it more tokens.") if answer.thoughts else ""

    def _figures(self, answer: AbAnswer | None) -> str:
        if answer is None:
            return ""
        known = (
            ("TTFT ", answer.ttft_ms, "ms"),
            ("", answer.decode_tokens_per_s, "tok/s"),
            ("", answer.tokens, "tok"),
        )
        parts = [
            f"{lead}{number_text(value)}{SPACE}{unit}" for lead, value, unit in known if value is not None
        ]
        if answer.error:
            parts.insert(0, self.tr("Failed: {0}").format(answer.error))
        return " · ".join(parts)

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        left, right, is_blind = self._shown
        self.present(left, right, is_blind=is_blind)
