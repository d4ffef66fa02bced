"""What was typed into the quick prompt, in the history file."""

from __future__ import annotations

import sqlite3

from arcdesk.core.quick import QuickQuestion

_NOTE = "INSERT INTO quick_prompts (conversation_id, text, asked_at) VALUES (?, ?, ?)"
# Of the same text the newest counts (SQLite takes the bare columns from max's row).
_QUESTIONS = """SELECT q.text, q.conversation_id, q.asked_at, c.is_quick, max(q.id) AS newest
    FROM quick_prompts q JOIN conversations c ON c.id = q.conversation_id
    WHERE c.deleted_at IS NULL GROUP BY q.text ORDER BY newest DESC LIMIT ?"""


def note(db: sqlite3.Connection, conversation_id: int, text: str, at: float) -> None:
    """Remember one."""
    db.execute(_NOTE, (conversation_id, text, at))


def questions(db: sqlite3.Connection, limit: int) -> list[QuickQuestion]:
    """The newest `limit` of them, the newest first."""
    return [
        QuickQuestion(text=text, conversation_id=key, asked_at=at, is_in_list=not is_quick)
        for text, key, at, is_quick, _ in db.execute(_QUESTIONS, (limit,))
    ]
