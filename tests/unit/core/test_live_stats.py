"""Live figures from moments that are known exactly: ours by arrivals, the server's by samples."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.chat import AnswerStats
from arcdesk.core.live_csv import live_csv
from arcdesk.core.live_ours import KEPT_GAPS, NO_ANSWER, NONE_NOW, ONE_PIECE, OurWindow, percentile
from arcdesk.core.live_server import AT_ITS_END, NO_LOOKUPS, SECOND_LOOK, ServerWindow
from arcdesk.core.live_stats import LiveFigure, LiveHistory, LiveKey, LiveView, Source, keys_of
from arcdesk.core.metrics_names import Generation
from tests.unit.core.metrics_rig import SHORT_SECONDS, CountingServer, sample

Key = LiveKey


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ours(clock: Clock) -> OurWindow:
    return OurWindow(clock)


def stream(ours: OurWindow, clock: Clock, key: int, *gaps_s: float) -> None:
    """A piece now, and one after each gap."""
    ours.piece(key)
    for gap_s in gaps_s:
        clock.now += gap_s
        ours.piece(key)


def stats(
    completion: int | None, chunks: int, *, ttft_ms: float = 200.0, prompt: int | None = 40
) -> AnswerStats:
    return AnswerStats(ttft_ms=ttft_ms, completion_tokens=completion, prompt_tokens=prompt, chunks=chunks)


class TestOurRate:
    def test_a_steady_stream_has_its_rate_from_the_second_piece_on(
        self, ours: OurWindow, clock: Clock
    ) -> None:
        ours.begin(1)
        stream(ours, clock, 1)
        assert ours.figures()[Key.OUR_TOKENS_PER_S].reason == ONE_PIECE
        for count in range(1, 200):
            clock.now += 0.05
            ours.piece(1)
            figures = ours.figures()
            assert figures[Key.OUR_TOKENS_PER_S].value == pytest.approx(20.0), count
            assert figures[Key.OUR_TOKENS_PER_S_MINUTE].value == pytest.approx(20.0), count

    def test_it_does_not_flicker_between_two_pieces(self, ours: OurWindow, clock: Clock) -> None:
        stream(ours, clock, 1, *[0.5] * 10)
        clock.now += 0.4
        assert ours.figures()[Key.OUR_TOKENS_PER_S].value == pytest.approx(2.0)

    def test_a_stall_lets_it_sink_to_nothing(self, ours: OurWindow, clock: Clock) -> None:
        stream(ours, clock, 1, *[0.05] * 100)
        clock.now += 1.0
        assert ours.figures()[Key.OUR_TOKENS_PER_S].value == pytest.approx(10.0)
        clock.now += 9.0
        assert ours.figures()[Key.OUR_TOKENS_PER_S].value == 0.0

    def test_two_answers_at_once_are_added(self, ours: OurWindow, clock: Clock) -> None:
        for _ in range(101):
            ours.piece(1)
            ours.piece(2)
            clock.now += 0.1
        clock.now -= 0.1
        assert ours.figures()[Key.OUR_TOKENS_PER_S].value == pytest.approx(20.0)
        assert ours.figures()[Key.OUR_RUNNING].value == 2

    def test_the_minute_counts_only_the_time_in_which_answers_came(
        self, ours: OurWindow, clock: Clock
    ) -> None:
        stream(ours, clock, 1, *[0.1] * 50)
        ours.end(1, stats(51, 51))
        clock.now += 30
        figures = ours.figures()
        assert figures[Key.OUR_TOKENS_PER_S] == LiveFigure(reason=NONE_NOW)
        assert figures[Key.OUR_TOKENS_PER_S_MINUTE].value == pytest.approx(10.0)
        assert figures[Key.OUR_TOKENS_PER_S_MINUTE].n == 50
        clock.now += 31
        assert ours.figures()[Key.OUR_TOKENS_PER_S_MINUTE].reason == NO_ANSWER

    def test_a_piece_that_was_long_on_its_way_counts_for_its_share(
        self, ours: OurWindow, clock: Clock
    ) -> None:
        stream(ours, clock, 1, 120.0)
        assert ours.figures()[Key.OUR_TOKENS_PER_S_MINUTE].value == pytest.approx(1 / 120)

    def test_pieces_of_several_tokens_count_as_tokens_once_an_answer_told(
        self, ours: OurWindow, clock: Clock
    ) -> None:
        stream(ours, clock, 1, *[0.1] * 10)
        assert ours.figures()[Key.OUR_TOKENS_PER_S].is_estimate
        ours.end(1, stats(completion=44, chunks=11))  # 43 tokens with text and the end token
        stream(ours, clock, 2, *[0.1] * 30)
        figure = ours.figures()[Key.OUR_TOKENS_PER_S]
        assert figure.value == pytest.approx(10 * 43 / 11)
        assert not figure.is_estimate

    def test_an_answer_cut_by_its_length_has_no_end_token(self, ours: OurWindow, clock: Clock) -> None:
        stream(ours, clock, 1, 0.1)
        ours.end(1, replace(stats(completion=8, chunks=2), finish_reason="length"))
        stream(ours, clock, 2, *[0.1] * 30)
        assert ours.figures()[Key.OUR_TOKENS_PER_S].value == pytest.approx(40.0)

    def test_the_end_token_has_no_piece_and_adds_nothing(self, ours: OurWindow, clock: Clock) -> None:
        stream(ours, clock, 1, *[0.1] * 4)
        ours.end(1, stats(completion=6, chunks=5))
        stream(ours, clock, 2, *[0.1] * 30)
        assert ours.figures()[Key.OUR_TOKENS_PER_S].value == pytest.approx(10.0)


class TestOurLatency:
    def test_gaps_have_percentiles_with_n(self, ours: OurWindow, clock: Clock) -> None:
        gaps = [0.02 + 0.0001 * i for i in range(100)]
        stream(ours, clock, 1, *gaps)
        figures = ours.figures()
        for key, share in (
            (Key.OUR_ITL_P50_MS, 50),
            (Key.OUR_ITL_P95_MS, 95),
            (Key.OUR_ITL_P99_MS, 99),
        ):
            assert figures[key].value == pytest.approx(np.percentile(gaps, share) * 1000)
            assert figures[key].n == 100

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0, 1))
    def test_percentiles_are_numpys(self, values: list[float], share: float) -> None:
        expected = np.percentile(values, share * 100)
        assert percentile(sorted(values), share) == pytest.approx(expected, abs=1e-6, rel=1e-9)

    def test_the_first_token_is_no_gap_and_neither_is_the_pause_between_answers(
        self, ours: OurWindow, clock: Clock
    ) -> None:
        for key in (1, 2):
            ours.begin(key)
            clock.now += 5.0
            stream(ours, clock, key, 0.03, 0.03)
            ours.end(key, stats(3, 3))
        figures = ours.figures()
        assert figures[Key.OUR_ITL_P99_MS].value == pytest.approx(30)
        assert figures[Key.OUR_ITL_P99_MS].n == 4

    def test_answers_of_which_nobody_looked_do_not_bring_old_gaps_back(
        self, ours: OurWindow, clock: Clock
    ) -> None:
        stream(ours, clock, 1, *[1.0] * 10)  # never ends
        clock.now += 100
        stream(ours, clock, 2, 0.02, 0.02)
        ours.end(2, stats(3, 3))
        figures = ours.figures()  # now 1's gaps stand behind 2's, though they are older
        assert figures[Key.OUR_ITL_P99_MS].n == 2
        assert figures[Key.OUR_ITL_P99_MS].value == pytest.approx(20)

    def test_an_answer_longer_than_what_is_kept_has_the_rate_of_what_is_kept(
        self, ours: OurWindow, clock: Clock
    ) -> None:
        stream(ours, clock, 1, *[1.0] * 50, *[0.001] * (KEPT_GAPS + 500))
        figures = ours.figures()
        assert figures[Key.OUR_ITL_P50_MS].n == KEPT_GAPS
        assert figures[Key.OUR_TOKENS_PER_S_MINUTE].value == pytest.approx(1000)
        assert figures[Key.OUR_ITL_P99_MS].value == pytest.approx(1)

    def test_ttft_and_prompt_rate_are_those_of_a_minutes_answers(self, ours: OurWindow, clock: Clock) -> None:
        for key, ttft_ms in enumerate((100.0, 300.0, 1100.0)):
            ours.begin(key)
            ours.end(key, stats(1, 1, ttft_ms=ttft_ms, prompt=500))
        figures = ours.figures()
        assert (figures[Key.OUR_TTFT_P50_MS].value, figures[Key.OUR_TTFT_P50_MS].n) == (300.0, 3)
        assert figures[Key.OUR_TTFT_P95_MS].value == pytest.approx(1020.0)
        assert figures[Key.OUR_PROMPT_TOKENS_PER_S].value == pytest.approx(1000.0)
        clock.now += 61
        assert ours.figures()[Key.OUR_TTFT_P50_MS].value is None

    def test_without_usage_there_is_no_prompt_rate(self, ours: OurWindow) -> None:
        ours.begin(1)
        ours.end(1, stats(None, 3, prompt=None))
        figure = ours.figures()[Key.OUR_PROMPT_TOKENS_PER_S]
        assert (figure.value, figure.reason) == (None, "The server sent no token count.")

    def test_answers_of_no_token_and_of_one_have_no_rate(self, ours: OurWindow, clock: Clock) -> None:
        ours.begin(1)
        ours.end(1, stats(0, 0))
        assert ours.figures()[Key.OUR_TOKENS_PER_S_MINUTE].value is None
        stream(ours, clock, 2)
        ours.end(2, stats(1, 1))
        figures = ours.figures()
        assert figures[Key.OUR_TOKENS_PER_S_MINUTE].value is None
        assert figures[Key.OUR_ITL_P50_MS].value is None
        assert figures[Key.OUR_ITL_P50_MS].n == 0

    def test_gaps_between_pieces_of_several_tokens_are_called_so(self, ours: OurWindow, clock: Clock) -> None:
        stream(ours, clock, 1, 0.1, 0.1, 0.1)
        assert ours.figures()[Key.OUR_ITL_P50_MS].note == ""
        ours.end(1, stats(13, 4))
        assert "3.0 tokens" in ours.figures()[Key.OUR_ITL_P50_MS].note
        ours.forget_sizes()
        assert ours.figures()[Key.OUR_ITL_P50_MS].note == ""

    def test_it_streams_from_the_first_piece_to_the_end(self, ours: OurWindow, clock: Clock) -> None:
        ours.begin(1)
        assert not ours.is_streaming
        ours.piece(1)
        assert ours.is_streaming
        ours.figures()  # what was looked at is no longer fresh
        assert ours.is_streaming
        ours.end(1, stats(1, 1))
        assert not ours.is_streaming

    def test_the_end_is_told_twice_but_counts_once(self, ours: OurWindow, clock: Clock) -> None:
        stream(ours, clock, 1, 0.1)
        assert ours.end(1, stats(2, 2))
        assert not ours.end(1, stats(2, 2))
        assert ours.figures()[Key.OUR_TTFT_P50_MS].n == 1


class TestServer:
    def test_the_first_look_has_only_what_is_no_difference(self) -> None:
        window = ServerWindow()
        window.add(CountingServer(running=3, waiting=1, kv_use=0.5).sample(0.0))
        figures = window.figures()
        assert [figures[key].value for key in (Key.RUNNING, Key.WAITING, Key.KV_USE)] == [3, 1, 0.5]
        assert figures[Key.TOKENS_PER_S] == LiveFigure(reason=SECOND_LOOK)
        assert set(figures) == set(keys_of(Source.SERVER))

    def test_now_is_two_seconds_and_a_minute_is_a_minute(self) -> None:
        window, server = ServerWindow(), CountingServer()
        for second in range(90):
            server.generated += 10 if second < 80 else 50
            window.add(server.sample(float(second)))
        figures = window.figures()
        assert figures[Key.TOKENS_PER_S].value == pytest.approx(50.0)
        assert figures[Key.TOKENS_PER_S].metric == "vllm:generation_tokens_total"
        assert figures[Key.TOKENS_PER_S_MINUTE].value == pytest.approx((50 * 10 + 10 * 50) / 60)

    def test_looks_far_apart_say_over_what_time_they_tell(self) -> None:
        window, server = ServerWindow(), CountingServer()
        window.add(server.sample(0.0))
        server.generated = 150
        window.add(server.sample(15.0))
        figure = window.figures()[Key.TOKENS_PER_S]
        assert (figure.value, figure.note) == (10.0, "Over the last 15 seconds.")

    def test_what_is_called_the_last_minute_says_so_while_it_is_less(self) -> None:
        window, server = ServerWindow(), CountingServer()
        for second in range(0, 63, 3):
            server.generated += 30
            window.add(server.sample(float(second)))
            if second == 12:
                early = window.figures()
        late = window.figures()
        for key, value in ((Key.TOKENS_PER_S_MINUTE, 10.0), (Key.PREEMPTIONS, 0.0)):
            assert early[key].value == late[key].value == pytest.approx(value)
            assert early[key].note == "Over 12 s as yet, since somebody looks."
            assert late[key].note == ""

    def test_latencies_prompts_hits_and_preemptions_are_of_the_minute(self) -> None:
        window, server = ServerWindow(), CountingServer(preemptions=7, hits=1000, queries=1000)
        server.finish(queue_s=2, prefill_s=3, gaps_s=[0.9] * 10)
        window.add(server.sample(0.0))
        server.finish(queue_s=0.1, prefill_s=0.1, gaps_s=[0.02] * 20, prompt_tokens=300)
        server.preemptions, server.hits, server.queries = 9, 1075, 1300
        window.add(server.sample(10.0))
        figures = window.figures()
        assert figures[Key.TTFT_P50_MS].value == pytest.approx(200)
        assert figures[Key.TTFT_P50_MS].n == 1
        assert figures[Key.ITL_P50_MS].value == pytest.approx(17.5)  # the middle of 10 to 25 ms
        assert figures[Key.ITL_P50_MS].n == 20
        assert figures[Key.PROMPT_TOKENS_PER_S].value == pytest.approx(30)
        assert figures[Key.PREEMPTIONS].value == 2
        assert figures[Key.PREFIX_HIT_RATE].value == pytest.approx(0.25)

    def test_a_full_top_bucket_is_told(self) -> None:
        window, server = ServerWindow(), CountingServer()
        window.add(server.sample(0.0))
        server.finish(queue_s=0, prefill_s=1, gaps_s=[7.0] * 5)
        window.add(server.sample(10.0))
        figure = window.figures()[Key.ITL_P95_MS]
        assert (figure.value, figure.is_at_least) == (SHORT_SECONDS[-1] * 1000, True)

    def test_nothing_looked_up_is_no_rate_of_zero(self) -> None:
        window, server = ServerWindow(), CountingServer(hits=5, queries=10)
        window.add(server.sample(0.0))
        window.add(server.sample(1.0))
        figure = window.figures()[Key.PREFIX_HIT_RATE]
        assert (figure.value, figure.reason) == (None, NO_LOOKUPS)

    def test_after_a_restart_it_begins_anew_and_counts_it(self) -> None:
        window, server = ServerWindow(), CountingServer()
        server.generated = 5000
        window.add(server.sample(0.0))
        server.restart(started_at=1.8e9)
        server.generated = 3
        window.add(server.sample(1.0))
        assert window.restarts == 1
        assert window.figures()[Key.TOKENS_PER_S].reason == SECOND_LOOK
        server.generated = 33
        window.add(server.sample(3.0))
        assert window.figures()[Key.TOKENS_PER_S].value == pytest.approx(15.0)
        assert window.restarts == 1

    def test_llama_cpp_tells_no_rate_of_now_and_a_minutes_by_seconds_of_work(self) -> None:
        window = ServerWindow()
        first = sample("llama.cpp", 0.0)
        window.add(first)
        window.add(sample("llama.cpp", 1.0))
        figures = window.figures()
        assert window.generation is Generation.LLAMA_CPP
        assert figures[Key.TOKENS_PER_S].reason == AT_ITS_END
        assert figures[Key.TOKENS_PER_S_MINUTE].value is None
        assert figures[Key.TOKENS_PER_S_MINUTE].reason
        more = {
            "llamacpp:tokens_predicted_total": {(): 120.0},
            "llamacpp:tokens_predicted_seconds_total": {(): 6.95952},
            "llamacpp:prompt_tokens_total": {(): 64.0},
            "llamacpp:prompt_tokens_cached_total": {(): 10.0},
        }
        window.add(type(first)(at=2.0, values={**first.values, **more}))
        figures = window.figures()
        assert figures[Key.TOKENS_PER_S_MINUTE].value == pytest.approx(20.0)
        assert figures[Key.PREFIX_HIT_RATE].value == pytest.approx(0.25)
        assert figures[Key.KV_USE].value is None


class TestHistoryAndCsv:
    def test_rows_become_lines_with_gaps(self) -> None:
        history = LiveHistory(kept_rows=3)
        for at in range(5):
            history.add(float(at), {Key.RUNNING: LiveFigure(value=at)})
        history.add(4.0, {Key.RUNNING: LiveFigure(value=99)})  # the same moment again
        assert [point.value for point in history.points(Key.RUNNING)] == [2, 3, 4]
        history.break_off(4.5)
        history.break_off(4.6)
        assert [point.value for point in history.points(Key.RUNNING)] == [3, 4, None]
        assert [point.value for point in history.points(Key.WAITING)] == [None, None, None]

    def test_csv_has_a_column_for_each_figure_and_empty_cells_for_the_unknown(self) -> None:
        history = LiveHistory()
        history.add(10.0, {Key.TOKENS_PER_S: LiveFigure(value=45.25), Key.RUNNING: LiveFigure(value=0.0)})
        history.break_off(11.0)
        history.add(12.5, {Key.TOKENS_PER_S: LiveFigure(value=1e-7)})
        rows = list(csv.DictReader(io.StringIO(live_csv(history.rows, 1_700_000_000.0))))
        assert [row["time_utc"] for row in rows] == [
            "2023-11-14T22:13:30.000+00:00",
            "2023-11-14T22:13:32.500+00:00",
        ]
        assert rows[0][Key.TOKENS_PER_S.value] == "45.25"
        assert (rows[0][Key.RUNNING.value], rows[1][Key.RUNNING.value]) == ("0", "")
        assert set(rows[0]) == {"time_utc", *(key.value for key in LiveKey), "lower_bounds", "estimates"}
        assert rows[1][Key.TOKENS_PER_S.value] not in ("", "1e-07")

    def test_csv_names_bounds_and_estimates(self) -> None:
        history = LiveHistory()
        bound = LiveFigure(value=5000.0, is_at_least=True)
        history.add(
            1.0, {Key.TTFT_P99_MS: bound, Key.OUR_TOKENS_PER_S: LiveFigure(value=4, is_estimate=True)}
        )
        (row,) = csv.DictReader(io.StringIO(live_csv(history.rows, 0.0)))
        assert (row[Key.TTFT_P99_MS.value], row["lower_bounds"]) == ("5000", Key.TTFT_P99_MS.value)
        assert row["estimates"] == Key.OUR_TOKENS_PER_S.value

    def test_a_view_before_the_first_look_knows_nothing(self) -> None:
        assert all(LiveView()[key].value is None and LiveView()[key].reason for key in LiveKey)
