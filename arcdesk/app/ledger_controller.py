"""Connects the ledger's window to the ledger: pages, details, history, comparison, notes and deletes."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from arcdesk.app.bench_save import BenchSave
from arcdesk.app.ledger_export import ask_where, export
from arcdesk.app.ledger_reading import Beginning, gone_of, read_beginning, read_pair, read_run, runs_of
from arcdesk.app.ledger_undo import LedgerUndo
from arcdesk.core.bench_ledger import BenchLedger
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.ui import theme
from arcdesk.ui.ledger_foot import EXPORT
from arcdesk.ui.ledger_view import LedgerView
from arcdesk.ui.ledger_window import LedgerWindow
from arcdesk.ui.ledger_words import gone_words

if TYPE_CHECKING:
    from arcdesk.app.session import Session

PAGE = 200


class LedgerController:
    """Owns the window. Reads only while it is open; each reading drops those that were begun before."""

    def __init__(self, session: Session, ledger: BenchLedger) -> None:
        self._session = session
        self._ledger = ledger
        self.window = window = LedgerWindow()
        self._view = LedgerView()
        self._words, self._model = "", ""
        self._chosen: list[int] = []  # the list may not have been read as far as these
        self._list_turn = self._run_turn = 0  # of the newest reading
        self._undo = LedgerUndo(session, settled=lambda: self._change(notice=None))
        self._told_damage: Problem | None = None
        self._save = BenchSave(session, parent=lambda: window, say=self._say, refuse=self._refuse)
        self._dress()
        self._connect()

    def _dress(self) -> None:
        palette = theme.current_palette(self._session.app, self._session.settings.theme)
        if not self._session.app.styleSheet():
            theme.apply(self._session.app, palette)  # no other window was opened yet
        self.window.set_palette_colors(palette)

    def _connect(self) -> None:
        window, foot = self.window, self.window.foot
        window.chosen.connect(self._on_chosen)
        window.narrowed.connect(self._on_narrowed)
        window.page_wanted.connect(lambda: self._spawn(self._read_more(), "read more runs"))
        window.refresh_requested.connect(self.refresh)
        window.note_given.connect(lambda run_id, text: self._spawn(self._note(run_id, text), "keep a note"))
        window.picking_ended.connect(lambda: self._change(picking_for=0))
        window.bench_requested.connect(lambda: self._session.open_bench())
        window.notice_button_pressed.connect(lambda _: self._undo.press())
        window.action_requested.connect(self._session.perform)
        window.problem_dismissed.connect(lambda: self._change(problem=None))
        foot.save_requested.connect(self._on_save)
        foot.copy_requested.connect(self._on_copy)
        foot.again_requested.connect(self._on_again)
        foot.compare_requested.connect(lambda: self._change(picking_for=self._view.run_id))
        foot.delete_requested.connect(lambda: self._spawn(self._delete(), "delete a run"))

    # life

    def open(self, rest: str = "") -> None:
        """Show the window: '' the list, '7' that run, '7,9' both compared."""
        window = self.window
        if window.isMinimized():
            window.showNormal()
        window.show()
        window.raise_()
        window.activateWindow()
        ids = [int(each) for each in rest.split(",") if each.strip().isdecimal()]
        if ids and (self._words or self._model):
            window.list.search.clear()
            window.list.model.setCurrentIndex(0)
            self._words = self._model = ""
        self._spawn(self._read(ids[:2], is_opened=True), "read the benchmarks")

    def refresh(self, run_id: int = 0) -> None:
        """Read it again: something was measured, restored (then `run_id` is chosen) or changed elsewhere."""
        if self.window.isVisible():
            self._spawn(self._read([run_id] if run_id else []), "read the benchmarks")

    def set_palette_colors(self, palette: theme.Palette) -> None:
        """The scheme changed."""
        self.window.set_palette_colors(palette)

    async def aclose(self) -> None:
        """Take the window down."""
        self._undo.close()
        self._list_turn += 1
        self._run_turn += 1
        self.window.close()
        self.window.deleteLater()

    # the list

    async def _read(
        self, ids: Sequence[int] = (), *, is_opened: bool = False, is_narrowing: bool = False
    ) -> None:
        """Begin the list anew and show `ids`, or else what was on show.

        A window that was just opened shows the newest run where there is neither; a narrower list lets go
        of what is not in it.
        """
        self._list_turn += 1
        turn, model = self._list_turn, self._model
        try:
            begun = await read_beginning(self._ledger, limit=PAGE, model=model, text=self._words)
            gone = await gone_of(self._ledger, runs_of(self._view), begun.rows)
        except ArcDeskError as error:
            if turn == self._list_turn:
                self.window.list.rows.begin((), is_whole=True)
                self._change(problem=error.problem, count=0)
            return
        if turn != self._list_turn:
            return
        if model and model not in begun.models:  # its last run was deleted
            self._model = ""
            await self._read(ids, is_opened=is_opened, is_narrowing=is_narrowing)
            return
        self._begin(begun)
        lost = [each for each in self._chosen if each in gone]
        if ids or self._view.picking_for in lost:
            self._change(picking_for=0)
        newest = [begun.rows[0].id] if is_opened and begun.rows else []
        self._choose(list(ids) or self._kept(gone, is_narrowing=is_narrowing) or newest)
        if lost and not ids:
            self._say(gone_words(lost))

    def _begin(self, begun: Beginning) -> None:
        self.window.list.rows.begin(begun.rows, is_whole=len(begun.rows) < PAGE)
        is_narrowed = bool(self._words or self._model)
        self._change(count=begun.count, models=begun.models, is_narrowed=is_narrowed, problem=self._damage())

    def _kept(self, gone: Sequence[int], *, is_narrowing: bool) -> list[int]:
        place_of = self.window.list.rows.place_of
        kept = [each for each in self._chosen if each not in gone]
        return [each for each in kept if place_of(each) is not None] if is_narrowing else kept

    async def _read_more(self) -> None:
        turn, known = self._list_turn, self.window.list.rows.rows
        after = known[-1] if known else None
        rows = await self._ledger.rows(limit=PAGE, after=after, model=self._model, text=self._words)
        if turn == self._list_turn:
            self.window.list.rows.append(rows, is_whole=len(rows) < PAGE)

    def _on_narrowed(self, words: str, model: str) -> None:
        if (words, model) != (self._words, self._model):
            self._words, self._model = words, model
            self._spawn(self._read(is_narrowing=bool(words or model)), "read the benchmarks")

    def _damage(self) -> Problem | None:
        """A damaged file was set aside: told as long as it is not dismissed."""
        problems: tuple[Problem, ...] = getattr(self._ledger, "problems", ())
        fresh = problems[-1] if problems else None
        if fresh is not None and fresh is not self._told_damage:
            self._told_damage = fresh
            return fresh
        return self._view.problem if self._view.problem is self._told_damage else None

    # one run, or two

    def _on_chosen(self, ids: list[int]) -> None:
        picking_for = self._view.picking_for
        if picking_for and len(ids) == 1 and ids[0] != picking_for:
            self._choose([picking_for, ids[0]])
        else:
            self._present_chosen(ids)

    def _choose(self, ids: list[int]) -> None:
        self.window.list.choose(tuple(ids))
        self._present_chosen(ids)

    def _present_chosen(self, ids: list[int]) -> None:
        self._run_turn += 1
        self._chosen = ids
        if len(ids) == 2:
            self._show_pair(min(ids), max(ids))
        elif len(ids) == 1:
            self._show(ids[0])
        else:
            self._change(run_id=0, shown=None, pair=None, history=())

    def _show(self, run_id: int) -> None:
        is_known = self._view.shown is not None and self._view.shown.run.id == run_id
        self._change(run_id=run_id, pair=None, said="", shown=self._view.shown if is_known else None)
        place = self.window.list.rows.place_of(run_id)
        if place is not None and self.window.list.chosen_ids != [run_id]:
            self.window.list.choose((run_id,))  # it was clicked in the history
        if not is_known:
            self._spawn(self._read_run(run_id, self._run_turn), "read a run")

    def _show_pair(self, before_id: int, after_id: int) -> None:
        self._change(picking_for=0)
        pair, shown = self._view.pair, self._view.shown
        is_pair = pair is not None and (pair.before.id, pair.after.id) == (before_id, after_id)
        if not is_pair or shown is None or shown.run.id != after_id:
            self._spawn(self._compare(before_id, after_id, self._run_turn), "compare two runs")

    async def _read_run(self, run_id: int, turn: int) -> None:
        try:
            shown, history = await read_run(self._ledger, run_id)
        except ArcDeskError as error:
            if turn == self._run_turn:
                self._chosen = self.window.list.chosen_ids
                self._change(problem=error.problem, run_id=0, history=())
            return
        if turn == self._run_turn:
            self._change(shown=shown, history=history)

    async def _compare(self, before_id: int, after_id: int, turn: int) -> None:
        try:
            pair = await read_pair(self._ledger, before_id, after_id)
        except ArcDeskError as error:
            if turn == self._run_turn:
                self._chosen = self.window.list.chosen_ids
            self._refuse(error)
            return
        if turn == self._run_turn:
            self._change(pair=pair, run_id=after_id, said="", picking_for=0)
            if self._view.shown is None or self._view.shown.run.id != after_id:
                self._change(shown=None)
                await self._read_run(after_id, turn)

    # what the person does

    async def _note(self, run_id: int, text: str) -> None:
        await self._ledger.note(run_id, text)
        shown = self._view.shown
        if shown is not None and shown.run.id == run_id:
            self._change(shown=replace(shown, run=replace(shown.run, note=text)))
        self.window.list.rows.note(run_id, text)

    async def _delete(self) -> None:
        run_id = self._view.run_id
        await self._ledger.delete(run_id)
        notice = self._undo.offer(run_id)
        self._chosen = [each for each in self._chosen if each != run_id]
        self._change(run_id=0, shown=None, picking_for=0, notice=notice)
        await self._read()

    def _on_save(self, fmt: str) -> None:
        shown = self._view.shown
        if shown is None:
            return
        run_id = shown.run.id  # another run may be on show when the file was chosen
        if fmt == EXPORT:
            ask_where(self.window, run_id, lambda path: self._spawn(self._export(run_id, path), "save a run"))
        else:
            self._save.ask(shown.run, fmt)

    async def _export(self, run_id: int, path: str) -> None:
        await export(self._ledger, run_id, path)
        self._say(f"Saved as {path}.")

    def _on_copy(self) -> None:
        if self._view.shown is not None:
            self._save.copy(self._view.shown.run)

    def _on_again(self) -> None:
        if self._view.shown is not None:
            self._session.bench.bench.open(plan=self._view.shown.run.plan)

    # showing

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        async def told() -> None:
            try:
                await work
            except ArcDeskError as error:
                self._refuse(error)

        self._session.tasks.spawn(told(), name=name)

    def _say(self, text: str) -> None:
        self._change(said=text)

    def _refuse(self, error: ArcDeskError) -> None:
        self._change(problem=error.problem)

    def _change(self, **changes: Any) -> None:
        self._view = replace(self._view, **changes)
        self.window.present(self._view)
