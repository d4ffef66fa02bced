"""X-rays from the figures that answers keep, of any age."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.chat import AnswerStats
from arcdesk.core.xray import NOT_PAINTED, Cause, ClientTimes, Part, Span, xray
from arcdesk.core.xray_answer import NO_END, NOT_KEPT, PAINT_NOT_KEPT, QUICK, record_of, xray_of
from arcdesk.core.xray_record import XRayRecord
from arcdesk.core.xray_server import OTHERS_ENDED, ServerTime, ServerTimes

TIMES = ServerTimes(
    queue=ServerTime(seconds=0.1),
    prefill=ServerTime(seconds=0.3),
    decode=ServerTime(seconds=1.0),
    ttft=ServerTime(seconds=0.4),
    e2e=ServerTime(seconds=1.4),
    answers=1,
    is_ours=True,
)


def stats(record: XRayRecord | None = None, **more: object) -> AnswerStats:
    """An answer of 51 tokens: first after 0.405 s, last a second later."""
    known = {"ttft_ms": 405.0, "last_ms": 1405.0, "connect_ms": 1.0, "parse_ms": 4.0, **more}
    return AnswerStats(completion_tokens=51, chunks=51, xray=record, **known)  # type: ignore[arg-type]


def record(servers: ServerTimes = TIMES, paint_lag_s: float | None = 0.016) -> XRayRecord:
    return record_of(servers, paint_lag_s=paint_lag_s, stall_s=0.01, is_local=True)


@given(
    connect_ms=st.none() | st.floats(0, 400),
    parse_ms=st.none() | st.floats(0, 900),
    paint_s=st.none() | st.floats(0, 1),
    stall_s=st.none() | st.floats(0, 5),
    is_local=st.booleans(),
)
def test_what_is_kept_gives_the_picture_that_was_seen(
    connect_ms: float | None,
    parse_ms: float | None,
    paint_s: float | None,
    stall_s: float | None,
    is_local: bool,
) -> None:
    kept = record_of(TIMES, paint_lag_s=paint_s, stall_s=stall_s, is_local=is_local)
    seen = xray(
        ClientTimes(
            sent_s=0.0,
            connected_s=None if connect_ms is None else connect_ms / 1000,
            first_token_s=0.405,
            last_token_s=1.405,
            parse_s=None if parse_ms is None else parse_ms / 1000,
            paint_lag_s=paint_s,
            stall_s=stall_s,
            is_local=is_local,
        ),
        TIMES,
    )
    again = xray_of(stats(kept, connect_ms=connect_ms, parse_ms=parse_ms))
    assert [part.part for part in again.parts] == [part.part for part in seen.parts]
    for one, other in zip(again.parts, seen.parts, strict=True):
        assert one.seconds == pytest.approx(other.seconds, abs=1e-6)
        assert (one.reason, one.is_servers) == (other.reason, other.is_servers)
    assert again.total_s == pytest.approx(seen.total_s, abs=1e-6)
    assert [(one.span, one.cause) for one in again.disagreements] == [
        (one.span, one.cause) for one in seen.disagreements
    ]


def test_bounds_stay_bounds() -> None:
    bound = ServerTime(seconds=0.1, is_at_least=True)
    kept = record(ServerTimes(ttft=bound, is_ours=True, answers=1))
    assert kept.at_least == ("first_ms",)
    (found,) = xray_of(stats(kept)).disagreements
    assert (found.span, found.cause, found.is_at_least) == (Span.FIRST, Cause.SATURATED, True)


def test_reasons_stay() -> None:
    picture = xray_of(stats(record(ServerTimes(reason=OTHERS_ENDED, had_company=True))))
    assert picture.note == OTHERS_ENDED
    assert picture[Part.PREFILL].reason == OTHERS_ENDED


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (record(paint_lag_s=None), NOT_PAINTED),
        (record_of(TIMES, paint_lag_s=None, stall_s=None, is_local=True, paint_reason=QUICK), QUICK),
        (None, PAINT_NOT_KEPT),
    ],
)
def test_why_the_paint_is_unknown(kept: XRayRecord | None, reason: str) -> None:
    picture = xray_of(stats(kept))
    assert (picture[Part.PAINT].seconds, picture[Part.PAINT].reason) == (None, reason)


class TestOldAnswers:
    """From before anything was kept for an X-ray."""

    def test_their_decode_time_is_that_of_their_rate(self) -> None:
        old = AnswerStats(ttft_ms=400.0, decode_tokens_per_s=50.0, completion_tokens=51, chunks=51)
        picture = xray_of(old)
        assert picture[Part.WAIT].seconds == pytest.approx(0.4)
        assert picture[Part.DECODE].seconds == pytest.approx(1.0)
        assert picture.total_s == pytest.approx(1.4)
        assert picture.note == NOT_KEPT
        for part in (Part.CONNECT, Part.QUEUE, Part.PREFILL, Part.PARSE, Part.PAINT):
            assert picture[part].seconds is None and picture[part].reason

    def test_without_a_rate_only_the_wait_is_known(self) -> None:
        picture = xray_of(AnswerStats(ttft_ms=400.0, chunks=9, total_ms=9000.0))
        assert picture[Part.WAIT].seconds == pytest.approx(0.4)
        assert (picture[Part.DECODE].seconds, picture[Part.DECODE].reason) == (None, NO_END)
        assert picture.total_s is None

    def test_one_piece_ended_where_it_began(self) -> None:
        picture = xray_of(AnswerStats(ttft_ms=400.0, chunks=1))
        assert (picture[Part.DECODE].seconds, picture.total_s) == (0.0, pytest.approx(0.4))

    def test_without_a_token_there_is_nothing(self) -> None:
        picture = xray_of(AnswerStats(total_ms=10.0))
        assert picture.total_s is None
        assert all(part.seconds is None and part.reason for part in picture.parts)
