"""The figures of an answer against times that are known exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.latency import LatencyMeter


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_known_times_give_known_figures() -> None:
    clock = Clock()
    meter = LatencyMeter(clock)
    clock.now += 1  # between building and sending: does not count
    meter.sent()
    clock.now += 0.135
    meter.chunk()
    for _ in range(4):
        clock.now += 0.025
        meter.chunk()
    stats = meter.stats(completion_tokens=9, prompt_tokens=4, finish_reason="stop")
    assert stats.ttft_ms == pytest.approx(135)
    assert stats.decode_tokens_per_s == pytest.approx(8 / 0.1)
    assert (stats.chunks, stats.total_ms) == (5, pytest.approx(235))


@given(gaps=st.lists(st.floats(0.001, 2), min_size=1, max_size=50), extra=st.integers(0, 100))
def test_the_rate_is_n_minus_one_over_the_span(gaps: list[float], extra: int) -> None:
    clock = Clock()
    meter = LatencyMeter(clock)
    meter.sent()
    meter.chunk()
    for gap in gaps:
        clock.now += gap
        meter.chunk()
    tokens = len(gaps) + 1 + extra
    stats = meter.stats(completion_tokens=tokens)
    assert stats.decode_tokens_per_s == pytest.approx((tokens - 1) / (clock.now - 100.0))


@pytest.mark.parametrize(("tokens", "chunks"), [(None, 5), (1, 1), (0, 0), (5, 1)])
def test_what_cannot_be_known_is_unknown_with_a_reason(tokens: int | None, chunks: int) -> None:
    clock = Clock()
    meter = LatencyMeter(clock)
    for index in range(chunks):
        clock.now += 0.1 if index else 0
        meter.chunk()
    stats = meter.stats(completion_tokens=tokens)
    assert stats.decode_tokens_per_s is None
    assert stats.reason_unknown


def test_what_the_x_ray_needs_is_measured_from_the_moment_of_sending() -> None:
    clock = Clock()
    meter = LatencyMeter(clock)
    meter.sent()
    clock.now += 0.002
    meter.connected(clock.now, "proxy.example")
    for _ in range(3):
        clock.now += 0.1
        meter.read_begins()
        clock.now += 0.001  # found late in the read: it arrived with its beginning
        meter.chunk()
        clock.now += 0.003
        meter.read_ends()
    stats = meter.stats(completion_tokens=3)
    assert stats.connect_ms == pytest.approx(2)
    assert (stats.ttft_ms, stats.last_ms) == (pytest.approx(102), pytest.approx(310))
    assert stats.parse_ms == pytest.approx(12)
    assert stats.via == "proxy.example"
    assert stats.decode_tokens_per_s == pytest.approx(2 / 0.208)


def test_tokens_of_one_read_are_of_one_moment() -> None:
    clock = Clock()
    meter = LatencyMeter(clock)
    meter.sent()
    clock.now += 0.1
    meter.read_begins()
    for _ in range(3):
        clock.now += 0.0001
        meter.chunk()
    meter.read_ends()
    stats = meter.stats(completion_tokens=3)
    assert (stats.decode_tokens_per_s, stats.reason_unknown) == (None, "All tokens came in one piece.")
    assert stats.last_ms == stats.ttft_ms == pytest.approx(100)


def test_what_nobody_measured_is_unknown() -> None:
    stats = LatencyMeter(Clock()).stats()
    assert (stats.connect_ms, stats.last_ms, stats.parse_ms, stats.via) == (None, None, None, "")


def test_before_the_first_token_there_is_no_ttft() -> None:
    assert LatencyMeter(Clock()).stats().ttft_ms is None
