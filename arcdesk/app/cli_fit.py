"""`arcdesk fit MODEL`: says before any download whether a model fits on a card, and why."""

from __future__ import annotations

import argparse
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes long to import, and each command loads this module for its grammar
    from typing import Any

    from arcdesk.core.errors import NotFoundError
    from arcdesk.core.fit import Fit, FitCard, FitWish
    from arcdesk.core.fit_formats import Stack
    from arcdesk.core.settings import Settings
    from arcdesk.services.fit_service import ModelShape

EXIT_OK, EXIT_USAGE, EXIT_NOT_READY, EXIT_NOT_FOUND, EXIT_INTERRUPTED = 0, 2, 3, 5, 130


def add_parser(commands: Any, shared: argparse.ArgumentParser) -> None:
    """The grammar of this command."""
    fit = commands.add_parser("fit", parents=[shared], help="say whether a model fits on a graphics card")
    fit.add_argument("model", metavar="MODEL", help="a folder, a GGUF file, or an id such as Qwen/Qwen3-8B")
    fit.add_argument("--card", metavar="NAME[,NAME]", help="cards to fit it on (those of this computer)")
    fit.add_argument(
        "--low-bit", metavar="FORMAT", help="sym_int4, asym_int4, fp6, fp8, fp16 … (the settings')"
    )
    fit.add_argument("--context", type=_positive, metavar="TOKENS", help="context of one conversation")
    fit.add_argument("--tp", type=_positive, metavar="N", help="divide each layer among N cards")
    fit.add_argument("--pp", type=_positive, metavar="N", help="divide the layers among N cards")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:12]) < 10**9:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Print the prediction; returns 0, or 3 if nothing could be reckoned."""
    import asyncio

    from arcdesk.app.options import load_settings
    from arcdesk.core.errors import ArcDeskError

    try:
        _, settings, problems = load_settings(options)
        for problem in problems:
            print(f"arcdesk: {problem.sentence()}", file=sys.stderr)  # noqa: T201
        return asyncio.run(_run(options, settings))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except ArcDeskError as error:
        from arcdesk.app.cli_direct import show_error

        return show_error(options, error)


async def _run(options: argparse.Namespace, settings: Settings) -> int:
    from arcdesk.app.fit_text import fit_json, fit_lines
    from arcdesk.core.fit import Verdict

    wish = _wish(options, settings)
    named = _named_cards(options.card)
    shape, stack = await _shape(options.model, settings)
    fit = await _fit(options, settings, wish, named, shape, stack)
    if options.json:
        import json

        sys.stdout.write(json.dumps(fit_json(fit), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(fit_lines(fit)) + "\n")
    return EXIT_NOT_READY if fit.verdict is Verdict.UNKNOWN else EXIT_OK


def _wish(options: argparse.Namespace, settings: Settings) -> FitWish:
    """What is asked. Raises UsageError for an unknown format."""
    from arcdesk.app.fit_teller import wish_of
    from arcdesk.core.errors import Problem, UsageError
    from arcdesk.core.fit_formats import BITS

    wish = wish_of(settings, options.low_bit or "", options.context)
    if wish.low_bit not in BITS:
        raise UsageError(
            Problem(
                cause="low_bit_unknown",
                title=f"The format '{wish.low_bit}' is unknown",
                detail=f"Known are {', '.join(BITS)}.",
            )
        )
    return wish


def _named_cards(words: str | None) -> tuple[FitCard, ...]:
    """The cards of `--card`. Raises UsageError for one that is not in the table."""
    if words is None:
        return ()
    from arcdesk.app.fit_here import card_table
    from arcdesk.core.errors import Problem, UsageError
    from arcdesk.core.fit_cards import card_names, find_card

    rows, found = card_table(), []
    for word in words.split(","):
        card = find_card(word, rows)
        if card is None:
            raise UsageError(
                Problem(
                    cause="card_unknown",
                    title=f"No card '{word.strip()}' is known",
                    detail=f"Known are {', '.join(card_names(rows))}.",
                    hint="A size will do as well, such as --card 16gb.",
                )
            )
        found.append(card)
    return tuple(found)


async def _shape(model: str, settings: Settings) -> tuple[ModelShape, Stack | None]:
    """The model on the disk, else on the hub. The stack is llama.cpp's for GGUF, else the settings'."""
    from arcdesk.core.errors import ArcDeskError, Problem
    from arcdesk.core.fit_formats import LLAMA_CPP
    from arcdesk.core.model_config import ModelConfig
    from arcdesk.services.fit_service import ModelShape
    from arcdesk.services.threads import in_thread
    from arcdesk.storage.fit_model_files import HUB_ID, adapter_base, find_model

    try:
        found = await in_thread("arcdesk-fit", lambda: find_model(model, settings, os.environ))
    except OSError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise ArcDeskError(
            Problem(
                cause="model_unreadable", title=f"{model} can't be read", detail=f"The system says: {reason}."
            )
        ) from error
    if found is not None:
        shape = ModelShape(config=found.config or ModelConfig(), weights_bytes=found.weights_bytes)
        return shape, LLAMA_CPP if found.is_gguf else None
    if not HUB_ID.match(model):
        base = await in_thread("arcdesk-fit", lambda: adapter_base(model))
        raise _not_found(model, base)
    return await _hub_shape(model, settings), None


def _not_found(model: str, base: str | None) -> NotFoundError:
    """`base` is what a LoRA adapter says it belongs to; None: there is no adapter either."""
    from arcdesk.core.errors import NotFoundError, Problem

    if base is None:
        return NotFoundError(
            Problem(
                cause="model_not_found",
                title=f"There is no model at {model}",
                detail="A folder with a config.json, a GGUF file, or the id of a model on the hub is needed.",
            )
        )
    return NotFoundError(
        Problem(
            cause="model_is_adapter",
            title=f"{model} is an adapter (LoRA), no whole model",
            detail=f"It is loaded on top of {base or 'its base model'}: ask whether that fits.",
            hint="The adapter itself takes little: about the size of its file.",
        )
    )


async def _hub_shape(model: str, settings: Settings) -> ModelShape:
    """Config and index from the hub. Raises HubError, NotReadyError when the hub may not be asked."""
    import contextlib

    from arcdesk.app.hub_parts import make_downloads
    from arcdesk.app.parts import make_parts
    from arcdesk.core.errors import NotReadyError, Problem
    from arcdesk.core.fit_files import repo_shape
    from arcdesk.services.fit_service import ModelShape
    from arcdesk.storage.secrets import SecretStore

    if settings.hub_offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise NotReadyError(
            Problem(
                cause="hub_offline",
                title=f"{model} is not on this computer",
                detail="The hub is not asked for its config: ArcDesk is set to work offline.",
                hint="Turn that off in the settings (models.hub_offline), or name a folder.",
            )
        )
    async with contextlib.aclosing(make_parts()) as parts, contextlib.aclosing(SecretStore()) as secrets:
        parts.ledger.declare(settings)
        downloads = make_downloads(settings, secrets, parts.ledger)
        async with contextlib.aclosing(downloads):
            repo = await downloads.hub.repo(model)
    config, size = repo_shape(repo)
    return ModelShape(config=config, weights_bytes=size)


async def _fit(
    options: argparse.Namespace,
    settings: Settings,
    wish: FitWish,
    named: tuple[FitCard, ...],
    shape: ModelShape,
    stack: Stack | None,
) -> Fit:
    from dataclasses import replace

    from arcdesk.app.fit_here import fit_cards, memory_as_card, why_no_card
    from arcdesk.app.fit_teller import predicted, snapshot_now
    from arcdesk.engine.log_facts import read_figures
    from arcdesk.services.fit_service import FitService
    from arcdesk.storage.fit_factors import FitFactorsFile

    service = FitService(FitFactorsFile(), read_figures, _no_log)
    cards, why = named, ""
    if not cards and stack is not None:
        cards = memory_as_card()
    elif not cards:
        snapshot = await snapshot_now()
        cards = fit_cards(snapshot, (settings.container.name,))
        why = f"{why_no_card(snapshot).rstrip('.')}. Name one: --card b580."
    wish = _divided(wish, options, len(named))
    if named:  # of another computer, perhaps, whose memory is not this one's
        wish = replace(wish, host_ram_bytes=None)
    fit = await predicted(service, options.model, shape, cards, wish, settings, stack)
    return fit if cards else replace(fit, reasons=(*fit.reasons, why))


def _divided(wish: FitWish, options: argparse.Namespace, named: int) -> FitWish:
    """How many cards share the model: as told, else all that were named, else the settings'."""
    from dataclasses import replace

    pp = options.pp or 1
    tp = options.tp or (max(1, named // pp) if named else 1 if options.pp else wish.tensor_parallel)
    return replace(wish, tensor_parallel=tp, pipeline_parallel=pp)


async def _no_log(lines: int) -> list[str]:
    return []
