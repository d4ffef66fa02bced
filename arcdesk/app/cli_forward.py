"""Commands that the running app carries out for the terminal. No heavy import: these must be quick."""

from __future__ import annotations

import json
import sys

from arcdesk.app.status_words import status_line
from arcdesk.desktop.instance_client import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

FORWARDED = ("status", "start", "stop", "restart", "logs")
STATUS_TIMEOUT_S = 5.0


class _StatusOptions:
    """What the parser would make of `status` and `status --json`."""

    command, engine = "status", None

    def __init__(self, *, is_json: bool) -> None:
        self.json = is_json


def quick_status(*, is_json: bool) -> int | None:
    """`arcdesk status [--json]` answered by the running app; None when none runs."""
    try:
        return run(_StatusOptions(is_json=is_json))  # type: ignore[arg-type]
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return None  # the whole command line knows what to do then


def run(options: argparse.Namespace) -> int | None:
    """Exit code, or None when no app runs or the command is not one for it."""
    if options.command not in FORWARDED or (options.engine and options.command in ("status", "logs")):
        return None
    request = {"command": options.command, "engine": options.engine}
    if options.command == "logs":
        request["lines"] = options.lines
    if options.command in ("start", "restart"):
        request["wait"] = not options.no_wait
    if getattr(options, "set", None) and options.command in ("start", "restart"):
        request["command"] = "status"  # is there one at all?
        if call(request, timeout_s=STATUS_TIMEOUT_S) is None:
            return None
        print("arcdesk: ArcDesk runs with settings of its own. Change them there.", file=sys.stderr)  # noqa: T201
        return 2
    timeout_s = STATUS_TIMEOUT_S if options.command == "status" else None
    try:
        answer = call(request, timeout_s=timeout_s, on_progress=_show_progress)
    except TimeoutError:
        print("ArcDesk runs but does not answer.", file=sys.stderr)  # noqa: T201
        return 1
    except (ConnectionError, ValueError) as error:
        print(f"The running ArcDesk went away: {error}.", file=sys.stderr)  # noqa: T201
        return 1
    return None if answer is None or "elsewhere" in answer else show_answer(options, answer)


def show_answer(options: argparse.Namespace, answer: dict[str, Any]) -> int:
    """Print what a command returned, here or in the app; returns the exit code."""
    write = sys.stdout.write
    if message := answer.get("message"):
        print(message, file=sys.stderr)  # noqa: T201
    if "lines" in answer:
        write(
            json.dumps(answer["lines"]) + "\n" if options.json else "".join(f"{x}\n" for x in answer["lines"])
        )
    elif "status" in answer:
        status = answer["status"]
        write((json.dumps(status, ensure_ascii=False) if options.json else status_line(status)) + "\n")
    return int(answer.get("exit_code", 0))


def _show_progress(step: dict[str, Any]) -> None:
    print(step.get("text", ""), file=sys.stderr, flush=True)  # noqa: T201
