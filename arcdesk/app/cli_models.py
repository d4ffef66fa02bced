"""`arcdesk models`: what is on this computer's disks; download, remove, show."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

    from arcdesk.app.parts import Parts
    from arcdesk.core.fit import Fit
    from arcdesk.core.models import ModelEntry
    from arcdesk.core.settings import Settings
    from arcdesk.storage.model_disk import ModelDisk

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
STATUS_PATIENCE_S = 5.0


def add_parser(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add `models` to the grammar."""
    models = commands.add_parser(
        "models", parents=[shared], help="list, download, show or remove models on this computer"
    )
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", parents=[shared], help="what is in the cache and in your folders")
    show = actions.add_parser("show", parents=[shared], help="all that is known of one model")
    show.add_argument("id", metavar="MODEL", help="a hub id, its last part, or a path")
    pull = actions.add_parser("pull", parents=[shared], help="download a model from the hub")
    pull.add_argument("id", metavar="ORG/NAME", help="its id on the hub")
    pull.add_argument("--revision", default="main", help="a branch, tag or commit (main)")
    pull.add_argument("--file", default="", help="one file of the repository, such as one of many GGUF files")
    pull.add_argument("--quiet", action="store_true", help="show no progress")
    remove = actions.add_parser("rm", parents=[shared], help="remove a model from the disk")
    remove.add_argument("id", metavar="MODEL", help="a hub id, its last part, or a path")
    remove.add_argument("--yes", action="store_true", help="don't ask")


def run(options: argparse.Namespace) -> int:
    """Carry it out in this process; returns the exit code."""
    import asyncio
    import logging

    from arcdesk.app.cli_direct import load_settings, show_error
    from arcdesk.core.errors import ArcDeskError

    logging.basicConfig(level=logging.INFO if options.verbose else logging.ERROR, format="%(message)s")
    try:
        settings = load_settings(options)
        return asyncio.run(_interruptible(options, settings))
    except asyncio.CancelledError:
        return EXIT_INTERRUPTED
    except ArcDeskError as error:
        return show_error(options, error)


async def _interruptible(options: argparse.Namespace, settings: Settings) -> int:
    import asyncio
    import contextlib
    import signal

    task = asyncio.ensure_future(_run(options, settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, task.cancel)
    return await task


async def _run(options: argparse.Namespace, settings: Settings) -> int:
    import contextlib

    from arcdesk.app.parts import make_parts
    from arcdesk.engine.starter_model import find_starter_model
    from arcdesk.storage.model_disk import ModelDisk

    disk = ModelDisk(lambda: settings, starter=find_starter_model)
    async with contextlib.aclosing(make_parts()) as parts:
        match options.action:
            case "pull":
                from arcdesk.app.cli_pull import pull

                return await pull(options, settings, parts, disk)
            case "show":
                return await _show(options, settings, parts, disk)
            case "rm":
                return await _remove(options, settings, parts, disk)
            case _:
                return await _list(options, settings, parts, disk)


async def _list(options: argparse.Namespace, settings: Settings, parts: Parts, disk: ModelDisk) -> int:
    from arcdesk.app.models_text import entry_json, short_path, table

    entries = await known_models(settings, parts, disk)
    if options.json:
        places = {
            "caches": [str(hub) for hub in disk.hubs()],
            "folders": [str(one) for one in disk.folders()],
        }
        _print_json({"models": [entry_json(entry) for entry in entries], **places})
    elif entries:
        sys.stdout.write(table(entries))
    else:
        places_text = ", ".join(short_path(str(root)) for root in disk.roots())
        sys.stdout.write(f"No models in {places_text}.\nDownload one: arcdesk models pull ORG/NAME\n")
    return EXIT_OK


async def _show(options: argparse.Namespace, settings: Settings, parts: Parts, disk: ModelDisk) -> int:
    from dataclasses import replace

    from arcdesk.app.fit_text import fit_json, fit_lines
    from arcdesk.app.models_text import entry_json, page, printable

    entry = find_model(await known_models(settings, parts, disk), options.id)
    fit = await _fit_of(entry, settings)
    if options.json:
        _print_json({**entry_json(entry), "fit": fit_json(fit)})
    else:
        sys.stdout.write(page(entry, fit_lines(replace(fit, model=printable(fit.model)))))
    return EXIT_OK


async def _fit_of(entry: ModelEntry, settings: Settings) -> Fit:
    """On this computer's cards, with the settings' format."""
    from arcdesk.app.fit_teller import FitTeller
    from arcdesk.engine.log_facts import read_figures
    from arcdesk.services.fit_service import FitService
    from arcdesk.storage.fit_factors import FitFactorsFile

    async def no_log(_lines: int) -> list[str]:
        return []

    service = FitService(FitFactorsFile(), read_figures, no_log)
    return await FitTeller(lambda: settings, service).of_entry(entry)


async def _remove(options: argparse.Namespace, settings: Settings, parts: Parts, disk: ModelDisk) -> int:
    from arcdesk.app.models_text import short_path, size_text

    entry = find_model(await disk.entries(), options.id)
    removal = await disk.plan_removal(entry, in_use=await models_in_use(settings, parts))
    files = f"{removal.files} file{'' if removal.files == 1 else 's'}"
    print(f"{short_path(entry.path)}: {files}, {size_text(removal.size_bytes)}", file=sys.stderr)  # noqa: T201
    if not options.yes and not _agrees():
        return EXIT_USAGE if not sys.stdin.isatty() else EXIT_FAILURE
    if not options.yes:  # while the person thought, an engine may have been started with it
        removal = await disk.plan_removal(entry, in_use=await models_in_use(settings, parts))
    if removal.has_foreign:
        await _take_over(settings, parts)
    freed = await disk.purge(await disk.set_aside(removal))
    if options.json:
        _print_json({"removed": entry.id, "path": entry.path, "freed_bytes": freed})
    else:
        sys.stdout.write(f"Removed {short_path(entry.id)}: {size_text(freed)} are free again.\n")
    return EXIT_OK


def _agrees() -> bool:
    """Asks on a terminal. Elsewhere nobody could answer."""
    if not sys.stdin.isatty():
        print("arcdesk: nothing was removed; say --yes to do it without a question.", file=sys.stderr)  # noqa: T201
        return False
    print("Remove it for good? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _take_over(settings: Settings, parts: Parts) -> None:
    """Root's files can't be removed by the person; Docker, which made them, can give them back."""
    print("Some files belong to root; Docker gives them back first.", file=sys.stderr)  # noqa: T201
    await parts.runtime.own_cache(settings.container)


async def known_models(settings: Settings, parts: Parts, disk: ModelDisk) -> list[ModelEntry]:
    """The disk's models with what is measured and what is in use, by name."""
    from dataclasses import replace

    from arcdesk.core.model_names import names_of

    speeds = {name.casefold(): seen for name, seen in (await disk.speeds()).items()}
    in_use = await models_in_use(settings, parts)
    entries = []
    for entry in await disk.entries():
        found = [speeds[name] for name in names_of(entry) if name in speeds]
        speed = max(found, key=lambda seen: seen.n) if found else None
        entries.append(replace(entry, speed=speed, is_served=bool({entry.id, entry.path} & in_use)))
    return sorted(entries, key=lambda entry: entry.id.casefold())


async def models_in_use(settings: Settings, parts: Parts) -> set[str]:
    """Ids and paths of what engines have loaded: the container, which may run without us, and the app's."""
    import contextlib

    from arcdesk.core.errors import ArcDeskError
    from arcdesk.engine.container_spec import MODELS_TARGET, models_folder

    found: set[str] = set()
    with contextlib.suppress(ArcDeskError):  # no Docker: then no container either
        container = await parts.runtime.find() if await parts.runtime.peek() else None
        if container is not None and container.status in ("running", "paused") and container.model_path:
            inside = container.model_path.removeprefix(f"{MODELS_TARGET}/")
            is_id = inside == container.model_path
            found.add(inside if is_id else f"{models_folder(settings.container)}/{inside}")
    return found | _embedded_in_use(settings)


def _embedded_in_use(settings: Settings) -> set[str]:
    import os

    from arcdesk.desktop.instance_client import call
    from arcdesk.engine.starter_model import find_starter_model

    try:
        answer = call({"command": "status", "engine": None}, timeout_s=STATUS_PATIENCE_S)
    except (OSError, ValueError):
        return set()
    engine = ((answer or {}).get("status") or {}).get("engine") or {}
    if engine.get("kind") != "embedded" or engine.get("phase") not in ("starting", "loading", "ready"):
        return set()
    path = settings.gguf_path or find_starter_model()
    return {os.path.abspath(os.path.expanduser(path))} if path else set()


def find_model(entries: Sequence[ModelEntry], wanted: str) -> ModelEntry:
    """By id or path, else by the last part of the id. Raises NotFoundError, UsageError for several."""
    import os

    from arcdesk.core.errors import NotFoundError, Problem, UsageError
    from arcdesk.core.model_names import short_name

    path = os.path.abspath(os.path.expanduser(wanted))
    exact = [entry for entry in entries if entry.id == wanted or entry.path == path]
    name = wanted.casefold()
    alike = [entry for entry in entries if name in (entry.id.casefold(), short_name(entry.id).casefold())]
    found = exact or alike
    if not found:
        raise NotFoundError(
            Problem(
                cause="model_unknown",
                title=f"There is no model '{wanted}' on this computer",
                hint="`arcdesk models` lists them; `arcdesk models pull ORG/NAME` downloads one.",
            )
        )
    if len(found) > 1:
        raise UsageError(
            Problem(
                cause="model_ambiguous",
                title=f"'{wanted}' names several models",
                detail=", ".join(entry.path for entry in found) + ".",
                hint="Name one by its path.",
            )
        )
    return found[0]


def _print_json(data: object) -> None:
    import json

    text = json.dumps(data, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a file's name that is no text: in JSON's own escapes each terminal takes it
        text = json.dumps(data)
    sys.stdout.write(text + "\n")
