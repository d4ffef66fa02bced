"""Why a card is not used, as far as the evidence tells, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.gpu_used_values import CardEvidence, UsedCard, UsedEvidence

_TITLE = "The graphics card is not used"
_DOCTOR = Action(kind=ActionKind.OPEN_DOCTOR, label="Check this computer")
_LOG = Action(kind=ActionKind.SHOW_LOG, label="Show log")
_CARDS = Action(kind=ActionKind.OPEN_GPU, label="Show the cards")
_RESTART = Action(kind=ActionKind.RESTART, label="Restart")
_PASS_CARD = Action(
    kind=ActionKind.APPLY_SETTINGS, label="Pass the card on and restart", settings=(("device", "/dev/dri"),)
)


def not_used_problem(evidence: UsedEvidence) -> Problem:
    """The likeliest cause that no card works: what is certain first."""
    if evidence.devices == ():
        return Problem(
            cause="gpu_not_passed",
            title=_TITLE,
            detail="The container was not given /dev/dri, so it cannot see any card.",
            hint="Set the device to /dev/dri in the container's settings.",
            actions=(_PASS_CARD, _DOCTOR),
        )
    if all(not card.has_driver for card in evidence.cards):
        return Problem(
            cause="gpu_no_driver",
            title=_TITLE,
            detail="The kernel has no driver for this card.",
            hint="Arc B needs Linux 6.12 or newer.",
            actions=(_DOCTOR,),
        )
    if evidence.is_render_allowed is False:
        return Problem(
            cause="gpu_render_group",
            title=_TITLE,
            detail="The container's user is not allowed to open the card's render node.",
            hint="The container needs the group that owns /dev/dri/renderD128, usually 'render'.",
            actions=(_DOCTOR, _LOG),
        )
    if evidence.affinity_mask:
        return _mask_problem(evidence)
    return _cpu_problem() if evidence.log_device == "CPU" else _unexplained(evidence)


def wrong_card_problem(evidence: UsedEvidence, used: UsedCard, meant: CardEvidence) -> Problem:
    """The model went to the processor's own graphics instead of the card."""
    if evidence.affinity_mask:
        return _mask_problem(evidence)
    return Problem(
        cause="gpu_integrated_instead",
        title="The wrong graphics processor is used",
        detail=f"The model works on {used.name}, which is part of the processor; {meant.name} does nothing.",
        hint="Choose the card for the engine (ZE_AFFINITY_MASK), or turn the processor's graphics off in "
        "the BIOS.",
        actions=(_CARDS, _DOCTOR),
    )


def partly_problem(evidence: UsedEvidence, used: Sequence[UsedCard]) -> Problem:
    """Fewer cards work than the model was to be spread over."""
    names = ", ".join(card.name for card in used)
    mask = f" Its mask ZE_AFFINITY_MASK is {evidence.affinity_mask}." if evidence.affinity_mask else ""
    return Problem(
        cause="gpu_partly_used",
        title=f"Only {len(used)} of {evidence.cards_wanted} graphics cards work",
        detail=f"The model was to be spread over {evidence.cards_wanted} cards; only {names} works.{mask}",
        hint=f"Check that all cards are passed on and awake, or set the tensor parallel size to {len(used)}.",
        actions=(
            Action(
                kind=ActionKind.APPLY_SETTINGS,
                label=f"Use {len(used)} and restart",
                settings=(("tensor_parallel_size", str(len(used))),),
            ),
            _CARDS,
            _DOCTOR,
        ),
    )


def _mask_problem(evidence: UsedEvidence) -> Problem:
    return Problem(
        cause="gpu_affinity_mask",
        title="The engine was sent to another card",
        detail=f"The container has ZE_AFFINITY_MASK={evidence.affinity_mask}, and the card does nothing.",
        hint="The mask counts the cards in the driver's order, not by PCI address: try another number.",
        actions=(_CARDS, _LOG),
    )


def _cpu_problem() -> Problem:
    return Problem(
        cause="gpu_cpu_only",
        title=_TITLE,
        detail="The server's log says that it runs on the CPU.",
        hint="Its image is made for the CPU, or lacks the driver for this card: choose an image for Intel "
        "graphics (XPU).",
        evidence="device: CPU",
        actions=(_LOG, _DOCTOR),
    )


def _unexplained(evidence: UsedEvidence) -> Problem:
    what = "Its memory did not fill and nothing worked on it"
    if all(card.is_asleep for card in evidence.cards):
        what = "It sleeps"
    return Problem(
        cause="gpu_not_used",
        title=_TITLE,
        detail=f"{what} although the server answers.",
        hint="The image may lack the driver for this card: the log and the checks tell more.",
        actions=(_LOG, _DOCTOR, _RESTART),
    )
