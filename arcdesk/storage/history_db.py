"""Keeps conversations in one SQLite file; whatever a call returned from survives the end of the process."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from arcdesk.core.chat import AnswerStats, Conversation, Message, MessageState
from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem
from arcdesk.core.quick import QuickQuestion
from arcdesk.storage import history_images, history_quick
from arcdesk.storage.history_codec import (
    MESSAGE_COLUMNS,
    message_from_row,
    problem_to_json,
    stats_to_json,
    storable,
)
from arcdesk.storage.history_thread import HistoryThread
from arcdesk.storage.paths import data_dir

FILE_NAME = "history.db"

_OPEN_STATES = tuple(state.value for state in MessageState if state.is_open)
_LIST = """SELECT c.id, c.title, c.created_at, c.updated_at, coalesce(d.text, '')
    FROM conversations c LEFT JOIN drafts d ON d.conversation_id = c.id
    WHERE c.deleted_at IS NULL AND c.is_quick = 0 ORDER BY c.updated_at DESC, c.id DESC"""
_TOUCH = "UPDATE conversations SET updated_at = max(updated_at, ?) WHERE id = ?"
_TOUCH_BY_MESSAGE = """UPDATE conversations SET updated_at = max(updated_at, ?)
    WHERE id = (SELECT conversation_id FROM messages WHERE id = ?)"""


class HistoryDb:
    """A HistoryRepo. The file is opened by the first call, in a thread of its own.

    Calls are made on one event loop. Each may raise ArcDeskError; `problems` tells of a damaged file that
    was set aside. Text and outcomes that a full disk refused stay in memory and are saved with the next call.
    """

    def __init__(self, path: Path | None = None, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._thread = HistoryThread(self._find_path)

    def _find_path(self) -> Path:
        if self._path is None:
            self._path = data_dir() / FILE_NAME
        return self._path

    @property
    def problems(self) -> Sequence[Problem]:
        """What happened to the file so far, for people."""
        return self._thread.problems

    async def conversations(self) -> list[Conversation]:
        """The list: neither deleted nor quick ones, the most recently changed first."""

        def work(db: sqlite3.Connection) -> list[Conversation]:
            return [
                Conversation(id=key, title=title, created_at=created, updated_at=updated, draft=draft)
                for key, title, created, updated, draft in db.execute(_LIST)
            ]

        return await self._thread.read(work)

    async def create(self, title: str, *, is_quick: bool = False) -> Conversation:
        """A new, empty conversation; a quick one stays out of the list until `promote`."""
        at, kept_title = self._now(), storable(title)

        def work(db: sqlite3.Connection) -> Conversation:
            statement = (
                "INSERT INTO conversations (title, created_at, updated_at, is_quick) VALUES (?, ?, ?, ?)"
            )
            key = db.execute(statement, (kept_title, at, at, is_quick)).lastrowid
            return Conversation(id=key or 0, title=kept_title, created_at=at, updated_at=at)

        return await self._thread.write(work)

    async def promote(self, conversation_id: int) -> None:
        """Move a quick conversation into the list, for good."""
        await self._change("UPDATE conversations SET is_quick = 0 WHERE id = ?", (conversation_id,))

    async def note_quick(self, conversation_id: int, typed: str) -> None:
        """Remember what was typed into the quick prompt."""
        at, kept = self._now(), storable(typed)
        await self._thread.write(lambda db: history_quick.note(db, conversation_id, kept, at))

    async def quick_questions(self, limit: int) -> list[QuickQuestion]:
        """What was typed into the quick prompt, the newest first, each text once."""
        return await self._thread.read(lambda db: history_quick.questions(db, limit))

    async def rename(self, conversation_id: int, title: str) -> None:
        """Give it another title; its place in the list stays."""
        await self._change(
            "UPDATE conversations SET title = ? WHERE id = ?", (storable(title), conversation_id)
        )

    async def delete(self, conversation_id: int) -> None:
        """Hide it. It can be restored for 30 days, then it is removed for good."""
        await self._change(
            "UPDATE conversations SET deleted_at = ? WHERE id = ?", (self._now(), conversation_id)
        )

    async def restore(self, conversation_id: int) -> None:
        """Undo a delete."""
        await self._change("UPDATE conversations SET deleted_at = NULL WHERE id = ?", (conversation_id,))

    async def messages(self, conversation_id: int) -> list[Message]:
        """Its messages, oldest first."""

        def work(db: sqlite3.Connection) -> list[Message]:
            rows = db.execute(
                f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE conversation_id = ? ORDER BY id",  # noqa: S608
                (conversation_id,),
            )
            messages = [message_from_row(row) for row in rows]
            images = history_images.of_conversation(db, conversation_id)
            return [replace(one, images=images[one.id]) if one.id in images else one for one in messages]

        return await self._thread.read(work)

    async def add(self, conversation_id: int, message: Message) -> Message:
        """Store a message; returns it with its id (and the time, if it had none)."""
        stored = replace(
            message,
            text=storable(message.text),
            thoughts=storable(message.thoughts),
            created_at=message.created_at or self._now(),
        )

        def work(db: sqlite3.Connection) -> Message:
            _must_exist(db.execute(_TOUCH, (stored.created_at, conversation_id)))
            key = db.execute(
                "INSERT INTO messages"
                " (conversation_id, role, text, thoughts, state, created_at, stats, problem)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    conversation_id,
                    stored.role.value,
                    stored.text,
                    stored.thoughts,
                    stored.state.value,
                    stored.created_at,
                    stats_to_json(stored.stats),
                    problem_to_json(stored.problem),
                ),
            ).lastrowid
            history_images.add(db, key or 0, stored.images)
            return replace(stored, id=key or 0)

        return await self._thread.write(work)

    async def append(self, message_id: int, text: str) -> None:
        """Add text to the end of a message. Text of a refused call is kept: don't send it again."""
        statement = "UPDATE messages SET text = text || ? WHERE id = ?"
        await self._change(statement, (storable(text), message_id), must_not_get_lost=True)

    async def append_thought(self, message_id: int, text: str) -> None:
        """Add text to the end of a message's thoughts; kept like `append`'s."""
        statement = "UPDATE messages SET thoughts = thoughts || ? WHERE id = ?"
        await self._change(statement, (storable(text), message_id), must_not_get_lost=True)

    async def remove(self, message_id: int) -> None:
        """Delete one message for good; that it is gone already is fine."""
        await self._thread.write(lambda db: _run(db, "DELETE FROM messages WHERE id = ?", (message_id,)))

    async def finish(
        self, message_id: int, state: MessageState, stats: AnswerStats | None, problem: Problem | None
    ) -> None:
        """Close a message: its text is as appended so far."""
        outcome = (state.value, stats_to_json(stats), problem_to_json(problem), message_id)
        at = self._now()

        def work(db: sqlite3.Connection) -> None:
            _must_exist(
                db.execute("UPDATE messages SET state = ?, stats = ?, problem = ? WHERE id = ?", outcome)
            )
            db.execute(_TOUCH_BY_MESSAGE, (at, message_id))

        await self._thread.write(work, must_not_get_lost=True)

    async def restate(self, message_id: int, stats: AnswerStats) -> None:
        """Give a closed message other figures."""
        row = (stats_to_json(stats), message_id)
        await self._thread.write(
            lambda db: _run(db, "UPDATE messages SET stats = ? WHERE id = ?", row), must_not_get_lost=True
        )

    async def save_draft(self, conversation_id: int, text: str) -> None:
        """Keep what stands in a prompt box; '' forgets it. Conversation 0 is a chat not begun, -1 the
        quick prompt."""
        kept = storable(text)

        def work(db: sqlite3.Connection) -> None:
            if kept:
                _run(db, "INSERT OR REPLACE INTO drafts VALUES (?, ?)", (conversation_id, kept))
            else:
                _run(db, "DELETE FROM drafts WHERE conversation_id = ?", (conversation_id,))

        await self._thread.write(work, must_not_get_lost=True)

    async def draft(self, conversation_id: int) -> str:
        """What stood in the prompt box, '' if nothing."""

        def work(db: sqlite3.Connection) -> str:
            query = "SELECT text FROM drafts WHERE conversation_id = ?"
            row = db.execute(query, (conversation_id,)).fetchone()
            return str(row[0]) if row else ""

        return await self._thread.read(work)

    async def mark_interrupted(self) -> int:
        """At start-up: messages left open by a crash become FAILED (cause "interrupted"); how many."""
        outcome = (MessageState.FAILED.value, problem_to_json(interrupted_problem()), *_OPEN_STATES)
        marks = ", ".join("?" for _ in _OPEN_STATES)
        statement = f"UPDATE messages SET state = ?, problem = ? WHERE state IN ({marks})"  # noqa: S608
        return await self._thread.write(lambda db: db.execute(statement, outcome).rowcount)

    async def aclose(self) -> None:
        """Write what waits, close the file, end the thread. Raises ArcDeskError if text stayed unsaved."""
        await self._thread.close()

    async def _change(
        self, statement: str, values: tuple[object, ...], *, must_not_get_lost: bool = False
    ) -> None:
        await self._thread.write(
            lambda db: _must_exist(db.execute(statement, values)), must_not_get_lost=must_not_get_lost
        )


def interrupted_problem() -> Problem:
    """The app ended while an answer was on its way."""
    return Problem(
        cause="interrupted",
        title="This answer was cut off",
        detail="ArcDesk ended while it was being written. What had arrived is kept.",
        hint="Ask again for a whole answer.",
        actions=(Action(kind=ActionKind.RETRY, label="Ask again"),),
    )


def _run(db: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> None:
    db.execute(statement, values)


def _must_exist(changed: sqlite3.Cursor) -> None:
    if changed.rowcount == 0:
        raise ArcDeskError(_gone())


def _gone() -> Problem:
    return Problem(
        cause="history_gone",
        title="This conversation is no longer there",
        detail="It was removed, or its file was replaced.",
        hint="Begin a new chat.",
        actions=(Action(kind=ActionKind.NEW_CHAT, label="New chat"),),
    )
