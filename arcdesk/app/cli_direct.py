"""Commands carried out in this process, when no app runs."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from arcdesk.app.cli_forward import show_answer
from arcdesk.app.engine_commands import EngineCommands
from arcdesk.app.parts import Parts, make_parts
from arcdesk.app.snapshot_json import problem_json, status_json
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import ArcDeskError, NotReadyError, Problem, UsageError
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.services.engine_service import EngineService, kind_of

EXIT_INTERRUPTED = 130


def run(options: argparse.Namespace) -> int:
    """Run one command; returns the exit code."""
    logging.basicConfig(level=logging.INFO if options.verbose else logging.ERROR, format="%(message)s")
    try:
        settings = load_settings(options)
        work = _prepare_ask(options, settings) if options.command == "ask" else _run(options, settings)
        return asyncio.run(_interruptible(work))
    except asyncio.CancelledError:
        return EXIT_INTERRUPTED
    except ArcDeskError as error:
        return show_error(options, error)


def show_error(options: argparse.Namespace, error: ArcDeskError) -> int:
    """Say what happened on standard error (and as data with --json); returns the error's exit code."""
    print(f"arcdesk: {error}", file=sys.stderr)  # noqa: T201
    if options.json:
        import json

        print(json.dumps({"error": problem_json(error.problem)}, ensure_ascii=False))  # noqa: T201
    return error.exit_code


def load_settings(options: argparse.Namespace) -> Settings:
    """The settings, as the command line has them. Raises UsageError for an unknown engine or setting."""
    from arcdesk.app.options import overrides_of
    from arcdesk.storage.settings_file import SettingsFile

    source = SettingsFile(overrides=overrides_of(options))
    settings = source.load()
    for problem in source.problems:
        print(f"arcdesk: {problem.sentence()}", file=sys.stderr)  # noqa: T201
    kind_of(settings.engine)
    return settings


async def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    """Let SIGINT and SIGTERM end the work in order: the request is closed, the child ended."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, task.cancel)
    return await task


def _prepare_ask(options: argparse.Namespace, settings: Settings) -> Coroutine[Any, Any, int]:
    from arcdesk.app.cli_ask import ask, prepare

    question = prepare(options)

    async def work() -> int:
        async with contextlib.aclosing(make_parts()) as parts:
            return await ask(options, settings, parts, question)

    return work()


async def _run(options: argparse.Namespace, settings: Settings) -> int:
    async with contextlib.aclosing(make_parts()) as parts:
        command = _status if options.command == "status" else _command
        return await command(options, settings, parts)


async def _status(options: argparse.Namespace, settings: Settings, parts: Parts) -> int:
    store = Store()
    kind = await resolve_kind(settings, parts)
    driver = parts.make_driver(kind, settings, lambda snapshot: store.update(engine=snapshot))
    code = 0
    try:
        await driver.look_once()
    except ArcDeskError as error:
        code = error.exit_code
        print(f"arcdesk: {error}", file=sys.stderr)  # noqa: T201
    finally:
        await driver.aclose()
    answer = {"status": status_json(store.state.engine, is_app_running=False), "exit_code": code}
    return show_answer(options, answer)


async def resolve_kind(settings: Settings, parts: Parts) -> EngineKind:
    """The kind that is meant; `auto` is settled as the app would."""
    service = EngineService(
        store=Store(), settings=settings, make_driver=parts.make_driver, runtime=parts.runtime
    )
    return await service.resolve()


async def _command(options: argparse.Namespace, settings: Settings, parts: Parts) -> int:
    kind = await resolve_kind(settings, parts)
    if kind is EngineKind.EMBEDDED:
        raise NotReadyError(_embedded_needs_app())
    if kind is EngineKind.REMOTE:
        raise UsageError(_remote_is_elsewhere(options.command))
    store = Store()
    service = EngineService(
        store=store,
        settings=replace(settings, engine=kind.value),
        make_driver=parts.make_driver,
        runtime=parts.runtime,
    )
    await service.settle()
    commands = EngineCommands(store=store, engine=service, is_app_running=False)
    request = {
        "command": options.command,
        "wait": not getattr(options, "no_wait", False),
        "lines": getattr(options, "lines", 200),
    }
    try:
        answer = await commands.handle(request, lambda step: print(step["text"], file=sys.stderr))  # noqa: T201
    finally:
        await service.aclose()
    return show_answer(options, answer)


def _embedded_needs_app() -> Problem:
    return Problem(
        cause="not_ready",
        title="The embedded engine lives and ends with the ArcDesk window",
        detail="No ArcDesk runs now.",
        hint="Open it with `arcdesk`, or ask at once: `arcdesk ask` starts and ends the engine by itself.",
    )


def _remote_is_elsewhere(command: str) -> Problem:
    return Problem(
        cause="bad_setting",
        title=f"ArcDesk can't {command} a server that runs elsewhere",
        detail="It can only ask it.",
        hint="Use `arcdesk ask --engine URL` or `arcdesk status --engine URL`.",
    )
