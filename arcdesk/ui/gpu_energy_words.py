"""What an answer and a waiting model cost, and whether the card is really used, in words."""

from __future__ import annotations

from arcdesk.core.energy import EnergyUsed, IdleCost
from arcdesk.core.gpu_used_values import Sign, UsedCard, UsedState, UsedVerdict
from arcdesk.ui.gpu_facts import GAP, Fact
from arcdesk.ui.gpu_words import THIN, gib, percent, plain, provenance, reason, tr, watts

SIGNS = {
    Sign.HELD: "the engine's container holds memory of this card",
    Sign.MEMORY: "its memory filled while the engine started",
    Sign.ENGINE: "its engines worked during a test question",
    Sign.BUSY: "it was busy during a test question",
    Sign.POWER: "it drew more power during a test question",
    Sign.FREQUENCY: "its clock rose during a test question",
}


def joules(value: float) -> str:
    """'0.42 J', '124 J', '12.4 kJ'."""
    if value >= 9_950:
        return f"{value / 1000:.1f}{THIN}kJ"
    return f"{value:.2f}{THIN}J" if value < 9.995 else f"{value:.0f}{THIN}J"


def answer_fact(used: EnergyUsed | None, address: str) -> Fact | None:
    """The last answer's line of a card that took part; None for the others."""
    if used is None or (used.cards and address not in used.cards):
        return None
    title, total = tr("Last answer"), used.joules
    notes = [f"{used.seconds:.1f}{THIN}s"]
    notes += [tr("{0} tokens").format(used.tokens)] if used.tokens else []
    notes += [tr("{0} cards together").format(len(used.cards))] if len(used.cards) > 1 else []
    about = [provenance(total), *_parts_of(used), plain(used.caveat, 200)]
    tooltip = "\n".join(line for line in about if line)
    note = plain(used.caveat, 80) or " · ".join(notes)
    if total.value is None:
        return Fact(id="answer", title=title, why=reason(total), note=note, about=tooltip)
    value = joules(total.value)
    if used.joules_per_token.value is not None:
        value = f"{value}{GAP}{tr('{0} per token').format(joules(used.joules_per_token.value))}"
    return Fact(id="answer", title=title, value=value, note=note, is_warning=bool(used.caveat), about=tooltip)


def _parts_of(used: EnergyUsed) -> list[str]:
    lines = []
    if used.idle_part_j.value is not None:
        said = tr("Of it, {0} would have gone into waiting.")
        lines.append(said.format(joules(used.idle_part_j.value)))
    if used.joules.is_known and used.joules_per_token.value is None:
        lines.append(tr("Per token: {0}").format(provenance(used.joules_per_token)))
    return lines


def idle_fact(idle: IdleCost | None, address: str) -> Fact | None:
    """What the loaded model costs while nobody asks; None for a card without one."""
    if idle is None or (idle.cards and address not in idle.cards):
        return None
    title, about = tr("Idle cost"), provenance(idle.watts)
    per_day = idle.kwh_per_day
    if idle.watts.value is None or per_day is None:
        return Fact(id="idle", title=title, why=reason(idle.watts), about=about)
    value = f"{watts(idle.watts.value)}{GAP}{tr('{0} per day').format(f'{per_day:.2f}{THIN}kWh')}"
    notes = [tr("n = {0}").format(idle.n)]
    notes += [tr("{0} cards together").format(len(idle.cards))] if len(idle.cards) > 1 else []
    return Fact(id="idle", title=title, value=value, note=" · ".join(notes), about=about)


def badge(verdict: UsedVerdict | None, address: str) -> tuple[str, str, str] | None:
    """Role, words and tooltip of a card's badge; None where nothing was judged of it."""
    if verdict is None:
        return None
    card = next((one for one in verdict.cards if one.address == address), None)
    if card is not None:
        return "ok", _in_use(card), _signs(card)
    match verdict.state:
        case UsedState.UNKNOWN:
            why = plain(verdict.reason, 200)
            return "secondary", tr("Not known whether the engine uses this card"), why
        case UsedState.NOT_USED | UsedState.PARTLY:
            return "warn", tr("Not used by the engine"), plain(verdict.reason, 200)
        case UsedState.USED:
            return "secondary", tr("Not used by the engine"), ""


def _in_use(card: UsedCard) -> str:
    parts = []
    if card.memory_bytes is not None:
        parts.append(gib(card.memory_bytes))
    if card.busy_pct is not None:
        parts.append(tr("busy {0} in the test").format(percent(card.busy_pct)))
    said = tr("In use by the engine")
    return f"{said}: {', '.join(parts)}" if parts else said


def _signs(card: UsedCard) -> str:
    return "\n".join([tr("Measured:"), *(f"– {tr(SIGNS[sign])}" for sign in card.signs)])
