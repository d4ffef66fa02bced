"""A process of tests: starts the embedded engine, prints "<child's pid> <address>", then waits to be killed.

With "loading" as argument it does not wait for the start: it prints the pid as soon as there is a child.
"""

from __future__ import annotations

import asyncio
import sys

from arcdesk.engine.embedded import EmbeddedEngine


async def main(*, is_loading_enough: bool) -> None:
    engine = EmbeddedEngine()
    starting = asyncio.create_task(engine.start(""))
    while is_loading_enough and not any("loading model" in line for line in engine.log_lines()):
        assert not starting.done()
        await asyncio.sleep(0.005)
    address = "-" if is_loading_enough else (await starting).root_url
    print(engine.pid, address, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(is_loading_enough="loading" in sys.argv))
