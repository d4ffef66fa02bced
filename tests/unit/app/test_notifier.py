"""What is told by a notification, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from arcdesk.app.note_words import without_marks
from arcdesk.app.notifier import Notifier
from arcdesk.core.chat import Message, MessageState, Role
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.settings import Settings
from arcdesk.core.store import AppState
from arcdesk.desktop.note import DEFAULT_KEY, Note

OUT_OF_MEMORY = Problem(
    cause="kv_context_too_long",
    title="The context does not fit beside this model",
    detail="The card has room for 1312 tokens, 2048 were asked for.",
    hint="Use 1312.",
    actions=(
        Action(kind=ActionKind.PULL_IMAGE, label="Download it"),
        Action(kind=ActionKind.APPLY_SETTINGS, label="Use 1312 and restart", settings=(("x", "1"),)),
        Action(kind=ActionKind.START, label="Start again"),
        Action(kind=ActionKind.SHOW_LOG, label="Show log"),
    ),
)
CRASH = Problem(cause="segfault", title="The server crashed")


@dataclass
class Screen:
    """The notification service's place: what stands there now, and all that ever stood there."""

    shown: dict[str, Note] = field(default_factory=dict)
    history: list[Note] = field(default_factory=list)
    on_pressed: Callable[[Note, str, str], None] = lambda *_: None
    on_closed: Callable[[Note], None] = lambda _: None
    fallback: Callable[[Note], None] = lambda _: None

    def show(self, note: Note) -> None:
        self.shown[note.topic] = note
        self.history.append(note)

    def withdraw(self, topic: str) -> None:
        self.shown.pop(topic, None)


class Person:
    """Someone with a desktop: may look, may have windows open, presses buttons."""

    def __init__(self) -> None:
        self.screen = Screen()
        self.settings = Settings()
        self.looks = False
        self.has_window = False
        self.now_s = 100.0
        self.done: list[tuple[Action, str]] = []
        self.balloons: list[tuple[str, str]] = []
        self.kept: list[Problem] = []
        self.state = AppState()
        self.notifier = Notifier(
            self.screen,  # type: ignore[arg-type]
            settings=lambda: self.settings,
            act=lambda action, token: self.done.append((action, token)),
            is_looked_at=lambda: self.looks,
            is_hidden=lambda: not self.has_window,
            tray_message=lambda title, body: self.balloons.append((title, body)),
            keep=self.kept.append,
            clock=lambda: self.now_s,
        )
        self.notifier.on_state(self.state)

    def sees(
        self, *phases: EnginePhase, problem: Problem | None = None, each_s: float = 1.0, **more: object
    ) -> None:
        """The engine goes through these phases; the last one with the problem."""
        for phase in phases:
            self.now_s += each_s
            is_last = phase is phases[-1]
            engine = replace(
                self.state.engine,
                phase=phase,
                problem=problem if is_last else None,
                model="tinyllama",
                **more,
            )  # type: ignore[arg-type]
            self.state = replace(self.state, engine=engine)
            self.notifier.on_state(self.state)

    @property
    def titles(self) -> list[str]:
        return [note.title for note in self.screen.history]

    def press(self, topic: str, key: str, token: str = "") -> None:
        self.screen.on_pressed(self.screen.shown[topic], key, token)

    def gets(self, text: str = "Paris.", state: MessageState = MessageState.DONE, **more: object) -> None:
        message = Message(role=Role.ASSISTANT, text=text, state=state, **more)  # type: ignore[arg-type]
        self.notifier.on_answer(7, "Capital of France", message)


@pytest.fixture
def person() -> Person:
    return Person()


P = EnginePhase


def test_a_long_start_is_told_with_its_time(person: Person) -> None:
    person.has_window = True
    person.sees(P.STARTING, P.LOADING, P.READY, each_s=40)
    note = person.screen.shown["engine"]
    assert (note.title, note.body) == ("The engine is ready", "tinyllama. It took 1\u202fmin 20\u202fs.")
    assert not note.can_wait


def test_a_short_start_is_told_only_while_no_window_is_open(person: Person) -> None:
    person.has_window = True
    person.sees(P.STARTING, P.READY)
    assert person.titles == []
    person.has_window = False
    person.sees(P.STOPPED, P.STARTING, P.READY)
    assert person.titles == ["The engine is ready"]


def test_an_engine_found_running_is_no_news(person: Person) -> None:
    person.sees(P.LOADING, P.READY)
    assert person.titles == []


def test_ready_is_not_told_when_an_answer_will_follow(person: Person) -> None:
    person.state = replace(person.state, answering=frozenset({3}))
    person.sees(P.STARTING, P.LOADING, P.READY, each_s=40)
    assert person.titles == []


def test_ready_is_taken_back_when_it_is_no_longer_true(person: Person) -> None:
    person.sees(P.STARTING, P.READY, each_s=40)
    assert person.screen.shown
    person.sees(P.STOPPING)
    assert not person.screen.shown


def test_a_failed_start_is_told_with_its_cause_and_one_way_out(person: Person) -> None:
    person.sees(P.STARTING, P.LOADING, P.FAILED, problem=OUT_OF_MEMORY)
    note = person.screen.shown["engine"]
    assert note.title == OUT_OF_MEMORY.title
    assert note.body == "The card has room for 1312 tokens, 2048 were asked for. Use 1312."
    assert note.can_wait
    # a download of gigabytes is not begun from a notification
    assert [label for _, label in note.buttons] == ["Open ArcDesk", "Use 1312 and restart", "Show log"]
    person.press("engine", note.buttons[1][0], "token-1")
    person.press("engine", "log")
    assert [(action.kind, token) for action, token in person.done] == [
        (ActionKind.APPLY_SETTINGS, "token-1"),
        (ActionKind.SHOW_LOG, ""),
    ]


def test_a_refused_start_is_told_although_nothing_started(person: Person) -> None:
    person.sees(P.STOPPED, P.FAILED, problem=OUT_OF_MEMORY)
    assert person.titles == [OUT_OF_MEMORY.title]


def test_a_crash_and_then_its_root_cause_are_one_note(person: Person) -> None:
    person.sees(P.READY, P.FAILED, problem=CRASH)
    person.sees(P.FAILED, problem=CRASH)
    person.sees(P.FAILED, problem=OUT_OF_MEMORY)
    assert person.titles == [CRASH.title, OUT_OF_MEMORY.title]
    assert list(person.screen.shown) == ["engine"]


def test_docker_going_away_is_told_only_while_the_engine_is_used(person: Person) -> None:
    gone = Problem(cause="docker_down", title="Docker does not answer")
    person.sees(P.STOPPED, P.UNAVAILABLE, problem=gone)
    assert person.titles == []
    person.sees(P.READY, P.UNAVAILABLE, problem=gone)
    assert person.titles == [gone.title]


@pytest.mark.parametrize("end", [P.STOPPED, P.ABSENT])
def test_a_stop_is_no_news(person: Person, end: EnginePhase) -> None:
    person.sees(P.READY, P.STOPPING, end)
    person.sees(P.READY, end)  # stopped in a terminal: that is known where it was done
    assert person.titles == []


def test_another_engine_brings_no_news_of_the_last_one(person: Person) -> None:
    person.sees(P.READY)
    person.sees(P.FAILED, problem=CRASH, kind=EngineKind.EMBEDDED)
    assert person.titles == []


def test_nothing_is_told_while_somebody_looks(person: Person) -> None:
    person.looks = True
    person.sees(P.STARTING, P.READY, each_s=60)
    person.sees(P.FAILED, problem=CRASH)
    person.gets()
    assert person.titles == []


def test_a_failure_note_goes_when_the_engine_is_on_its_way_again(person: Person) -> None:
    person.sees(P.READY, P.FAILED, problem=CRASH)
    person.sees(P.STARTING)
    assert not person.screen.shown


def test_an_answer_is_told_as_it_reads_and_can_be_copied(person: Person) -> None:
    person.gets("## Paris\n\n- **Paris** is the `capital`\n\n```py\nx = 1\n```\nsee [here](http://x)")
    note = person.screen.shown["answer:7"]
    assert note.title == "Capital of France"
    assert " ".join(note.body.split()) == "Paris • Paris is the capital x = 1 see here"
    person.press("answer:7", "copy")
    person.press("answer:7", DEFAULT_KEY, "token-2")
    assert person.done[0][0].target.startswith("## Paris"), "the answer itself, with its marks"
    assert (person.done[1][0].kind, person.done[1][0].target) == (ActionKind.OPEN_CHAT, "7")
    assert person.done[1][1] == "token-2"


def test_an_answer_of_the_quick_prompt_leads_back_to_it(person: Person) -> None:
    person.notifier.on_answer(9, None, Message(role=Role.ASSISTANT, text="Paris."))
    assert person.titles == ["Quick prompt"]
    person.press("answer:9", DEFAULT_KEY)
    assert person.done[0][0].kind is ActionKind.OPEN_QUICK


def test_an_answer_that_broke_off_says_why(person: Person) -> None:
    person.gets("Par", MessageState.FAILED, problem=CRASH)
    note = person.screen.shown["answer:7"]
    assert note.body == "No answer: The server crashed."
    assert "copy" not in dict(note.buttons)


def test_an_answer_that_failed_with_its_engine_is_not_told_twice(person: Person) -> None:
    person.sees(P.READY, P.FAILED, problem=CRASH)
    person.gets("", MessageState.FAILED, problem=CRASH)
    assert person.titles == [CRASH.title]


def test_an_answer_that_the_person_stopped_is_no_news(person: Person) -> None:
    person.gets("Par", MessageState.STOPPED)
    person.gets("", MessageState.WAITING)
    assert person.titles == []


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("notify_ready", [CRASH.title, "Capital of France"]),
        ("notify_failed", ["The engine is ready", "Capital of France"]),
        ("notify_answer", ["The engine is ready", CRASH.title]),
    ],
)
def test_each_kind_can_be_turned_off(person: Person, name: str, left: list[str]) -> None:
    person.settings = replace(Settings(), **{name: False})
    person.sees(P.STARTING, P.READY, each_s=60)
    person.sees(P.FAILED, problem=CRASH)
    person.sees(P.STOPPED)
    person.gets()
    assert person.titles == left


def test_looking_takes_back_what_the_window_shows(person: Person) -> None:
    person.sees(P.READY, P.FAILED, problem=CRASH)
    person.gets()
    person.notifier.on_regression("Decoding is 18 % slower", "Since kernel 6.17.")
    person.notifier.on_looked()
    assert list(person.screen.shown) == ["regression"]


def test_without_a_server_the_tray_speaks_and_the_window_keeps_what_it_does_not_show(person: Person) -> None:
    person.gets("Paris\u202e **is** it.")
    person.sees(P.READY, P.FAILED, problem=CRASH)
    for note in list(person.screen.shown.values()):
        person.screen.fallback(note)
    assert person.balloons == [("Capital of France", "Paris is it."), (CRASH.title, "")]
    (kept,) = person.kept  # the failure has its card
    assert [action.kind for action in kept.actions] == [ActionKind.OPEN_CHAT, ActionKind.COPY]


def test_a_closed_note_is_forgotten_with_its_text(person: Person) -> None:
    person.gets("x" * 10_000)
    note = person.screen.shown["answer:7"]
    person.screen.on_closed(note)
    person.screen.on_pressed(note, "copy", "")
    assert person.done == []


def test_a_click_on_an_older_note_of_the_topic_does_not_act_on_the_newer(person: Person) -> None:
    person.gets("first")
    older = person.screen.shown["answer:7"]
    person.gets("second")
    person.screen.on_pressed(older, "copy", "")
    assert person.done == []


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("# Title", "Title"),
        ("> quoted", "quoted"),
        ("* one\n- two\n  + three", "• one\n• two\n  • three"),
        ("*is* it **so**, *or not*?", "is it so, or not?"),
        ("2 * 3 - 1", "2 * 3 - 1"),
        ("a_b_c", "a_b_c"),
        ("![x](y) z", "x z"),
    ],
)
def test_markdown_as_it_reads(marked: str, plain: str) -> None:
    assert without_marks(marked) == plain


def test_the_same_snapshot_again_is_not_weighed(person: Person) -> None:
    """Tokens and drafts change the state often; the engine's part is the same object then."""
    person.sees(P.STARTING)
    before = person.notifier._memory
    person.notifier.on_state(replace(person.state, active_conversation=5))
    assert person.notifier._memory is before
    assert isinstance(before.seen, EngineSnapshot)
