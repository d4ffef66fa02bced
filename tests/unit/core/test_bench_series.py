"""Points of the plots: in order, with gaps where a figure is unknown, and true to the arrivals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.bench import BenchPlan, RequestRecord
from arcdesk.core.bench_series import (
    MOST_BUCKETS,
    Latency,
    Throughput,
    Timeline,
    latency_series,
    thinned,
    throughput_over_time,
    throughput_series,
    token_timeline,
    trade_off,
    typical_record,
)
from arcdesk.core.bench_stats import run_stats
from tests.unit.core.bench_runs import failed, run_of, steady, step_of

RUN = run_of(
    step_of(8, *[steady(first_s=0.4)] * 8),
    step_of(1, steady(first_s=0.1), failed()),
    step_of(4, steady(tokens=None), steady(tokens=None)),
    step_of(16, failed()),
    plan=BenchPlan(ttft_limit_ms=200),
)
STATS = run_stats(RUN)


def test_latency_goes_by_concurrency_and_has_a_gap_where_it_is_unknown() -> None:
    points = latency_series(STATS, Latency.TPOT, 95)

    assert [(point.x, point.n) for point in points] == [(1, 1), (4, 0), (8, 8), (16, 0)]
    assert points[0].y == pytest.approx(185 / 9)  # nine gaps of 20 ms and 5 ms to the end
    assert [points[1].y, points[3].y] == [None, None]
    assert points[1].reason == "The server sent no token count."
    assert points[3].reason == "No request was answered."
    assert points[0].reason == ""


def test_each_latency_and_percentile_is_the_one_of_the_step() -> None:
    for kind in Latency:
        for percentile in (50, 90, 95, 99):
            ours = latency_series(STATS[:1], kind, percentile)[0].y
            assert ours == getattr(STATS[0], kind.value).at(percentile)


def test_a_latency_has_a_band_up_to_another_percentile_if_one_is_asked_for() -> None:
    slow_one = run_stats(run_of(step_of(2, *[steady(first_s=0.1)] * 9, steady(first_s=1.0))))
    point = latency_series(slow_one, Latency.TTFT, 50, up_to=95)[0]

    assert (point.concurrency, point.low, point.high) == (2, point.y, slow_one[0].ttft_ms.p95)
    assert point.high is not None and point.y is not None and point.high > point.y
    assert latency_series(slow_one, Latency.TTFT)[0].high is None
    assert latency_series(STATS, Latency.TPOT, 50, up_to=95)[1].high is None


def test_throughput_goes_by_concurrency() -> None:
    points = throughput_series(STATS, Throughput.OUTPUT_TOKENS)

    assert [(point.x, point.y) for point in points] == [(1, 5.0), (4, None), (8, 40.0), (16, None)]
    good = throughput_series(STATS, Throughput.GOODPUT)
    assert [point.y for point in good] == [0.5, 1.0, 0.0, 0.0]


def test_the_trade_off_leaves_out_what_has_no_place() -> None:
    points = trade_off(STATS, Latency.TTFT)

    assert [(point.x, point.y) for point in points] == [(5.0, pytest.approx(100)), (40.0, pytest.approx(400))]
    assert [point.concurrency for point in points] == [1, 8]


def test_tokens_over_time_are_spread_over_the_arrivals() -> None:
    one = RequestRecord(sent_s=0.0, events_s=(0.5, 0.9, 2.5), ended_s=2.6, completion_tokens=6)
    other = RequestRecord(sent_s=0.0, events_s=(2.1,), ended_s=2.6, completion_tokens=1)

    points = throughput_over_time(step_of(2, one, other, failed(), duration_s=3.0))

    assert [(point.x, point.y, point.n) for point in points] == [(0.5, 4.0, 2), (1.5, 0.0, 0), (2.5, 3.0, 2)]


def test_a_short_rest_makes_no_false_peak() -> None:
    step = step_of(1, steady(pieces=100, tokens=100, first_s=0.02), duration_s=2.01)

    points = throughput_over_time(step)

    assert len(points) == 2
    assert max(point.y or 0 for point in points) < 60
    assert sum((point.y or 0) * 2.01 / 2 for point in points) == pytest.approx(100)


def test_without_counts_the_rate_over_time_is_unknown_but_arrivals_are_not() -> None:
    points = throughput_over_time(step_of(1, steady(tokens=None), steady(), duration_s=1.0))

    assert [(point.y, point.n) for point in points] == [(None, 20)]
    assert points[0].reason


def test_a_long_step_has_no_more_points_than_a_plot_can_show() -> None:
    day = RequestRecord(sent_s=0, events_s=(1.0, 86_400.0), ended_s=86_400.0, completion_tokens=2)

    points = throughput_over_time(step_of(1, day, duration_s=86_400.0))

    assert len(points) == MOST_BUCKETS
    assert (points[0].n, points[-1].n) == (1, 1)
    assert throughput_over_time(step_of(1, duration_s=0.0)) == ()


def test_a_timeline_counts_from_the_moment_of_sending() -> None:
    record = RequestRecord(
        sent_s=5.0, connected_s=5.001, events_s=(5.1, 5.12, 5.9), ended_s=6.0, completion_tokens=3
    )

    timeline = token_timeline(record)

    assert timeline.connected_ms == pytest.approx(1)
    assert timeline.arrivals_ms == pytest.approx((100, 120, 900))
    assert timeline.ended_ms == pytest.approx(1000)
    assert timeline.longest_gap_ms == pytest.approx(780)
    assert timeline.longest_gap_at == 2
    assert timeline.is_exact


def test_a_timeline_knows_when_an_arrival_is_not_a_token() -> None:
    assert token_timeline(steady(pieces=5, tokens=10)).tokens_each == 2.0
    assert not token_timeline(steady(pieces=5, tokens=10)).is_exact
    assert token_timeline(steady(tokens=None)).tokens_each is None
    assert token_timeline(failed()) == Timeline()


def test_the_typical_answer_is_the_middle_one() -> None:
    slow, middle, quick = steady(first_s=3), steady(first_s=2), steady(first_s=1)

    assert typical_record(step_of(1, slow, failed(), quick, middle)) is middle
    assert typical_record(step_of(1, middle, quick)) is quick
    assert typical_record(step_of(1, failed(), steady(pieces=0, tokens=0))) is None


@given(
    st.lists(st.floats(0.0, 5.0), min_size=1, max_size=400).map(lambda waits: _times(waits)),
    st.integers(4, 100),
)
def test_thinning_keeps_both_ends_the_order_and_every_long_gap(times: tuple[float, ...], most: int) -> None:
    timeline = token_timeline(RequestRecord(sent_s=0.0, events_s=times, ended_s=times[-1]))

    points = thinned(timeline, most)

    arrivals = timeline.arrivals_ms
    assert len(points) <= max(most, 2)
    assert points[0] == (arrivals[0], 1)
    assert points[-1] == (arrivals[-1], len(arrivals))
    assert list(points) == sorted(points)
    assert all(arrivals[count - 1] == at for at, count in points)
    slot = (arrivals[-1] - arrivals[0]) / (most // 2)
    kept = {count for _, count in points}
    for index in range(1, len(arrivals)):  # a gap longer than a slot keeps the arrivals at both its ends
        if arrivals[index] - arrivals[index - 1] > slot * 1.001:
            assert {index, index + 1} <= kept


def _times(waits: list[float]) -> tuple[float, ...]:
    times, now = [], 0.0
    for wait in waits:
        now += wait
        times.append(now)
    return tuple(times)
