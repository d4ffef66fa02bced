"""The benchmark of a session: what measures, what keeps, and the windows over both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arcdesk.app.bench_offers import BenchOffers
from arcdesk.app.bench_runner import make_runner
from arcdesk.storage.bench_ledger import BenchDb
from arcdesk.ui import theme

if TYPE_CHECKING:
    from arcdesk.app.ab_controller import AbController
    from arcdesk.app.bench_controller import BenchController
    from arcdesk.app.ledger_controller import LedgerController
    from arcdesk.app.session import Session


class BenchParts:
    """Made when somebody wants to measure, or a container engine has become ready."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.ledger = BenchDb()
        self.runner = make_runner(session, self.ledger)
        self.offers = BenchOffers(session, self.runner, self.ledger)
        self.runner.finished.append(lambda _: self.refresh_ledger())
        self._bench: BenchController | None = None
        self._ledger_window: LedgerController | None = None
        self._ab: AbController | None = None
        session.settings_changed.append(self._dress)
        session.app.styleHints().colorSchemeChanged.connect(self._dress)

    @property
    def is_measuring(self) -> bool:
        """A benchmark is under way, or measures as soon as the engine is ready: nothing else may begin."""
        return self.runner.is_running or (self._bench is not None and self._bench.is_waiting)

    def open(self, target: str = "") -> None:
        """Show the benchmark; see `Session.open_bench`."""
        kind, _, rest = target.partition(":")
        match kind:
            case "ledger":
                self.ledger_window.open(rest)
            case "ab":
                self.ab.open()
            case "suite":
                self.bench.open(is_suite=True)
            case _:
                self.bench.open()

    async def restore_run(self, run_id: int) -> None:
        """Undo a delete."""
        await self.ledger.restore(run_id)
        self.refresh_ledger(run_id)

    def refresh_ledger(self, run_id: int = 0) -> None:
        """Its window reads anew, if there is one; `run_id` is chosen then."""
        if self._ledger_window is not None:
            self._ledger_window.refresh(run_id)

    @property
    def bench(self) -> BenchController:
        """The window of the benchmark, made at the first call."""
        if self._bench is None:
            from arcdesk.app.bench_controller import BenchController

            self._bench = BenchController(self._session, self.runner, self.ledger)
            self._dress(None)
        return self._bench

    @property
    def ledger_window(self) -> LedgerController:
        """The window of the ledger, made at the first call."""
        if self._ledger_window is None:
            from arcdesk.app.ledger_controller import LedgerController

            self._ledger_window = LedgerController(self._session, self.ledger)
            self._dress(None)
        return self._ledger_window

    @property
    def ab(self) -> AbController:
        """The window that compares two configurations, made at the first call."""
        if self._ab is None:
            from arcdesk.app.ab_controller import AbController

            self._ab = AbController(self._session)
            self._dress(None)
        return self._ab

    async def aclose(self) -> None:
        """Before engine and chat are closed: a benchmark under way is ended, what it has is kept."""
        self._session.settings_changed.remove(self._dress)
        self._session.app.styleHints().colorSchemeChanged.disconnect(self._dress)
        for each in (self._bench, self._ab, self._ledger_window):
            if each is not None:
                await each.aclose()
        await self.offers.aclose()
        await self.runner.aclose()  # what is under way is cancelled and kept
        await self.ledger.aclose()

    def _dress(self, _: object) -> None:
        palette = theme.current_palette(self._session.app, self._session.settings.theme)
        if self._session.window_or_none is None:
            theme.apply(self._session.app, palette)  # else the chat window does
        for each in (self._bench, self._ledger_window, self._ab):
            if each is not None:
                each.set_palette_colors(palette)
