"""Two configurations asked the same, one after the other: answers, blind votes, and a report in Markdown."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from arcdesk.core.bench_figures import Spread, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class AbAnswer:
    """What one side gave to one prompt. None is unknown; `error` says why there is no (whole) text."""

    text: str = ""
    thoughts: str = ""  # of a reasoning model, on the way to the text
    ttft_ms: float | None = None
    decode_tokens_per_s: float | None = None
    total_ms: float | None = None
    tokens: int | None = None
    energy_j: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbSide:
    """One configuration with its answers, in the order of the prompts. A prompt not reached has None."""

    name: str
    configuration: tuple[tuple[str, str], ...] = ()
    answers: tuple[AbAnswer | None, ...] = ()
    start_s: float | None = None  # until it was ready
    was_running: bool = False  # it was ready already; then `start_s` is not known
    vram_peak_bytes: int | None = None
    energy_j: float | None = None  # the cards', over all its answers
    notes: tuple[str, ...] = ()  # what is to be known of its figures

    @property
    def energy_per_token_j(self) -> float | None:
        """None: energy or tokens are not known, or an answer is missing from them."""
        answers = [each for each in self.answers if each is not None]
        tokens = [each.tokens for each in answers if each.tokens and not each.error]
        is_whole = bool(answers) and len(tokens) == len(answers)
        return self.energy_j / sum(tokens) if self.energy_j is not None and is_whole else None


class Choice(Enum):
    """A blind vote: the sides are not named."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"


@dataclass(frozen=True, slots=True, kw_only=True)
class AbTest:
    """Prompts, both sides, and the votes given so far as (prompt's number from 0, choice).

    `notes` are sentences for the report: how it was asked, why it ended early.
    """

    prompts: tuple[str, ...]
    a: AbSide
    b: AbSide
    votes: tuple[tuple[int, Choice], ...] = ()
    seed: int = 0  # of the order in which the sides are shown
    notes: tuple[str, ...] = ()

    def is_a_left(self, number: int) -> bool:
        """Which side stands on the left for this prompt: by lot, and the same each time it is asked."""
        return random.Random(f"{self.seed}/{number}").random() < 0.5  # noqa: S311 - a lot, no secret

    def can_vote(self, number: int) -> bool:
        """Both sides have a whole answer."""
        pair = (self.answer(self.a, number), self.answer(self.b, number))
        return all(each is not None and not each.error for each in pair)

    def answer(self, side: AbSide, number: int) -> AbAnswer | None:
        """None: the side did not come to this prompt."""
        return side.answers[number] if number < len(side.answers) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbVotes:
    """The votes with the names put back. `chance`: how likely so clear a result is if both are as good."""

    a: int = 0
    b: int = 0
    ties: int = 0
    chance: float = 1.0

    @property
    def n(self) -> int:
        """Votes given."""
        return self.a + self.b + self.ties


@dataclass(frozen=True, slots=True, kw_only=True)
class AbFigure:
    """One figure of both sides."""

    name: str
    unit: str
    a: Spread
    b: Spread


def count_votes(test: AbTest) -> AbVotes:
    """The last vote on each prompt counts; votes on prompts without two answers don't."""
    last = {number: choice for number, choice in test.votes if test.can_vote(number)}
    ties = sum(choice is Choice.TIE for choice in last.values())
    for_a = sum(
        (choice is Choice.LEFT) == test.is_a_left(number)
        for number, choice in last.items()
        if choice is not Choice.TIE
    )
    for_b = len(last) - ties - for_a
    return AbVotes(a=for_a, b=for_b, ties=ties, chance=sign_test(for_a, for_b))


def sign_test(wins: int, losses: int) -> float:
    """The two-sided chance of at least so uneven a result from tossing a coin."""
    n, most = wins + losses, max(wins, losses)
    ways = sum(math.comb(n, k) for k in range(most, n + 1))
    return min(1.0, 2 * ways / (1 << n))  # whole numbers until here: no overflow


def figures(test: AbTest) -> tuple[AbFigure, ...]:
    """Over answers without an error, each with its n."""
    return tuple(
        AbFigure(name=name, unit=unit, a=_spread(test, test.a, field), b=_spread(test, test.b, field))
        for name, unit, field in (
            ("Time to first token", "ms", "ttft_ms"),
            ("Decode", "tok/s", "decode_tokens_per_s"),
            ("Whole answer", "ms", "total_ms"),
            ("Length", "tokens", "tokens"),
            ("Energy", "J", "energy_j"),
        )
    )


def differing_configuration(a: AbSide, b: AbSide) -> Sequence[tuple[str, str, str]]:
    """(name, of A, of B) where they differ, by name; '–' where one side has none."""
    of_a, of_b = dict(a.configuration), dict(b.configuration)
    names = sorted(name for name in of_a.keys() | of_b.keys() if of_a.get(name) != of_b.get(name))
    return [(name, of_a.get(name) or "–", of_b.get(name) or "–") for name in names]


def _spread(test: AbTest, side: AbSide, field: str) -> Spread:
    answers = (test.answer(side, number) for number in range(len(test.prompts)))
    good = [each for each in answers if each is not None and not each.error]
    known = [value for each in good if (value := getattr(each, field)) is not None]
    return spread(known, "Not measured." if good else "No answer.")
