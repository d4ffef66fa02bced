"""Shows a prediction in a terminal, and as JSON with sizes in bytes."""

from __future__ import annotations

from typing import Any

from arcdesk.app.fit_here import MAIN_MEMORY
from arcdesk.core.fit import Fit, Verdict
from arcdesk.core.fit_words import gib, tokens_word

VERDICT_WORDS = {
    Verdict.FITS: "fits",
    Verdict.TIGHT: "is a tight fit",
    Verdict.DOES_NOT: "does not fit",
    Verdict.UNKNOWN: "can't be reckoned",
}
SIGNS = {Verdict.FITS: "✓", Verdict.TIGHT: "▲", Verdict.DOES_NOT: "✗", Verdict.UNKNOWN: "?"}


def fit_lines(fit: Fit) -> list[str]:
    """The answer in lines: verdict, parts, context, format, reasons."""
    lines = [_verdict_line(fit), ""]
    parts = [(part.name, gib(part.size_bytes), part.how) for part in fit.parts]
    if parts:
        names, sizes = (max(len(row[column]) for row in parts) for column in (0, 1))
        lines += [f"  {name:{names}}  {size:>{sizes}}  {how}" for name, size, how in parts]
        lines += [_left(fit, names, sizes), ""]
    facts = _facts(fit)
    width = max((len(name) for name, _ in facts), default=0)
    lines += [f"  {name:{width}}  {text}" for name, text in facts]
    if fit.reasons:
        lines += [""] if facts else []
        lines += [f"  {sentence}" for sentence in fit.reasons]
    return lines


def fit_json(fit: Fit) -> dict[str, Any]:
    """Everything, sizes in bytes, None for unknown."""
    return {
        "model": fit.model,
        "verdict": fit.verdict.value,
        "low_bit": fit.low_bit,
        "best_low_bit": fit.best_low_bit or None,
        "context": fit.context,
        "largest_context": fit.largest_context,
        "weights": fit.weights_bytes,
        "kv_per_token": fit.kv_bytes_per_token,
        "kv_room": fit.kv_room_bytes,
        "kv_blocks": fit.kv_blocks,
        "margin": fit.margin_bytes,
        "host_peak": fit.host_peak_bytes,
        "parts": [{"name": part.name, "size": part.size_bytes, "how": part.how} for part in fit.parts],
        "cards": [
            {
                "name": card.name,
                "address": card.address or None,
                "total": card.total_bytes,
                "held": card.held_bytes,
                "measured": card.is_measured,
            }
            for card in fit.cards
        ],
        "factors": {"weights": fit.factors.weights, "reserve": fit.factors.reserve, "runs": fit.factors.n},
        "reasons": list(fit.reasons),
    }


def _verdict_line(fit: Fit) -> str:
    is_in_memory = any(card.name == MAIN_MEMORY for card in fit.cards)
    where = f" {'in' if is_in_memory else 'on'} {_cards(fit)}" if fit.cards else ""
    form = f" in {fit.low_bit}" if fit.low_bit else ""
    context = ""
    if fit.context and fit.largest_context:
        context = f", with a context of {tokens_word(fit.context)}"
    word = VERDICT_WORDS[fit.verdict]
    if fit.verdict is Verdict.DOES_NOT and (fit.margin_bytes or 0) >= 0:
        word = "does not run"  # there would be room
    return f"{SIGNS[fit.verdict]} {fit.model}{form} {word}{where}{context}."


def _cards(fit: Fit) -> str:
    names = [f"{card.name} ({gib(card.total_bytes)})" for card in fit.cards]
    if len(names) > 1 and len(set(names)) == 1:
        return f"{len(names)} × {names[0]}"
    return " + ".join(names)


def _left(fit: Fit, names: int, sizes: int) -> str:
    margin = fit.margin_bytes or 0
    each = " on each card" if len(fit.cards) > 1 else ""
    label, how = ("Left", f"of the server's share{each}")
    if margin < 0:
        label, how = ("Missing", f"beyond the server's share{each}")
    return f"  {label:{names}}  {gib(abs(margin)):>{sizes}}  {how}"


def _facts(fit: Fit) -> list[tuple[str, str]]:
    found = []
    if fit.largest_context:
        found.append(("Largest context", tokens_word(fit.largest_context)))
    if fit.best_low_bit:
        found.append(("Best format", fit.best_low_bit))
    elif (fit.margin_bytes or 0) < 0:
        found.append(("Best format", "none fits"))
    if fit.kv_room_bytes:
        blocks = f", {fit.kv_blocks} blocks" if fit.kv_blocks else ""
        found.append(("Cache", gib(fit.kv_room_bytes) + blocks))
    if fit.host_peak_bytes is not None:
        found.append(("While it loads", f"{gib(fit.host_peak_bytes)} of main memory"))
    return found
