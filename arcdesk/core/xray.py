"""The latency X-ray of one answer: where its time went, and where our clock and the server's disagree."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from arcdesk.core.xray_server import ServerTime, ServerTimes

DISAGREEMENT_SHARE = 0.2
DISAGREEMENT_LEAST_S = 0.010  # below, it is the way of one packet and no finding
FITS_SHARE = 0.05  # by this much the server's parts may exceed what passed here
NOT_PAINTED = "The answer was not on the screen."


class Part(Enum):
    """A stretch of an answer, in order."""

    CONNECT = "connect"
    QUEUE = "queue"  # in the server, before its turn
    PREFILL = "prefill"
    OUTSIDE = "outside"  # up to the first token, but in none of the server's parts: the way, HTTP, tokenizing
    WAIT = "wait"  # up to the first token, as far as the server does not tell it apart
    DECODE = "decode"
    PARSE = "parse"  # our reading of what came
    PAINT = "paint"  # from the last piece's arrival until it stood on the screen


class Span(Enum):
    """What both clocks measure."""

    FIRST = "first"  # from the connection to the first token
    DECODE = "decode"
    WHOLE = "whole"


class Cause(Enum):
    """The likely reason of a disagreement."""

    OTHER_USERS = "other users"
    PROXY = "proxy"  # something on the way holds pieces back
    NETWORK = "network"
    SATURATED = "saturated bucket"
    BUSY_UI = "busy window"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTimes:
    """One answer by our clock: monotonic seconds, or None. A token is the first or last piece with text.

    `parse_s` is spent in reading the stream, all together; `paint_lag_s` passes from the last piece's arrival
    to its paint. `stall_s` is the longest time for which the loop was held up meanwhile. `via` is a proxy
    between ('' none); `is_local`: the server runs on this computer.
    """

    sent_s: float
    connected_s: float | None = None
    first_token_s: float | None = None
    last_token_s: float | None = None
    parse_s: float | None = None
    paint_lag_s: float | None = None
    stall_s: float | None = None
    via: str = ""
    is_local: bool = True
    paint_reason: str = NOT_PAINTED  # if its lag is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class XRayPart:
    """How long a part took, or None with the reason. `is_servers`: by the server's clock, not ours."""

    part: Part
    seconds: float | None = None
    is_servers: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Both clocks measured the same and differ by over a fifth. `is_at_least`: the server's is a bound."""

    span: Span
    ours_s: float
    servers_s: float
    cause: Cause
    is_at_least: bool = False

    @property
    def share(self) -> float:
        """The difference as a share of the greater one."""
        return abs(self.ours_s - self.servers_s) / max(self.ours_s, self.servers_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class XRay:
    """An answer taken apart. `total_s` is from the question sent to the last piece painted (or arrived).

    The known parts sum to it within 5 %. `note` says why the server's parts are missing.
    """

    parts: tuple[XRayPart, ...]
    total_s: float | None
    disagreements: tuple[Disagreement, ...] = ()
    note: str = ""

    def __getitem__(self, part: Part) -> XRayPart:
        return next((one for one in self.parts if one.part is part), XRayPart(part=part))

    @property
    def known_s(self) -> float:
        """The known parts together."""
        return math.fsum(one.seconds for one in self.parts if one.seconds is not None)


def xray(ours: ClientTimes, servers: ServerTimes) -> XRay:
    """Take an answer apart."""
    if ours.first_token_s is None or ours.last_token_s is None:
        why = "No token came."
        return XRay(parts=tuple(XRayPart(part=part, reason=why) for part in _SHOWN), total_s=None, note=why)
    parts = (
        _connect(ours),
        *_until_first(ours.first_token_s - _ready_s(ours), servers),
        *_after_first(ours, ours.last_token_s - ours.first_token_s),
    )
    return XRay(
        parts=parts,
        total_s=ours.last_token_s - ours.sent_s + (ours.paint_lag_s or 0.0),
        disagreements=tuple(_disagreements(ours, servers)),
        note=servers.reason,
    )


_SHOWN = (Part.CONNECT, Part.QUEUE, Part.PREFILL, Part.DECODE, Part.PARSE, Part.PAINT)


def _ready_s(ours: ClientTimes) -> float:
    return ours.sent_s if ours.connected_s is None else ours.connected_s


def _connect(ours: ClientTimes) -> XRayPart:
    if ours.connected_s is None:
        return XRayPart(part=Part.CONNECT, reason="The moment of the connection is not known.")
    return XRayPart(part=Part.CONNECT, seconds=ours.connected_s - ours.sent_s)


def _until_first(waited_s: float, servers: ServerTimes) -> tuple[XRayPart, ...]:
    """Queue and prefill by the server's clock where they are of our answer and fit into ours."""
    queue_s, prefill_s = _exact(servers.queue), _exact(servers.prefill)
    why = servers.reason or "This server does not tell it."
    if not servers.is_ours or prefill_s is None:
        return _untold(waited_s, why)
    inside_s = prefill_s + (queue_s or 0.0)
    if inside_s > waited_s * (1 + FITS_SHARE):
        return _untold(waited_s, "The server claims more time than passed here.")
    rest_s = max(0.0, waited_s - inside_s)
    prefill = XRayPart(part=Part.PREFILL, seconds=prefill_s, is_servers=True)
    if queue_s is None:
        queue = XRayPart(part=Part.QUEUE, reason=why)
        return queue, prefill, XRayPart(part=Part.WAIT, seconds=rest_s)
    queue = XRayPart(part=Part.QUEUE, seconds=queue_s, is_servers=True)
    return queue, prefill, XRayPart(part=Part.OUTSIDE, seconds=rest_s)


def _untold(waited_s: float, why: str) -> tuple[XRayPart, ...]:
    return (
        XRayPart(part=Part.QUEUE, reason=why),
        XRayPart(part=Part.PREFILL, reason=why),
        XRayPart(part=Part.WAIT, seconds=waited_s),
    )


def _after_first(ours: ClientTimes, streamed_s: float) -> tuple[XRayPart, ...]:
    """What we spend on reading lies within the stream: it is taken out of it, not counted twice."""
    parse_s = None if ours.parse_s is None else min(ours.parse_s, streamed_s)
    return (
        XRayPart(part=Part.DECODE, seconds=streamed_s - (parse_s or 0.0)),
        XRayPart(part=Part.PARSE, seconds=parse_s, reason="" if parse_s is not None else "Not measured."),
        XRayPart(
            part=Part.PAINT,
            seconds=ours.paint_lag_s,
            reason="" if ours.paint_lag_s is not None else ours.paint_reason,
        ),
    )


def _exact(time: ServerTime) -> float | None:
    return None if time.is_at_least else time.seconds


def _disagreements(ours: ClientTimes, servers: ServerTimes) -> Iterator[Disagreement]:
    assert ours.first_token_s is not None
    assert ours.last_token_s is not None
    ready_s = _ready_s(ours)
    compared = {
        Span.FIRST: (ours.first_token_s - ready_s, servers.ttft),
        Span.DECODE: (ours.last_token_s - ours.first_token_s, servers.decode),
        Span.WHOLE: (ours.last_token_s - ready_s, servers.e2e),
    }
    is_held_back = _is_held_back(compared)
    for span, (ours_s, theirs) in compared.items():
        if theirs.seconds is not None and _differ(ours_s, theirs.seconds):
            yield Disagreement(
                span=span,
                ours_s=ours_s,
                servers_s=theirs.seconds,
                cause=_cause(ours, servers, ours_s, theirs, is_held_back and span is not Span.WHOLE),
                is_at_least=theirs.is_at_least,
            )


def _differ(ours_s: float, servers_s: float) -> bool:
    difference_s = abs(ours_s - servers_s)
    return difference_s > max(DISAGREEMENT_LEAST_S, DISAGREEMENT_SHARE * max(ours_s, servers_s))


def _is_held_back(compared: dict[Span, tuple[float, ServerTime]]) -> bool:
    """The first piece came late and the others quickly behind it, but the end is right."""
    first_s, first = compared[Span.FIRST]
    decode_s, decode = compared[Span.DECODE]
    whole_s, whole = compared[Span.WHOLE]
    if first.seconds is None or decode.seconds is None or whole.seconds is None:
        return False
    is_late = first_s > first.seconds and decode_s < decode.seconds
    return is_late and _differ(decode_s, decode.seconds) and not _differ(whole_s, whole.seconds)


def _cause(
    ours: ClientTimes, servers: ServerTimes, ours_s: float, theirs: ServerTime, is_held_back: bool
) -> Cause:
    assert theirs.seconds is not None
    more_s = ours_s - theirs.seconds  # how much longer it took by our clock
    if theirs.is_at_least and more_s > 0:
        return Cause.SATURATED
    if not servers.is_ours:
        return Cause.OTHER_USERS
    held_up_s = max(ours.stall_s or 0.0, ours.parse_s or 0.0)
    if (more_s > 0 or is_held_back) and held_up_s >= abs(more_s) / 2:  # by us, not on the way
        return Cause.BUSY_UI
    if ours.via or is_held_back:
        return Cause.PROXY
    if more_s > 0 and not ours.is_local:
        return Cause.NETWORK
    return Cause.OTHER_USERS if servers.had_company else Cause.UNKNOWN
