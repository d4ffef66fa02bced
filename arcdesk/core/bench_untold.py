"""Why nothing is known of the cards' memory and energy in a run: the same words in windows and reports."""

from __future__ import annotations

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_report_words import card_rows, one_line
from arcdesk.core.bench_stats import StepStats
from arcdesk.core.egress import host_of, is_local

ON_CPU = "The built-in engine works on the processor: no card is involved."
ELSEWHERE = "The server is on another computer, whose cards can't be seen from here."
NO_CARD = "No Intel card with a driver was found in this computer."
NOT_TOLD = "The cards did not tell it."
NOT_RECORDED = "The cards did not tell it, and why was not recorded."
FIGURES = (("VRAM peak", "vram_peak_bytes"), ("Energy", "energy_j"))
_MOST_NOTE = 400


def why_no_card(engine: str, base_url: str) -> str:
    """Why no card of this computer can be at work for that server; '' if one may be."""
    if engine == "embedded":
        return ON_CPU
    host = host_of(base_url)
    return ELSEWHERE if host and not is_local(host) else ""


def why_untold(run: BenchRun) -> str:
    """Why a figure of the cards is unknown in this run: what is certain first, else what the note says."""
    around, is_silent = run.surroundings, run.vram_peak_bytes is None and run.energy_j is None
    if is_silent and (why := why_no_card(around.engine, around.base_url)):
        return why
    if is_silent and around.kernel and not around.cards:  # this computer was looked at
        return NO_CARD
    note = one_line(run.note, _MOST_NOTE)  # a person may have written it: it stands as what it is
    return f"{NOT_TOLD} The run's note: {note}" if note else NOT_RECORDED


def untold(run: BenchRun) -> dict[str, str]:
    """The reason of each figure of the cards that is unknown, by the name of its field."""
    return {name: why_untold(run) for _, name in FIGURES if getattr(run, name) is None}


def all_card_rows(run: BenchRun, stats: tuple[StepStats, ...]) -> list[tuple[str, str]]:
    """Memory and energy of the cards, each known or unknown with its reason."""
    known, reasons = dict(card_rows(run, stats)), untold(run)
    return [(label, known.get(label) or f"unknown: {reasons[name]}") for label, name in FIGURES]
