"""Shows in the benchmark's window what ArcDesk measures by itself, with a way to end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arcdesk.app.bench_ends import BUSY
from arcdesk.ui.bench_view import BenchState

if TYPE_CHECKING:
    from arcdesk.app.bench_board import BenchBoard
    from arcdesk.app.bench_measure import BenchMeasure
    from arcdesk.core.bench_ports import BenchRunning


class BenchItself:
    """The suite that is measured once more runs without the window's doing; it locks the form meanwhile."""

    def __init__(self, runner: BenchRunning, board: BenchBoard, measure: BenchMeasure) -> None:
        self._runner = runner
        self._board = board
        self._measure = measure
        runner.began.append(self.look)
        runner.ended.append(self._on_ended)
        self.look()

    def look(self) -> None:
        """One began or ended, the window's own or another."""
        if self._measure.is_busy:
            return  # the window's own says what it does
        if self._runner.is_running:
            self._board.change(state=BenchState.REPEATING, progress=None)
        elif self._board.view.state.is_busy:
            self._board.change(state=BenchState.IDLE)

    def cancel(self) -> None:
        """End it; what is done is kept."""
        self._board.change(state=BenchState.ENDING)
        self._runner.cancel()

    def close(self) -> None:
        """Listen no more."""
        self._runner.began.remove(self.look)
        self._runner.ended.remove(self._on_ended)

    def _on_ended(self) -> None:
        self.look()
        if not self._measure.is_busy:
            self._measure.forget_problem(BUSY)  # who asked to measure meanwhile may now
