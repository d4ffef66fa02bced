"""A process of tests: the store of secrets on this session's keyring; a JSON request a line, an answer each.

The argument is its patience in seconds. Requests: ["put", name, secret], ["get", name], ["remove", name],
["view", name], ["move"], ["use_file"].
"""

from __future__ import annotations

import asyncio
import json
import sys

from arcdesk.core.errors import ArcDeskError
from arcdesk.storage.keyring_thread import KeyringThread
from arcdesk.storage.secrets import SecretStore


async def answer(store: SecretStore, request: list[str]) -> object:
    match request:
        case ["put", name, secret]:
            return await store.put(name, secret)
        case ["get", name]:
            return await store.get(name)
        case ["remove", name]:
            return await store.remove(name)
        case ["view", name]:
            view = await store.view((name,))
            (state,) = (state for state in view.secrets if state.name == name)
            notice = view.notice.detail if view.notice else ""
            return {"kept_in": state.kept_in.value, "keyring": view.keyring, "notice": notice}
        case ["move"]:
            return await store.move_to_keyring()
        case ["use_file"]:
            return store.use_file()
    raise ValueError(request)


async def main() -> None:
    store = SecretStore(keyring=KeyringThread(patience_s=float(sys.argv[1])))
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            said = {"value": await answer(store, json.loads(line))}
        except ArcDeskError as error:
            said = {"cause": error.problem.cause}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
