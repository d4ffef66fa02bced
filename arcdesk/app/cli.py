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
    shared.add_argument(
        "--set",
        metavar="TABLE.NAME=VALUE",
        action="append",
        default=argparse.SUPPRESS,
        help="another value of a setting, for this run (may be repeated)",
    )
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    shared.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="say what is done"
    )
    parser = argparse.ArgumentParser(prog="arcdesk", description=DESCRIPTION, parents=[shared])
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--background", action="store_true", help="begin in the tray, without a window")
    menu = parser.add_mutually_exclusive_group()
    menu.add_argument("--install-desktop", action="store_true", help="put ArcDesk into the applications menu")
    menu.add_argument("--uninstall-desktop", action="store_true", help="take it out again")
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
    quick = commands.add_parser("quick", parents=[shared], help="open the quick prompt, or ask in it")
    quick.add_argument("text", nargs="*", help="a question, asked at once; '-' reads it from standard input")
    quick.add_argument("--toggle", action="store_true", help="hide it if it has the keyboard: for a hotkey")
    from arcdesk.app import cli_bench, cli_fit, cli_gpu, cli_models  # they load what they need when they run

    for module in (cli_gpu, cli_models, cli_fit, cli_bench):
        module.add_parser(commands, shared)
    commands.add_parser("doctor", parents=[shared], help="examine this computer and say what to mend")
    bundle = commands.add_parser("bundle", parents=[shared], help="pack a file for a report of a mistake")
    bundle.add_argument("file", nargs="?", metavar="FILE.zip", help="the file to write; must not exist")
    bundle.add_argument("--show", action="store_true", help="print all that would be packed, write nothing")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return int(text)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    for name, default in (("engine", None), ("set", None), ("json", False), ("verbose", False)):
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
    if options.install_desktop or options.uninstall_desktop:
        from arcdesk.app import cli_desktop

        do = cli_desktop.install_desktop if options.install_desktop else cli_desktop.uninstall_desktop
        return do(as_json=options.json)
    if options.command is None:
        if options.set and (refusal := _refused_settings(options)):
            print(f"arcdesk: {refusal}", file=sys.stderr)  # noqa: T201
            return EXIT_USAGE
        from arcdesk.app.gui import run_gui

        return run_gui(options)
    return _run_command(options)


def _refused_settings(options: argparse.Namespace) -> str:
    from arcdesk.app.options import overrides_of
    from arcdesk.core.errors import UsageError

    try:
        overrides_of(options)
    except UsageError as error:
        return str(error)
    return ""


def _run_command(options: argparse.Namespace) -> int:
    if options.command in ("doctor", "bundle"):
        from arcdesk.app import cli_doctor

        return (cli_doctor.run_doctor if options.command == "doctor" else cli_doctor.run_bundle)(options)
    if options.command in ("gpu", "models", "fit", "bench"):
        from importlib import import_module

        return int(import_module(f"arcdesk.app.cli_{options.command}").run(options))
    if options.command == "quick":
        from arcdesk.app import cli_quick

        return cli_quick.run(options)
    from arcdesk.app import cli_forward

    code = cli_forward.run(options)
    if code is not None:
        return code
    from arcdesk.app import cli_direct

    return cli_direct.run(options)


def _silence_stdout() -> None:
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
