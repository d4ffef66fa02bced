"""The images of questions, in the history file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from arcdesk.core.image import Image

_ADD = "INSERT INTO message_images (message_id, number, mime, data) VALUES (?, ?, ?, ?)"
_OF_CONVERSATION = """SELECT i.message_id, i.mime, i.data
    FROM message_images i JOIN messages m ON m.id = i.message_id
    WHERE m.conversation_id = ? ORDER BY i.message_id, i.number"""


def add(db: sqlite3.Connection, message_id: int, images: Sequence[Image]) -> None:
    """Store them, in their order."""
    db.executemany(
        _ADD, [(message_id, number, image.mime, image.data) for number, image in enumerate(images)]
    )


def of_conversation(db: sqlite3.Connection, conversation_id: int) -> dict[int, tuple[Image, ...]]:
    """The images of all its messages that have some, by the message's id."""
    found: dict[int, tuple[Image, ...]] = {}
    for message_id, mime, data in db.execute(_OF_CONVERSATION, (conversation_id,)):
        found[message_id] = (*found.get(message_id, ()), Image(mime=str(mime), data=bytes(data)))
    return found
