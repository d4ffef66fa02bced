"""What a tell-tale text in a log is, how strongly it speaks, and how it becomes words for a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.settings import ContainerSettings

NARROW_SPACE = "\u202f"  # narrow no-break space: groups digits, stands before units
EVIDENCE_CHARS = 500


class Weight(IntEnum):
    """How near to the root a sign is; the lower value wins over the higher, whatever came first."""

    ROOT = 0  # says why
    CRASH = 1  # says how the process died, maybe not why
    HINT = 2  # points at the reason, but may also be a consequence
    SYMPTOM = 3  # a consequence with a name: a worker is gone, a path could not be read
    WRAPPER = 4  # "failed, see above"
    FAINT = 5  # seen in healthy starts too; counts only if nothing else was said
    UNKNOWN = 6  # an exception that no table knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A sign that matched: all that an explanation may use."""

    match: re.Match[str] | None
    line: str
    settings: ContainerSettings | None = None
    first_error: str = ""  # the exception that no table knows, if one was seen

    def text(self, group: str) -> str:
        """A named group's text, '' if it is not there."""
        return (self.match.groupdict().get(group) or "") if self.match else ""

    def number(self, group: str) -> int | None:
        """A named group as a whole number, None if it is not one."""
        digits = self.text(group).replace(",", "")
        return int(digits) if digits.isdecimal() and len(digits) < 16 else None


Explain = Callable[[Found], Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One text that gives a cause away.

    `needles`: a line without any of them is passed over (cheap); `pattern` must match then, if given.
    A sign that is not certain counts only once the server is known to have failed, or at the log's end.
    """

    needles: tuple[str, ...]
    explain: Explain
    pattern: re.Pattern[str] | None = None
    unless: tuple[str, ...] = ()
    weight: Weight = Weight.ROOT
    is_certain: bool = True
    at_runtime: bool = False  # also counts after the start-up is complete
    at_any_level: bool = False  # also counts on an INFO or WARNING line
    only_if_clean: bool = False  # counts only if nothing bad was seen before

    def find(self, line: str) -> tuple[re.Match[str] | None] | None:
        """(match,) if the line bears the sign, else None."""
        if not any(needle in line for needle in self.needles):
            return None
        if self.unless and any(word in line for word in self.unless):
            return None
        if self.pattern is None:
            return (None,)
        match = self.pattern.search(line)
        return None if match is None else (match,)


class SignTable:
    """Finds the signs of a line, strongest first, without trying them all.

    Each needle is filed under its longest word; only the signs filed under a line's words are tried.
    So a needle begins and ends at word borders ('Permission denied', never 'ermission denied').
    """

    def __init__(self, signs: Iterable[Sign]) -> None:
        self._signs = tuple(
            sorted(signs, key=lambda sign: sign.weight)
        )  # stable: table order within a weight
        self._by_word: dict[str, tuple[int, ...]] = {}
        for number, sign in enumerate(self._signs):
            for needle in sign.needles:
                word = max(_WORD.findall(needle), key=lambda word: (word not in _COMMON, len(word)))
                self._by_word[word] = (*self._by_word.get(word, ()), number)

    def __iter__(self) -> Iterator[Sign]:
        return iter(self._signs)

    def search(self, line: str) -> Iterator[tuple[Sign, re.Match[str] | None]]:
        """The signs that the line bears, each with its match."""
        by_word = self._by_word
        hits = by_word.keys() & _WORD.findall(line)
        if not hits:
            return
        for number in sorted({number for word in hits for number in by_word[word]}):
            found = self._signs[number].find(line)
            if found is not None:
                yield self._signs[number], found[0]


_WORD = re.compile(r"[A-Za-z0-9]+")
_COMMON = frozenset(
    ("ERROR", "error", "memory", "model", "config", "device", "available", "failed", "EngineCore")
)
SHOW_LOG = Action(kind=ActionKind.SHOW_LOG, label="Show log")
START_AGAIN = Action(kind=ActionKind.START, label="Start again")
USE_CPU = Action(kind=ActionKind.USE_EMBEDDED, label="Use the embedded engine")


def grouped(number: int) -> str:
    """1312 → '1 312', with narrow no-break spaces."""
    return f"{number:,}".replace(",", NARROW_SPACE)


def pretty(text: str) -> str:
    """A figure from a log as a person reads it: digits grouped, a narrow space before the unit."""
    plain = text.replace(",", "")
    if plain.isdecimal() and len(plain) < 16:
        return grouped(int(plain))
    return re.sub(r"(?<=\d)\s?([KMGT]i?B)\b", NARROW_SPACE + r"\1", text)


def apply(label: str, **settings: int | str) -> Action:
    """A button that changes container settings and starts again."""
    pairs = tuple((name, str(value)) for name, value in settings.items())
    return Action(kind=ActionKind.APPLY_SETTINGS, label=label, settings=pairs)


def copy(label: str, text: str) -> Action:
    """A button that copies a command for the terminal."""
    return Action(kind=ActionKind.COPY, label=label, target=text)


def excerpt(line: str, match: re.Match[str] | None) -> str:
    """The line, or of a very long one the part around the match."""
    line = line.strip()
    if len(line) <= EVIDENCE_CHARS:
        return line
    start = max(0, match.start() - 100) if match is not None else 0
    part = line[start : start + EVIDENCE_CHARS]
    return ("…" if start else "") + part + "…"


def problem_of(found: Found, cause: str, title: str, detail: str, hint: str, *actions: Action) -> Problem:
    """A problem of the log: the line is its evidence, 'Show log' its last action."""
    return Problem(
        cause=cause,
        title=title,
        detail=detail,
        hint=hint,
        evidence=excerpt(found.line, found.match),
        actions=(*actions, SHOW_LOG),
    )


class _Figures(dict[str, str]):
    """The named groups of a match as readable figures, for str.format_map; a missing one is '–'."""

    def __missing__(self, name: str) -> str:
        return "–"


def fill(text: str, found: Found) -> str:
    """Put the match's named groups into a text: 'room for {room} tokens'. name2 stands in for name."""
    groups = found.match.groupdict() if found.match else {}
    figures = {name.rstrip("0123456789"): pretty(value) for name, value in groups.items() if value}
    return text.format_map(_Figures(figures))


def say(cause: str, title: str, detail: str, hint: str, *actions: Action) -> Explain:
    """An explanation in fixed words; {group} stands for a named group of the pattern."""

    def explain(found: Found) -> Problem:
        return problem_of(found, cause, fill(title, found), fill(detail, found), hint, *actions)

    return explain
