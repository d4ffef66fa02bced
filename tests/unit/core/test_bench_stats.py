"""Figures of a step: against a plain numpy computation, by hand, and where they are unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.bench import BenchPlan, BenchStep, RequestRecord
from arcdesk.core.bench_figures import Spread, percentile_of, spread
from arcdesk.core.bench_stats import (
    NO_ANSWER,
    NO_GAP,
    NO_LIMITS,
    NO_RATE,
    NO_TEXT,
    NO_USAGE,
    StepStats,
    step_stats,
)

REQUESTS = 1000


def answer(
    *,
    sent: float = 0.0,
    events: tuple[float, ...] = (),
    ended: float | None = None,
    tokens: int | None = None,
    prompt: int | None = 10,
    error: str = "",
) -> RequestRecord:
    return RequestRecord(
        sent_s=sent,
        events_s=events,
        ended_s=ended,
        prompt_tokens=prompt,
        completion_tokens=tokens,
        error=error,
    )


def step_of(*records: RequestRecord, duration_s: float = 10.0, cpu_s: float | None = None) -> BenchStep:
    return BenchStep(concurrency=4, records=records, duration_s=duration_s, cpu_s=cpu_s)


def a_thousand(seed: int, *, pieces: int, failed_part: float) -> BenchStep:
    """Answers of up to `pieces` events, some of them with several tokens; some requests fail on the way."""
    random = np.random.default_rng(seed)
    records = []
    for index in range(REQUESTS):
        sent = float(random.uniform(0, 50))
        amount = int(random.integers(0, pieces + 1))
        waits = random.exponential(0.02, amount + 1)
        events = tuple(float(at) for at in sent + 0.05 + np.cumsum(waits)[:amount])
        last = events[-1] if events else sent + 0.05
        has_failed = bool(random.random() < failed_part)
        records.append(
            answer(
                sent=sent,
                events=events,
                ended=None if has_failed else last + float(random.uniform(0, 0.01)),
                tokens=int(sum(random.integers(1, 4, amount))),
                prompt=int(random.integers(1, 2000)),
                error=f"HTTP {500 + index % 3}" if has_failed else "",
            )
        )
    return BenchStep(concurrency=64, records=tuple(records), duration_s=60.0)


def check(ours: Spread, values: np.ndarray) -> None:
    assert ours.n == len(values)
    if not len(values):
        assert (ours.mean, ours.p50, ours.p99) == (None, None, None)
        return
    theirs = [np.mean(values), *np.percentile(values, [50, 90, 95, 99])]
    assert [ours.mean, ours.p50, ours.p90, ours.p95, ours.p99] == pytest.approx(theirs, rel=1e-9, abs=1e-9)


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    pieces=st.sampled_from([0, 1, 2, 40]),
    failed_part=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_a_thousand_requests_agree_with_numpy(seed: int, pieces: int, failed_part: float) -> None:
    step = a_thousand(seed, pieces=pieces, failed_part=failed_part)

    stats = step_stats(step, BenchPlan(ttft_limit_ms=80, tpot_limit_ms=12, e2e_limit_ms=500))

    good = [record for record in step.records if not record.error]
    firsts = [record for record in good if record.events_s]
    ttft = np.array([record.events_s[0] - record.sent_s for record in firsts]) * 1000
    e2e = np.array([(record.ended_s or 0) - record.sent_s for record in good]) * 1000
    several = [
        record for record in good if (record.completion_tokens or 0) >= 2 and len(record.events_s) >= 2
    ]
    tpot = np.array(
        [
            ((one.ended_s or 0) - one.events_s[0]) * 1000 / ((one.completion_tokens or 0) - 1)
            for one in several
        ]
    )
    gaps = [np.diff(record.events_s) * 1000 for record in good]
    check(stats.ttft_ms, ttft)
    check(stats.e2e_ms, e2e)
    check(stats.tpot_ms, tpot)
    check(stats.itl_ms, np.concatenate(gaps) if gaps else np.array([]))
    assert (stats.requests, stats.good, stats.failed) == (REQUESTS, len(good), REQUESTS - len(good))
    assert stats.requests_per_s.value == pytest.approx(len(good) / 60, abs=1e-9)
    if good:
        output = np.sum([record.completion_tokens for record in good])
        prompt = np.sum([record.prompt_tokens for record in good])
        assert stats.output_tokens_per_s.value == pytest.approx(output / 60, abs=1e-9)
        assert stats.total_tokens_per_s.value == pytest.approx((output + prompt) / 60, abs=1e-9)
    else:
        assert stats.output_tokens_per_s.value is None
    met = plain_goodput(good)
    assert (stats.goodput_per_s.value is None) == (met is None)
    assert stats.goodput_per_s.n == (met or 0)


def plain_goodput(good: list[RequestRecord]) -> int | None:
    """None: one came in one piece, so nobody knows its time per token."""
    met = 0
    for one in good:
        ended, tokens = one.ended_s or 0, one.completion_tokens or 0
        if (
            not one.events_s
            or (one.events_s[0] - one.sent_s) * 1000 > 80
            or (ended - one.sent_s) * 1000 > 500
        ):
            continue
        if tokens >= 2 and len(one.events_s) < 2:
            return None
        met += tokens < 2 or (ended - one.events_s[0]) * 1000 / (tokens - 1) <= 12
    return met


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50),
    st.sampled_from([0, 1, 50, 90, 95, 99, 100]),
)
def test_any_percentile_is_numpys(values: list[float], percentile: int) -> None:
    ours = percentile_of(sorted(values), percentile)

    assert ours == pytest.approx(float(np.percentile(values, percentile)), rel=1e-9, abs=1e-9)


def test_figures_of_two_answers_by_hand() -> None:
    stats = step_stats(
        step_of(
            answer(sent=1.0, events=(1.2, 1.3, 1.5), ended=1.6, tokens=5),
            answer(sent=2.0, events=(2.4, 2.5), ended=2.5, tokens=2),
            duration_s=2.0,
            cpu_s=0.0007,
        )
    )

    assert stats.ttft_ms.mean == pytest.approx(300)
    assert stats.e2e_ms.p50 == pytest.approx(550)
    assert stats.tpot_ms.mean == pytest.approx((100 + 100) / 2)  # (1.6 - 1.2) / 4 and (2.5 - 2.4) / 1
    assert stats.itl_ms.n == 3
    assert stats.itl_ms.mean == pytest.approx((100 + 200 + 100) / 3)
    assert stats.requests_per_s.value == pytest.approx(1.0)
    assert stats.output_tokens_per_s.value == pytest.approx(3.5)
    assert stats.total_tokens_per_s.value == pytest.approx((7 + 20) / 2)
    assert stats.tokens_per_event.value == pytest.approx(7 / 5)
    assert stats.cpu_us_per_token.value == pytest.approx(100)
    assert stats.notes == ()


def test_failed_requests_are_counted_apart_and_in_no_figure() -> None:
    good = answer(events=(0.1, 0.2), ended=0.3, tokens=2)
    alone = step_stats(step_of(good))
    dead = answer(events=(5.0, 9.0), tokens=400, error="The connection was cut.")
    refused = answer(error="HTTP 503")

    stats = step_stats(step_of(good, dead, refused, dead))

    assert (stats.requests, stats.good, stats.failed, stats.unfinished) == (4, 1, 3, 0)
    assert stats.errors == (("The connection was cut.", 2), ("HTTP 503", 1))
    for name in ("ttft_ms", "tpot_ms", "itl_ms", "e2e_ms", "output_tokens_per_s", "requests_per_s"):
        assert getattr(stats, name) == getattr(alone, name), name


def test_a_request_that_was_stopped_is_neither_good_nor_failed() -> None:
    open_one = answer(events=(0.1,), tokens=None)
    step = BenchStep(concurrency=1, records=(open_one,), duration_s=1.0, is_cancelled=True)

    stats = step_stats(step)

    assert (stats.good, stats.failed, stats.unfinished) == (0, 0, 1)
    assert stats.ttft_ms == Spread(reason=NO_ANSWER)
    assert "Stopped early" in stats.notes[0]


def test_an_answer_of_one_token_has_no_time_per_token() -> None:
    stats = step_stats(step_of(answer(events=(0.2,), ended=0.3, tokens=1)))

    assert stats.tpot_ms == Spread(reason=NO_RATE)
    assert stats.itl_ms == Spread(reason=NO_GAP)
    assert stats.ttft_ms.p50 == pytest.approx(200)
    assert stats.output_tokens_per_s.value == pytest.approx(0.1)


def test_an_answer_of_one_piece_has_no_time_per_token() -> None:
    """A proxy that holds all back: what follows its one piece is the stream's end, no token."""
    whole = answer(events=(0.2,), ended=0.2001, tokens=64)
    plain = answer(events=(0.1, 0.2), ended=0.3, tokens=2)

    stats = step_stats(step_of(whole, plain), BenchPlan(tpot_limit_ms=500.0))

    assert stats.tpot_ms.n == 1 and stats.tpot_ms.mean == pytest.approx(200)
    assert "1 with fewer than two tokens or pieces" in stats.tpot_ms.reason
    assert stats.goodput_per_s.value is None and "1 of 2 had none" in stats.goodput_per_s.reason
    assert stats.output_tokens.value == 66


def test_pieces_of_one_read_are_one() -> None:
    """A proxy that lets go of a whole answer at once: nobody saw its tokens come."""
    burst = answer(events=(9.0,) * 20, ended=9.0, tokens=20)
    kept = answer(events=(9.000001, *(9.0,) * 18, 9.000001), ended=9.0, tokens=20)  # as the ledger rounds
    plan = BenchPlan(tpot_limit_ms=50.0)

    for record in (burst, kept):
        stats = step_stats(step_of(record), plan)
        assert stats.tpot_ms == Spread(reason=NO_RATE)
        assert stats.goodput_per_s.value is None
        assert any("several pieces to one read" in note for note in stats.notes)
    streamed = step_stats(step_of(answer(events=(0.1, 0.2, 0.2, 0.3), ended=0.3, tokens=4)), plan)
    assert streamed.tpot_ms.n == 1 and not streamed.notes


def test_tokens_without_text_are_told_where_they_show_in_the_tail() -> None:
    held = replace(answer(events=(0.1, 0.2, 0.4), ended=0.5, tokens=4), silent_s=(0.05, 0.3, 0.5))
    assert any("1 event came without text" in note for note in step_stats(step_of(held)).notes)
    assert not step_stats(step_of(replace(held, silent_s=(0.05, 0.5)))).notes


def test_an_answer_without_tokens_has_an_end_and_nothing_else() -> None:
    stats = step_stats(step_of(answer(ended=0.3, tokens=0)))

    assert stats.good == 1
    assert stats.ttft_ms == Spread(reason=NO_TEXT)
    assert stats.tpot_ms == Spread(reason=NO_RATE)
    assert stats.e2e_ms.n == 1
    assert stats.output_tokens.value == 0  # the server said so: measured, not unknown
    assert stats.tokens_per_event.value is None
    assert stats.notes == ("1 answer of 1 had no text.",)


def test_without_usage_tokens_are_unknown_and_the_latencies_stay() -> None:
    one = answer(events=(0.1, 0.2), ended=0.3, prompt=None)

    stats = step_stats(step_of(one, one))

    assert (stats.output_tokens_per_s.value, stats.output_tokens_per_s.reason) == (None, NO_USAGE)
    assert (stats.total_tokens_per_s.value, stats.total_tokens_per_s.reason) == (None, NO_USAGE)
    assert stats.tpot_ms == Spread(reason=NO_USAGE)
    assert stats.cpu_us_per_token.value is None
    assert stats.ttft_ms.n == 2
    assert stats.itl_ms.n == 2


def test_a_count_for_some_answers_only_makes_no_sum() -> None:
    stats = step_stats(
        step_of(
            answer(events=(0.1, 0.2), ended=0.3, tokens=2),
            answer(events=(0.1, 0.2), ended=0.3),
        )
    )

    assert stats.output_tokens_per_s.value is None
    assert stats.output_tokens_per_s.reason == "1 of 2 answers came without a token count."
    assert (stats.tpot_ms.n, stats.tpot_ms.reason) == (1, "1 without a token count")


def test_a_count_that_was_refused_says_why() -> None:
    words = "The server counts 900 tokens where 10 were asked."
    wrong = replace(answer(events=(0.1, 0.2), ended=0.3), usage_problem=words)

    all_wrong = step_stats(step_of(wrong, wrong))
    one_wrong = step_stats(step_of(wrong, answer(events=(0.1, 0.2), ended=0.3, tokens=2)))

    assert all_wrong.output_tokens_per_s.reason == words
    assert all_wrong.tpot_ms == Spread(reason=words)
    assert one_wrong.output_tokens_per_s.reason == f"1 of 2 answers came without a token count. {words}"
    assert one_wrong.output_tokens_per_s.value is None


def test_events_without_text_are_no_arrival_of_text() -> None:
    plain = answer(events=(0.1, 0.3), ended=0.3, tokens=4)

    stats = step_stats(step_of(replace(plain, silent_s=(0.01, 0.2))))

    assert replace(stats, notes=()) == step_stats(step_of(plain))
    assert stats.notes == ("1 event came without text: the gap around such a one is that of two tokens.",)


def test_a_wrong_count_is_told() -> None:
    stats = step_stats(
        step_of(
            answer(events=(0.1, 0.2, 0.3), ended=0.3, tokens=2),
            answer(events=(0.1, 0.2), ended=0.3, tokens=0),
            answer(events=(0.1, 0.2), ended=0.3, tokens=-4),
        )
    )

    assert stats.notes == (
        "1 answer came in more pieces than the server counted tokens.",
        "1 answer had text and a count of 0 tokens, which is taken as no count.",
    )
    assert stats.output_tokens.value is None
    assert stats.tpot_ms.n == 1


def test_an_empty_step_knows_nothing() -> None:
    stats = step_stats(step_of(duration_s=0.0), BenchPlan(e2e_limit_ms=1))

    for name in ("ttft_ms", "tpot_ms", "itl_ms", "e2e_ms"):
        assert getattr(stats, name) == Spread(reason=NO_ANSWER)
    for name in ("requests_per_s", "output_tokens_per_s", "total_tokens_per_s", "goodput_per_s"):
        assert getattr(stats, name).value is None, name
        assert getattr(stats, name).reason, name


def test_a_step_without_time_has_no_rates() -> None:
    stats = step_stats(step_of(answer(events=(0.0,), ended=0.0, tokens=1), duration_s=0.0))

    assert stats.requests_per_s.value is None
    assert stats.output_tokens_per_s.value is None
    assert stats.output_tokens.value == 1


def goodput(plan: BenchPlan, *records: RequestRecord) -> StepStats:
    return step_stats(step_of(*records), plan)


def test_goodput_counts_what_keeps_every_limit() -> None:
    quick = answer(events=(0.1, 0.2), ended=0.3, tokens=3)
    late = answer(events=(0.5, 0.6), ended=0.7, tokens=3)
    slow = answer(events=(0.1, 0.9), ended=0.9, tokens=3)
    failed = answer(error="HTTP 500")
    plan = BenchPlan(ttft_limit_ms=200, tpot_limit_ms=150)

    stats = goodput(plan, quick, late, slow, failed)

    assert (stats.goodput_per_s.value, stats.goodput_per_s.n) == (pytest.approx(0.1), 1)


def test_goodput_without_limits_is_unknown() -> None:
    stats = goodput(BenchPlan(), answer(events=(0.1,), ended=0.3, tokens=1))

    assert (stats.goodput_per_s.value, stats.goodput_per_s.reason) == (None, NO_LIMITS)


def test_goodput_with_a_limit_per_token_needs_counts() -> None:
    uncounted = answer(events=(0.1, 0.2), ended=0.3)
    one_token = answer(events=(0.1,), ended=0.3, tokens=1)

    assert goodput(BenchPlan(tpot_limit_ms=50), uncounted, one_token).goodput_per_s.value is None
    assert goodput(BenchPlan(tpot_limit_ms=50), one_token).goodput_per_s.n == 1
    assert goodput(BenchPlan(ttft_limit_ms=500), uncounted).goodput_per_s.n == 1


def test_no_request_within_the_limits_is_a_measured_nothing() -> None:
    stats = goodput(BenchPlan(e2e_limit_ms=1), answer(events=(0.1,), ended=0.3, tokens=1), answer(error="x"))

    assert (stats.goodput_per_s.value, stats.goodput_per_s.n) == (0.0, 0)


def test_one_value_is_its_own_percentile() -> None:
    only = spread([7.0])

    assert (only.n, only.mean, only.p50, only.p99, only.at(95)) == (1, 7.0, 7.0, 7.0, 7.0)
