"""Quick conversations in the history file: kept, out of the list until moved, gone after a month."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from arcdesk.core.chat import Message, Role
from arcdesk.core.quick import QUICK_DRAFT
from arcdesk.storage.history_db import HistoryDb
from arcdesk.storage.history_schema import KEEP_QUICK_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest_asyncio.fixture
async def history(path: Path) -> AsyncIterator[HistoryDb]:
    history = HistoryDb(path)
    yield history
    await history.aclose()


async def ask(history: HistoryDb, typed: str, *, at: float = 0.0) -> int:
    """A quick conversation with one question; its id."""
    key = (await history.create(typed, is_quick=True)).id
    await history.add(key, Message(role=Role.USER, text=f"asked: {typed}", created_at=at))
    await history.note_quick(key, typed)
    return key


async def test_it_is_in_the_list_once_it_was_moved(history: HistoryDb) -> None:
    await history.create("usual")
    key = await ask(history, "quick")
    assert [conversation.title for conversation in await history.conversations()] == ["usual"]
    assert [message.text for message in await history.messages(key)] == ["asked: quick"]
    assert [question.is_in_list for question in await history.quick_questions(9)] == [False]
    await history.promote(key)
    assert {conversation.title for conversation in await history.conversations()} == {"usual", "quick"}
    assert [question.is_in_list for question in await history.quick_questions(9)] == [True]


async def test_lines_come_back_newest_first_and_once(history: HistoryDb) -> None:
    keys = [await ask(history, text) for text in ("one", "two", "one", "three")]
    lines = await history.quick_questions(9)
    assert [line.text for line in lines] == ["three", "one", "two"]
    assert lines[1].conversation_id == keys[2]
    assert [line.text for line in await history.quick_questions(1)] == ["three"]
    await history.delete(keys[2])
    assert [line.text for line in await history.quick_questions(9)] == ["three", "two", "one"]


async def test_the_draft_of_the_quick_prompt_is_its_own_and_survives(path: Path) -> None:
    first = HistoryDb(path)
    await first.save_draft(0, "usual")
    await first.save_draft(QUICK_DRAFT, "quick")
    await first.aclose()
    second = HistoryDb(path)
    assert [await second.draft(0), await second.draft(QUICK_DRAFT)] == ["usual", "quick"]
    await second.aclose()


async def test_after_a_month_it_goes_unless_it_was_moved(path: Path) -> None:
    first = HistoryDb(path, now=lambda: time.time() - KEEP_QUICK_S - 60)
    old, moved = await ask(first, "old"), await ask(first, "moved")
    await first.promote(moved)
    await first.aclose()
    young = HistoryDb(path)
    new = await ask(young, "new")
    await young.aclose()
    again = HistoryDb(path)
    assert {line.text for line in await again.quick_questions(9)} == {"new", "moved"}
    assert [len(await again.messages(key)) for key in (old, moved, new)] == [0, 1, 1]
    await again.aclose()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM quick_prompts").fetchone() == (2,)
