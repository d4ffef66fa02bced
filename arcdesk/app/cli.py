"""The command line: parses, forwards to the running app where there is one, else does it here.

Standard output is data, standard error is for messages. Exit codes: 0 ok, 1 failure, 2 usage, 3 not ready,
4 Docker unreachable, 5 not found, 130 interrupted. Heavy modules are imported by the command that needs them.
"""

from __future__ import annotations

import argparse
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

DESCRIPTION = "A tray companion for local LLM servers. Without a command, its window opens."
ENGINES = "container, embedded, or the address of an OpenAI-compatible server"


def make_parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--engine", metavar="ENGINE", default=argparse.SUPPRESS, help=ENGINES)
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    shared.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="say what is done"
    )
    parser = argparse.ArgumentParser(prog="arcdesk", description=DESCRIPTION, parents=[shared])
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--background", action="store_true", help="begin in the tray, without a window")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    start = commands.add_parser("start", parents=[shared], help="start the engine and wait until it answers")
    restart = commands.add_parser("restart", parents=[shared], help="stop and start the engine")
    for command in (start, restart):
        command.add_argument("--no-wait", action="store_true", help="return when the start is under way")
    commands.add_parser("stop", parents=[shared], help="stop the engine")
    commands.add_parser("status", parents=[shared], help="say how the engine is")
    logs = commands.add_parser("logs", parents=[shared], help="print the engine's log")
    logs.add_argument("-n", "--lines", type=_positive, default=200, help="how many lines (200)")
    ask = commands.add_parser("ask", parents=[shared], help="ask one question")
    ask.add_argument("prompt", nargs="+", help="the question; '-' reads it from standard input")
    ask.add_argument("--max-tokens", type=_positive, help="end the answer after so many tokens")
    ask.add_argument("--temperature", type=float, help="0 picks the likeliest token each time")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return int(text)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    for name, default in (("engine", None), ("json", False), ("verbose", False)):
        if not hasattr(options, name):
            setattr(options, name, default)
    try:
        code = _run(options)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a reader that has left is no surprise
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left
        _silence_stdout()
        return EXIT_FAILURE


def _run(options: argparse.Namespace) -> int:
    if options.version:
        from arcdesk import __version__

        print(f"arcdesk {__version__}")  # noqa: T201
        return EXIT_OK
    if options.command is None:
        from arcdesk.app.gui import run_gui

        return run_gui(options)
    return _run_command(options)


def _run_command(options: argparse.Namespace) -> int:
    from arcdesk.app import cli_forward

    code = cli_forward.run(options)
    if code is not None:
        return code
    from arcdesk.app import cli_direct

    return cli_direct.run(options)


def _silence_stdout() -> None:
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
