"""A process that keeps a run and comes to a bad end: it is killed, or the disk takes no more."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path

from arcdesk.core.errors import ArcDeskError
from arcdesk.storage.bench_ledger import BenchDb
from tests.unit.storage import bench_rig as rig


async def main(path: Path, end: str) -> None:
    db = BenchDb(path)
    print((await db.add(rig.run())).id, flush=True)
    if end == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    room = path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))  # no file may grow beyond it
    try:
        await db.add(rig.run(rig.step(requests=2_000, spread=0.1)))
    except ArcDeskError:
        print("refused", flush=True)
    await db.aclose()


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
