"""A process of tests: a run of ArcDesk's crash handler that tells of the last run, then ends as it is told.

Arguments: the state folder, and how to end. Prints one JSON object, then does it.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from arcdesk.app.crash import CrashHandler
from arcdesk.app.crash_words import crash_problem
from arcdesk.core.errors import Problem, UsageError

SECRET = "hf_AbCdEf123456"


class Unlucky:
    def __del__(self) -> None:
        raise ValueError("in __del__")


async def in_loop(handler: CrashHandler) -> list[Problem]:
    told: list[Problem] = []
    handler.on_mistake = told.append
    loop = asyncio.get_running_loop()
    handler.watch_loop(loop)
    loop.call_soon(lambda: 1 / 0)
    worker = threading.Thread(target=lambda: {}["missing"], name="arcdesk-worker")
    worker.start()
    worker.join()
    async with asyncio.timeout(30):
        while len(told) < 2:
            await asyncio.sleep(0.01)
    return told


def main(folder: str, end: str) -> int:
    logging.getLogger().addHandler(logging.NullHandler())
    handler = CrashHandler(Path(folder))
    handler.install()
    handler.recent_lines = lambda: ["the last line"]
    previous = handler.previous()
    said = None
    if previous is not None:
        notice = crash_problem(previous)
        said = {
            "kind": previous.kind.value,
            "path": str(previous.path or ""),
            "text": previous.text,
            "actions": [action.kind.value for action in notice.actions],
        }
    print(json.dumps({"previous": said, "again": handler.previous() is not None}), flush=True)
    match end:
        case "segfault":
            faulthandler._sigsegv()
        case "abort":
            os.abort()
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exception":
            raise ValueError(f"with {SECRET}")
        case "survived":
            print(json.dumps([problem.title for problem in asyncio.run(in_loop(handler))]))
            handler.clean_exit()
        case "same again":
            for _ in range(50):
                handler.report(_error(), "a timer")
            handler.clean_exit()
        case "many":
            for number in range(50):
                handler.report(type(f"Error{number}", (Exception,), {})(), "a timer")
            handler.clean_exit()
        case "logged":
            try:
                raise KeyError("missing")
            except KeyError:
                logging.getLogger("arcdesk.x").exception("caught elsewhere")
            try:
                raise UsageError(Problem(cause="bad_setting", title="No"))
            except UsageError:
                logging.getLogger("arcdesk.x").exception("meant for people")
            handler.clean_exit()
        case "unraisable":
            Unlucky()
            gc.collect()
            handler.clean_exit()
        case "wait":
            sys.stdin.readline()
            handler.clean_exit()
        case "sys.exit":
            sys.exit(3)
        case "clean":
            handler.clean_exit()
            handler.clean_exit()
    return 0


def _error() -> Exception:
    try:
        raise ValueError("once")
    except ValueError as error:
        return error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
