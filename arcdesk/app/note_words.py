"""What notifications say and offer: one function for each kind."""

from __future__ import annotations

import re

from arcdesk.core.chat import Message
from arcdesk.core.engine_state import EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.desktop.note import DEFAULT_KEY, Note

Actions = tuple[tuple[str, Action], ...]

PREVIEW_LENGTH = 400  # characters that are looked at; the service cuts what is shown
# What leads out of a failure with one click. What asks back opens the window: not from a notification.
_WAYS_OUT = (
    ActionKind.START,
    ActionKind.RESTART,
    ActionKind.APPLY_SETTINGS,
    ActionKind.USE_EMBEDDED,
    ActionKind.USE_CONTAINER,
)
_QUICK: Actions = ((DEFAULT_KEY, Action(kind=ActionKind.OPEN_QUICK, label="Show answer")),)
_FENCE = re.compile(r"^\s*(```|~~~).*$", re.MULTILINE)
_LINE_MARKS = re.compile(r"^\s{0,3}(#{1,6}\s+|>\s?)", re.MULTILINE)
_LIST_MARKS = re.compile(r"^(\s{0,8})[-*+]\s+", re.MULTILINE)
_SPAN_MARKS = re.compile(r"\*\*|__|~~|`")
_EMPHASIS = re.compile(r"(?<![\w*])\*(\S[^*\n]*?)(?<=\S)\*(?![\w*])")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")


def ready_note(topic: str, engine: EngineSnapshot, took_s: float) -> tuple[Note, Actions]:
    """The engine is ready. Of no use later, when it may long have stopped."""
    what = " · ".join(word for word in (engine.model, engine.device or engine.place) if word)
    body = f"{what}. " if what else ""
    actions = _with_open("")
    note = Note(
        topic=topic,
        title="The engine is ready",
        body=f"{body}It took {_span(took_s)}.",
        buttons=_buttons(actions),
        can_wait=False,
    )
    return note, actions


def failure_note(topic: str, problem: Problem) -> tuple[Note, Actions]:
    """The engine failed: its cause, its way out, its log."""
    offered = [
        (f"way-{number}", action) for number, action in enumerate(problem.actions) if action.kind in _WAYS_OUT
    ][:1]
    log = next((action for action in problem.actions if action.kind is ActionKind.SHOW_LOG), None)
    default = (DEFAULT_KEY, Action(kind=ActionKind.OPEN_CHAT, label="Open ArcDesk"))
    actions = (default, *offered, *([("log", log)] if log else []))
    body = " ".join(part for part in (problem.detail, problem.hint) if part)
    return Note(topic=topic, title=problem.title, body=body, buttons=_buttons(actions)), actions


def reply_note(
    topic: str, conversation_id: int, title: str | None, message: Message, *, can_copy: bool
) -> tuple[Note, Actions]:
    """An answer has come, or has broken off. `title` None: it is the quick prompt's, not of the list."""
    actions = _with_open(str(conversation_id)) if title is not None else _QUICK
    if message.problem is not None:
        body = f"No answer: {message.problem.sentence()}"
    else:
        body = without_marks(message.text[:PREVIEW_LENGTH]).strip() or "The answer is empty."
        if can_copy and message.text:
            copy = Action(kind=ActionKind.COPY, label="Copy answer", target=message.text)
            actions = (*actions, ("copy", copy))
    shown = "Quick prompt" if title is None else title or "Answer"
    return Note(topic=topic, title=shown, body=body, buttons=_buttons(actions)), actions


def without_marks(text: str) -> str:
    """Markdown as it reads: without fences, headings' marks, emphasis and code marks; links by their text."""
    text = _LINE_MARKS.sub("", _LIST_MARKS.sub(r"\1• ", _FENCE.sub("", text)))
    return _EMPHASIS.sub(r"\1", _SPAN_MARKS.sub("", _LINK.sub(r"\1", text)))


def _with_open(conversation: str) -> Actions:
    """A click on the note opens the chat. Xfce draws a button for it, so it needs no second one."""
    return ((DEFAULT_KEY, Action(kind=ActionKind.OPEN_CHAT, label="Open chat", target=conversation)),)


def _buttons(actions: Actions) -> tuple[tuple[str, str], ...]:
    return tuple((key, action.label) for key, action in actions)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}\u202fmin {rest:02d}\u202fs" if minutes else f"{rest}\u202fs"
