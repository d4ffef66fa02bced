"""Connects the benchmark's window to the engine, to what measures, and to the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from arcdesk.app.bench_board import BenchBoard
from arcdesk.app.bench_ends import SHOW, cancelled_note, end_note
from arcdesk.app.bench_itself import BenchItself
from arcdesk.app.bench_look import BenchLook
from arcdesk.app.bench_measure import BenchMeasure
from arcdesk.app.bench_memory import BenchMemory
from arcdesk.app.bench_save import BenchSave
from arcdesk.core.bench import BenchPlan, Dataset
from arcdesk.core.bench_check import BenchForm, Checked, check, form_of
from arcdesk.core.bench_ledger import BenchLedger
from arcdesk.core.bench_ports import BenchOutcome, BenchRunning
from arcdesk.core.bench_presets import PresetId, plan_of, preset_of
from arcdesk.core.bench_shown import BenchShown
from arcdesk.core.bench_size import estimate_s, plan_size
from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem
from arcdesk.core.store import AppState
from arcdesk.ui import theme
from arcdesk.ui.bench_view import BenchState
from arcdesk.ui.bench_window import BenchWindow
from arcdesk.ui.bench_words import context_warning, summary

if TYPE_CHECKING:
    from arcdesk.app.session import Session

DONE, ENDED_EARLY = "bench_done", "bench_ended_early"  # causes of what is told beside the chat


class BenchController:
    """Owns the window. A benchmark goes on while the window is closed; opening it shows it again."""

    def __init__(self, session: Session, runner: BenchRunning, ledger: BenchLedger) -> None:
        self._session = session
        self.window = window = BenchWindow()
        self._board = BenchBoard(window.present)
        self._memory = BenchMemory()
        self._look = BenchLook(session, ledger, self._on_known)
        self._runner = runner
        self._is_keeping = False
        self._measure = BenchMeasure(
            session, runner, self._board, self._on_end, on_idle=lambda: self._itself.look()
        )
        self._itself = BenchItself(runner, self._board, self._measure)
        self._save = BenchSave(
            session, parent=lambda: window, say=self._say, refuse=lambda error: self._refuse(error)
        )
        self._dress()
        self._connect()
        session.bridge.state_changed.connect(self._on_state)
        self._board.change(engine=session.engine.snapshot)
        self._take(form_of(self._memory.last), None)

    def _dress(self) -> None:
        palette = theme.current_palette(self._session.app, self._session.settings.theme)
        if not self._session.app.styleSheet():
            theme.apply(self._session.app, palette)  # no other window was opened yet
        self.window.set_palette_colors(palette)

    def _connect(self) -> None:
        window, session = self.window, self._session
        window.shown.connect(self._on_shown)
        window.hidden.connect(lambda: self._board.see(False))
        window.edited.connect(self._on_edited)
        window.preset_chosen.connect(self._on_preset)
        window.start_requested.connect(self._start)
        window.cancel_requested.connect(self._cancel)
        window.save_requested.connect(self._on_save)
        window.copy_requested.connect(self._on_copy)
        window.compare_requested.connect(self._on_compare)
        window.keep_requested.connect(self.keep)
        window.ledger_requested.connect(lambda: session.open_bench("ledger"))
        window.ab_requested.connect(lambda: session.open_bench("ab"))
        window.action_requested.connect(self._on_action)
        window.problem_dismissed.connect(self._measure.forget_problem)

    # life

    @property
    def is_waiting(self) -> bool:
        """A benchmark was begun here and waits for the engine."""
        return self._measure.is_waiting

    def open(self, *, is_suite: bool = False, plan: BenchPlan | None = None) -> None:
        """Show the window; `is_suite` begins the small suite, `plan` fills the form. Not while one runs."""
        if not self._board.view.state.is_busy:
            if is_suite:
                self._on_preset(PresetId.SUITE)
            elif plan is not None:
                self._take(form_of(plan), None)
        if self.window.isMinimized():
            self.window.showNormal()
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()
        if is_suite:
            self._start()

    def keep(self) -> None:
        """Put the run in view into the ledger that refused it."""
        self._session.tasks.spawn(self._keep(), name="keep a run", is_shown_elsewhere=True)

    def set_palette_colors(self, palette: theme.Palette) -> None:
        """The scheme changed; whoever owns the windows tells each of them."""
        self.window.set_palette_colors(palette)
        self.window.present(self._board.view)

    async def aclose(self) -> None:
        """End what is under way, keep what is done, and take the window down."""
        self._session.bridge.state_changed.disconnect(self._on_state)
        self._board.see(False)
        self._itself.close()
        self.window.hide()
        await self._measure.aclose()
        self.window.close()
        self.window.deleteLater()

    # what comes up

    def _on_shown(self) -> None:
        self._board.see(True)
        for cause in (DONE, ENDED_EARLY):  # it is seen here now
            self._session.notices.withdraw(cause)
        self._session.tasks.spawn(self._settle(), name="find the engine", is_shown_elsewhere=True)

    async def _settle(self) -> None:
        """Which engine 'auto' means is settled when somebody wants to know."""
        await self._session.engine.settle()
        self._session.engine.look()
        self._look.engine(self._session.engine.endpoint)

    def _on_state(self, state: AppState) -> None:
        if state.engine is self._board.view.engine:
            return  # most changes are none of the engine
        self._board.change(engine=state.engine)
        self._measure.engine_changed()
        if self._board.is_seen:
            self._look.engine(self._session.engine.endpoint)

    def _on_known(self) -> None:
        """Context, pace or files: something is known that the form has to say."""
        self._take(self._board.view.form, self._board.view.preset)

    def _on_end(self, outcome: BenchOutcome, shown: BenchShown | None) -> None:
        if outcome.run is not None:
            self._look.measured(outcome.run)
        if outcome.is_cancelled:
            self._say(cancelled_note(outcome, shown))
            return
        title, body = end_note(outcome, shown)
        is_looked_at = QApplication.activeWindow() is not None
        if not is_looked_at:
            self._session.desktop.tell_bench(title, body, SHOW)
        elif not self._board.is_seen:
            cause = DONE if outcome.problem is None else ENDED_EARLY
            self._session.notices.add(Problem(cause=cause, title=title, detail=body, actions=(SHOW,)))

    # the form

    def _on_edited(self, form: BenchForm) -> None:
        self._take(form, self._board.view.preset)

    def _on_preset(self, preset: PresetId) -> None:
        plan = plan_of(preset) or self._memory.own
        self._take(self._board.view.form if plan is None else form_of(plan), preset)

    def _take(self, form: BenchForm, preset: PresetId | None) -> None:
        """Show a form with what comes of it; `preset` stays what it is as long as the plan is its own."""
        read = check(form)
        plan = read.plan
        if plan is not None:
            self._look.files(plan)
            read = Checked(plan=None if self._look.file_refusals else plan, refusals=self._look.file_refusals)
        self._board.change(
            form=form,
            preset=_preset(plan, preset),
            checked=read,
            summary=summary(plan_size(plan), estimate_s(plan, self._look.paces)) if plan is not None else "",
            warning=self._warning(plan),
            prompts_note=self._look.prompts_note,
        )

    def _warning(self, plan: BenchPlan | None) -> str:
        if plan is None or plan.dataset is not Dataset.TEXT:
            return ""
        return context_warning(plan.input_tokens, plan.output_tokens, self._look.context)

    # what the person does

    def _start(self) -> None:
        plan = self._board.view.checked.plan
        if plan is None or self._board.view.state.is_busy:
            return
        self._memory.keep(plan)
        self._measure.start(_with_whole_paths(plan))

    def _cancel(self) -> None:
        if self._board.view.state is BenchState.REPEATING:
            self._itself.cancel()
        else:
            self._measure.cancel()

    def _on_action(self, action: Action) -> None:
        """To start and to try again mean the benchmark here; the rest is the app's."""
        if action.kind in (ActionKind.START, ActionKind.RETRY):
            self._start()
        else:
            self._session.perform(action)

    def _on_save(self, fmt: str) -> None:
        if (shown := self._board.view.shown) is not None:
            self._save.ask(shown.run, fmt)

    def _on_copy(self) -> None:
        if (shown := self._board.view.shown) is not None:
            self._save.copy(shown.run)

    def _on_compare(self) -> None:
        self._session.open_bench(f"ledger:{self._board.view.run_id}")

    async def _keep(self) -> None:
        shown = self._board.view.shown
        if shown is None or self._measure.is_busy or self._is_keeping:
            return
        self._is_keeping = True
        self._say("Keeping…")
        try:
            kept = await self._runner.keep(shown.run)
        except ArcDeskError as error:
            if self._board.view.shown is shown:
                self._say("Still not kept.")
                self._measure.tell(error.problem)
            return
        finally:
            self._is_keeping = False
        self._session.bench.refresh_ledger()
        if self._board.view.shown is shown:
            self._measure.forget_problem()
            self._board.change(run_id=kept.id, shown=replace(shown, run=kept))
            self._say("Kept in the ledger.")

    def _say(self, text: str) -> None:
        self._board.change(said=self.window.tr(text) if text else "")

    def _refuse(self, error: ArcDeskError) -> None:
        self._board.change(problem=error.problem)


def _preset(plan: BenchPlan | None, current: PresetId | None) -> PresetId:
    """The own one stays own until another is chosen; what can't be read (yet) changes nothing."""
    if current is PresetId.OWN or (plan is None and current is not None):
        return current
    return PresetId.OWN if plan is None else preset_of(plan)


def _with_whole_paths(plan: BenchPlan) -> BenchPlan:
    """Files by their whole path: the ledger finds the same plan again by it."""

    def whole(path: str) -> str:
        return str(Path(path).expanduser().absolute()) if path else ""

    return replace(plan, dataset_path=whole(plan.dataset_path), image_path=whole(plan.image_path))
