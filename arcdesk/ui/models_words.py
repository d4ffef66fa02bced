"""The words of the models window: sizes, places, troubles, verdicts, downloads."""

from __future__ import annotations

import re

from arcdesk.core.fit import Fit, Verdict
from arcdesk.core.hub import Download, DownloadPhase, HubModel
from arcdesk.core.models import Format, ModelEntry, Place, SpeedSeen, StartModel, Trouble

THIN = "\N{NARROW NO-BREAK SPACE}"
UNKNOWN = "–"
DOT = " · "
BREAK = "\N{ZERO WIDTH SPACE}"

PLACES = {
    Place.CACHE: "Hugging Face cache",
    Place.FOLDER: "Your folder",
    Place.SERVER: "On the server only",
    Place.STARTER: "Comes with ArcDesk",
}
FORMATS = {
    Format.SAFETENSORS: "Safetensors",
    Format.GGUF: "GGUF",
    Format.PYTORCH: "PyTorch (pickled)",
    Format.OTHER: "Another format",
    Format.NONE: "No weights",
}
TROUBLES = {
    Trouble.INCOMPLETE: ("The download has not ended", "Download goes on where it stopped."),
    Trouble.BROKEN_LINKS: ("Files of the cache entry are gone", "Download brings them again."),
    Trouble.BAD_CONFIG: ("config.json can't be read", "Download brings it again."),
    Trouble.MISSING_SHARDS: ("Some weight files are missing", "Download brings only what is missing."),
    Trouble.NOT_YOURS: (
        "Some files belong to another user",
        "A container wrote them. 'Make them mine' gives them back to you.",
    ),
    Trouble.UNREADABLE: ("Some files can't be read", "Give yourself the right to read them."),
}
VERDICTS = {
    Verdict.FITS: ("Fits", "ok"),
    Verdict.TIGHT: ("Tight", "warn"),
    Verdict.DOES_NOT: ("Does not fit", "error"),
    Verdict.UNKNOWN: ("Whether it fits is not known", "secondary"),
}
PHASES = {
    DownloadPhase.WAITING: "Waits for the one before",
    DownloadPhase.CHECKING: "Asks for sizes, looks at the disk",
    DownloadPhase.RUNNING: "Downloads",
    DownloadPhase.PAUSED: "Paused",
    DownloadPhase.VERIFYING: "Checks what came",
    DownloadPhase.DONE: "Done",
    DownloadPhase.FAILED: "Failed",
    DownloadPhase.CANCELLED: "Cancelled",
}
STALL_TOLD_S = 15.0


def size_text(size_bytes: int | None) -> str:
    """'4.1 GiB', '850 MiB'; a dash for unknown."""
    if size_bytes is None:
        return UNKNOWN
    sign, size = ("-" if size_bytes < 0 else ""), abs(size_bytes)
    for unit, scale in (("TiB", 2**40), ("GiB", 2**30)):
        if size >= 0.9995 * scale:
            return f"{sign}{size / scale:.1f}{THIN}{unit}"
    for unit, scale in (("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{sign}{size / scale:.0f}{THIN}{unit}"
    return f"{sign}{size}{THIN}bytes"


def breakable(text: str) -> str:
    """A path or id that may be broken over lines after its signs: for the eye, never for the clipboard."""
    return re.sub(r"([/_.-])(?=[^ ])", rf"\1{BREAK}", text)


def count_text(count: int | None) -> str:
    """'32 768'; a dash for unknown."""
    return UNKNOWN if count is None else f"{count:,}".replace(",", THIN)


def tokens_text(count: int | None) -> str:
    """'32 768 tokens'."""
    return UNKNOWN if count is None else f"{count_text(count)} tokens"


def billions_text(parameters: float) -> str:
    """'7.6 billion', '135 million'."""
    return f"{parameters:.1f} billion" if parameters >= 0.95 else f"{parameters * 1000:.0f} million"


def short_count(count: int | None) -> str:
    """'1.2 M', '48 k': how often a model was downloaded."""
    if count is None:
        return UNKNOWN
    for unit, scale in (("M", 1_000_000), ("k", 1000)):
        if count >= scale:
            number = count / scale
            return f"{number:.1f}{THIN}{unit}" if number < 10 else f"{number:.0f}{THIN}{unit}"
    return str(count)


def speed_text(speed: SpeedSeen | None) -> str:
    """'84 tok/s, first word after 131 ms · n = 14'."""
    if speed is None:
        return "Not measured yet"
    first = "" if speed.ttft_ms is None else f", first word after {speed.ttft_ms:.0f}{THIN}ms"
    return f"{speed.decode_tokens_per_s:.1f}{THIN}tok/s{first}{DOT}n = {speed.n}"


def entry_line(entry: ModelEntry) -> str:
    """What stands below the name in the list."""
    if entry.is_lora:
        return f"Adapter of {entry.parent}"
    if entry.place is Place.SERVER:
        return PLACES[entry.place]
    if entry.format is Format.NONE and entry.partial_bytes:
        return f"{size_text(entry.partial_bytes)} of an unfinished download"
    parts = [size_text(entry.size_bytes), FORMATS[entry.format]]
    if entry.config is not None and entry.config.context:
        parts.append(tokens_text(entry.config.context))
    if entry.speed is not None:
        parts.append(f"{entry.speed.decode_tokens_per_s:.0f}{THIN}tok/s")
    return DOT.join(parts)


def start_line(model: StartModel) -> str:
    """What stands below a model of the start list."""
    where = "embedded engine" if model.engine == "embedded" else model.low_bit
    return DOT.join((billions_text(model.parameters), where, model.licence))


def hub_line(model: HubModel) -> str:
    """What stands below a hit of the search."""
    parts = [f"{short_count(model.downloads)} downloads"]
    return DOT.join([*parts, *(text for text in (model.licence, model.updated[:10]) if text)])


def verdict_line(fit: Fit) -> str:
    """'Fits: 3.2 GiB are left', 'Does not fit: 1.2 GiB are missing'."""
    word, _ = VERDICTS[fit.verdict]
    if fit.margin_bytes is None or fit.verdict is Verdict.UNKNOWN:
        return word
    if fit.margin_bytes < 0:
        return f"{word}: {size_text(-fit.margin_bytes)} are missing"
    return f"{word}: {size_text(fit.margin_bytes)} are left"


def left_text(seconds: float | None) -> str:
    """'about 4 min left'; '' while it was not measured."""
    if seconds is None:
        return ""
    if seconds < 60:
        return "less than a minute left"
    if seconds < 3600:
        return f"about {seconds / 60:.0f}{THIN}min left"
    return f"about {seconds / 3600:.1f}{THIN}h left"


def download_line(download: Download) -> str:
    """How far it is, in one line."""
    amount = size_text(download.done_bytes)
    if download.total_bytes is not None:
        amount = f"{amount} of {size_text(download.total_bytes)}"
    match download.phase:
        case DownloadPhase.RUNNING if download.stalled_s >= STALL_TOLD_S:
            return DOT.join(
                (amount, f"Nothing has come for {download.stalled_s:.0f}{THIN}s; it is tried again")
            )
        case DownloadPhase.RUNNING:
            speed = f"{size_text(round(download.bytes_per_s))}/s" if download.bytes_per_s else ""
            parts = (amount, speed, left_text(download.seconds_left))
            return DOT.join(part for part in parts if part)
        case DownloadPhase.PAUSED | DownloadPhase.VERIFYING:
            return DOT.join((PHASES[download.phase], amount))
        case DownloadPhase.DONE:
            return DOT.join((PHASES[download.phase], size_text(download.total_bytes or download.done_bytes)))
        case DownloadPhase.FAILED if download.problem is not None:
            why = download.problem
            return " ".join(part for part in (f"{why.title.rstrip('.')}.", why.detail, why.hint) if part)
        case _:
            return PHASES[download.phase]
