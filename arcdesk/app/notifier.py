"""Decides what a notification tells: what a person waits for or must know, while nobody looks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from arcdesk.app.note_words import failure_note, ready_note, reply_note
from arcdesk.core.chat import Message, MessageState, Role
from arcdesk.core.engine_state import EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.settings import Settings
from arcdesk.core.store import AppState
from arcdesk.desktop.note import BODY_LIMIT, DEFAULT_KEY, TITLE_LIMIT, Note, plain_line
from arcdesk.desktop.notifications import NotificationService

LONG_START_S = 5.0
ENGINE_TOPIC = "engine"
REGRESSION_TOPIC = "regression"
DOWNLOAD_TOPIC = "download"
BENCH_TOPIC = "bench"


class NoteKind(Enum):
    """What a notification is about."""

    READY = "ready"
    FAILED = "failed"  # a start that came to nothing
    STOPPED = "stopped"  # it ran, and ended by itself or from outside
    ANSWER = "answer"
    REGRESSION = "regression"
    DOWNLOAD = "download"
    BENCH = "bench"  # a measurement has ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A note with what its buttons do: (key, action)."""

    kind: NoteKind
    note: Note
    actions: tuple[tuple[str, Action], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What else counts at the moment of a decision. `now_s` is any clock that only goes forward."""

    now_s: float
    settings: Settings
    is_looked_at: bool  # a window of ours has the focus
    is_hidden: bool  # no window of ours can be seen
    is_awaited: bool = False  # a question waits for the engine: its answer will be told


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineMemory:
    """What was seen of the engine before, and since when it has been on its way (None: it is not)."""

    seen: EngineSnapshot | None = None
    began_s: float | None = None
    was_started: bool = False  # by a start, not found loading


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do: show something, or take back what stands there about the engine, or neither."""

    memory: EngineMemory
    show: Spoken | None = None
    is_over: bool = False


def decide(memory: EngineMemory, engine: EngineSnapshot, around: Around) -> Decision:
    """What a new snapshot of the engine is worth telling. Pure."""
    old, fresh = memory.seen, _remember(memory, engine, around.now_s)
    if old is None or (old.phase, _cause(old)) == (engine.phase, _cause(engine)):
        return Decision(memory=fresh)
    spoken = None
    if not around.is_looked_at and old.kind is engine.kind:
        spoken = _ready(memory, engine, around) or _failure(old, engine, around)
    return Decision(memory=fresh, show=spoken, is_over=spoken is None and old.phase is not engine.phase)


def _remember(memory: EngineMemory, engine: EngineSnapshot, now_s: float) -> EngineMemory:
    is_coming = engine.phase in (EnginePhase.STARTING, EnginePhase.LOADING)
    if not is_coming:
        return EngineMemory(seen=engine)
    began_s = now_s if memory.began_s is None else memory.began_s
    was_started = memory.was_started or engine.phase is EnginePhase.STARTING
    return replace(memory, seen=engine, began_s=began_s, was_started=was_started)


def _cause(engine: EngineSnapshot) -> str:
    return engine.problem.cause if engine.problem else ""


def _ready(memory: EngineMemory, engine: EngineSnapshot, around: Around) -> Spoken | None:
    """A start is told when it took long, or when nothing else shows that it has ended."""
    if engine.phase is not EnginePhase.READY or memory.began_s is None:
        return None
    took_s = around.now_s - memory.began_s
    is_news = took_s > LONG_START_S or (around.is_hidden and memory.was_started)
    if not (is_news and around.settings.notify_ready) or around.is_awaited:
        return None
    note, actions = ready_note(ENGINE_TOPIC, engine, took_s)
    return Spoken(kind=NoteKind.READY, note=note, actions=actions)


def _failure(old: EngineSnapshot, engine: EngineSnapshot, around: Around) -> Spoken | None:
    was_in_use = old.phase in (EnginePhase.READY, EnginePhase.LOADING, EnginePhase.STARTING)
    is_lost = engine.phase is EnginePhase.UNAVAILABLE and was_in_use
    if not (engine.phase is EnginePhase.FAILED or is_lost) or not around.settings.notify_failed:
        return None
    if engine.problem is None:
        return None
    kind = NoteKind.STOPPED if old.phase is EnginePhase.READY else NoteKind.FAILED
    note, actions = failure_note(ENGINE_TOPIC, engine.problem)
    return Spoken(kind=kind, note=note, actions=actions)


class Notifier:
    """Watches state and answers, tells what is worth it, and carries out the notes' buttons.

    `act(action, token)` does what a button says; `tray_message(title, body)` is the next best way where
    no notification server is, and `keep(problem)` leaves a notice in the window then.
    """

    def __init__(
        self,
        service: NotificationService,
        *,
        settings: Callable[[], Settings],
        act: Callable[[Action, str], None],
        is_looked_at: Callable[[], bool],
        is_hidden: Callable[[], bool],
        tray_message: Callable[[str, str], None] = lambda *_: None,
        keep: Callable[[Problem], None] = lambda _: None,
        can_copy: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._settings = settings
        self._act = act
        self._is_looked_at = is_looked_at
        self._is_hidden = is_hidden
        self._tray_message = tray_message
        self._keep = keep
        self._can_copy = can_copy
        self._clock = clock
        self._memory = EngineMemory()
        self._state = AppState()
        self._spoken: dict[str, Spoken] = {}  # by topic
        service.on_pressed = self._on_pressed
        service.on_closed = self._on_closed
        service.fallback = self._on_not_shown

    def on_state(self, state: AppState) -> None:
        """The app's state has changed."""
        self._state = state
        if state.engine is self._memory.seen:
            return  # an answer, a draft: most changes are none of the engine
        decision = decide(self._memory, state.engine, self._around())
        self._memory = decision.memory
        if decision.show is not None:
            self._tell(decision.show)
        elif decision.is_over:
            self._take_back(ENGINE_TOPIC)

    def on_answer(self, conversation_id: int, title: str | None, message: Message) -> None:
        """A message was closed; everything but an answer's end is left alone.

        `title` is the conversation's, None for one of the quick prompt.
        """
        is_end = message.role is Role.ASSISTANT and message.state in (MessageState.DONE, MessageState.FAILED)
        if not is_end or self._is_looked_at() or not self._settings().notify_answer:
            return
        if message.state is MessageState.FAILED and self._state.engine.phase is EnginePhase.FAILED:
            return  # the engine's own note says why
        topic = f"answer:{conversation_id}"
        note, actions = reply_note(topic, conversation_id, title, message, can_copy=self._can_copy)
        self._tell(Spoken(kind=NoteKind.ANSWER, note=note, actions=actions))

    def on_regression(self, title: str, body: str, actions: tuple[tuple[str, Action], ...] = ()) -> None:
        """Measured: it has become slower. Told even while somebody looks elsewhere in the app."""
        buttons = tuple((key, action.label) for key, action in actions)
        note = Note(topic=REGRESSION_TOPIC, title=title, body=body, buttons=buttons)
        self._tell(Spoken(kind=NoteKind.REGRESSION, note=note, actions=actions))

    def on_download(self, title: str, body: str, action: Action) -> None:
        """A download has ended."""
        self._tell_unseen(NoteKind.DOWNLOAD, DOWNLOAD_TOPIC, title, body, action)

    def on_bench(self, title: str, body: str, action: Action) -> None:
        """A measurement has ended."""
        self._tell_unseen(NoteKind.BENCH, BENCH_TOPIC, title, body, action)

    def _tell_unseen(self, kind: NoteKind, topic: str, title: str, body: str, action: Action) -> None:
        """Told only while nobody looks: the window shows it."""
        if self._is_looked_at():
            return
        actions = ((DEFAULT_KEY, action), ("show", action))
        note = Note(topic=topic, title=title, body=body, buttons=(("show", action.label),))
        self._tell(Spoken(kind=kind, note=note, actions=actions))

    def on_looked(self) -> None:
        """A window of ours got the focus: what the notes tell is before the person's eyes."""
        for topic, spoken in list(self._spoken.items()):
            if spoken.kind is not NoteKind.REGRESSION:
                self._take_back(topic)

    def _around(self) -> Around:
        return Around(
            now_s=self._clock(),
            settings=self._settings(),
            is_looked_at=self._is_looked_at(),
            is_hidden=self._is_hidden(),
            is_awaited=bool(self._state.answering),
        )

    def _tell(self, spoken: Spoken) -> None:
        self._spoken[spoken.note.topic] = spoken
        self._service.show(spoken.note)

    def _take_back(self, topic: str) -> None:
        if self._spoken.pop(topic, None) is not None:
            self._service.withdraw(topic)

    def _on_pressed(self, note: Note, key: str, token: str) -> None:
        spoken = self._spoken.get(note.topic)
        action = dict(spoken.actions).get(key) if spoken and spoken.note is note else None
        if action is None and key == DEFAULT_KEY:
            action = Action(kind=ActionKind.OPEN_CHAT, label="Open ArcDesk")
        if action is not None:
            self._act(action, token)

    def _on_closed(self, note: Note) -> None:
        spoken = self._spoken.get(note.topic)
        if spoken is not None and spoken.note is note:
            del self._spoken[note.topic]  # with the text that its buttons hold

    def _on_not_shown(self, note: Note) -> None:
        """No server took it. The window shows engine and chat by itself; it has to be told of the rest."""
        title, body = plain_line(note.title, TITLE_LIMIT), plain_line(note.body, BODY_LIMIT)
        self._tray_message(title, body)
        spoken = self._spoken.pop(note.topic, None)
        if spoken is None:
            return
        shown = (NoteKind.READY, NoteKind.FAILED, NoteKind.STOPPED, NoteKind.REGRESSION)
        is_in_window = spoken.kind in shown
        if is_in_window or note.topic == f"answer:{self._state.active_conversation}":
            return
        actions = tuple(action for _, action in spoken.actions)
        self._keep(Problem(cause=spoken.kind.value, title=title, detail=body, actions=actions))
