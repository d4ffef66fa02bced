"""A process of tests: appends to a message of the history at its argument and tells of each finished call.

Prints "message <id>", then the text so far after each `append` that returned. With a second argument, a
number of bytes, files can't grow beyond it: the way a full disk feels to a process; with a third one they
never may again.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from arcdesk.core.chat import Message, MessageState, Role
from arcdesk.core.errors import ArcDeskError
from arcdesk.storage.history_db import HistoryDb


async def append_for_ever(path: Path) -> None:
    history = HistoryDb(path)
    conversation = await history.create("Killed")
    message = await history.add(
        conversation.id, Message(role=Role.ASSISTANT, text="", state=MessageState.STREAMING)
    )
    print("message", message.id, flush=True)
    number = 0
    while True:
        await history.append(message.id, f"{number} ")
        print(number, flush=True)
        number += 1


async def append_on_a_full_disk(path: Path, limit_bytes: int, *, stays_full: bool) -> None:
    history = HistoryDb(path)
    conversation = await history.create("Full")
    message = await history.add(conversation.id, Message(role=Role.ASSISTANT, text="start "))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    for text in ("x" * limit_bytes, " then", " more"):
        try:
            await history.append(message.id, text)
        except ArcDeskError as error:
            print(error.problem.cause, flush=True)
    print(len(await history.messages(conversation.id)), "message readable", flush=True)
    if not stays_full:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await history.append(message.id, " end")
    try:
        await history.aclose()
    except ArcDeskError as error:
        print(error.problem.cause, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        stays_full = len(sys.argv) > 3
        asyncio.run(append_on_a_full_disk(Path(sys.argv[1]), int(sys.argv[2]), stays_full=stays_full))
    else:
        asyncio.run(append_for_ever(Path(sys.argv[1])))
