"""A streamed answer has the structure that Qt gives the whole text in one pass.

Compared are: the text of each block, its heading level, quote level, code language, list style, list level
and item text, check marks, and the runs of bold, italic, struck, fixed pitch and link. Exceptions, all of
them ours and on purpose:

- our own blocks (the line above a code block) are left out;
- an empty block that Qt puts before or after a table, before a rule that leads, or at the end, is left out;
- so is one with which Qt begins the first cell of a table after code or a quote;
- a check mark that Qt carries on past its list counts in lists only;
- the weight of a table's first row is ours (Qt makes some of its cells bold and some not);
- code is always fixed pitch (Qt leaves a code block's characters plain);
- two code blocks without a word between them: language and text only, like all code.
"""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QFont, QTextBlock, QTextCursor, QTextDocument, QTextFormat, QTextTable

from arcdesk.ui.markdown_dress import FEATURES, not_front_matter
from arcdesk.ui.markdown_tail import MarkdownBody
from arcdesk.ui.theme import LIGHT
from arcdesk.ui.transcript_format import Look, is_furniture

BLOCKS = st.sampled_from(
    [
        "# One *head*",
        "## Two",
        "Words, **bold words** and `code` and *more*.\nA soft line.",
        "A [link](https://example.org/a) and ~~struck~~ <b>no html</b>.",
        "Steps:\n- one\n- two",
        "- one\n- **two**\n  - inner\n  - more\n- three",
        "- loose\n\n- list\n\n- here",
        "1. first\n2. second\n\n3. third",
        "7. seven\n8. eight",
        "- item\n\n  second paragraph\n\n  ```sh\n  ls\n\n  pwd\n  ```\n- last",
        "- [ ] open\n- [x] done",
        "```python\ndef f():\n    return 1\n\n\nprint(f())\n```",
        "~~~\nplain\n```\nstill code\n~~~",
        "    indented code\n    two",
        "> quoted **words**\n> on two lines",
        "| A | **B** |\n|---|--:|\n| one | `two` |\n| x | *y* |",
        "---",
        "Text before a fence\n```\nx\n```",
        "Head\n===",
        "> - list in quote\n> - two",
    ]
)
TEXTS = st.lists(BLOCKS, min_size=1, max_size=8).map("\n\n".join)
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=10)
CALM = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def streamed(text: str, sizes: list[int], tail_limit: int = 4_000) -> tuple[QTextDocument, MarkdownBody]:
    document = QTextDocument()
    body = MarkdownBody(document, Look(palette=LIGHT, font=QFont()), 0, tail_limit=tail_limit)
    at, turn = 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        body.write(text[at : at + size])
        at, turn = at + size, turn + 1
    body.finish()
    return document, body


def whole(text: str) -> QTextDocument:
    document = QTextDocument()
    document.setMarkdown(not_front_matter(text), FEATURES)
    return document


def structure(document: QTextDocument) -> list[Any]:
    found = []
    block = document.begin()
    while block.isValid():
        is_left_out = is_furniture(block) or (_is_blank(block) and _is_qts_own(block))
        if not is_left_out:
            found.append(_facts(block))
        block = block.next()
    return found


def _is_blank(block: QTextBlock) -> bool:
    keeps = (QTextFormat.Property.BlockTrailingHorizontalRulerWidth, QTextFormat.Property.BlockCodeLanguage)
    is_special = any(block.blockFormat().hasProperty(name) for name in keeps)
    return not block.text() and not is_special


def _is_qts_own(block: QTextBlock) -> bool:
    cursor = QTextCursor(block)
    table = cast("QTextTable | None", cursor.currentTable())
    if table is not None:
        cell = table.cellAt(0, 0)
        return block.position() == cell.firstPosition() < cell.lastPosition()
    neighbours = (block.previous(), block.next())
    is_at_edge = block.position() == 0 or not block.next().isValid()
    return is_at_edge or any(
        other.isValid() and QTextCursor(other).currentTable() is not None for other in neighbours
    )


def _facts(block: QTextBlock) -> dict[str, Any]:
    block_format, items = block.blockFormat(), block.textList()
    cursor = QTextCursor(block)
    table = cursor.currentTable()
    is_code = block_format.hasProperty(QTextFormat.Property.BlockCodeLanguage)
    is_head = table is not None and table.cellAt(cursor).row() == 0
    return {
        "text": block.text(),
        "heading": block_format.headingLevel(),
        "quote": block_format.intProperty(QTextFormat.Property.BlockQuoteLevel),
        "code": block_format.stringProperty(QTextFormat.Property.BlockCodeLanguage) if is_code else None,
        "rule": block_format.hasProperty(QTextFormat.Property.BlockTrailingHorizontalRulerWidth),
        "indent": block_format.indent(),
        "marker": block_format.marker() if items else None,
        "list": items and (items.format().style(), items.format().indent(), items.itemText(block)),
        "cell": table and (table.columns(), table.cellAt(cursor).row(), table.cellAt(cursor).column()),
        "runs": [] if is_code else _runs(block, is_head),
    }


def _runs(block: QTextBlock, is_head: bool) -> list[Any]:
    """Neighbours that look alike are one run."""
    runs: list[Any] = []
    for part in block.textFormats():
        chars = part.format
        weight = 0 if is_head else chars.fontWeight()
        look = (weight, chars.fontItalic(), chars.fontStrikeOut(), chars.fontFixedPitch(), chars.anchorHref())
        text = block.text()[part.start : part.start + part.length]
        if runs and runs[-1][0] == look:
            runs[-1] = (look, runs[-1][1] + text)
        elif text:
            runs.append((look, text))
    return runs


@pytest.mark.parametrize("text", ["---\nnot: a header\n---\nWords", "---\n\n---\n\n# One"])
def test_an_answer_that_begins_with_a_rule_hides_nothing(qapp: object, text: str) -> None:
    document, _ = streamed(text, [3])
    assert structure(document) == structure(whole(text))
    assert ("not: a header" in document.toPlainText()) == ("header" in text)


@CALM
@given(TEXTS, SIZES)
def test_a_streamed_answer_is_what_qt_makes_of_the_whole(qapp: object, text: str, sizes: list[int]) -> None:
    document, body = streamed(text, sizes)
    assert not body.is_approximate
    assert structure(document) == structure(whole(text))


@CALM
@given(TEXTS)
def test_the_pass_over_the_whole_text_gives_the_same(qapp: object, text: str) -> None:
    document, body = streamed(text, [40])
    body.rewrite(text)
    assert structure(document) == structure(whole(text))


@CALM
@given(st.integers(5, 80), SIZES)
def test_a_list_cut_for_its_length_is_one_list(qapp: object, count: int, sizes: list[int]) -> None:
    text = "\n".join(f"{n}. item **{n}**" for n in range(3, 3 + count))
    document, _ = streamed(text, sizes, tail_limit=120)
    assert structure(document) == structure(whole(text))


def test_a_paragraph_cut_for_its_length_is_one_paragraph(qapp: object) -> None:
    text = "plain **bold words** and `code` then *more* of it, " * 60
    document, body = streamed(text, [7, 31], tail_limit=500)
    assert not body.is_approximate
    assert structure(document) == structure(whole(text))


@pytest.mark.parametrize(
    "text", ["a\n\n```\n```\n\nb", "```py\nopen", "a [b][c]\n\nd\n\n[c]: http://e", "", "\n\n"]
)
def test_odd_ends(qapp: object, text: str) -> None:
    document, body = streamed(text, [1])
    if body.is_approximate:
        body.rewrite(text)
    assert structure(document) == structure(whole(text))


@pytest.mark.parametrize(
    "address", ["/etc/hostname", "file:///etc/hostname", "http://example.org/a.png", "data:,x"]
)
def test_pictures_become_words(qapp: object, address: str) -> None:
    """Qt's layout opens a picture by its name when the resource is refused."""
    document, _ = streamed(f"see ![the alt]({address}) here", [3])
    assert "\ufffc" not in document.toPlainText()
    assert "[picture: the alt]" in document.toPlainText()


@pytest.mark.parametrize(
    "address", ["arcdesk:action/1/0", "file:///etc/passwd", "javascript:x", "../a", "ftp://a"]
)
def test_only_web_addresses_stay_links(qapp: object, address: str) -> None:
    document, _ = streamed(f"[words]({address}) and [web](https://example.org)", [5])
    links = {run.format.anchorHref() for run in document.begin().textFormats()} - {""}
    assert links == {"https://example.org"}
    assert "words and web" in document.toPlainText()
