"""From the figures that an answer keeps to its X-ray, and back."""

from __future__ import annotations

from arcdesk.core.chat import AnswerStats
from arcdesk.core.xray import NOT_PAINTED, ClientTimes, Part, XRay, XRayPart, xray
from arcdesk.core.xray_record import XRayRecord
from arcdesk.core.xray_server import ServerTime, ServerTimes

NOT_KEPT = "Nobody took the server's figures around this answer."
NO_END = "When its last piece came was not kept."
PAINT_NOT_KEPT = "It was not kept."
QUICK = "The quick prompt showed it, and does not measure this."

_SERVERS = {
    "queue_ms": "queue",
    "prefill_ms": "prefill",
    "decode_ms": "decode",
    "first_ms": "ttft",
    "whole_ms": "e2e",
}


def record_of(
    servers: ServerTimes,
    *,
    paint_lag_s: float | None,
    stall_s: float | None,
    is_local: bool,
    paint_reason: str = "",
) -> XRayRecord:
    """What is to be kept of an answer's X-ray."""
    times: dict[str, ServerTime] = {kept: getattr(servers, name) for kept, name in _SERVERS.items()}
    known: dict[str, float | None] = {kept: _ms(time.seconds) for kept, time in times.items()}
    return XRayRecord(
        **known,
        at_least=tuple(kept for kept, time in times.items() if time.is_at_least),
        paint_ms=_ms(paint_lag_s),
        paint_reason=paint_reason,
        stall_ms=_ms(stall_s),
        is_local=is_local,
        is_ours=servers.is_ours,
        had_company=servers.had_company,
        reason=servers.reason,
    )


def xray_of(stats: AnswerStats) -> XRay:
    """The X-ray of an answer, of any age: what its figures do not have is unknown, with the reason."""
    record = stats.xray
    last_s = _last_s(stats)
    if stats.ttft_ms is not None and last_s is None:
        return _without_end(stats.ttft_ms / 1000)
    ours = ClientTimes(
        sent_s=0.0,
        connected_s=_s(stats.connect_ms),
        first_token_s=_s(stats.ttft_ms),
        last_token_s=last_s,
        parse_s=_s(stats.parse_ms),
        paint_lag_s=_s(record.paint_ms) if record else None,
        paint_reason=(record.paint_reason or NOT_PAINTED) if record else PAINT_NOT_KEPT,
        stall_s=_s(record.stall_ms) if record else None,
        via=stats.via,
        is_local=record.is_local if record else True,
    )
    return xray(ours, _servers(record))


def _last_s(stats: AnswerStats) -> float | None:
    """When the last piece came; for answers from before it was kept, reckoned from their rate."""
    if stats.last_ms is not None:
        return stats.last_ms / 1000
    if stats.ttft_ms is None:
        return None
    if stats.chunks == 1:
        return stats.ttft_ms / 1000
    if stats.decode_tokens_per_s and stats.completion_tokens:
        return stats.ttft_ms / 1000 + (stats.completion_tokens - 1) / stats.decode_tokens_per_s
    return None


def _servers(record: XRayRecord | None) -> ServerTimes:
    if record is None:
        return ServerTimes(reason=NOT_KEPT)
    times = {
        name: ServerTime(seconds=_s(getattr(record, kept)), is_at_least=kept in record.at_least)
        for kept, name in _SERVERS.items()
    }
    return ServerTimes(
        queue=times["queue"],
        prefill=times["prefill"],
        decode=times["decode"],
        ttft=times["ttft"],
        e2e=times["e2e"],
        is_ours=record.is_ours,
        had_company=record.had_company,
        reason=record.reason,
    )


def _without_end(waited_s: float) -> XRay:
    unknown = (Part.DECODE, Part.PARSE, Part.PAINT)
    return XRay(
        parts=(
            *(XRayPart(part=part, reason=NOT_KEPT) for part in (Part.QUEUE, Part.PREFILL)),
            XRayPart(part=Part.WAIT, seconds=waited_s),
            *(XRayPart(part=part, reason=NO_END) for part in unknown),
        ),
        total_s=None,
        note=NOT_KEPT,
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 4)


def _s(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000
