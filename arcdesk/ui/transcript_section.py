"""One message in the document of the transcript: bubble or answer, problem, live line."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetricsF, QTextCharFormat, QTextCursor, QTextDocument

from arcdesk.core.chat import Message, Role
from arcdesk.core.errors import Problem
from arcdesk.ui.markdown_tail import MarkdownBody
from arcdesk.ui.transcript_format import PAD_PX, Look, PanelKind, new_panel
from arcdesk.ui.transcript_words import live_line, question_words, tr, unknown_reason, xray_hint

_LINE_BREAK = "\u2028"  # a new line in the same block
XRAY_SIGN = "X-ray"  # a word: not every computer has a font with a sign for it
_BETWEEN_PX = 20
_THOUGHT_CHARS = 20_000  # the end of the thinking that an opened thought shows


class Section:
    """Writes a message from the empty block at `at` on; `key` names it in links."""

    def __init__(
        self,
        document: QTextDocument,
        look: Look,
        key: int,
        at: int,
        column_px: float,
        *,
        has_live_line: bool = True,
    ) -> None:
        self._document = document
        self._look = look
        self._column_px = column_px
        self._has_live_line = has_live_line
        self.key = key
        self.body: MarkdownBody | None = None
        self._bubble: Message | None = None
        self._foot: QTextCursor | None = None  # where the live line begins
        self._thought: tuple[str, str | None] = ("", None)  # its label, and its text if that is shown
        self.start = QTextCursor(document)
        self.start.setPosition(at)
        self.start.setKeepPositionOnInsert(True)

    def write(self, message: Message) -> None:
        """Write a message that is whole."""
        if message.role is Role.USER:
            self._write_bubble(message)
            return
        self.open_answer()
        assert self.body is not None
        self.body.rewrite(message.text)
        self._write_end(message)

    def open_answer(self) -> None:
        """Make room for an answer on its way: the line for its thinking and its body."""
        cursor = self._cursor(self.start.position())
        cursor.setBlockFormat(self._look.gap(_BETWEEN_PX / 2))
        cursor.insertBlock(self._look.paragraph(), QTextCharFormat())
        self.body = MarkdownBody(self._document, self._look, cursor.position())

    def finish(self, message: Message, *, is_same_text: bool) -> None:
        """The answer is whole: one pass over it if the picture needs it, then the live line."""
        if self.body is None:
            return
        self.body.finish()
        if self.body.is_approximate or not is_same_text:
            self.body.rewrite(message.text)
        self._write_end(message)

    def restate(self, message: Message) -> None:
        """Write the live line anew."""
        if self._foot is None:
            return
        cursor = self._cursor(self._foot.position())
        cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._write_foot(cursor, message)

    def show_thought(self, text: str, *, is_open: bool, is_over: bool) -> None:
        """One quiet line, 'Thinking…', and below it the thinking itself if it was opened."""
        label = tr("Thought") if is_over else tr("Thinking…")
        wanted = (label, text if is_open else None)
        if not text or self.body is None or wanted == self._thought:
            return
        self._thought = wanted
        cursor = self._cursor(self.start.position())
        cursor.setBlockFormat(self._look.paragraph(top_px=_BETWEEN_PX, bottom_px=6))
        block_format = cursor.blockFormat()
        block_format.merge(self._look.gap(0))
        block_format.setLineHeight(150, self._look.paragraph().lineHeightType())
        cursor.setBlockFormat(block_format)
        cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        quiet = self._look.small()
        cursor.insertText(f"{label}  ", quiet)
        cursor.insertText(tr("Hide") if is_open else tr("Show"), self._link("thought"))
        if is_open:
            shown = text[-_THOUGHT_CHARS:].strip().replace("\n", _LINE_BREAK)
            cursor.insertText(_LINE_BREAK + shown, quiet)

    def fit(self, column_px: float) -> None:
        """Set the bubble to the new width of the column."""
        self._column_px = column_px
        if self._bubble is None:
            return
        cursor = self._cursor(self.start.position())
        block_format = cursor.blockFormat()
        block_format.setLeftMargin(self._bubble_left_px(question_words(self._bubble)))
        cursor.setBlockFormat(block_format)

    # -- parts ------------------------------------------------------------------------------------

    def _write_bubble(self, message: Message) -> None:
        self._bubble = message
        cursor = self._cursor(self.start.position())
        block_format = self._look.paragraph(top_px=_BETWEEN_PX + 8, bottom_px=10)
        self._look.on_panel(block_format, new_panel(), PanelKind.BUBBLE)
        block_format.setLeftMargin(self._bubble_left_px(question_words(message)))
        cursor.setBlockFormat(block_format)
        cursor.insertText(question_words(message).replace("\n", _LINE_BREAK), self._look.text())
        foot = self._look.gap(0)
        foot.merge(self._look.paragraph(bottom_px=0))
        foot.setAlignment(Qt.AlignmentFlag.AlignRight)
        foot.setRightMargin(4)
        cursor.insertBlock(foot, self._look.small())
        cursor.insertText(tr("Copy"), self._link("copy"))

    def _bubble_left_px(self, text: str) -> float:
        """As far right as the longest line allows, but never beyond a fifth of the column."""
        metrics = QFontMetricsF(self._look.body_font)
        widest = max((metrics.horizontalAdvance(line) for line in text.split("\n")[:200]), default=0)
        return max(self._column_px / 5, self._column_px - widest - 2 * PAD_PX - 2) + PAD_PX

    def _write_end(self, message: Message) -> None:
        assert self.body is not None
        cursor = self._cursor(self.body.end)
        if message.problem is not None:
            self._write_problem(cursor, message.problem)
            if self._has_live_line:
                cursor.insertBlock()
        if self._has_live_line:
            self._write_foot(cursor, message)
        elif message.problem is None:
            cursor.setBlockFormat(self._look.gap(1))

    def _write_problem(self, cursor: QTextCursor, problem: Problem) -> None:
        look, panel = self._look, new_panel()
        block_format = look.paragraph(top_px=16, bottom_px=0)
        cursor.setBlockFormat(look.on_panel(block_format, panel, PanelKind.ERROR))
        title = look.text(look.palette.error)
        title.setFontWeight(QFont.Weight.DemiBold)
        cursor.insertText(problem.title, title)
        lines = [(part, look.text()) for part in (problem.detail, problem.hint) if part]
        if problem.evidence:
            evidence = look.code()
            evidence.setForeground(look.small().foreground())
            lines.append((problem.evidence, evidence))
        following = look.on_panel(look.paragraph(bottom_px=0), panel, PanelKind.ERROR)
        for text, chars in lines:
            cursor.insertBlock(following, chars)
            cursor.insertText(text.replace("\n", _LINE_BREAK), chars)
        self._write_actions(cursor, problem, panel)
        last = cursor.blockFormat()
        last.setBottomMargin(16)
        cursor.setBlockFormat(last)

    def _write_actions(self, cursor: QTextCursor, problem: Problem, panel: int) -> None:
        if not problem.actions:
            return
        row = self._look.on_panel(self._look.paragraph(top_px=4), panel, PanelKind.ERROR)
        cursor.insertBlock(row, QTextCharFormat())
        for index, action in enumerate(problem.actions):
            cursor.insertText("     " if index else "", QTextCharFormat())
            chars = self._look.link(f"arcdesk:action/{self.key}/{index}", small=False)
            cursor.insertText(action.label, chars)

    def _write_foot(self, cursor: QTextCursor, message: Message) -> None:
        foot = self._look.gap(0)
        foot.merge(self._look.paragraph(top_px=8, bottom_px=4))
        cursor.setBlockFormat(foot)
        self._foot = self._cursor(cursor.block().position())
        self._foot.setKeepPositionOnInsert(True)
        quiet = self._look.small()
        cursor.setBlockCharFormat(quiet)
        line = live_line(message)
        reason = unknown_reason(message.stats) if line else ""
        quiet.setToolTip(reason)
        if line:
            cursor.insertText(line, quiet)
        if line and message.stats is not None and message.stats.ttft_ms is not None:
            sign = self._link("xray")
            sign.setToolTip(xray_hint())
            cursor.insertText("   ", self._look.small())
            cursor.insertText(tr(XRAY_SIGN), sign)
        if reason:
            why = self._link("why")
            why.setToolTip(reason)
            cursor.insertText("   ", self._look.small())
            cursor.insertText(tr("Why –?"), why)
        if message.text:
            cursor.insertText("   " if line else "", self._look.small())
            cursor.insertText(tr("Copy"), self._link("copy"))

    def _link(self, verb: str) -> QTextCharFormat:
        return self._look.link(f"arcdesk:{verb}/{self.key}", color=self._look.palette.secondary)

    def _cursor(self, at: int) -> QTextCursor:
        cursor = QTextCursor(self._document)
        cursor.setPosition(at)
        return cursor
