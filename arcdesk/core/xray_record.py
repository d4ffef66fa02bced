"""What an answer's figures keep of its X-ray beside the moments of its own stream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class XRayRecord:
    """Milliseconds, or None. `paint_ms`: from the last piece's arrival until it was drawn (None: never,
    for `paint_reason`, or because it was not on the screen).

    `stall_ms` is the longest time for which our loop was held up meanwhile; `is_local`: the server runs on
    this computer. From `queue_ms` to `whole_ms` they are the server's own times of this answer; those
    named in `at_least` are bounds. `is_ours`, `had_company` and `reason` are those of ServerTimes.
    """

    paint_ms: float | None = None
    paint_reason: str = ""
    stall_ms: float | None = None
    is_local: bool = True
    queue_ms: float | None = None
    prefill_ms: float | None = None
    decode_ms: float | None = None
    first_ms: float | None = None
    whole_ms: float | None = None
    at_least: tuple[str, ...] = ()
    is_ours: bool = False
    had_company: bool = False
    reason: str = ""
