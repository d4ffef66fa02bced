"""The words of the latency X-ray: parts, clocks, disagreements, and all of it as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from arcdesk.core.chat import AnswerStats
from arcdesk.core.xray import Cause, Disagreement, Part, Span, XRay, XRayPart
from arcdesk.core.xray_record import XRayRecord
from arcdesk.ui.transcript_words import THIN, UNKNOWN


def tr(text: str) -> str:
    """The text in the person's language."""
    return QCoreApplication.translate("XRay", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One part as it is drawn: it begins `start_s` after the question left; without a length, `reason`."""

    label: str
    about: str
    start_s: float
    seconds: float | None
    is_servers: bool
    reason: str

    @property
    def figure(self) -> str:
        """'12 ms', or '–'."""
        return duration(self.seconds)

    @property
    def clock(self) -> str:
        """Whose clock measured it; '' for what is unknown."""
        if self.seconds is None:
            return ""
        return tr("server") if self.is_servers else tr("ours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Disagreements of one likely reason in words: what (a line each), why, and what to do."""

    what: tuple[str, ...]
    why: str
    hint: str


def duration(seconds: float | None) -> str:
    """'3.2 ms', '135 ms', '12.3 s'."""
    if seconds is None:
        return UNKNOWN
    ms = seconds * 1000
    if ms < 9.95:
        return f"{ms:.1f}{THIN}ms"
    return f"{ms:.0f}{THIN}ms" if ms < 9_999.5 else f"{seconds:.1f}{THIN}s"


def rows(picture: XRay) -> list[Row]:
    """The parts one after the other on one axis."""
    made: list[Row] = []
    start_s = 0.0
    for part in picture.parts:
        label, about = _part_words(part)
        made.append(
            Row(
                label=label,
                about=about,
                start_s=start_s,
                seconds=part.seconds,
                is_servers=part.is_servers,
                reason=part.reason,
            )
        )
        start_s += part.seconds or 0.0
    return made


def _part_words(part: XRayPart) -> tuple[str, str]:
    match part.part:
        case Part.CONNECT:
            is_open = part.seconds == 0
            return tr("Connect"), (
                tr("The connection was open already.") if is_open else tr("Reaching the server.")
            )
        case Part.QUEUE:
            return tr("Queue"), tr("In the server, before its turn came.")
        case Part.PREFILL:
            return tr("Prefill"), tr("The model reads the question and all before it.")
        case Part.OUTSIDE:
            return tr("On the way"), tr(
                "Up to the first token, but in none of the server's parts: the way, HTTP."
            )
        case Part.WAIT:
            return tr("To first token"), tr(
                "Up to the first token, as far as the server does not tell it apart."
            )
        case Part.DECODE:
            return tr("Decode"), tr("From the first token to the last, without our reading.")
        case Part.PARSE:
            return tr("Our reading"), tr("ArcDesk takes apart and hands on what came, all together.")
        case Part.PAINT:
            return tr("Our drawing"), tr("From the arrival of the last words until they were drawn.")


def sum_words(picture: XRay) -> str:
    """'The parts: 1423 ms of 1423 ms'; '' without a whole."""
    if not picture.total_s:
        return ""
    share = round(100 * picture.known_s / picture.total_s)
    is_painted = picture[Part.PAINT].seconds is not None
    return tr("The parts together: {parts} of {whole} from the question to {end} ({share}{thin}%)").format(
        parts=duration(picture.known_s),
        whole=duration(picture.total_s),
        end=tr("the screen") if is_painted else tr("the last words"),
        share=share,
        thin=THIN,
    )


def about_words(stats: AnswerStats) -> str:
    """Which answer it is."""
    tokens = UNKNOWN if stats.completion_tokens is None else str(stats.completion_tokens)
    parts = [stats.model or "", stats.device or "", f"{tokens}{THIN}tok", _ttft(stats)]
    return " · ".join(part for part in parts if part)


def _ttft(stats: AnswerStats) -> str:
    return f"TTFT {duration(None if stats.ttft_ms is None else stats.ttft_ms / 1000)}"


def findings(picture: XRay, stats: AnswerStats) -> list[Finding]:
    """What both clocks do not agree on; none means agreement, or nothing to compare."""
    found: dict[Cause, list[str]] = {}
    for one in picture.disagreements:
        found.setdefault(one.cause, []).append(_what(one))
    return [
        Finding(what=tuple(lines), why=why, hint=hint)
        for cause, lines in found.items()
        for why, hint in (_cause_words(cause, stats),)
    ]


def _what(one: Disagreement) -> str:
    theirs = (tr("at least ") if one.is_at_least else "") + duration(one.servers_s)
    return tr("{span}: {ours} by our clock, {theirs} by the server's ({share}{thin}% apart).").format(
        span=_SPANS[one.span](),
        ours=duration(one.ours_s),
        theirs=theirs,
        share=round(100 * one.share),
        thin=THIN,
    )


_SPANS = {
    Span.FIRST: lambda: tr("Up to the first token"),
    Span.DECODE: lambda: tr("From the first token to the last"),
    Span.WHOLE: lambda: tr("The whole answer"),
}


def _cause_words(cause: Cause, stats: AnswerStats) -> tuple[str, str]:
    """The likely reason, and what to do."""
    match cause:
        case Cause.OTHER_USERS:
            return (
                tr("The server worked on other requests as well."),
                tr("Ask again when it is quiet."),
            )
        case Cause.PROXY:
            by = tr("The proxy {0}").format(stats.via) if stats.via else tr("Something on the way")
            return (
                tr("{0} holds pieces back and lets them go together.").format(by),
                tr("Ask the server directly, or switch the buffering off (nginx: proxy_buffering off)."),
            )
        case Cause.NETWORK:
            return (
                tr("The time passes on the network between this computer and the server."),
                tr("Compare with an answer that is asked on the server itself."),
            )
        case Cause.SATURATED:
            return (
                tr("The server's scale ends there; the true time is longer."),
                tr("Trust our clock here."),
            )
        case Cause.BUSY_UI:
            stall_ms = stats.xray.stall_ms if stats.xray else None
            held_ms = max(stall_ms or 0.0, stats.parse_ms or 0.0)  # the greater one is what it was told for
            return (
                tr("ArcDesk itself was held up for {0}.").format(duration(held_ms / 1000)),
                tr("See whether another program keeps this computer busy."),
            )
        case Cause.UNKNOWN:
            return (
                tr("No reason was found."),
                tr("Ask again; if it stays, a benchmark tells whether it is the server."),
            )


def notes(picture: XRay, stats: AnswerStats) -> list[str]:
    """What else is to be said."""
    is_said = any(part.reason == picture.note for part in picture.parts)
    said = [picture.note] if picture.note and not is_said else []
    record = stats.xray
    if record is not None and record.is_ours and _is_compared(record) and not picture.disagreements:
        said.append(tr("Both clocks agree: they differ by less than a fifth."))
    if record is not None and record.stall_ms is not None:
        said.append(
            tr("Longest hold-up of ArcDesk's loop meanwhile: {0}.").format(duration(record.stall_ms / 1000))
        )
    return said


def _is_compared(record: XRayRecord) -> bool:
    """The server told at least one time that our clock measures as well."""
    told = {"first_ms": record.first_ms, "decode_ms": record.decode_ms, "whole_ms": record.whole_ms}
    return any(value is not None and name not in record.at_least for name, value in told.items())


def as_text(picture: XRay, stats: AnswerStats) -> str:
    """All of it, for the clipboard and the screen reader."""
    return "\n".join(_lines(picture, stats)).replace(THIN, " ")


def _lines(picture: XRay, stats: AnswerStats) -> Iterator[str]:
    yield tr("Latency X-ray: {0}").format(about_words(stats))
    shown = rows(picture)
    wide = max((len(row.label) for row in shown), default=0)
    for row in shown:
        behind = f"({row.clock})" if row.clock else row.reason
        yield f"{row.label:<{wide}}  {row.figure:>9}  {behind}"
    if whole := sum_words(picture):
        yield whole
    for finding in findings(picture, stats):
        yield from (f"! {line}" for line in finding.what)
        yield f"  {finding.why} {finding.hint}"
    yield from notes(picture, stats)
