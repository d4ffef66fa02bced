"""From the line in the quick prompt to the question that is asked: presets, and text from other programs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QClipboard, QGuiApplication

from arcdesk.core.presets import Preset, called
from arcdesk.core.quick import Attachment, compose

MOST_CHARS = 400_000  # of an attached text; far beyond what models take in
_MODES = {"clipboard": QClipboard.Mode.Clipboard, "selection": QClipboard.Mode.Selection}


def unasked(text: str, asked: str) -> str:
    """What stands in the prompt, unless it was asked already."""
    return "" if text.strip("\n") == asked else text


def selection_reason() -> str:
    """Why the selected text of other programs can't be read; '' if it can."""
    if QGuiApplication.clipboard().supportsSelection():
        return ""
    return "this desktop does not offer it"


def text_of(source: str) -> str:
    """The text that the clipboard or the selection holds; '' if it has none."""
    if source == "selection" and selection_reason():
        return ""
    return QGuiApplication.clipboard().text(_MODES[source])


def needs_text(typed: str, attached: Sequence[Attachment], presets: Sequence[Preset]) -> bool:
    """A preset was typed that works on a text, and there is none."""
    call = called(typed, presets)
    return call is not None and call.lacks_text and not attached


def question_of(typed: str, attached: Sequence[Attachment], presets: Sequence[Preset]) -> str:
    """What is asked; the clipboard is read only where a preset of the person names it."""
    call = called(typed, presets)
    named = call.preset.places & _MODES.keys() if call else ()
    return compose(typed, attached, presets, {source: text_of(source) for source in named})
