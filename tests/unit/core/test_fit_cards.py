"""Cards by the words people use."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcdesk.core.fit_cards import card_names, find_card, parse_cards

MIB = 1024**2
ROWS = parse_cards((Path(__file__).parents[3] / "resources" / "gpu" / "arc_cards.csv").read_text("utf-8"))


@pytest.mark.parametrize(
    ("words", "name", "mib"),
    [
        ("b580", "Intel Arc B580", 12216),
        ("Arc B580", "Intel Arc B580", 12216),
        ("Intel(R) Arc(TM) B580 Graphics", "Intel Arc B580", 12216),
        (" 8086:E20B ", "Intel Arc B580", 12216),
        ("e20b", "Intel Arc B580", 12216),
        ("0xe20b", "Intel Arc B580", 12216),
        ("a770", "Intel Arc A770", 16288),
        ("a770 8gb", "Intel Arc A770 8 GB", 8128),
        ("A770 8 GB", "Intel Arc A770 8 GB", 8128),
        ("a770-16g", "Intel Arc A770 16 GB", 16288),
        ("A750", "Intel Arc A750", 8128),
        ("pro b60", "Intel Arc Pro B60", 24480),
        ("b60", "Intel Arc Pro B60", 24480),
        ("pro a40", "Intel Arc Pro A40/A50", 6108),
        ("pro a50", "Intel Arc Pro A40/A50", 6108),
        ("flex 170", "Intel Data Center GPU Flex 170", 16288),
        ("16gb", "a card with 16 GB", 16288),
    ],
)
def test_a_card_is_found(words: str, name: str, mib: int) -> None:
    card = find_card(words, ROWS)
    assert card is not None
    assert (card.name, card.total_bytes // MIB, card.is_measured) == (name, mib, False)


@pytest.mark.parametrize("words", ["", " ", "b999", "56a3", "rtx 4090", "intel", "arc", "8086:", "0gb", "%s"])
def test_no_card_is_made_up(words: str) -> None:
    assert find_card(words, ROWS) is None


def test_the_hint_names_only_cards_that_are_found() -> None:
    names = card_names(ROWS)
    assert "b580" in names and "pro b60" in names
    assert all(find_card(name, ROWS) for name in names)


def test_a_damaged_table_is_no_reason_to_fail() -> None:
    assert parse_cards("") == ()
    assert parse_cards("# only a comment\nnonsense\n\n,,,\n") == ()
