"""Decides from measurements whether an engine really works on the graphics card."""

from __future__ import annotations

from collections.abc import Sequence

from arcdesk.core.gpu import Figure
from arcdesk.core.gpu_used_causes import not_used_problem, partly_problem, wrong_card_problem
from arcdesk.core.gpu_used_values import CardEvidence, Sign, UsedCard, UsedEvidence, UsedState, UsedVerdict

MIB = 1024 * 1024
HELD_MIN_BYTES = 64 * MIB  # a context without a model holds a few MiB
JUMP_MIN_BYTES = 256 * MIB  # the smallest model with its cache; less may be a window that opened
UNEXPLAINED_BYTES = 2048 * MIB  # a model may be in there that was in there before, e.g. of the last run
ENGINE_STEP_PCT = 10.0
BUSY_MIN_PCT = 30.0
BUSY_STEP_PCT = 20.0  # a desktop keeps a card awake for a few percent
POWER_STEP_W = 5.0
POWER_STEP_PART = 0.15
FREQUENCY_STEP_MHZ = 300
_CPU = "CPU"


def judge(evidence: UsedEvidence) -> UsedVerdict:
    """The verdict, and what it stands on. Pure: USED never without evidence, NOT_USED never from unknowns."""
    if not evidence.cards:
        return UsedVerdict(state=UsedState.UNKNOWN, reason="No Intel graphics card was found to look at.")
    used = tuple(card for card in (_used_card(card, evidence) for card in evidence.cards) if card is not None)
    return _with_moved(evidence, used) if used else _without_moved(evidence)


def signs_of(card: CardEvidence) -> tuple[Sign, ...]:
    """What shows that an engine works on this card, the strongest first."""
    checks = (
        (Sign.HELD, _at_least(card.held_bytes, HELD_MIN_BYTES)),
        (Sign.MEMORY, _memory_jumped(card)),
        (Sign.ENGINE, _rose(card.engine_before_pct, card.engine_probe_pct, ENGINE_STEP_PCT)),
        (Sign.BUSY, _became_busy(card)),
        (Sign.POWER, _power_rose(card)),
        (Sign.FREQUENCY, _rose(card.act_before_mhz, card.act_probe_mhz, FREQUENCY_STEP_MHZ)),
    )
    return tuple(sign for sign, holds in checks if holds)


def is_known_still(card: CardEvidence) -> bool:
    """The card would have shown a model in its memory, and did not."""
    if card.is_asleep or not card.has_driver:
        return True  # a loaded model keeps its card awake
    if card.held_bytes.value is not None:
        return not _at_least(card.held_bytes, HELD_MIN_BYTES)
    if card.is_integrated:
        return False  # what is known of its memory is the sum of the readable programs, not the container's
    before, ready = card.memory_before_bytes.value, card.memory_ready_bytes.value
    if before is None or ready is None:
        return False
    return ready - before < JUMP_MIN_BYTES and ready < UNEXPLAINED_BYTES


def _used_card(card: CardEvidence, evidence: UsedEvidence) -> UsedCard | None:
    signs = signs_of(card)
    if not _is_enough(signs, says_cpu=evidence.log_device == _CPU):
        return None
    return UsedCard(
        address=card.address,
        name=card.name,
        signs=signs,
        memory_bytes=_memory_of_engine(card),
        busy_pct=card.busy_probe_pct.value,
    )


def _is_enough(signs: Sequence[Sign], *, says_cpu: bool) -> bool:
    if says_cpu:  # then only the container's own programs on the card prove otherwise
        return Sign.HELD in signs
    if any(sign.is_strong for sign in signs):
        return True
    # Busy and frequency rise together when a desktop draws: one of the pair must be another kind.
    return len(signs) >= 2 and (Sign.ENGINE in signs or Sign.POWER in signs)


def _with_moved(evidence: UsedEvidence, used: tuple[UsedCard, ...]) -> UsedVerdict:
    moved = {card.address for card in used}
    rest = [card for card in evidence.cards if card.address not in moved]
    discrete = [card for card in evidence.cards if not card.is_integrated]
    if (
        discrete
        and not any(card.address in moved for card in discrete)
        and all(map(is_known_still, discrete))
    ):
        problem = wrong_card_problem(evidence, used[0], discrete[0])
        return UsedVerdict(state=UsedState.NOT_USED, cards=used, reason=problem.detail, problem=problem)
    if len(used) >= evidence.cards_wanted:
        return UsedVerdict(state=UsedState.USED, cards=used)
    maybe = [card for card in rest if not is_known_still(card)]
    if len(used) + len(maybe) < evidence.cards_wanted:
        problem = partly_problem(evidence, used)
        return UsedVerdict(state=UsedState.PARTLY, cards=used, reason=problem.detail, problem=problem)
    names = ", ".join(card.name for card in maybe)
    return UsedVerdict(
        state=UsedState.USED, cards=used, reason=f"Whether {names} works as well could not be seen."
    )


def _without_moved(evidence: UsedEvidence) -> UsedVerdict:
    is_proven = evidence.devices == () or evidence.log_device == _CPU
    if is_proven or all(is_known_still(card) for card in evidence.cards):
        problem = not_used_problem(evidence)
        return UsedVerdict(state=UsedState.NOT_USED, reason=problem.detail, problem=problem)
    return UsedVerdict(state=UsedState.UNKNOWN, reason=_why_unknown(evidence))


def _why_unknown(evidence: UsedEvidence) -> str:
    reasons = [evidence.why_hidden] if evidence.why_hidden else []
    for card in evidence.cards:
        figures = (card.memory_ready_bytes, card.memory_before_bytes)
        reasons += [figure.unknown.detail for figure in figures if figure.unknown is not None][:1]
    told = list(dict.fromkeys(reason for reason in reasons if reason))
    return " ".join(told) or "Neither memory nor work of the card could be measured around the start."


def _memory_of_engine(card: CardEvidence) -> int | None:
    if card.held_bytes.value:
        return card.held_bytes.value
    before, ready = card.memory_before_bytes.value, card.memory_ready_bytes.value
    return max(ready - before, 0) if before is not None and ready is not None else None


def _memory_jumped(card: CardEvidence) -> bool:
    if card.held_bytes.value is not None and not _at_least(card.held_bytes, HELD_MIN_BYTES):
        return False  # it filled, but the container holds none of it: another program's
    return _rose(card.memory_before_bytes, card.memory_ready_bytes, JUMP_MIN_BYTES)


def _became_busy(card: CardEvidence) -> bool:
    return _at_least(card.busy_probe_pct, BUSY_MIN_PCT) and _rose(
        card.busy_before_pct, card.busy_probe_pct, BUSY_STEP_PCT
    )


def _power_rose(card: CardEvidence) -> bool:
    before = card.power_before_w.value
    step_w = max(POWER_STEP_W, POWER_STEP_PART * (before or 0.0))
    return _rose(card.power_before_w, card.power_probe_w, step_w)


def _at_least(figure: Figure[int] | Figure[float], limit: float) -> bool:
    return figure.value is not None and figure.value >= limit


def _rose(before: Figure[int] | Figure[float], after: Figure[int] | Figure[float], step: float) -> bool:
    return before.value is not None and after.value is not None and after.value - before.value >= step
