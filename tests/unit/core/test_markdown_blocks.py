"""The splitter loses nothing, keeps its tail short, and does not depend on how the text arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.markdown_blocks import MarkdownSplitter, Piece, PieceKind
from arcdesk.core.markdown_preview import close_spans, preview

LINES = st.sampled_from(
    [
        "",
        "",
        "word and **word**",
        "# head",
        "- item",
        "  - inner",
        "1. one",
        "> quote",
        "```py",
        "```",
        "~~~",
        "    code",
        "| a | b |",
        "|---|---|",
        "---",
        "  text",
        "[x]: http://a",
    ]
)
TEXTS = st.lists(LINES, max_size=25).map("\n".join)


def split(text: str, sizes: list[int] | None = None, limit: int = 4_000) -> list[Piece]:
    splitter = MarkdownSplitter(limit)
    pieces: list[Piece] = []
    at, turn = 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)] if sizes else len(text)
        pieces += splitter.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    return _joined(pieces + splitter.finish())


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Code lines that became final at different times are the same code."""
    result: list[Piece] = []
    for piece in pieces:
        if result and piece.kind is PieceKind.CODE and result[-1].kind is PieceKind.CODE:
            result[-1] = Piece(kind=PieceKind.CODE, text=f"{result[-1].text}\n{piece.text}")
        else:
            result.append(piece)
    return result


@given(TEXTS, st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_pieces_do_not_depend_on_how_the_text_arrives(text: str, sizes: list[int]) -> None:
    assert split(text, sizes) == split(text)


@given(TEXTS)
def test_no_word_is_lost(text: str) -> None:
    kept = "".join(piece.text for piece in split(text))
    assert [c for c in kept if c.isalnum()] == [c for c in text if c.isalnum()]


@given(TEXTS, st.integers(60, 200))
def test_the_tail_stays_bounded(text: str, limit: int) -> None:
    splitter = MarkdownSplitter(limit)
    for character in text:
        splitter.feed(character)
        assert len(splitter.tail.text) <= limit + 60  # a table keeps its head and its last row


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("a\n\nb", ["a\n"]),
        ("a\n\n", []),
        ("- a\n\n- b", []),
        ("- a\n\n  more", []),
        ("- a\n\nb", ["- a\n"]),
        ("> a\n\nb", ["> a\n"]),
        ("a\nb\nc", []),
    ],
)
def test_a_block_is_final_when_nothing_can_change_it(text: str, final: list[str]) -> None:
    splitter = MarkdownSplitter()
    assert [piece.text for piece in splitter.feed(text + "\n")] == final


def test_lines_of_an_open_fence_are_final_at_once() -> None:
    splitter = MarkdownSplitter()
    assert splitter.feed("```python\nx = 1\ny") == [
        Piece(kind=PieceKind.CODE_OPEN, text="python"),
        Piece(kind=PieceKind.CODE, text="x = 1"),
    ]
    assert splitter.tail == Piece(kind=PieceKind.CODE, text="y")


def test_a_fence_that_may_be_closing_is_not_shown() -> None:
    splitter = MarkdownSplitter()
    splitter.feed("```\na\n``")
    assert splitter.tail.text == ""
    assert splitter.feed("`\n") == [Piece(kind=PieceKind.CODE_CLOSE)]


def test_a_fence_inside_a_list_item_stays_with_the_list() -> None:
    assert [piece.kind for piece in split("- a\n\n  ```\n  x\n\n  y\n  ```\n- b")] == [PieceKind.PROSE]


def test_a_longer_fence_is_not_closed_by_a_shorter_one() -> None:
    code = [piece.text for piece in split("````\n```\n````\n") if piece.kind is PieceKind.CODE]
    assert code == ["```"]


def test_windows_line_ends_are_line_ends_even_when_cut_in_two() -> None:
    assert split("a\r\n\r\nb", [2]) == split("a\n\nb")


def test_a_long_paragraph_is_cut_between_words_outside_of_spans() -> None:
    pieces = split("one **two three** four " * 40, limit=200)
    assert all(piece.text.count("**") % 2 == 0 for piece in pieces)
    assert [piece.joins for piece in pieces] == [False] + [True] * (len(pieces) - 1)
    assert "".join(piece.text for piece in pieces).split() == ("one **two three** four " * 40).split()


def test_a_long_list_goes_on_after_a_cut() -> None:
    pieces = split("\n".join(f"{n}. item" for n in range(1, 60)), limit=150)
    assert len(pieces) > 1
    assert all(piece.continues_list for piece in pieces[1:])


@pytest.mark.parametrize(
    ("text", "is_approximate"),
    [
        ("a [b][c]\n\n[c]: http://d\n", True),
        ("word " * 60, False),
        ("- item\n" * 60, False),
        ("> quoted\n" * 60, True),
        ("x" * 400, True),
    ],
)
def test_what_cannot_be_cut_without_trace_says_so(text: str, is_approximate: bool) -> None:
    splitter = MarkdownSplitter(100)
    splitter.feed(text)
    splitter.finish()
    assert splitter.is_approximate is is_approximate


@pytest.mark.parametrize(
    ("tail", "shown"),
    [
        ("Text:\n-", "Text:\n"),
        ("a **bo", "a **bo**"),
        ("a `co", "a `co`"),
        ("see [this](http://exa", "see this"),
        ("| a | b |", ""),
        ("| a |\n|---|\n| x", "| a |\n|---|\n| x"),
        ("all `**` well", "all `**` well"),
        ("```py", ""),
    ],
)
def test_preview_shows_no_marks_on_their_way(tail: str, shown: str) -> None:
    assert preview(tail) == shown


@given(st.text(alphabet="ab *_`~[](!", max_size=40))
def test_closing_spans_leaves_no_odd_number_of_backticks(line: str) -> None:
    assert close_spans(line).count("`") % 2 == 0
