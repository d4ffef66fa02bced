"""Two runs side by side: figures with intervals, and what else differs, in words."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import median

import pytest

from arcdesk.core.bench import Api, BenchPlan, BenchRun
from arcdesk.core.bench_compare import OF_REQUESTS, Line, Trend, compare, headline, percent
from arcdesk.core.bench_differences import covers, differences, is_same, load_note
from arcdesk.core.bench_samples import Figure, samples
from arcdesk.core.bootstrap import median_ratio
from tests.unit.storage import bench_rig as rig

NARROW = "\u202f"
NEW_KERNEL = replace(rig.ABOUT, kernel="6.17")


def _line(before: BenchRun, after: BenchRun, name: str, concurrency: int = 1) -> Line:
    (found,) = (
        line for line in compare(before, after).lines if (line.name, line.concurrency) == (name, concurrency)
    )
    return found


def test_a_loss_is_told_with_its_interval_and_its_n() -> None:
    before = rig.run(rig.step(rate=100, spread=0.03, seed=1))
    after = rig.run(rig.step(rate=82, spread=0.03, seed=2, requests=30), about=NEW_KERNEL)
    line = _line(before, after, "decode")
    assert line.ratio is not None
    assert line.ratio.low is not None
    assert line.ratio.high is not None
    assert line.ratio.low < line.ratio.value < line.ratio.high
    assert line.change == pytest.approx(-0.18, abs=0.03)
    assert (line.trend, line.n_before, line.n_after) == (Trend.WORSE, 40, 30)
    assert line.change is not None
    found = compare(before, after)
    assert headline("decode", -0.18, found.differences) == f"decode −18{NARROW}% since kernel 6.17"
    assert found.sentences() == ("kernel: 6.16.3 → 6.17.", OF_REQUESTS)


def test_a_longer_time_is_worse_and_a_shorter_one_better() -> None:
    slow, fast = rig.run(rig.step(rate=80, spread=0.02)), rig.run(rig.step(rate=100, spread=0.02, seed=3))
    assert _line(slow, fast, "inter-token latency").trend is Trend.BETTER
    assert _line(fast, slow, "end to end").trend is Trend.WORSE


def test_noise_is_left_open() -> None:
    one, other = rig.run(rig.step(spread=0.1, seed=4)), rig.run(rig.step(spread=0.1, seed=5))
    assert _line(one, other, "decode").trend is Trend.OPEN


def test_a_verdict_of_two_runs_says_what_its_interval_does_not_cover() -> None:
    """One run each: what whole runs differ by is in no interval, and the alarm asks for more of them."""
    one, other = rig.run(rig.step(spread=0.01, seed=4)), rig.run(rig.step(rate=98, spread=0.01, seed=5))
    assert OF_REQUESTS in compare(one, other).notes
    assert OF_REQUESTS not in compare(one, one).notes


def test_a_rate_of_the_whole_step_has_no_interval() -> None:
    line = _line(rig.run(rig.step()), rig.run(replace(rig.step(), duration_s=10.0)), "output")
    assert line.ratio is not None
    assert (line.ratio.value, line.ratio.low, line.trend) == (2.0, None, Trend.OPEN)


def test_unknown_stays_unknown() -> None:
    uncounted = replace(rig.step(), records=(replace(rig.record(), completion_tokens=None),))
    line = _line(rig.run(rig.step()), rig.run(uncounted), "decode")
    assert (line.after, line.n_after, line.ratio, line.change) == (None, 0, None, None)


def test_failed_requests_are_told_and_count_in_no_figure() -> None:
    torn = replace(rig.step(), records=(*rig.step().records, rig.record(50.0, token_s=1.0, error="cut")))
    found = compare(rig.run(rig.step()), rig.run(torn))
    assert "In the later run 1 request failed." in found.notes
    assert _line(rig.run(rig.step()), rig.run(torn), "decode").n_after == 40


def test_only_concurrencies_of_both_are_compared_and_the_others_named() -> None:
    one = rig.run(rig.step(), rig.step(concurrency=2), rig.step(concurrency=8))
    other = rig.run(rig.step(), replace(rig.step(concurrency=4), is_cancelled=True))
    found = compare(one, other)
    assert {line.concurrency for line in found.lines} == {1}
    assert found.notes == (
        "Concurrency 2 and 8 is in the earlier run only.",
        "Concurrency 4 is in the later run only.",
        "The later run was stopped early.",
    )


def test_a_concurrency_that_was_measured_twice_is_compared_in_order() -> None:
    run = rig.run()
    twice = replace(run, steps=(run.steps[0], replace(run.steps[0], duration_s=run.steps[0].duration_s * 2)))
    assert {line.change for line in compare(twice, twice).lines if line.ratio is not None} == {0.0}


def test_another_question_is_named() -> None:
    one = rig.run(plan=BenchPlan(requests=10, input_tokens=1024))
    other = rig.run(plan=BenchPlan(requests=99, input_tokens=512, api=Api.CHAT, is_ignoring_eos=False))
    assert [each.sentence() for each in compare(one, other).plan_differences] == [
        "input length: 1024 → 512",
        "api: completions → chat",
        "ignore end of text: yes → no",
    ]


def test_all_kinds_of_differences_are_named_in_order() -> None:
    after = replace(
        rig.ABOUT,
        image_digest="sha256:" + "cd" * 32,
        driver="xe 1.7",
        kernel="",
        cards=("Arc B580",),
        settings=(("load_in_low_bit", "fp8"), ("enforce_eager", "")),
        host_load=4.0,
    )
    assert [each.sentence() for each in differences(rig.ABOUT, after)] == [
        "image digest: abababababab → cdcdcdcdcdcd",
        "driver: xe 1.6 → xe 1.7",
        "kernel: 6.16.3 → unknown",
        "cards: Arc B580, Arc A770 → Arc B580",
        "enforce_eager: default → empty",
        "load_in_low_bit: sym_int4 → fp8",
        "max_model_len: 2048 → default",
    ]
    assert load_note(rig.ABOUT, after) == "The computer was busier in the later run: load 4.0, else 0.2."


def test_the_same_image_under_another_name_is_no_difference() -> None:
    assert differences(rig.ABOUT, replace(rig.ABOUT, image="mirror/ipex-llm:latest")) == ()
    unknown = replace(rig.ABOUT, image_digest="")
    (found,) = differences(unknown, replace(unknown, image="ipex-llm:b3"))
    assert found.since() == "image ipex-llm:b3"


def test_what_is_unknown_now_is_nothing_new() -> None:
    blind = replace(rig.ABOUT, kernel="", driver="", settings=())
    assert is_same(rig.ABOUT, blind)
    assert covers(rig.ABOUT, blind)
    assert not covers(blind, rig.ABOUT)  # it is known for the first time
    assert not is_same(rig.ABOUT, NEW_KERNEL)


def test_a_headline_names_two_changes_and_counts_the_rest() -> None:
    after = replace(NEW_KERNEL, driver="xe 1.7", cards=("Arc B580",), settings=(("x", "1"),))
    found = differences(rig.ABOUT, after)
    assert headline("decode", 0.041, found) == (
        f"decode +4.1{NARROW}% since driver xe 1.7, kernel 6.17 and 4 more changes"
    )
    assert headline("decode", -0.2, ()) == f"decode −20{NARROW}%, nothing known changed"


@pytest.mark.parametrize(
    ("change", "text"), [(-0.18, "−18"), (0.0, "0.0"), (-0.0001, "0.0"), (0.0996, "+10"), (1.5, "+150")]
)
def test_percents_read_well(change: float, text: str) -> None:
    assert percent(change) == f"{text}{NARROW}%"


def test_values_stand_in_the_order_sent() -> None:
    late, early = rig.record(9.0, ttft_s=0.3), rig.record(1.0, ttft_s=0.2)
    step = replace(rig.step(), records=(late, early, rig.record(2.0, error="cut")))
    assert samples(step, Figure.TTFT) == pytest.approx([200.0, 300.0])


def test_answers_of_one_token_or_none_have_no_rate() -> None:
    step = replace(rig.step(), records=(rig.record(tokens=1), rig.record(tokens=0)))
    assert samples(step, Figure.DECODE) == samples(step, Figure.GAP) == []
    assert len(samples(step, Figure.E2E)) == 2


@pytest.mark.parametrize("count", [25, 26])
def test_the_drawn_medians_are_those_of_real_resamples(count: int) -> None:
    """The short cut against resampling by hand: both bounds agree."""
    rng = random.Random(8)
    before, after = [rng.gauss(100, 10) for _ in range(count)], [rng.gauss(90, 10) for _ in range(count)]
    by_hand = sorted(
        median(rng.choices(after, k=count)) / median(rng.choices(before, k=count)) for _ in range(4000)
    )
    found = median_ratio(before, after)
    assert found is not None
    assert found.low == pytest.approx(by_hand[100], abs=0.02)
    assert found.high == pytest.approx(by_hand[-101], abs=0.02)
    assert found == median_ratio(before, after)  # seeded


def test_ratios_without_values_are_unknown() -> None:
    assert median_ratio([], [1.0]) is None
    assert median_ratio([0.0], [1.0]) is None
    few = median_ratio([2.0, 2.0], [1.0, 1.0])
    assert few is not None
    assert (few.value, few.low) == (0.5, None)
