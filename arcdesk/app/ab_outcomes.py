"""What comes after a comparison: the blind vote, the report, and the side that is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from arcdesk.app.ab_files import ask_to_save, write_report
from arcdesk.core.ab_markdown import ab_markdown
from arcdesk.core.ab_plan import AbConfiguration, AbPlan
from arcdesk.core.ab_progress import AbOutcome
from arcdesk.core.ab_report import Choice
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.settings import Settings
from arcdesk.ui.ab_window import AbWindow

if TYPE_CHECKING:
    from arcdesk.app.session import Session


class AbOutcomes:
    """Serves the window's pages of vote and results, for one outcome at a time."""

    def __init__(self, session: Session, window: AbWindow) -> None:
        self._session = session
        self._window = window
        self._plan: AbPlan | None = None
        self._votes: tuple[tuple[int, Choice], ...] = ()  # of the vote under way
        self.outcome: AbOutcome | None = None
        results = window.results
        window.vote.voted.connect(self._on_vote)
        window.vote.ended.connect(self._show_results)
        results.vote_requested.connect(self._vote)
        results.save_requested.connect(self._save)
        results.copy_requested.connect(self._copy)
        results.keep_requested.connect(self._on_keep)

    def show(self, outcome: AbOutcome, plan: AbPlan) -> None:
        """The vote first where the person wanted it and there is something to vote on."""
        self.outcome, self._plan = outcome, plan
        can_vote = any(outcome.test.can_vote(number) for number in range(len(plan.prompts)))
        if plan.is_blind and can_vote:
            self._vote()
        else:
            self._show_results()

    def _show_results(self) -> None:
        if self.outcome is not None:
            self._window.results.present(self.outcome)
            self._window.results.say("")
            self._window.show_page(self._window.results)

    # the vote

    def _vote(self) -> None:
        if self.outcome is None:
            return
        self._votes = ()  # those before hold until there is a new one
        self._window.vote.begin(self.outcome.test)
        self._window.show_page(self._window.vote)

    def _on_vote(self, number: int, choice: Choice) -> None:
        if self.outcome is not None:
            self._votes = (*self._votes, (number, choice))
            self.outcome = replace(self.outcome, test=replace(self.outcome.test, votes=self._votes))

    # the report

    def _copy(self) -> None:
        if self.outcome is not None:
            QGuiApplication.clipboard().setText(ab_markdown(self.outcome.test))
            self._window.results.say(self._window.tr("The report is on the clipboard."))

    def _save(self) -> None:
        outcome = self.outcome
        if outcome is None:
            return

        def save(path: str) -> None:
            text = ab_markdown(outcome.test)
            self._session.tasks.spawn(self._write(Path(path), text), name="save the report of a comparison")

        ask_to_save(self._window, save)

    async def _write(self, path: Path, text: str) -> None:
        await write_report(path, text)
        self._window.results.say(self._window.tr("Saved as {0}.").format(path))

    # what is kept

    def _on_keep(self, name: str) -> None:
        if self._plan is not None:
            side = self._plan.a if name == "a" else self._plan.b
            self._session.tasks.spawn(self._keep(name.upper(), side), name="keep a configuration")

    async def _keep(self, letter: str, side: AbConfiguration) -> None:
        session, results, tr = self._session, self._window.results, self._window.tr
        wanted = _with_side(session.settings, side)
        if wanted == session.settings:
            results.say(tr("{0} stays: the settings are as they were.").format(letter))
            return
        results.allow_keep(False)
        results.say(tr("{0} is taken into use…").format(letter))
        try:
            engine = session.engine
            if engine.snapshot.kind is EngineKind.CONTAINER and engine.snapshot.phase.can_stop:
                await engine.stop()
            await session.apply(wanted, start=True)
            results.say(tr("{0} is kept: the settings have it now.").format(letter))
        except ArcDeskError as error:
            results.say(error.problem.sentence())
        finally:
            results.allow_keep(True)


def _with_side(settings: Settings, side: AbConfiguration) -> Settings:
    """`settings` with what makes this side; all else stays as it is now."""
    chosen = replace(settings, engine=side.settings.engine)
    match side.kind:
        case EngineKind.CONTAINER:
            return replace(chosen, container=side.settings.container)
        case EngineKind.EMBEDDED:
            return replace(chosen, gguf_path=side.settings.gguf_path)
        case EngineKind.REMOTE:
            return chosen
