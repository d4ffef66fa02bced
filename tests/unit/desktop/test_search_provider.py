"""What the desktop's own search finds."""

from __future__ import annotations

import pytest

from arcdesk.desktop.search_provider import QUERY_LIMIT, Titled, find, hit_of

CHATS = (
    Titled(id=3, title="Capital of France"),
    Titled(id=2, title="Haiku about Paris in FRANCE"),
    Titled(id=1, title="Straße"),
)


def ids(query: str) -> list[str]:
    return [hit.id for hit in find(query, CHATS)]


def test_titles_that_hold_all_words_in_any_order() -> None:
    assert ids("france") == ["chat:3", "chat:2"]
    assert ids("france capital") == ["chat:3", "ask:france capital"]
    assert ids("STRASSE") == ["chat:1"]


@pytest.mark.parametrize("query", ["", " ", "f", "\n"])
def test_too_little_finds_nothing(query: str) -> None:
    assert ids(query) == []


def test_a_question_is_offered_and_a_programs_name_is_not() -> None:
    assert ids("firefox") == []
    assert ids("why?") == ["ask:why?"]
    assert ids("how  tall\nis it") == ["ask:how tall is it"]


def test_a_long_query_is_cut_in_view_and_in_length() -> None:
    (hit,) = find("why " * 2000, CHATS)
    assert hit.title.endswith("…")
    assert len(hit.title) < 100
    assert len(hit.id) <= QUERY_LIMIT + len("ask:")


def test_no_more_conversations_than_a_list_can_show() -> None:
    many = [Titled(id=number, title=f"France {number}") for number in range(50)]
    assert [hit.id for hit in find("france", many)] == [f"chat:{number}" for number in range(5)]


def test_a_result_that_is_no_more_has_no_face() -> None:
    assert hit_of("chat:99", CHATS) is None
    assert hit_of("nonsense", CHATS) is None
