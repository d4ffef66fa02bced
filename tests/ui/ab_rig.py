"""The comparison's window: in a running app, and filled for pictures with a comparison that really ran."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache

from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from arcdesk.app.ab_controller import AbController
from arcdesk.app.ab_setting_up import Wish, plan_of, view_of
from arcdesk.app.card_parts import CardParts  # noqa: F401 - imported aside while it runs, as the app does
from arcdesk.core.ab_plan import DEFAULT_PROMPTS, AbConfiguration, AbPlan, prompts_of
from arcdesk.core.ab_progress import AbOutcome, AbProgress, AbStage
from arcdesk.core.ab_report import Choice
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot, LoadProgress, LoadStep
from arcdesk.core.settings import Settings
from arcdesk.ui import theme
from arcdesk.ui.ab_window import AbWindow
from tests.fakes.openai_server import (
    DONE,
    LAST_CHUNK,
    STREAM_HEAD,
    OpenAIServer,
    Step,
    chunked,
    delta,
    event,
    usage,
)
from tests.ui.app_rig import App, open_app, until
from tests.unit.services.ab_rig import ab_desk

START_PATIENCE_S = 120.0  # of a loaded machine, for several starts of the embedded engine
ANSWERS_A = (
    "The capital of Australia is Canberra. Sydney and Melbourne could not agree, so a new city was built.",
    "From 9:40 to 12:40 it is three hours, and 25 minutes more to 13:05: it takes 3 hours 25 minutes.",
    "def second(numbers):\n    first = other = None\n    for n in numbers:\n        if first is None or n > "
    "first:\n            first, other = n, first\n    return other",
)
ANSWERS_B = (
    "The capital of Australia is Canberra. It was chosen because Sydney and Melbourne were rivals.",
    "From 9:40 to 13:05 it takes 3 hours and 35 minutes.",
    "def second(numbers):\n    first = other = None\n    for n in numbers:\n        if first is None or n > "
    "first:\n            first, other = n, first\n        elif other is None or n > other:\n            "
    "other = n\n    return other",
)


def answer_steps(text: str, *, first_s: float = 0.0, token_s: float = 0.0) -> tuple[Step, ...]:
    """A streamed answer of a server, a word a token."""
    words = text.split(" ")
    steps: list[Step] = [STREAM_HEAD, chunked(event(delta(role="assistant", content=""))), first_s]
    for place, word in enumerate(words):
        steps += [chunked(event(delta(content=word if place == 0 else f" {word}"))), token_s]
    steps += [chunked(event(delta("stop", content=""))), chunked(event(usage(12, len(words))))]
    return (*steps, chunked(DONE) + LAST_CHUNK)


def give(server: OpenAIServer, *texts: str, first_s: float = 0.0, token_s: float = 0.0) -> None:
    """What the server answers to the questions to come; to the warm-up first."""
    for text in ("Hello.", *texts):
        server.script(*answer_steps(text, first_s=first_s, token_s=token_s))


# in a running app


@dataclass(frozen=True, slots=True, kw_only=True)
class AbApp:
    """A session with the comparison's window open."""

    app: App
    controller: AbController

    @property
    def window(self) -> AbWindow:
        return self.controller.window

    def words(self, widget: QWidget | None = None) -> str:
        labels = (widget or self.window).findChildren(QLabel)
        return "\n".join(label.text() for label in labels if label.isVisible())

    def click(self, label: str) -> None:
        buttons = self.window.findChildren(QPushButton)
        (button,) = (one for one in buttons if one.text() == label and one.isVisible())
        assert button.isEnabled(), label
        button.click()

    async def until_page(self, page: QWidget, what: str) -> None:
        """Engines may have to be started for it."""
        try:
            async with asyncio.timeout(START_PATIENCE_S):
                while self.window.pages.currentWidget() is not page:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"waited for {what}") from None


@asynccontextmanager
async def ab_opened(engine: str) -> AsyncIterator[AbApp]:
    """The program with the window as a person opens it."""
    async with open_app(engine) as app:
        app.session.open_bench("ab")
        await until(lambda: app.session._bench is not None and app.session._bench._ab, "the comparison")
        controller = app.session.bench.ab
        opened = AbApp(app=app, controller=controller)
        await until(lambda: controller._kind is not None and app.is_idle, "what A is")
        yield opened


# for pictures


def ab_setup_window(palette: theme.Palette) -> QWidget:
    """The first page: the container of the documents against another format with twice the context."""
    settings = Settings(engine="container")
    window = _window(palette)
    form = window.setup.form
    form.set_settings(settings, EngineKind.CONTAINER)
    form.low_bit.setCurrentText("fp8")
    form.numbers["max_model_len"].setValue(4096)
    wish = Wish(
        kind=form.kind,
        values=form.values,
        prompts=prompts_of(window.setup.prompts.toPlainText()),
        max_tokens=window.setup.tokens.value(),
        is_blind=False,
    )
    engine = EngineSnapshot(kind=EngineKind.CONTAINER, phase=EnginePhase.READY)
    plan = plan_of(wish, settings, EngineKind.CONTAINER)
    view = view_of(plan, engine, offers=(), problem=None, is_answering=False, start_s=None)
    window.setup.present(view)
    return window


def ab_running_window(palette: theme.Palette) -> QWidget:
    """The second page: A has answered, B starts."""
    told = sample().progress
    window = _window(palette)
    window.running.begin(len(DEFAULT_PROMPTS[:3]), is_blind=False)
    for each in told:
        if each.side == "b" and each.stage is AbStage.STARTING:
            break
        window.running.present(each)
    window.running.feed("a", ANSWERS_A[-1])
    starting = next(each for each in told if each.side == "b" and each.stage is AbStage.STARTING)
    window.running.present(starting)
    progress = LoadProgress(
        step=LoadStep.WEIGHTS,
        done=2,
        total=5,
        line="Loading safetensors checkpoint shards:  40% Completed | 2/5",
        started_at=time.time() - 31,
        finished=((LoadStep.CONTAINER, 1.4), (LoadStep.IMPORT, 14.2)),
    )
    window.running.present_engine(
        EngineSnapshot(kind=EngineKind.CONTAINER, phase=EnginePhase.LOADING, progress=progress)
    )
    window.running._draw()
    window.show_page(window.running)
    return window


def ab_vote_window(palette: theme.Palette) -> QWidget:
    """The blind vote at its first prompt."""
    window = _window(palette)
    window.vote.begin(sample().outcome.test)
    window.show_page(window.vote)
    return window


def ab_window(palette: theme.Palette) -> QWidget:
    """The results of a comparison that ran against two servers of this computer, with three votes."""
    outcome = sample().outcome
    test = outcome.test
    a_left = [Choice.LEFT if test.is_a_left(number) else Choice.RIGHT for number in range(3)]
    votes = ((0, Choice.TIE), (1, a_left[1]), (2, a_left[2]))
    window = _window(palette)
    window.results.present(replace(outcome, test=replace(test, votes=votes)))
    window.show_page(window.results)
    return window


def _window(palette: theme.Palette) -> AbWindow:
    window = AbWindow()
    window.set_palette_colors(palette)
    return window


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A comparison, and how it went."""

    outcome: AbOutcome
    progress: tuple[AbProgress, ...]


@cache
def sample() -> Sample:
    """Measured once against two servers of different speed, by the real client, on a loop of its own."""
    found: list[Sample] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(_measure())))
    thread.start()
    thread.join()
    return found[0]


async def _measure() -> Sample:
    async with OpenAIServer() as a, OpenAIServer() as b:
        give(a, *ANSWERS_A, first_s=0.05, token_s=0.012)
        give(b, *ANSWERS_B, first_s=0.09, token_s=0.021)
        sides = [
            AbConfiguration(name=name, kind=EngineKind.REMOTE, settings=Settings(engine=server.base_url))
            for name, server in (("tinyllama-int4", a), ("tinyllama-fp8", b))
        ]
        plan = AbPlan(a=sides[0], b=sides[1], prompts=DEFAULT_PROMPTS[:3])
        async with ab_desk(sides[0].settings) as desk:
            outcome = await desk.comparison(plan).run()
            return Sample(outcome=outcome, progress=tuple(desk.progress))
