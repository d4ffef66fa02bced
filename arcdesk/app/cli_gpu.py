"""`arcdesk gpu`: what the graphics cards do, once or each second, on this machine or as it was recorded."""

from __future__ import annotations

import argparse
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes long to import, and each command loads this module for its grammar
    from typing import Any

    from arcdesk.app.gpu_containers import AskedContainers
    from arcdesk.core.gpu import ContainerFdinfo, GpuSnapshot
    from arcdesk.telemetry.gpu_port import GpuHost
    from arcdesk.telemetry.gpu_reader import CardReader

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
LOOK_S = 1.0  # between the two samples that rates need
CONTAINERS_S = 5.0  # while watching
CLEAR = "\033[H\033[J"
TWO_AIMS = (("watch", "replay"), ("watch", "record"), ("record", "replay"))


def add_parser(commands: Any, shared: argparse.ArgumentParser) -> None:
    """The grammar of this command. `commands` is what add_subparsers returned."""
    gpu = commands.add_parser("gpu", parents=[shared], help="say what the graphics cards do")
    gpu.add_argument("--watch", action="store_true", help="go on each second until Ctrl+C")
    gpu.add_argument("--record", metavar="FILE.json", help="write what was read, for a report")
    gpu.add_argument("--replay", metavar="FILE.json", help="read such a file instead of this machine")


def run(options: argparse.Namespace, host: GpuHost | None = None) -> int:
    """Run it on this machine (or `host`); returns the exit code."""
    for one, other in TWO_AIMS:
        if getattr(options, one) and getattr(options, other):
            print(f"arcdesk: --{one} and --{other} do not go together.", file=sys.stderr)  # noqa: T201
            return EXIT_USAGE
    if options.replay:
        return _replay(options)
    try:
        return _live(options, host)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _replay(options: argparse.Namespace) -> int:
    from pathlib import Path

    from arcdesk.telemetry.gpu_reader import CardReader
    from arcdesk.telemetry.gpu_recorded import RecordedHost
    from arcdesk.telemetry.gpu_recording_file import load_recording

    try:
        recording = load_recording(Path(options.replay))
    except OSError as error:
        return _refuse(options.replay, f"can't be read: {error.strerror or error}")
    except ValueError as error:
        return _refuse(options.replay, f"is no recording: {error}")
    host = RecordedHost(recording)
    reader = CardReader(host)
    reader.sample(host.containers())
    host.advance()
    answers = host.containers()
    _show(options, reader.sample(answers), answers)
    return EXIT_OK


def _refuse(file: str, why: str) -> int:
    print(f"arcdesk: {file} {why}.", file=sys.stderr)  # noqa: T201
    return EXIT_USAGE


def _live(options: argparse.Namespace, host: GpuHost | None) -> int:
    import contextlib

    from arcdesk.app.gpu_containers import AskedContainers
    from arcdesk.telemetry.gpu_host import LiveHost
    from arcdesk.telemetry.gpu_reader import CardReader

    host = host or LiveHost(scan_interval_s=LOOK_S / 2)
    with contextlib.closing(AskedContainers()) as containers:
        if options.record:
            return _record(options.record, host, containers)
        reader = CardReader(host)
        if options.watch:
            return _watch(options, reader, containers)
        return _once(options, reader, containers)


def _once(options: argparse.Namespace, reader: CardReader, containers: AskedContainers) -> int:
    import time

    snapshot = reader.sample()
    answers: tuple[ContainerFdinfo, ...] = ()
    if _any_awake(snapshot):
        _say("Looking twice, for a second …")
        snapshot = reader.sample(_ask(snapshot, containers))
        time.sleep(LOOK_S)
        answers = _ask(snapshot, containers)
        snapshot = reader.sample(answers)
    _show(options, snapshot, answers)
    return EXIT_OK


def _watch(options: argparse.Namespace, reader: CardReader, containers: AskedContainers) -> int:
    import time

    snapshot, asked_at = reader.sample(), float("-inf")
    held: tuple[ContainerFdinfo, ...] = ()
    is_screen = sys.stdout.isatty() and not options.json
    while True:
        if _any_awake(snapshot) and time.monotonic() - asked_at >= CONTAINERS_S:
            held, asked_at = _ask(snapshot, containers), time.monotonic()
        snapshot = reader.sample(held)
        if is_screen:
            sys.stdout.write(CLEAR)
        _show(options, snapshot, held)
        if not is_screen and not options.json:
            sys.stdout.write("\n")
        sys.stdout.flush()
        time.sleep(LOOK_S)


def _record(file: str, host: GpuHost, containers: AskedContainers) -> int:
    import json
    from pathlib import Path

    from arcdesk.telemetry.gpu_reader import CardReader
    from arcdesk.telemetry.gpu_record import record

    if Path(file).exists():
        print(f"arcdesk: {file} is there already.", file=sys.stderr)  # noqa: T201
        return EXIT_FAILURE
    may_ask = CardReader(host).sample().may_ask_containers
    _say("Looking twice, for a second …")
    data = record(host, dt_s=LOOK_S, containers=containers.ask if may_ask else None)
    try:
        with open(file, "x", encoding="utf-8") as out:
            json.dump(data, out, indent=1, ensure_ascii=True)
            out.write("\n")
    except OSError as error:
        print(f"arcdesk: {file} can't be written: {error.strerror or error}.", file=sys.stderr)  # noqa: T201
        return EXIT_FAILURE
    count = len(data["files"])
    print(  # noqa: T201
        f"{file}: {count} files of the kernel's about your cards. It has no names of programs, containers "
        "or people in it. Nothing was sent.",
        file=sys.stderr,
    )
    return EXIT_OK


def _show(options: argparse.Namespace, snapshot: GpuSnapshot, answers: tuple[ContainerFdinfo, ...]) -> None:
    if options.json:
        import json

        from arcdesk.app.gpu_json import gpu_json

        sys.stdout.write(json.dumps(gpu_json(snapshot, answers)) + "\n")
        return
    import os

    from arcdesk.app.gpu_text import printable, snapshot_text

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    text = snapshot_text(snapshot, colour=colour)
    for one in answers:
        if one.error:
            text += f"\nContainer {printable(one.name)}: {printable(one.error)}\n"
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))


def _ask(snapshot: GpuSnapshot, containers: AskedContainers) -> tuple[ContainerFdinfo, ...]:
    if snapshot.may_ask_containers:
        return containers.ask()
    from arcdesk.core.gpu import ContainerFdinfo

    why = "not asked, since that could wake the card that sleeps"
    return (ContainerFdinfo(name="all", container_id="", pid=0, error=why),)


def _any_awake(snapshot: GpuSnapshot) -> bool:
    return any(not card.is_asleep and not card.problem for card in snapshot.cards)


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)  # noqa: T201
