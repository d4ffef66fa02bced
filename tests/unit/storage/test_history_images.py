"""Images of questions in the history file: kept with them, gone with them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from arcdesk.core.chat import Message, Role
from arcdesk.core.image import Image
from arcdesk.storage.history_db import HistoryDb
from arcdesk.storage.history_schema import MIGRATIONS, VERSION

ONE = Image(mime="image/png", data=bytes(range(256)) * 40)
OTHER = Image(mime="image/jpeg", data=b"\0\xff\0")
BEFORE_IMAGES = 3  # the version that had none


def question(*images: Image) -> Message:
    return Message(role=Role.USER, text="What is this?", images=images)


def count_images(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM message_images").fetchone()[0])


async def test_images_come_back_in_their_order_with_their_own_question(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = HistoryDb(path)
    chat, quick = await history.create("Chat"), await history.create("Quick", is_quick=True)
    told = await history.add(chat.id, question(ONE, OTHER))
    assert told.images == (ONE, OTHER)
    await history.add(chat.id, question())
    await history.add(quick.id, question(OTHER))
    await history.promote(quick.id)
    await history.aclose()
    again = HistoryDb(path)
    assert [one.images for one in await again.messages(chat.id)] == [(ONE, OTHER), ()]
    assert [one.images for one in await again.messages(quick.id)] == [(OTHER,)]
    await again.aclose()


async def test_images_go_with_their_message_and_conversation(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = HistoryDb(path)
    chat, other = await history.create("Chat"), await history.create("Other")
    first = await history.add(chat.id, question(ONE, OTHER))
    await history.add(other.id, question(ONE))
    await history.remove(first.id)
    assert await history.messages(chat.id) == []
    await history.delete(other.id)
    await history.aclose()
    assert count_images(path) == 1, "a deleted conversation can still be restored"
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE conversations SET deleted_at = 1.0 WHERE id = ?", (other.id,))
        db.commit()
    opened = HistoryDb(path)
    await opened.conversations()
    await opened.aclose()
    assert count_images(path) == 0


async def test_a_file_from_before_images_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as db:
        for step in MIGRATIONS[:BEFORE_IMAGES]:
            for statement in step:
                db.execute(statement)
        db.execute("INSERT INTO conversations VALUES (1, 'Old', 1.0, 2.0, NULL, 0)")
        db.execute(
            "INSERT INTO messages (conversation_id, role, text, state, created_at)"
            " VALUES (1, 'user', 'Why?', 'done', 1.0)"
        )
        db.execute(f"PRAGMA user_version = {BEFORE_IMAGES}")
        db.commit()
    assert BEFORE_IMAGES < VERSION
    history = HistoryDb(path)
    await history.add(1, question(ONE))
    assert [(one.text, one.images) for one in await history.messages(1)] == [
        ("Why?", ()),
        ("What is this?", (ONE,)),
    ]
    await history.aclose()
