"""Puts what a suite found into words with buttons: slower, looks slower, nothing to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from arcdesk.core.bench import Surroundings
from arcdesk.core.bench_differences import Difference
from arcdesk.core.bench_suite import SuiteResult
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.redact import SECRET
from arcdesk.core.settings import ContainerSettings

SLOWER, AGAIN, MEASURED = "bench_slower", "bench_again", "bench_measured"
MEASURE_AGAIN = Action(kind=ActionKind.OPEN_BENCH, label="Measure again", target="suite")

_WAY_BACK = {
    "kernel": "To go back, boot kernel {before}: as long as it is installed, the boot menu has it under"
    " its advanced options.",
    "driver": "To go back, install the packages of driver {before} again.",
    "image digest": "To go back, use the earlier image by its digest, which begins with {before}.",
    "engine": "It was measured with the engine '{before}' before.",
}
_NOTHING_KNOWN = "Nothing known changed: heat, a power limit or another program on the card may be why."


def slower_notice(result: SuiteResult, now: Surroundings) -> Problem:
    """An alert: what became slower since when, the figures behind it, and the ways back."""
    back = go_back(result.before, now)
    return Problem(
        cause=SLOWER,
        title=result.sentence,
        detail=f"{result.detail_of_loss()}.",
        hint=_hint(result.differences, can_go_back=back is not None),
        actions=(show_action(result), *((back,) if back is not None else ())),
    )


def again_notice(result: SuiteResult, *, is_measuring: bool) -> Problem:
    """It wants one more suite: one is on its way, or the person may begin it."""
    if is_measuring:
        return Problem(cause=AGAIN, title=result.sentence, detail="It is measured once more, about a minute.")
    return Problem(
        cause=AGAIN,
        title=result.sentence,
        hint="Measure once more, then it can be told.",
        actions=(MEASURE_AGAIN, *((show_action(result),) if result.now_ids else ())),
    )


def measured_notice(result: SuiteResult) -> Problem:
    """No alert: what the suite says."""
    return Problem(
        cause=MEASURED,
        title="The suite is measured",
        detail=result.sentence,
        actions=(show_action(result),) if result.now_ids else (),
    )


def show_action(result: SuiteResult) -> Action:
    """Opens the ledger at the new run, beside the newest of the earlier ones."""
    pair = (*result.before_ids[:1], *result.now_ids[-1:])
    return Action(kind=ActionKind.OPEN_LEDGER, label="Show", target=",".join(map(str, pair)))


def go_back(before: Surroundings | None, now: Surroundings) -> Action | None:
    """Puts back what was set differently before; None if nothing of it is a setting of ours."""
    if before is None or now.engine != "container" or before.engine != "container":
        return None
    ours = {field.name for field in fields(ContainerSettings)}
    was, is_ = dict(before.settings), dict(now.settings)
    changed = [
        (name, value)
        for name, value in was.items()
        if name in ours and name in is_ and is_[name] != value and SECRET not in value
    ]
    if before.image and now.image and before.image != now.image:
        changed.append(("image", before.image))
    if not changed:
        return None
    return Action(kind=ActionKind.APPLY_SETTINGS, label="Go back", settings=tuple(changed))


def _hint(found: Sequence[Difference], *, can_go_back: bool) -> str:
    sure = [each for each in found if each.is_sure]
    words = [
        _WAY_BACK[each.name].format(before=each.before)
        for each in sure
        if each.name in _WAY_BACK and not (can_go_back and each.name in ("image digest", "engine"))
    ]
    if can_go_back:
        words.append("Go back puts the earlier settings in place and starts the engine again.")
    return " ".join(words) if sure else _NOTHING_KNOWN
