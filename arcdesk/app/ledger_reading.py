"""What the ledger's window reads: a page of the list, a run with its history, two side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_compare import compare
from arcdesk.core.bench_ledger import BenchLedger, HistoryPoint, RunRow
from arcdesk.core.bench_shown import BenchShown, shown_of
from arcdesk.services.threads import in_thread
from arcdesk.ui.ledger_view import LedgerView, Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """The first page of the list, and what is told of the whole."""

    rows: Sequence[RunRow]
    count: int
    models: tuple[str, ...]


async def read_beginning(ledger: BenchLedger, *, limit: int, model: str, text: str) -> Beginning:
    """Raises ArcDeskError, as all of these."""
    return Beginning(
        rows=await ledger.rows(limit=limit, model=model, text=text),
        count=await ledger.count(model=model, text=text),
        models=tuple(await ledger.models()),
    )


async def read_run(ledger: BenchLedger, run_id: int) -> tuple[BenchShown, tuple[HistoryPoint, ...]]:
    """A run as it is shown, and the history of its plan and model."""
    run = await ledger.get(run_id)
    shown = await in_thread("arcdesk-bench-shown", partial(shown_of, run))
    return shown, tuple(await ledger.history(run.plan, run.surroundings.model))


async def read_pair(ledger: BenchLedger, before_id: int, after_id: int) -> Pair:
    """Two runs, compared off the loop's thread."""
    before, after = await ledger.get(before_id), await ledger.get(after_id)
    found = await in_thread("arcdesk-bench-compare", partial(compare, before, after))
    return Pair(before=before, after=after, comparison=found)


async def gone_of(ledger: BenchLedger, runs: Iterable[BenchRun], rows: Sequence[RunRow]) -> list[int]:
    """Those of the runs that were deleted meanwhile; a run may be listed without being among `rows`."""
    listed = {row.id for row in rows}
    return [run.id for run in runs if run.id not in listed and not await _is_listed(ledger, run)]


def runs_of(view: LedgerView) -> tuple[BenchRun, ...]:
    """Those on show."""
    if view.pair is not None:
        return (view.pair.before, view.pair.after)
    return (view.shown.run,) if view.shown is not None else ()


async def _is_listed(ledger: BenchLedger, run: BenchRun) -> bool:
    # `get` finds a deleted run too, so the list is asked, for the one that follows the place above it.
    found = await ledger.rows(limit=1, after=_place_above(run))
    return bool(found) and found[0].id == run.id


def _place_above(run: BenchRun) -> RunRow:
    """Only time and number count; the rest is what a row must have."""
    return RunRow(
        id=run.id + 1,
        at=run.at,
        model="",
        engine="",
        image_digest="",
        driver="",
        kernel="",
        cards=(),
        concurrencies=(),
        requests=0,
        failed=0,
        is_cancelled=False,
        ttft_ms=None,
        decode_tokens_per_s=None,
        output_tokens_per_s=None,
    )
