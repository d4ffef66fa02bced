"""The X-ray of answers whose every delay is known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.xray import Cause, ClientTimes, Part, Span, XRay, xray
from arcdesk.core.xray_server import NO_SAMPLES, NOT_COUNTED, ServerTimes, server_times
from tests.unit.core.metrics_rig import CountingServer, sample

GAPS = [0.02] * 50


def client(
    *,
    connect_s: float = 0.002,
    wait_s: float,
    decode_s: float,
    parse_s: float | None = 0.004,
    paint_s: float | None = 0.016,
    stall_s: float | None = 0.0,
    via: str = "",
    is_local: bool = True,
) -> ClientTimes:
    """Our clock, by what passed."""
    sent = 5000.0
    connected = sent + connect_s
    first = connected + wait_s
    return ClientTimes(
        sent_s=sent,
        connected_s=connected,
        first_token_s=first,
        last_token_s=first + decode_s,
        parse_s=parse_s,
        paint_lag_s=paint_s,
        stall_s=stall_s,
        via=via,
        is_local=is_local,
    )


def servers(
    queue_s: float = 0.1,
    prefill_s: float = 0.3,
    *,
    others: int = 0,
    tokens: int | None = 51,
    has_sums: bool = True,
) -> ServerTimes:
    """What /metrics said of one answer (51 tokens in 1 s), and of others that ended meanwhile."""
    server = CountingServer(has_sums=has_sums)
    for _ in range(3):  # what it did before
        server.finish(queue_s=1.0, prefill_s=2.0, gaps_s=[0.5] * 9)
    before = server.sample(0.0)
    for _ in range(others):
        server.finish(queue_s=1.0, prefill_s=1.0, gaps_s=[0.1] * 30)
    server.finish(queue_s=queue_s, prefill_s=prefill_s, gaps_s=GAPS)
    return server_times(before, server.sample(10.0), tokens)


def seconds(picture: XRay) -> dict[Part, float | None]:
    return {part.part: part.seconds for part in picture.parts}


def assert_whole(picture: XRay) -> None:
    """The parts sum to the whole within 5 %."""
    assert picture.total_s is not None
    assert picture.known_s == pytest.approx(picture.total_s, rel=0.05)


def test_every_delay_is_found_again() -> None:
    picture = xray(client(wait_s=0.405, decode_s=1.0), servers())
    expected = {
        Part.CONNECT: 0.002,
        Part.QUEUE: 0.1,
        Part.PREFILL: 0.3,
        Part.OUTSIDE: 0.005,
        Part.DECODE: 0.996,
        Part.PARSE: 0.004,
        Part.PAINT: 0.016,
    }
    assert seconds(picture) == {part: pytest.approx(value) for part, value in expected.items()}
    assert picture.total_s == pytest.approx(1.423)
    assert_whole(picture)
    assert picture.disagreements == ()
    assert [part.part for part in picture.parts if part.is_servers] == [Part.QUEUE, Part.PREFILL]


@settings(max_examples=40, deadline=None)
@given(
    connect_s=st.floats(0, 2),
    queue_s=st.floats(0, 5),
    prefill_s=st.floats(0.001, 5),
    way_s=st.floats(-0.5, 5),
    decode_s=st.floats(0, 30),
    parse_s=st.none() | st.floats(0, 2),
    paint_s=st.none() | st.floats(0, 1),
    others=st.integers(0, 1),
)
def test_the_parts_always_sum_to_the_whole(
    connect_s: float,
    queue_s: float,
    prefill_s: float,
    way_s: float,
    decode_s: float,
    parse_s: float | None,
    paint_s: float | None,
    others: int,
) -> None:
    wait_s = max(0.001, queue_s + prefill_s + way_s)  # even where both clocks contradict each other
    ours = client(connect_s=connect_s, wait_s=wait_s, decode_s=decode_s, parse_s=parse_s, paint_s=paint_s)
    picture = xray(ours, servers(queue_s, prefill_s, others=others))
    assert_whole(picture)
    assert all(part.seconds is not None or part.reason for part in picture.parts)
    assert all(part.seconds is None or part.seconds >= -1e-9 for part in picture.parts)


class TestUnknown:
    """What is not known is not made up."""

    def test_without_samples_the_wait_is_one_part(self) -> None:
        picture = xray(client(wait_s=0.4, decode_s=1.0), server_times(None, None, 51))
        assert seconds(picture)[Part.WAIT] == pytest.approx(0.4)
        assert (picture[Part.QUEUE].seconds, picture[Part.QUEUE].reason) == (None, NO_SAMPLES)
        assert picture[Part.PREFILL].seconds is None
        assert_whole(picture)

    def test_others_that_ended_meanwhile_hide_our_parts(self) -> None:
        told = servers(others=1)
        picture = xray(client(wait_s=0.405, decode_s=1.0), told)
        assert told.answers == 2
        assert picture[Part.PREFILL].seconds is None
        assert "Other requests" in picture.note
        assert_whole(picture)

    def test_one_answer_that_ended_but_was_not_ours_is_known_by_its_length(self) -> None:
        told = servers(tokens=400)
        assert (told.answers, told.is_ours) == (1, False)

    def test_an_answer_that_is_not_counted_yet(self) -> None:
        server = CountingServer()
        told = server_times(server.sample(0.0), server.sample(1.0), 51)
        assert (told.answers, told.reason) == (0, NOT_COUNTED)
        assert xray(client(wait_s=0.4, decode_s=1.0), told).disagreements == ()

    def test_a_restart_in_between(self) -> None:
        server = CountingServer(generated=100)
        before = server.sample(0.0)
        server.restart(started_at=1.9e9)
        server.finish(queue_s=0.1, prefill_s=0.1, gaps_s=GAPS)
        assert "anew" in server_times(before, server.sample(9.0), 51).reason

    def test_an_answer_without_a_token_has_no_picture(self) -> None:
        picture = xray(ClientTimes(sent_s=1.0, connected_s=1.1), servers())
        assert picture.total_s is None
        assert all(part.seconds is None and part.reason for part in picture.parts)

    def test_unmeasured_paint_and_connection_are_unknown_and_the_rest_still_sums(self) -> None:
        ours = ClientTimes(sent_s=10.0, first_token_s=10.41, last_token_s=11.41)
        picture = xray(ours, servers())
        assert [picture[part].seconds for part in (Part.CONNECT, Part.PARSE, Part.PAINT)] == [None] * 3
        assert_whole(picture)

    def test_an_answer_of_one_token_has_no_decode_time(self) -> None:
        server = CountingServer()
        before = server.sample(0.0)
        server.finish(queue_s=0.0, prefill_s=0.4, gaps_s=[])
        picture = xray(client(wait_s=0.4, decode_s=0.0), server_times(before, server.sample(1.0), 1))
        assert picture[Part.DECODE].seconds == 0
        assert picture.disagreements == ()
        assert_whole(picture)

    def test_a_server_that_claims_more_than_passed_is_not_believed(self) -> None:
        picture = xray(client(wait_s=0.1, decode_s=1.0), servers(0.1, 0.3))
        assert picture[Part.PREFILL].seconds is None
        assert picture[Part.WAIT].seconds == pytest.approx(0.1)
        assert [one.span for one in picture.disagreements] == [Span.FIRST, Span.WHOLE]
        assert_whole(picture)


@pytest.mark.parametrize(
    ("wait_s", "is_believed"), [(0.1, False), (0.375, False), (0.39, True), (0.41, True)]
)
def test_servers_parts_that_do_not_fit_into_ours_are_left_out(wait_s: float, is_believed: bool) -> None:
    picture = xray(client(connect_s=0.0, wait_s=wait_s, decode_s=0.0, parse_s=None, paint_s=None), servers())
    assert (picture[Part.PREFILL].seconds is not None) == is_believed
    assert_whole(picture)


class TestLlamaCpp:
    """Two counters of seconds instead of histograms."""

    def test_prefill_and_decode_are_known_by_the_tokens_being_ours(self) -> None:
        before = sample("llama.cpp", 0.0)
        more = {
            "llamacpp:tokens_predicted_total": {(): 71.0},
            "llamacpp:tokens_predicted_seconds_total": {(): 2.95952},
            "llamacpp:prompt_seconds_total": {(): 1.54159},
        }
        after = type(before)(at=5.0, values={**before.values, **more})
        told = server_times(before, after, 51)
        picture = xray(client(wait_s=0.35, decode_s=1.0), told)
        assert picture[Part.PREFILL].seconds == pytest.approx(0.3)
        assert picture[Part.QUEUE].seconds is None
        assert picture[Part.WAIT].seconds == pytest.approx(0.05)
        assert picture.disagreements == ()
        assert_whole(picture)
        assert not server_times(before, after, 20).is_ours
        assert server_times(before, before, 20).reason == NOT_COUNTED


class TestDisagreements:
    """Over a fifth is told, with the likely reason."""

    def test_a_fifth_is_none_and_more_is(self) -> None:
        assert xray(client(wait_s=0.49, decode_s=1.0), servers()).disagreements == ()
        (found,) = xray(client(wait_s=0.51, decode_s=1.0), servers()).disagreements
        assert (found.span, found.cause) == (Span.FIRST, Cause.UNKNOWN)
        assert found.share == pytest.approx(0.11 / 0.51)

    def test_milliseconds_are_no_finding(self) -> None:
        assert xray(client(wait_s=0.009, decode_s=1.0), servers(0.0, 0.001)).disagreements == ()

    @pytest.mark.parametrize(
        ("ours", "cause"),
        [
            (client(wait_s=0.9, decode_s=1.0, stall_s=0.4), Cause.BUSY_UI),
            (client(wait_s=0.9, decode_s=1.0, parse_s=0.45), Cause.BUSY_UI),
            (client(wait_s=0.9, decode_s=1.0, via="proxy.example"), Cause.PROXY),
            (client(wait_s=0.9, decode_s=1.0, is_local=False), Cause.NETWORK),
            (client(wait_s=0.9, decode_s=1.0), Cause.UNKNOWN),
        ],
    )
    def test_a_late_first_token_has_its_likely_reason(self, ours: ClientTimes, cause: Cause) -> None:
        found = {one.span: one.cause for one in xray(ours, servers()).disagreements}
        assert found[Span.FIRST] is cause

    def test_pieces_that_were_held_back_point_to_something_on_the_way(self) -> None:
        picture = xray(client(wait_s=1.35, decode_s=0.06), servers())
        assert {one.span: one.cause for one in picture.disagreements} == {
            Span.FIRST: Cause.PROXY,
            Span.DECODE: Cause.PROXY,
        }

    def test_pieces_that_waited_for_a_busy_arcdesk_point_to_nothing_on_the_way(self) -> None:
        picture = xray(client(wait_s=1.35, decode_s=0.06, stall_s=0.9), servers())
        assert {one.span: one.cause for one in picture.disagreements} == {
            Span.FIRST: Cause.BUSY_UI,
            Span.DECODE: Cause.BUSY_UI,
        }

    def test_other_users_are_named_when_the_figures_are_of_several_answers(self) -> None:
        picture = xray(client(wait_s=0.405, decode_s=1.0), servers(others=2))
        assert picture.disagreements
        assert {one.cause for one in picture.disagreements} == {Cause.OTHER_USERS}

    def test_others_that_are_still_being_answered_are_seen_by_their_tokens(self) -> None:
        server = CountingServer()
        before = server.sample(0.0)
        server.finish(queue_s=0.1, prefill_s=0.3, gaps_s=GAPS)
        server.generated += 300  # of answers that have not ended
        told = server_times(before, server.sample(9.0), 51)
        assert told.is_ours
        assert told.had_company
        found = xray(client(wait_s=0.9, decode_s=1.0), told).disagreements
        assert {one.span: one.cause for one in found} == {
            Span.FIRST: Cause.OTHER_USERS,
            Span.WHOLE: Cause.OTHER_USERS,
        }

    def test_a_full_top_bucket_is_named(self) -> None:
        told = servers(20.0, 30.0, has_sums=False)
        assert told.ttft.is_at_least
        picture = xray(client(wait_s=50.0, decode_s=1.0), told)
        first = next(one for one in picture.disagreements if one.span is Span.FIRST)
        assert (first.cause, first.is_at_least, first.servers_s) == (Cause.SATURATED, True, 5.0)
        assert picture[Part.PREFILL].seconds is None  # a bound is no measure
        assert_whole(picture)

    def test_without_sums_a_bucket_in_the_middle_is_no_measure(self) -> None:
        picture = xray(client(wait_s=0.9, decode_s=1.0), servers(has_sums=False))
        assert picture[Part.PREFILL].seconds is None
        assert picture.disagreements == ()

    def test_a_full_top_bucket_does_not_matter_where_there_are_sums(self) -> None:
        picture = xray(client(wait_s=50.0, decode_s=1.0), servers(20.0, 30.0))
        assert picture.disagreements == ()
        assert picture[Part.PREFILL].seconds == pytest.approx(30.0)
