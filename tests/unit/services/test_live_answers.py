"""Our own answers' figures: told while one streams and when it has ended, and no timer runs else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from arcdesk.core.chat import AnswerFinished, AnswerStats, Message, MessageState, Role, TokenArrived
from arcdesk.core.live_stats import LiveKey, OurView
from arcdesk.services.live_answers import LiveAnswers

PATIENCE_S = 20.0
STATS = AnswerStats(ttft_ms=120.0, completion_tokens=11, chunks=10, decode_tokens_per_s=84.25)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


def waiting(message_id: int) -> Message:
    return Message(id=message_id, role=Role.ASSISTANT, text="", state=MessageState.WAITING)


@pytest.fixture
def answers() -> Iterator[LiveAnswers]:
    made = LiveAnswers(tell_every_s=0.02)
    yield made
    made.close()


def timers() -> int:
    """How many callbacks the running loop will still make later."""
    loop = asyncio.get_running_loop()
    return sum(not handle.cancelled() for handle in loop._scheduled)  # type: ignore[attr-defined]


def speak(answers: LiveAnswers, message_id: int, pieces: int = 1) -> None:
    for _ in range(pieces):
        answers.listener.on_event(1, message_id, TokenArrived("a"))


def streams(views: list[OurView]) -> bool:
    """What was told last is told of an answer on its way."""
    return views[-1].is_streaming


async def test_without_a_watcher_no_timer_runs(answers: LiveAnswers) -> None:
    before = timers()
    answers.listener.on_message(1, waiting(7))
    speak(answers, 7, 50)
    answers.listener.on_event(1, 7, AnswerFinished(STATS))
    assert timers() == before
    assert answers.view == OurView()


async def test_a_question_that_waits_for_its_engine_costs_no_timer(answers: LiveAnswers) -> None:
    views: list[OurView] = []
    answers.watch(views.append)
    before = timers()
    answers.listener.on_message(1, waiting(7))
    assert timers() == before
    assert views == []


async def test_it_tells_on_while_pieces_stall_and_once_at_the_end(answers: LiveAnswers) -> None:
    views: list[OurView] = []
    answers.watch(views.append)
    speak(answers, 7)
    assert streams(views)
    for _ in range(10):
        await asyncio.sleep(0.002)
        speak(answers, 7)
    fast = answers.figures()[LiveKey.OUR_TOKENS_PER_S].value
    assert fast is not None
    told = len(views)
    await until(lambda: len(views) > told + 4)  # nothing arrives any more: the rate must sink
    slow = views[-1][LiveKey.OUR_TOKENS_PER_S].value
    assert slow is not None
    assert slow < fast / 2
    answers.listener.on_event(1, 7, AnswerFinished(STATS))
    ended = Message(id=7, role=Role.ASSISTANT, text="a", state=MessageState.DONE, stats=STATS)
    told = len(views)
    answers.listener.on_message(1, ended)  # the same end, told a second time
    assert len(views) == told
    assert not streams(views)
    assert views[-1].last_tokens_per_s == 84.25
    assert views[-1][LiveKey.OUR_TTFT_P95_MS].value == 120.0
    assert views[-1].points[-1].value is None
    assert timers() == 0


async def test_two_answers_at_once_end_when_the_last_has_ended(answers: LiveAnswers) -> None:
    views: list[OurView] = []
    answers.watch(views.append)
    speak(answers, 7, 3)
    speak(answers, 8, 3)
    answers.listener.on_event(1, 7, AnswerFinished(STATS))
    assert streams(views)
    assert timers() == 1
    answers.listener.on_event(1, 8, AnswerFinished(STATS))
    assert not streams(views)
    assert timers() == 0


async def test_who_comes_in_the_middle_of_an_answer_is_told_at_once(answers: LiveAnswers) -> None:
    speak(answers, 7, 5)
    views: list[OurView] = []
    end = answers.watch(views.append)
    assert streams(views)
    end()
    end()  # twice is fine
    assert timers() == 0
    told = len(views)
    speak(answers, 7, 5)
    assert len(views) == told


async def test_an_answer_without_a_rate_keeps_the_last_one_that_was_measured(answers: LiveAnswers) -> None:
    views: list[OurView] = []
    answers.watch(views.append)
    for message_id, stats in ((7, STATS), (8, AnswerStats(ttft_ms=9.0, completion_tokens=1, chunks=1))):
        speak(answers, message_id, 2)
        answers.listener.on_event(1, message_id, AnswerFinished(stats))
    assert views[-1].last_tokens_per_s == 84.25


async def test_a_view_is_dated_by_the_end_of_its_answer() -> None:
    now = [1000.0]
    answers = LiveAnswers(tell_every_s=60.0, wall=lambda: now[0])
    views: list[OurView] = []
    answers.watch(views.append)
    speak(answers, 7)
    assert views[-1].ended_at is None
    now[0] = 1010.0
    answers.listener.on_event(1, 7, AnswerFinished(STATS))
    assert views[-1].ended_at == 1010.0
    now[0] = 1500.0
    answers.watch(views.append)  # shown again later
    assert views[-1].ended_at == 1010.0
    answers.close()


async def test_an_answer_stopped_before_its_first_word_leaves_the_last_figures(answers: LiveAnswers) -> None:
    views: list[OurView] = []
    answers.watch(views.append)
    speak(answers, 7, 2)
    answers.listener.on_event(1, 7, AnswerFinished(STATS))
    told = len(views)
    answers.listener.on_message(1, waiting(8))
    answers.listener.on_message(
        1, Message(id=8, role=Role.ASSISTANT, text="", state=MessageState.STOPPED, stats=None)
    )
    assert len(views) == told


async def test_another_engine_begins_without_the_rate_of_the_one_before(answers: LiveAnswers) -> None:
    views: list[OurView] = []
    answers.watch(views.append)
    speak(answers, 7, 2)
    answers.listener.on_event(1, 7, AnswerFinished(STATS))
    answers.engine_changed()
    assert views[-1] == OurView()
    assert views[-1].last_tokens_per_s is None
    speak(answers, 8, 2)
    assert views[-1].last_tokens_per_s is None
    assert answers.figures()[LiveKey.OUR_TOKENS_PER_S].is_estimate  # how big its pieces are is not known


async def test_a_watcher_that_fails_reaches_neither_the_answer_nor_the_others(
    answers: LiveAnswers, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: OurView) -> None:
        raise ValueError("a mistake in a widget")

    views: list[OurView] = []
    answers.watch(fail)
    answers.watch(views.append)
    speak(answers, 7)
    assert views
    assert "a mistake in a widget" in caplog.text


async def test_a_piece_costs_next_to_nothing_while_somebody_watches(answers: LiveAnswers) -> None:
    quiet = LiveAnswers(tell_every_s=60.0)
    quiet.watch(lambda _: None)
    tell = quiet.listener.on_event
    piece = TokenArrived("a")
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(2000):
            tell(1, 7, piece)
        best = min(best, (time.perf_counter() - began) / 2000)
    quiet.close()
    assert best < 20e-6  # seconds; a token's whole way takes some hundred times as long
