"""Connects the window of a comparison to the engine: sets it up, runs it, keeps what the person chose."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from arcdesk.app.ab_files import ask_to_open, read_prompts
from arcdesk.app.ab_meet import meet
from arcdesk.app.ab_meter import meter_for
from arcdesk.app.ab_offers import offers_of
from arcdesk.app.ab_outcomes import AbOutcomes
from arcdesk.app.ab_setting_up import Wish, is_alike, obstacle, plan_of, view_of
from arcdesk.core.ab_plan import AbPlan, prompts_of, refusal, text_of
from arcdesk.core.ab_progress import AbOutcome, AbProgress
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import Action, ActionKind, ArcDeskError
from arcdesk.core.settings import Settings
from arcdesk.core.store import AppState
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.services.ab_problems import question_waits
from arcdesk.services.ab_run import AbRun
from arcdesk.storage.model_disk import ModelDisk
from arcdesk.ui import theme
from arcdesk.ui.ab_view import AbSetupView, ModelOffer
from arcdesk.ui.ab_window import AbWindow

if TYPE_CHECKING:
    from arcdesk.app.session import Session

QUIT_PATIENCE_S = 30.0
AWAKE_TOPIC, AWAKE_WHY = "ab", "ArcDesk compares two configurations"
SHOW = Action(kind=ActionKind.OPEN_BENCH, label="Show the comparison", target="ab")


class AbController:
    """Owns the window, and at most one comparison, which goes on when the window is closed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._disk = ModelDisk(lambda: session.settings, starter=find_starter_model)
        self._window: AbWindow | None = None
        self._kind: EngineKind | None = None  # of the engine in use, once it is known
        self._shown: Settings | None = None  # what the form was begun with
        self._offers: tuple[ModelOffer, ...] = ()
        self._run: AbRun | None = None
        self._running: asyncio.Task[None] | None = None
        self._plan: AbPlan | None = None
        self._outcomes: AbOutcomes | None = None
        self._start_s: float | None = None  # a start's length, from the comparison before
        self._answering: frozenset[int] = frozenset()
        session.bridge.state_changed.connect(self._on_state)
        session.settings_changed.append(self._on_settings)
        for told in (session.bench.runner.began, session.bench.runner.ended):
            told.append(self._present_setup)

    # life

    @property
    def is_running(self) -> bool:
        """A comparison has the engine."""
        return self._run is not None

    @property
    def window(self) -> AbWindow:
        """Made at the first call."""
        if self._window is None:
            self._window = self._make_window()
        return self._window

    def open(self) -> None:
        """Show the window and bring it to the front."""
        window = self.window
        if window.isMinimized():
            window.showNormal()
        window.show()
        window.raise_()
        window.activateWindow()
        if window.pages.currentWidget() is window.setup:
            self._session.tasks.spawn(self._prepare(), name="look at the engine to compare")

    def set_palette_colors(self, palette: theme.Palette) -> None:
        """The scheme changed."""
        if self._window is not None:
            self._window.set_palette_colors(palette)

    async def aclose(self) -> None:
        """End a comparison under way: the engine gets its own settings back, B's container ends."""
        session = self._session
        session.bridge.state_changed.disconnect(self._on_state)
        session.settings_changed.remove(self._on_settings)
        for told in (session.bench.runner.began, session.bench.runner.ended):
            told.remove(self._present_setup)
        if self._run is not None and self._plan is not None and self._running is not None:
            goes_on = self._plan.a.kind is EngineKind.CONTAINER
            self._run.cancel(puts_back=goes_on and not session.settings.stop_engine_on_quit)
            await asyncio.wait({self._running}, timeout=QUIT_PATIENCE_S)
        await self._disk.aclose()
        if self._window is not None:
            self._window.close()
            self._window.deleteLater()
            self._window = None

    def _make_window(self) -> AbWindow:
        session = self._session
        palette = theme.current_palette(session.app, session.settings.theme)
        if not session.app.styleSheet():
            theme.apply(session.app, palette)  # no other window was opened yet
        window = AbWindow()
        window.set_palette_colors(palette)
        window.action_requested.connect(session.perform)
        window.activated.connect(self._present_setup)
        setup = window.setup
        setup.changed.connect(self._present_setup)
        setup.start_requested.connect(self._on_start)
        setup.file_requested.connect(self._choose_model)
        setup.prompts_file_requested.connect(self._choose_prompts)
        window.running.cancel_requested.connect(self._on_cancel)
        self._outcomes = AbOutcomes(session, window)
        window.results.again_requested.connect(self._on_again)
        setup.present(AbSetupView(settings=session.settings))
        return window

    # the first page

    async def _prepare(self) -> None:
        """Find out what A is; then what B could be."""
        session = self._session
        await session.engine.first_look()
        self._begin_form()
        with contextlib.suppress(ArcDeskError):  # then B's model is written by hand
            self._offers = offers_of(await self._disk.entries(), session.settings)
            if self._window is not None:
                self._window.setup.form.set_offers(self._offers)
        self._present_setup()

    def _begin_form(self) -> None:
        """B begins as a copy of A, and anew when A became another."""
        settings, kind = self._session.settings, self._session.engine.snapshot.kind
        if self._window is None or (is_alike(settings, self._shown) and kind is self._kind):
            return
        self._shown, self._kind = settings, kind
        self._window.setup.form.set_settings(settings, kind)
        self._present_setup()

    def _present_setup(self) -> None:
        window, session = self._window, self._session
        if window is None or self._kind is None or self._run is not None:
            return
        engine = session.engine
        view = view_of(
            self._wished_plan(self._kind),
            engine.snapshot,
            offers=self._offers,
            problem=obstacle(
                session.settings,
                engine.settings,
                engine.snapshot,
                is_bench_running=session.bench.is_measuring,
            ),
            is_answering=bool(session.store.state.answering),
            start_s=self._start_s,
        )
        window.setup.present(view)

    def _wished_plan(self, kind: EngineKind) -> AbPlan:
        setup = self.window.setup
        wish = Wish(
            kind=setup.form.kind,
            values=setup.form.values,
            prompts=prompts_of(setup.prompts.toPlainText()),
            max_tokens=setup.tokens.value(),
            is_blind=setup.is_blind.isChecked(),
        )
        return plan_of(wish, self._session.settings, kind)

    def _choose_model(self) -> None:
        ask_to_open(self.window, "GGUF (*.gguf)", self.window.setup.form.show_file)

    def _choose_prompts(self) -> None:
        def load(path: str) -> None:
            self._session.tasks.spawn(self._load(Path(path)), name="load prompts")

        ask_to_open(self.window, "Text (*.txt *.md *.json);;All files (*)", load)

    async def _load(self, path: Path) -> None:
        prompts = await read_prompts(path)
        self.window.setup.prompts.setPlainText(text_of(prompts))

    # running

    def _on_start(self) -> None:
        self._present_setup()
        if self._kind is None or self._run is not None or not self.window.setup.start.isEnabled():
            return
        plan = self._wished_plan(self._kind)
        if refusal(plan):
            return
        session = self._session
        self._plan = plan
        self._answering = session.store.state.answering
        self._run = AbRun(
            plan,
            engine=session.engine,
            backend=session.parts.backend,
            store=session.store,
            meter_of=lambda endpoint: meter_for(session, endpoint),
            meet=lambda side: meet(side, session.parts),
            own_settings=lambda: session.settings,
            on_progress=self._on_progress,
            on_text=lambda side, _, piece: self.window.running.feed(side, piece),
            clock=time.monotonic,
        )
        self.window.running.begin(len(plan.prompts), is_blind=plan.is_blind)
        self.window.show_page(self.window.running)
        self._running = session.tasks.spawn(self._compare(self._run, plan), name="compare two configurations")

    async def _compare(self, run: AbRun, plan: AbPlan) -> None:
        session = self._session
        session.desktop.keep_awake(AWAKE_TOPIC, AWAKE_WHY)
        try:
            with session.engine.lent():
                outcome = await run.run()
        finally:
            self._run = None
            session.desktop.keep_awake(AWAKE_TOPIC, "")
            session.notices.settle(SHOW)
        self._on_over(outcome, plan)

    def _on_progress(self, progress: AbProgress) -> None:
        if self._window is not None:
            self._window.running.present(progress)
            self._window.running.present_engine(self._session.engine.snapshot)

    def _on_cancel(self) -> None:
        if self._run is not None:
            self.window.running.end()
            self._run.cancel()

    def _on_over(self, outcome: AbOutcome, plan: AbPlan) -> None:
        test = outcome.test
        starts = [side.start_s for side in (test.a, test.b) if side.start_s is not None]
        self._start_s = max(starts) if starts else self._start_s
        if self._outcomes is not None:
            self._outcomes.show(outcome, plan)
        if not outcome.is_cancelled:
            title = "The comparison is ready" if outcome.problem is None else "The comparison ended early"
            body = outcome.problem.title if outcome.problem else f"{test.a.name} and {test.b.name}"
            self._session.desktop.tell_bench(title, body, SHOW)

    def _on_state(self, state: AppState) -> None:
        if self._run is None:
            if self._window is not None and self._window.isVisible():
                if state.engine.kind is not self._kind and self._kind is not None:
                    self._begin_form()
                self._present_setup()
            return
        if self._window is not None:
            self._window.running.present_engine(state.engine)
        if state.answering - self._answering:
            self._session.notify(question_waits())
        self._answering = state.answering

    def _on_settings(self, settings: Settings) -> None:
        """Other settings hold: A became another, if it is not compared or shown just now."""
        window = self._window
        if self._run is not None or window is None or not window.isVisible():
            return  # the first page is begun anew when it is turned to
        if window.pages.currentWidget() is window.setup and not is_alike(settings, self._shown):
            self._session.tasks.spawn(self._prepare(), name="look at the engine to compare")

    def _on_again(self) -> None:
        self.window.show_page(self.window.setup)
        self._session.tasks.spawn(self._prepare(), name="look at the engine to compare")
