"""The figures of an A/B test as rows of words, for the window and for the report alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arcdesk.core.ab_report import AbSide, AbTest, AbVotes, figures
from arcdesk.core.bench_figures import Spread

SPACE = "\u202f"  # narrow, does not break
MINUS = "\u2212"
NONE = "–"
GIB = 2**30
CHANCE_TOLD = 0.05
RAN = "ran already"


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One figure of both sides in words. `change` is B against A in percent, '' where it says nothing."""

    name: str
    a: str
    b: str
    change: str = ""


def figure_rows(test: AbTest, *, is_short: bool = False) -> tuple[FigureRow, ...]:
    """What is known of either side, in the order in which it is read.

    `is_short` leaves n out where it is the number of prompts.
    """
    untold = len(test.prompts) if is_short else -1
    rows = [
        FigureRow(
            name=f"{each.name}, {each.unit}",
            a=spread_text(each.a, untold),
            b=spread_text(each.b, untold),
            change=change_text(each.a.p50, each.b.p50),
        )
        for each in figures(test)
        if each.a.is_known or each.b.is_known
    ]
    rows.append(_row(test, "Ready after", lambda side: side.start_s, seconds_text, _start_text))
    rows.append(_row(test, "Card memory, peak", lambda side: side.vram_peak_bytes, _gib_text))
    if test.a.energy_j is not None or test.b.energy_j is not None:
        rows.append(_row(test, "Energy of the card, J", lambda side: side.energy_j, number_text))
        rows.append(_row(test, "Energy per token, J", lambda side: side.energy_per_token_j, _joules_text))
    rows.append(FigureRow(name="Failed", a=_failed(test, test.a), b=_failed(test, test.b)))
    return tuple(rows)


def votes_text(votes: AbVotes) -> str:
    """How likely such a result is by chance; '' where nobody was preferred."""
    if not votes.a + votes.b:
        return ""
    chance = f"{votes.chance * 100:.0f}" if votes.chance >= 0.01 else "less than 1"
    verdict = "may well be chance" if votes.chance > CHANCE_TOLD else "is hardly chance"
    return f"This {verdict}: were both as good, {chance}{SPACE}% of such votes would be at least as uneven."


def spread_text(each: Spread, untold_n: int = -1) -> str:
    """'84, p95 91 (n = 10)'; without n where it is `untold_n`."""
    if each.p50 is None:
        return NONE
    high = f", p95 {number_text(each.p95)}" if each.p95 is not None and each.n > 1 else ""
    n = "" if each.n == untold_n else f" (n = {each.n})"
    return f"{number_text(each.p50)}{high}{n}"


def change_text(a: float | None, b: float | None) -> str:
    """'+83 %'; '' where one is not known or A is nothing."""
    if not a or b is None:
        return ""
    percent = round((b / a - 1) * 100)
    sign = "+" if percent > 0 else MINUS if percent < 0 else "±"
    return f"{sign}{abs(percent)}{SPACE}%"


def number_text(value: float | None) -> str:
    """One place behind the point below 100."""
    if value is None:
        return NONE
    return f"{value:.1f}" if abs(value) < 100 and value != int(value) else f"{value:.0f}"


def seconds_text(value: float | None) -> str:
    """'61 s', '0.8 s'."""
    if value is None:
        return NONE
    return f"{value:.1f}{SPACE}s" if value < 10 else f"{value:.0f}{SPACE}s"


def _row(
    test: AbTest,
    name: str,
    value_of: Callable[[AbSide], float | None],
    words: Callable[[float | None], str],
    side_words: Callable[[AbSide], str] | None = None,
) -> FigureRow:
    a, b = value_of(test.a), value_of(test.b)
    texts = [side_words(side) if side_words else words(value_of(side)) for side in (test.a, test.b)]
    return FigureRow(name=name, a=texts[0], b=texts[1], change=change_text(a, b))


def _start_text(side: AbSide) -> str:
    return RAN if side.was_running else seconds_text(side.start_s)


def _joules_text(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}" if value < 10 else number_text(value)


def _gib_text(size_bytes: float | None) -> str:
    return NONE if size_bytes is None else f"{size_bytes / GIB:.1f}{SPACE}GiB"


def _failed(test: AbTest, side: AbSide) -> str:
    answers = [test.answer(side, number) for number in range(len(test.prompts))]
    failed = sum(each is not None and bool(each.error) for each in answers)
    missing = answers.count(None)
    return f"{failed} of {len(test.prompts)}" + (f", {missing} not asked" if missing else "")
