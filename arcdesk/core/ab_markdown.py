"""Writes the report of an A/B test: configurations, figures, votes, and the texts side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from arcdesk.core.ab_report import AbAnswer, AbTest, AbVotes, count_votes, differing_configuration
from arcdesk.core.ab_table import SPACE, figure_rows, number_text, votes_text

_MARKS = re.compile(r"([\\`*_\[\]|~$])")
# These mean something at the begin of a text only: heading, list, numbered list, underline.
_FIRST_MARK = re.compile(r"^([#+=-]|\d+(?=[.)](?:\s|$)))")


def ab_markdown(test: AbTest) -> str:
    """The whole report. Texts are shown as written: no mark in them is taken for Markdown or HTML."""
    parts = [
        f"# {_inline(test.a.name)} or {_inline(test.b.name)}",
        "Both were asked the same, one after the other.",
        *_notes(test),
        *_configuration(test),
        "## Figures",
        _figures_table(test),
        "Medians and 95th percentiles over whole answers; n is their number.",
        *_votes(count_votes(test), test),
        "## Answers",
        *(_answer_block(test, number) for number in range(len(test.prompts))),
    ]
    return "\n\n".join(parts) + "\n"


def where_texts_part(one: str, other: str) -> str:
    """'the same', or from which word on they differ."""
    a, b = one.split(), other.split()
    if a == b:
        return "The texts are the same."
    shared = next((place for place, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), None)
    if shared is None:
        return f"One text goes on after word {min(len(a), len(b))}."
    return f"The texts part at word {shared + 1}."


def _configuration(test: AbTest) -> Iterator[str]:
    differ = differing_configuration(test.a, test.b)
    yield "## Configuration"
    if not differ:
        yield "Nothing known differs."
        return
    rows = [(name, a, b) for name, a, b in differ]
    yield _table((("", test.a.name, test.b.name), *rows))


def _figures_table(test: AbTest) -> str:
    rows: list[Sequence[str]] = [("", test.a.name, test.b.name, "B to A")]
    rows += [(row.name, row.a, row.b, row.change) for row in figure_rows(test)]
    return _table(rows, numbers=True)


def _notes(test: AbTest) -> Iterator[str]:
    sides = [f"{side.name}: {note}" for side in (test.a, test.b) for note in side.notes]
    if lines := [*test.notes, *sides]:
        yield "\n".join(f"- {_inline(line)}" for line in lines)


def _votes(votes: AbVotes, test: AbTest) -> Iterator[str]:
    if not votes.n:
        return
    yield "## Blind votes"
    yield _table(
        ((test.a.name, test.b.name, "As good"), (str(votes.a), str(votes.b), str(votes.ties))), numbers=True
    )
    if said := votes_text(votes):
        yield said


def _answer_block(test: AbTest, number: int) -> str:
    a, b = test.answer(test.a, number), test.answer(test.b, number)
    lines = [f"### {number + 1}", _quote(test.prompts[number])]
    lines.append(_table(((test.a.name, test.b.name), (_cell(a), _cell(b))), is_marked=True))
    if a is not None and b is not None and not a.error and not b.error:
        lines.append(where_texts_part(a.text, b.text))
    return "\n\n".join(lines)


def _cell(answer: AbAnswer | None) -> str:
    if answer is None:
        return "*Not asked.*"
    text = _inline(answer.text) or _thoughts_only(answer)
    known = (
        ("TTFT ", answer.ttft_ms, "ms"),
        ("", answer.decode_tokens_per_s, "tok/s"),
        ("", answer.tokens, "tok"),
    )
    facts = " · ".join(f"{lead}{number_text(v)}{SPACE}{unit}" for lead, v, unit in known if v is not None)
    failure = f"*Failed: {_inline(answer.error)}*" if answer.error else ""
    return "<br><br>".join(part for part in (text, failure, facts) if part)


def _thoughts_only(answer: AbAnswer) -> str:
    return f"*Thoughts only:* {_inline(answer.thoughts)}" if answer.thoughts else "*No text.*"


def _table(rows: Sequence[Sequence[str]], *, numbers: bool = False, is_marked: bool = False) -> str:
    """The first row is the head. `is_marked`: the other rows are Markdown already."""
    head, *body = rows
    rule = [
        ":--" if place == 0 and numbers and not head[0] else "--:" if numbers else ":--"
        for place in range(len(head))
    ]
    lines = [[_inline(each) for each in head], rule]
    lines += [list(row) if is_marked else [_inline(each) for each in row] for row in body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _inline(text: str) -> str:
    """Any text in one line that shows as it is, spaces at the begin of lines too."""
    lines = []
    for line in text.strip("\n").replace("\r\n", "\n").split("\n"):
        kept = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        bare = kept.lstrip(" \t")
        indent = "&nbsp;" * len(kept[: len(kept) - len(bare)].expandtabs(4))
        lines.append(indent + _MARKS.sub(r"\\\1", bare))
    return _FIRST_MARK.sub(_escaped, "<br>".join(lines))


def _escaped(mark: re.Match[str]) -> str:
    return f"{mark[0]}\\" if mark[0].isdigit() else f"\\{mark[0]}"


def _quote(text: str) -> str:
    return "> " + _inline(text)
