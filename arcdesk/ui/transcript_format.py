"""The look of the transcript as Qt text formats, and the marks by which its blocks are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import count

from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontInfo,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextFormat,
)

from arcdesk.ui.theme import Palette

LINE_HEIGHT_PERCENT = 150
CODE_LINE_HEIGHT_PERCENT = 135
PAD_PX = 12  # between the edge of a panel and its text
INDENT_PX = 26  # one list level
LINK_SCHEMES = frozenset({"http", "https"})

_USER = int(QTextFormat.Property.UserProperty)
PANEL = _USER + 1  # blocks with the same number share one painted panel
PANEL_KIND = _USER + 2
FURNITURE = _USER + 3  # true: ours, not part of what was said

_panel_numbers = count(1)


class PanelKind(IntEnum):
    """What is painted behind a run of blocks."""

    NONE = 0
    CODE = 1
    BUBBLE = 2
    ERROR = 3


def new_panel() -> int:
    """A number that no other panel of this process has."""
    return next(_panel_numbers)


def panel_of(block: QTextBlock) -> tuple[int, PanelKind]:
    """The panel a block lies on; 0 and NONE if on none."""
    block_format = block.blockFormat()
    return block_format.intProperty(PANEL), PanelKind(block_format.intProperty(PANEL_KIND))


def is_furniture(block: QTextBlock) -> bool:
    """The block is a heading of a code block, a live line or the like: never copied with the text."""
    return block.blockFormat().boolProperty(FURNITURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Colours and fonts of one moment; makes every format that the transcript uses."""

    palette: Palette
    font: QFont

    @property
    def body_font(self) -> QFont:
        """The widget's font with figures of one width."""
        font = QFont(self.font)
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    @property
    def code_font(self) -> QFont:
        """The system's fixed font, a little smaller: fixed fonts look larger."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(max(1, round(QFontInfo(self.font).pixelSize() * 0.92)))
        font.setStyleHint(QFont.StyleHint.Monospace)
        return font

    @property
    def small_px(self) -> int:
        """Size of the live line and other furniture."""
        return max(1, round(QFontInfo(self.font).pixelSize() * 0.88))

    # -- blocks -----------------------------------------------------------------------------------

    def paragraph(self, top_px: float = 0, bottom_px: float = 8) -> QTextBlockFormat:
        """Running text."""
        block = QTextBlockFormat()
        block.setLineHeight(LINE_HEIGHT_PERCENT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        block.setTopMargin(top_px)
        block.setBottomMargin(bottom_px)
        return block

    def gap(self, height_px: float) -> QTextBlockFormat:
        """An empty block that Qt or we need and that shall take `height_px`."""
        block = QTextBlockFormat()
        block.setLineHeight(height_px, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        block.setProperty(FURNITURE, True)
        return block

    def on_panel(self, block: QTextBlockFormat, panel: int, kind: PanelKind) -> QTextBlockFormat:
        """The block format, laid on a panel with room at both sides."""
        block.setProperty(PANEL, panel)
        block.setProperty(PANEL_KIND, int(kind))
        block.setLeftMargin(block.leftMargin() + PAD_PX)
        block.setRightMargin(PAD_PX)
        return block

    def code_line(
        self, panel: int, language: str = "", fence: str = "`", indent: int = 0
    ) -> QTextBlockFormat:
        """A line of a code block; `indent` in list levels."""
        block = QTextBlockFormat()
        block.setProperty(QTextFormat.Property.BlockCodeLanguage, language)
        block.setProperty(QTextFormat.Property.BlockCodeFence, fence)
        block.setIndent(indent)
        height = QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
        block.setLineHeight(CODE_LINE_HEIGHT_PERCENT, height)
        return self.on_panel(block, panel, PanelKind.CODE)

    def code_head(self, panel: int, indent: int = 0) -> QTextBlockFormat:
        """The line above a code block: language and 'Copy'."""
        block = self.paragraph(top_px=14, bottom_px=2)
        block.setIndent(indent)
        block.setProperty(FURNITURE, True)
        return self.on_panel(block, panel, PanelKind.CODE)

    # -- characters -------------------------------------------------------------------------------

    def text(self, color: str | None = None) -> QTextCharFormat:
        """Running text in `color` ('#rrggbb'), or in the text colour."""
        chars = QTextCharFormat()
        if color is not None:
            chars.setForeground(QColor(color))
        return chars

    def small(self, color: str | None = None) -> QTextCharFormat:
        """Furniture: small and quiet."""
        chars = self.text(color or self.palette.secondary)
        chars.setProperty(QTextFormat.Property.FontPixelSize, self.small_px)
        return chars

    def code(self) -> QTextCharFormat:
        """Code, inline or in a block."""
        chars = QTextCharFormat()
        font = self.code_font
        chars.setFontFamilies([font.family(), "monospace"])
        chars.setProperty(QTextFormat.Property.FontPixelSize, font.pixelSize())
        chars.setFontFixedPitch(True)
        chars.setForeground(QColor(self.palette.text))
        return chars

    def link(self, href: str, small: bool = True, color: str | None = None) -> QTextCharFormat:
        """One of our own links, or a checked one of the answer."""
        chars = self.small() if small else QTextCharFormat()
        chars.setAnchor(True)
        chars.setAnchorHref(href)
        chars.setForeground(QColor(color or self.palette.accent))
        chars.setFontUnderline(not small)
        return chars
