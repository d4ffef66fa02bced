"""A process of tests: asks one question and stores the answer, until it is killed.

Arguments: the history file, the server's address. Prints "<monotonic second> <text>" for each piece. With
"full" as third argument the disk is full from the first piece on (files can't grow); then it prints the
answer's state, its length, and the causes of the notices, and frees the disk before its end.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path

from arcdesk.core.chat import ChatEvent, TokenArrived
from arcdesk.services.chat_listeners import ChatListener
from tests.unit.services.chat_rig import open_chat


def tell(_conversation_id: int, _message_id: int, event: ChatEvent) -> None:
    if isinstance(event, TokenArrived):
        os.write(1, f"{time.monotonic()} {event.text.strip()}\n".encode())


async def main(path: Path, address: str) -> None:
    async with open_chat(address, path) as rig:
        rig.chat.listen(ChatListener(on_event=tell))
        await rig.chat.ask("Count!")


def fill_disk(path: Path) -> None:
    size = sum(file.stat().st_size for file in path.parent.iterdir() if file.name.endswith("-wal"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def on_a_full_disk(path: Path, address: str) -> None:
    async with open_chat(address, path) as rig:
        rig.chat.listen(ChatListener(on_event=lambda *_: fill_disk(path)))
        answer = await rig.chat.ask("Fill!")
        print(answer.state.value, len(answer.text), flush=True)
        print(*(notice.cause for notice in rig.store.state.notices), flush=True)
        print(rig.told[-1] == answer, flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    do = on_a_full_disk if len(sys.argv) > 3 else main
    asyncio.run(do(Path(sys.argv[1]), sys.argv[2]))
