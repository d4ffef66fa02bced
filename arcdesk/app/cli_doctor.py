"""`arcdesk doctor` and `arcdesk bundle`: examine this computer, and pack what helps others to help."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from arcdesk.core.doctor import Area, Finding, Status, exit_code, finding_json, summary

if TYPE_CHECKING:
    from arcdesk.app.doctor_checks import Asked
    from arcdesk.core.settings import Settings

STATUS_PATIENCE_S = 5.0
EXIT_FAILURE, EXIT_INTERRUPTED = 1, 130
AREA_WORDS = {
    Area.APP: "ArcDesk",
    Area.DOCKER: "Docker",
    Area.CARDS: "Graphics cards",
    Area.DISK: "Folders and files",
    Area.DESKTOP: "Desktop",
    Area.NETWORK: "Network",
}
SIGNS = {Status.OK: "✓", Status.WARN: "▲", Status.BAD: "✗", Status.UNKNOWN: "?"}
WORDS = {Status.OK: "ok", Status.WARN: "warning", Status.BAD: "problem", Status.UNKNOWN: "unknown"}
COLOURS = {Status.OK: "32", Status.WARN: "33", Status.BAD: "31", Status.UNKNOWN: "36"}
WIDTH = max(len(word) for word in WORDS.values())


def run_doctor(options: argparse.Namespace) -> int:
    """Print what is found; returns 0 if nothing is broken, else 1."""
    try:
        findings = asyncio.run(_examine(options))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    if options.json:
        import json

        data = {"summary": summary(findings), "findings": [finding_json(found) for found in findings]}
        sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"\n{summary(findings)}.\n")
    return exit_code(findings)


async def _examine(options: argparse.Namespace) -> list[Finding]:
    """All findings; without --json each area is printed when its last check has ended."""
    from arcdesk.app.doctor_checks import make_checks
    from arcdesk.services.doctor import examine

    findings: list[Finding] = []
    async with opened(options.engine) as asked:
        checks = make_checks(asked)
        open_checks = {check.id: check.area for check in checks}
        left = list(AREA_WORDS)
        async with contextlib.aclosing(examine(checks)) as examined:
            async for check, found in examined:
                findings += found
                del open_checks[check.id]
                while left and left[0] not in open_checks.values():
                    area = left.pop(0)
                    if not options.json:
                        _print_area(area, [one for one in findings if one.area is area], sys.stdout)
    order = list(Area)
    return sorted(findings, key=lambda one: order.index(one.area))


@contextlib.asynccontextmanager
async def opened(engine: str | None) -> Any:
    """What the checks need, in a terminal. Nothing is started."""
    from arcdesk.app.doctor_checks import Asked
    from arcdesk.app.engine_address import of_settings, of_status
    from arcdesk.app.parts import make_parts

    settings, status = quiet_settings(engine), app_status()

    async def endpoint() -> Any:
        return of_status(status) if status is not None and engine is None else of_settings(settings)

    async with contextlib.aclosing(make_parts()) as parts:
        parts.ledger.declare(settings)
        asked: Asked = Asked(
            settings=settings, backend=parts.backend, endpoint=endpoint, is_app_running=status is not None
        )
        yield asked


def quiet_settings(engine: str | None) -> Settings:
    """The settings; their mistakes are findings here, not messages."""
    from dataclasses import replace

    from arcdesk.storage.settings_file import SettingsFile

    settings = SettingsFile().load()
    return settings if engine is None else replace(settings, engine=engine)


def app_status() -> dict[str, Any] | None:
    """What the running app says of itself; None if none runs."""
    from arcdesk.desktop.instance_client import call

    try:
        answer = call({"command": "status", "engine": None}, timeout_s=STATUS_PATIENCE_S)
    except TimeoutError:
        return {"engine": {"phase": "unknown"}, "app": {"running": True, "answers": False}}
    except (OSError, ValueError):
        return None
    status = (answer or {}).get("status")
    return status if isinstance(status, dict) else None


def _print_area(area: Area, findings: Sequence[Finding], out: TextIO) -> None:
    colour = out.isatty() and not os.environ.get("NO_COLOR")
    out.write(f"{AREA_WORDS[area]}\n")
    for found in findings:
        word = f"{SIGNS[found.status]} {WORDS[found.status]:{WIDTH}}"
        if colour:
            word = f"\033[{COLOURS[found.status]}m{word}\033[0m"
        lines = [found.title]
        if found.detail:
            lines[0] += f": {found.detail}" if found.status is Status.OK else ""
            lines += [found.detail] if found.status is not Status.OK else []
        lines += [f"→ {found.fix}"] if found.fix else []
        lines += [f"  $ {found.command}"] if found.command else []
        indent = "\n" + " " * (WIDTH + 6)
        out.write(f"  {word}  {indent.join(lines)}\n")
    out.flush()


def run_bundle(options: argparse.Namespace) -> int:
    """Write the support bundle, or show it; returns the exit code."""
    if not options.show and not options.file:
        print("arcdesk: name the file to write, or use --show.", file=sys.stderr)  # noqa: T201
        return 2
    try:
        return asyncio.run(_bundle(options))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


async def _bundle(options: argparse.Namespace) -> int:
    from arcdesk.app import support_bundle
    from arcdesk.app.doctor_checks import make_checks
    from arcdesk.core.errors import ArcDeskError

    if options.file and Path(options.file).exists():
        print(f"arcdesk: {options.file} is there already.", file=sys.stderr)  # noqa: T201
        return EXIT_FAILURE
    async with opened(options.engine) as asked:
        findings = await support_bundle.all_findings(make_checks(asked))
        material = support_bundle.Material(
            settings=asked.settings,
            findings=findings,
            state=app_status(),
            engine_log=await terminal_engine_log(asked.is_app_running),
        )
    files = support_bundle.collect(material)
    if options.show:
        for file in files:
            sys.stdout.write(f"===== {file.name}\n{file.text.rstrip()}\n\n")
        return 0
    try:
        support_bundle.write(Path(options.file), files)
    except ArcDeskError as error:
        print(f"arcdesk: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    for file in files:
        sys.stdout.write(f"{file.name:24} {len(file.data):9} bytes  {file.note}\n")
    print("Nothing was sent. Look into the file before you give it away.", file=sys.stderr)  # noqa: T201
    return 0


async def terminal_engine_log(is_app_running: bool) -> list[str] | str:
    """The engine's last lines by way of the running app; else why there are none."""
    from arcdesk.app.support_bundle import ENGINE_LOG_LINES
    from arcdesk.desktop.instance_client import call
    from arcdesk.services.threads import in_thread

    if not is_app_running:
        return "No ArcDesk runs that could be asked."
    request = {"command": "logs", "engine": None, "lines": ENGINE_LOG_LINES}
    try:
        answer = await in_thread("arcdesk-logs", lambda: call(request, timeout_s=10.0))
    except (OSError, ValueError) as error:
        return f"The running ArcDesk did not answer: {error}."
    lines = (answer or {}).get("lines")
    return lines if isinstance(lines, list) else str((answer or {}).get("message") or "There is no log.")
