"""Choosing a model: the settings that it needs, the restart, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from arcdesk.app.model_apply import ModelApply
from arcdesk.app.model_choice import Change, Choice, changes_between, choose, switch_to, taken_back
from arcdesk.app.models_board import Board
from arcdesk.app.models_look import can_fit
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import Action, ActionKind, ArcDeskError
from arcdesk.core.fit import Fit, Verdict
from arcdesk.core.model_names import short_name
from arcdesk.core.models import ModelEntry
from arcdesk.core.settings import LOW_BIT_FORMATS, Settings
from arcdesk.core.store import AppState
from arcdesk.services.model_ports import FitTeller
from arcdesk.ui.models_view import Notice, key_of

if TYPE_CHECKING:
    from arcdesk.app.session import Session

_KINDS = {ActionKind.USE_EMBEDDED: EngineKind.EMBEDDED, ActionKind.USE_CONTAINER: EngineKind.CONTAINER}
MOST_CHANGES = 5  # named in the bar


class ModelUse:
    """Takes models into use for the window `parent`."""

    def __init__(self, session: Session, board: Board, fit: FitTeller, parent: Callable[[], QWidget]) -> None:
        self._session = session
        self._board = board
        self._fit = fit
        self._parent = parent
        self._apply = ModelApply(session, [session.tell_settings])
        self._undo: tuple[Settings, Settings] | None = None  # before, after

    def on_state(self, state: AppState) -> None:
        """The engine changed: it may take now what it could not."""
        self._apply.on_engine(state.engine)

    def use(self, entry: ModelEntry, action: Action | None = None) -> None:
        """Choose it; `action` of a refusal says that another kind of engine is meant."""
        kind = _KINDS.get(action.kind) if action is not None else None
        self._session.tasks.spawn(self._use(entry, kind), name="choose a model")

    async def _use(self, entry: ModelEntry, other_kind: EngineKind | None) -> None:
        self._board.refuse_for(entry, None)
        before = self._session.settings
        settings = switch_to(before, other_kind) if other_kind is not None else before
        try:
            kind = other_kind or await self._session.engine.resolve()
            fit, low_bit = await self._fit_of(entry) if kind is EngineKind.CONTAINER else (None, "")
            choice = choose(entry, settings, kind, fit, low_bit=low_bit)
        except ArcDeskError as error:
            self._board.refuse_for(entry, error.problem)
            return
        if choice.warnings:
            self._confirm(entry, before, choice)
        else:
            await self._take(entry, before, choice)

    def _picked_format(self, entry: ModelEntry) -> str:
        detail = self._board.view.detail
        is_shown = detail is not None and key_of(detail.subject) == key_of(entry)
        return detail.low_bit if detail is not None and is_shown else ""

    async def _fit_of(self, entry: ModelEntry) -> tuple[Fit | None, str]:
        """As it would run, with the format ('' is that of the settings): another, if only that one fits."""
        if not can_fit(entry):
            return None, ""
        picked = self._picked_format(entry)
        try:
            fit = await self._fit.of_entry(entry, low_bit=picked)
            other = fit.best_low_bit
            if picked or fit.verdict is not Verdict.DOES_NOT or other not in LOW_BIT_FORMATS:
                return fit, picked
            return await self._fit.of_entry(entry, low_bit=other), other
        except ArcDeskError:  # the detail says why it is not known
            return None, picked

    def _confirm(self, entry: ModelEntry, before: Settings, choice: Choice) -> None:
        parent = self._parent()
        box = QMessageBox(parent)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle(parent.tr("Use this model?"))
        box.setText(parent.tr("Use {0}?").format(short_name(entry.id)))
        box.setInformativeText("\n\n".join(choice.warnings))
        use = box.addButton(parent.tr("Use it"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)

        def decided() -> None:
            if box.clickedButton() is use:
                self._session.tasks.spawn(self._take(entry, before, choice), name="choose a model")

        box.finished.connect(decided)
        box.open()

    async def _take(self, entry: ModelEntry, before: Settings, choice: Choice) -> None:
        name = short_name(entry.id)
        running = self._session.engine.snapshot.model
        try:
            needs_restart = await self._apply.take(choice.settings)
        except ArcDeskError as error:
            self._board.refuse_for(entry, error.problem)
            return
        if choice.settings == before:
            self._board.tell(f"{name} is the chosen model already.", "", *self._start_button())
            return
        self._undo = (before, choice.settings)
        told = changes_text(changes_between(before, choice.settings))
        if needs_restart:
            still = f" The engine still runs {running}." if running else ""
            buttons = (("restart", "Restart now"), ("close", "Later"), ("undo", "Undo"))
            notice = Notice(text=f"{name} is chosen.{still}", detail=told, buttons=buttons)
            self._board.change(notice=notice)
        else:
            self._board.tell(f"{name} is chosen.", told, *self._start_button(), ("undo", "Undo"))

    def _start_button(self) -> tuple[tuple[str, str], ...]:
        return (("start", "Start"),) if self._session.engine.snapshot.phase.can_start else ()

    def restart(self) -> None:
        """Stop the engine and start it with what was chosen."""
        self._board.change(notice=None)
        self._session.tasks.spawn(
            self._apply.restart(), name="restart with another model", is_shown_elsewhere=True
        )

    def start(self) -> None:
        """Start the engine with what was chosen."""
        self._board.change(notice=None)
        self._session.start_engine()

    def undo(self) -> bool:
        """Take the last choice back; False if there is none."""
        if self._undo is None:
            return False
        (before, after), self._undo = self._undo, None
        self._session.tasks.spawn(self._take_back(before, after), name="take a choice back")
        return True

    async def _take_back(self, before: Settings, after: Settings) -> None:
        try:
            needs_restart = await self._apply.take(taken_back(self._session.settings, before, after))
        except ArcDeskError as error:
            self._board.refuse(error)
            return
        restart = (("restart", "Restart now"),) if needs_restart else ()
        self._board.tell("The choice was taken back.", "", *restart)

    def forget(self) -> None:
        """Something else can be undone now."""
        self._undo = None


def changes_text(changes: tuple[Change, ...]) -> str:
    """'Context length: 2048 tokens → 8192 tokens · …', the model itself left out."""
    named = [change for change in changes if change.id not in ("container.model_path", "engine.gguf_path")]
    said = [f"{change.title}: {change.before} → {change.after}" for change in named[:MOST_CHANGES]]
    return " · ".join(said)
