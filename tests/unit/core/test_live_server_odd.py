"""Servers whose counters come and go: what was counted in no known time must never become a rate."""

from __future__ import annotations

import pytest

from arcdesk.api.metrics_text import read_metrics
from arcdesk.core.live_server import SECOND_LOOK, ServerWindow
from arcdesk.core.live_stats import KEPT_S, LiveFigure, LiveHistory, LiveKey
from arcdesk.core.metrics_values import MetricsSample
from tests.unit.core.metrics_rig import CountingServer

RATES = (LiveKey.TOKENS_PER_S, LiveKey.TOKENS_PER_S_MINUTE, LiveKey.PROMPT_TOKENS_PER_S)


def old_server(**counted: float) -> CountingServer:
    """One that has served for long, and does not tell when it was started."""
    server = CountingServer(started_at=None)
    for name, value in {"generated": 100_000.0, "prompt_tokens": 50_000.0, **counted}.items():
        setattr(server, name, value)
    return server


def works(server: CountingServer, window: ServerWindow, first_s: int, last_s: int) -> None:
    """50 tokens a second, looked at each second."""
    for at in range(first_s, last_s + 1):
        server.generated += 50
        window.add(server.sample(float(at)))


def without_counters(server: CountingServer, at: float) -> MetricsSample:
    lines = server.text().splitlines()
    return read_metrics("\n".join(line for line in lines if "_total" not in line), at)


def test_counters_that_one_page_lacked_are_not_counted_from_nothing() -> None:
    server, window = old_server(preemptions=30), ServerWindow()
    works(server, window, 0, 2)
    window.add(without_counters(server, 3.0))
    works(server, window, 4, 70)
    figures = window.figures()
    assert figures[LiveKey.TOKENS_PER_S].value == pytest.approx(50)
    assert figures[LiveKey.TOKENS_PER_S_MINUTE].value == pytest.approx(50)
    assert figures[LiveKey.PREEMPTIONS].value == 0


def test_a_line_that_could_not_be_read_is_not_counted_from_nothing() -> None:
    server, window = old_server(), ServerWindow()
    name = 'vllm:generation_tokens_total{engine="0",model_name="m"'
    assert name in server.text()
    window.add(read_metrics(server.text().replace(name + "}", name), 0.0))
    works(server, window, 1, 2)
    assert window.figures()[LiveKey.TOKENS_PER_S_MINUTE].value == pytest.approx(50)


@pytest.mark.parametrize(
    "before",
    [
        CountingServer(started_at=None, generated=7).text().replace('"m"', '"other"'),
        "llamacpp:tokens_predicted_total 500\nllamacpp:requests_processing 0\n",
    ],
    ids=["another model", "another kind"],
)
def test_another_server_at_the_same_address_begins_anew(before: str) -> None:
    window = ServerWindow()
    for at in range(3):
        window.add(read_metrics(before, float(at)))
    server = old_server()
    window.add(server.sample(3.0))
    assert window.restarts == 1
    assert all(window.figures()[key].value is None for key in RATES)
    works(server, window, 4, 5)
    assert window.figures()[LiveKey.TOKENS_PER_S_MINUTE].value == pytest.approx(50)


def test_two_looks_at_once_tell_no_rate() -> None:
    server, window = old_server(), ServerWindow()
    window.add(server.sample(10.0))
    server.generated += 8
    window.add(server.sample(10.004))
    assert window.figures()[LiveKey.TOKENS_PER_S] == LiveFigure(reason=SECOND_LOOK)


def test_a_count_of_looks_that_are_far_apart_is_scaled_to_a_minute() -> None:
    server, window = old_server(), ServerWindow()
    for at in range(0, 601, 120):
        window.add(server.sample(float(at)))
        server.preemptions += 2
    figure = window.figures()[LiveKey.PREEMPTIONS]
    assert (figure.value, figure.note) == (pytest.approx(1), "From 120 s.")


def test_nothing_is_told_of_a_time_in_which_nobody_looked() -> None:
    server, window = old_server(), ServerWindow()
    works(server, window, 0, 2)
    server.preemptions += 40
    window.add(server.sample(602.0))
    assert window.figures()[LiveKey.PREEMPTIONS].reason == SECOND_LOOK


def test_the_history_is_of_five_minutes_however_often_somebody_looks() -> None:
    history = LiveHistory()
    for at in range(0, 3600, 15):
        history.add(float(at), {LiveKey.RUNNING: LiveFigure(value=1)})
    assert history.rows[-1].at - history.rows[0].at <= KEPT_S
