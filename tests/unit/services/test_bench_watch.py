"""The watch over benchmarks, with a real ledger: asks once, and alarms only when figures carry it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from arcdesk.core.bench import BenchPlan, BenchRun, Surroundings
from arcdesk.core.bench_samples import Figure
from arcdesk.core.bench_suite import SUITE
from arcdesk.core.regression import MOST_RUNS, SUITE_REQUESTS, Verdict
from arcdesk.services.bench_watch import BenchWatch
from arcdesk.storage.bench_ledger import BenchDb
from tests.unit.storage import bench_rig as rig

NARROW = "\u202f"
NEW_KERNEL = replace(rig.ABOUT, kernel="6.17")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bench.db"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[BenchDb]:
    async with aclosing(BenchDb(path)) as db:
        yield db


def _suite(rate: float, seed: int, about: Surroundings = rig.ABOUT, *, spread: float = 0.04) -> BenchRun:
    steps = (
        rig.step(concurrency=each, requests=SUITE_REQUESTS, rate=rate / each, spread=spread, seed=seed + each)
        for each in SUITE.concurrencies
    )
    return rig.run(*steps, about=about, plan=SUITE, at=1_000.0 + seed)


async def test_the_first_time_is_offered_once_and_remembered(path: Path) -> None:
    async with aclosing(BenchDb(path)) as db:
        watch = BenchWatch(db)
        offer = await watch.on_ready(rig.ABOUT)
        assert offer is not None
        assert offer.is_first
        assert "TinyLlama" in offer.sentence()
        assert await watch.on_ready(rig.ABOUT) is None
    async with aclosing(BenchDb(path)) as db:  # another start of the program
        assert await BenchWatch(db).on_ready(rig.ABOUT) is None


async def test_something_new_is_offered_with_what_is_new(ledger: BenchDb) -> None:
    await ledger.add(_suite(100, 1))
    offer = await BenchWatch(ledger).on_ready(replace(NEW_KERNEL, settings=(("max_model_len", "4096"),)))
    assert offer is not None
    assert not offer.is_first
    assert offer.sentence() == (
        "Something is new: kernel 6.17, load_in_low_bit default, max_model_len 4096."
        " Measure whether it became slower?"
    )


async def test_what_was_measured_is_not_offered(ledger: BenchDb) -> None:
    await ledger.add(_suite(100, 1))
    assert await BenchWatch(ledger).on_ready(rig.ABOUT) is None


async def test_other_benchmarks_are_no_suite(ledger: BenchDb) -> None:
    await ledger.add(rig.run(plan=BenchPlan()))
    offer = await BenchWatch(ledger).on_ready(rig.ABOUT)
    assert offer is not None
    assert offer.is_first


async def test_a_probe_that_failed_this_time_is_nothing_new(ledger: BenchDb) -> None:
    watch = BenchWatch(ledger)
    assert await watch.on_ready(rig.ABOUT) is not None
    assert await watch.on_ready(replace(rig.ABOUT, kernel="", image_digest="", settings=())) is None


async def test_what_is_known_for_the_first_time_is_offered_by_name(ledger: BenchDb) -> None:
    await ledger.add(_suite(100, 1, replace(rig.ABOUT, kernel="")))
    offer = await BenchWatch(ledger).on_ready(rig.ABOUT)
    assert offer is not None
    assert offer.sentence().startswith("Something is new: kernel 6.16.3.")


async def test_going_back_to_what_was_asked_asks_no_more(ledger: BenchDb) -> None:
    watch = BenchWatch(ledger)
    asked = [await watch.on_ready(each) for each in (rig.ABOUT, NEW_KERNEL, rig.ABOUT, NEW_KERNEL)]
    assert [each is not None for each in asked] == [True, True, False, False]


async def test_without_a_model_nothing_is_offered(ledger: BenchDb) -> None:
    assert await BenchWatch(ledger).on_ready(Surroundings()) is None


async def test_a_ledger_that_cannot_be_used_offers_nothing(path: Path) -> None:
    path.mkdir()
    async with aclosing(BenchDb(path)) as db:
        assert await BenchWatch(db).on_ready(rig.ABOUT) is None


async def test_a_slowdown_is_told_with_its_cause_and_the_way_back(ledger: BenchDb) -> None:
    before = [await ledger.add(_suite(100, seed)) for seed in (1, 5, 9)]
    now = [await ledger.add(_suite(82, seed, NEW_KERNEL)) for seed in (13, 17)]
    result = await BenchWatch(ledger).after_suite(now)
    assert result.is_alert
    assert result.now_ids == tuple(run.id for run in now)
    assert result.sentence.startswith("decode −1")
    assert result.sentence.endswith(f"{NARROW}% since kernel 6.17")
    assert result.before == rig.ABOUT
    assert set(result.before_ids) == {run.id for run in before}
    assert result.findings[0].figure is Figure.DECODE
    assert "n = 80 now in 2 runs, 120 before in 3 runs" in result.details()[0]


async def test_a_first_suite_is_what_later_ones_are_compared_with(ledger: BenchDb) -> None:
    first = await ledger.add(_suite(100, 1))
    result = await BenchWatch(ledger).after_suite([first])
    assert (result.is_alert, result.findings, result.wants_more) == (False, (), True)
    assert result.sentence.startswith("The first suite with TinyLlama")
    again = await BenchWatch(ledger).after_suite([first, await ledger.add(_suite(100, 5))])
    assert not again.wants_more


async def test_one_slow_suite_is_measured_again_before_it_is_told(ledger: BenchDb) -> None:
    for seed in (1, 5):
        await ledger.add(_suite(100, seed))
    slow = await ledger.add(_suite(82, 13, NEW_KERNEL))
    result = await BenchWatch(ledger).after_suite([slow])
    assert (result.is_alert, result.wants_more) == (False, True)
    assert result.sentence.startswith("It looks slower, but 1 run can't tell: decode −1")
    fine = [await ledger.add(_suite(101, seed, NEW_KERNEL)) for seed in (17, 21)]
    settled = await BenchWatch(ledger).after_suite([slow, *fine])
    assert (settled.is_alert, settled.wants_more) == (False, False)


async def test_what_was_measured_since_the_change_counts_as_new(ledger: BenchDb) -> None:
    """The second suite was made days later: both are on the new kernel."""
    for seed in (1, 5):
        await ledger.add(_suite(100, seed))
    await ledger.add(_suite(80, 9, NEW_KERNEL))
    later = await ledger.add(_suite(80, 13, NEW_KERNEL))
    result = await BenchWatch(ledger).after_suite([later])
    assert result.is_alert
    assert len(result.now_ids) == 2


async def test_as_fast_as_before_is_said_only_where_the_interval_is_narrow(ledger: BenchDb) -> None:
    await ledger.add(_suite(100, 1, spread=0.02))
    same = await BenchWatch(ledger).after_suite([await ledger.add(_suite(100, 5, NEW_KERNEL, spread=0.02))])
    assert same.sentence == f"As fast as before, within 7.0{NARROW}%."
    rough = await BenchWatch(ledger).after_suite(
        [await ledger.add(_suite(100, 10, replace(rig.ABOUT, kernel="6.18"), spread=0.25))]
    )
    assert not rough.is_alert
    assert rough.sentence.startswith("No difference that the figures carry")


async def test_a_gain_is_no_alarm(ledger: BenchDb) -> None:
    await ledger.add(_suite(100, 1))
    result = await BenchWatch(ledger).after_suite([await ledger.add(_suite(130, 5, NEW_KERNEL))])
    assert not result.is_alert
    assert result.sentence.startswith("decode +")


async def test_a_slowdown_without_a_change_is_told_as_such(ledger: BenchDb) -> None:
    for seed in (1, 5):
        await ledger.add(_suite(100, seed))
    now = [await ledger.add(_suite(80, seed)) for seed in (9, 13)]
    result = await BenchWatch(ledger).after_suite(now)
    assert result.is_alert
    assert result.sentence.endswith("nothing known changed")


async def test_the_newest_other_configuration_is_compared_with(ledger: BenchDb) -> None:
    """It was slower on 6.16 and is on 6.18 what it was on 6.17: no alarm about 6.18."""
    await ledger.add(_suite(130, 1))
    middle = await ledger.add(_suite(100, 5, NEW_KERNEL))
    result = await BenchWatch(ledger).after_suite(
        [await ledger.add(_suite(100, 9, replace(rig.ABOUT, kernel="6.18")))]
    )
    assert not result.is_alert
    assert result.before_ids == (middle.id,)


async def test_a_clock_that_was_set_back_does_not_turn_before_and_after(ledger: BenchDb) -> None:
    for seed in (1, 5):
        await ledger.add(replace(_suite(100, seed), at=9_000.0))
    now = [await ledger.add(replace(_suite(80, seed, NEW_KERNEL), at=10.0)) for seed in (9, 13)]
    result = await BenchWatch(ledger).after_suite(now)
    assert result.is_alert


async def test_a_suite_stopped_early_is_not_compared(ledger: BenchDb) -> None:
    await ledger.add(_suite(100, 1))
    run = _suite(50, 5)
    torn = replace(run, steps=(replace(run.steps[0], is_cancelled=True),))
    result = await BenchWatch(ledger).after_suite([await ledger.add(torn)])
    assert not result.is_alert
    assert "stopped early" in result.sentence


async def test_without_token_counts_the_gaps_are_compared(ledger: BenchDb) -> None:
    def uncounted(run: BenchRun) -> BenchRun:
        steps = tuple(
            replace(step, records=tuple(replace(one, completion_tokens=None) for one in step.records))
            for step in run.steps
        )
        return replace(run, steps=steps)

    for seed in (1, 5):
        await ledger.add(uncounted(_suite(100, seed)))
    now = [await ledger.add(uncounted(_suite(80, seed, NEW_KERNEL))) for seed in (9, 13)]
    result = await BenchWatch(ledger).after_suite(now)
    assert result.is_alert
    assert result.findings[0].figure is Figure.GAP
    assert result.findings[0].finding.verdict is Verdict.SLOWER


async def test_a_busy_computer_is_named(ledger: BenchDb) -> None:
    await ledger.add(_suite(100, 1))
    result = await BenchWatch(ledger).after_suite(
        [await ledger.add(_suite(80, 5, replace(NEW_KERNEL, host_load=6.0)))]
    )
    assert result.notes == ("The computer was busier in the later run: load 6.0, else 0.2.",)


async def test_noise_alone_raises_at_most_one_alarm_in_a_hundred_suites() -> None:
    """The whole suite, measured again while it wants more: four figures that each could alarm."""
    from arcdesk.core.bench_suite import suite_result

    alarms = 0
    for number in range(100):
        before = [_suite(100, 100 * number + 90, spread=0.08)]
        now: list[BenchRun] = []
        for again in range(MOST_RUNS):
            now.append(_suite(100, 100 * number + 10 * again, NEW_KERNEL, spread=0.08))
            result = suite_result(now, before)
            if not result.wants_more:
                break
        alarms += result.is_alert
    assert alarms <= 1
