"""`arcdesk bench`: a benchmark from the terminal."""

from __future__ import annotations

import argparse
import math

TYPE_CHECKING = False
if TYPE_CHECKING:  # each command loads this module for its grammar: the work is loaded by the work
    from collections.abc import Callable
    from typing import Any

    from arcdesk.core.bench import BenchPlan
    from arcdesk.core.errors import ArcDeskError
    from arcdesk.core.ports import Endpoint

EXIT_INTERRUPTED = 130
FORMATS = ("text", "ipex", "json", "csv", "markdown")
DATASETS = ("text", "file:PATH", "sharegpt:PATH")
MOST_AT_ONCE = 65_536
RATE_SLOTS = 1024  # with a rate, as good as no limit
MOST_TEXT_TOKENS = 1_000_000
MOST_ID = 2**63 - 1  # SQLite's


EXAMPLES = """\
The documents' benchmark, 8 at once, 1024 tokens in and 512 out, in the words of its script:
  arcdesk bench --concurrency 8 --input 1024 --output 512 --same-prompt --format ipex
AutoTP's sweep, with 1.log, 2.log and 3.log in the folder:
  arcdesk bench --concurrency 1,2,3 --output 128 --same-prompt --out results
Each run is kept: `arcdesk bench --list` shows them, `arcdesk bench --compare 7 9` lays two side by side.
"""


def add_parser(commands: Any, shared: argparse.ArgumentParser) -> None:
    """The grammar of `arcdesk bench`."""
    bench = commands.add_parser(
        "bench",
        parents=[shared],
        help="measure how fast the server answers",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = bench.add_argument
    add("--concurrency", type=_counts, metavar="N,N,…", help="requests at once; one step each (1)")
    add("--input", type=_count(MOST_TEXT_TOKENS), default=1024, metavar="N", help="prompt tokens (1024)")
    add("--output", type=_count(), default=512, metavar="N", help="tokens of each answer (512)")
    add("--requests", type=_count(), metavar="N", help="requests of each step (4 times as many as at once)")
    add("--duration", type=_seconds, metavar="S", help="begin no request after S seconds of a step")
    add(
        "--rate", type=_seconds, metavar="R", help="R requests a second at random times, not in a closed loop"
    )
    add("--warm-up", type=_count(least=0), metavar="N", help="requests before each step (2 times as many)")
    add(
        "--dataset",
        type=_dataset,
        default=("text", ""),
        metavar="KIND",
        help="text, file:PATH, sharegpt:PATH",
    )
    add("--image", default="", metavar="FILE", help="send this image with each prompt (chat)")
    add("--api", choices=("chat", "completions"), help="completions; chat with an image")
    add("--same-prompt", action="store_true", help="one prompt for all, which the server may have cached")
    add("--no-ignore-eos", action="store_true", help="let the model end its answers itself")
    add("--seed", type=int, default=0, metavar="N", help="of the random times (0)")
    for name in ("ttft", "tpot", "e2e"):
        add(f"--{name}-limit", type=_seconds, metavar="MS", help="goodput: answers within this count")
    add("--format", choices=FORMATS, default="text", help="of the report (text)")
    add("--out", metavar="FOLDER", help="write all formats into this folder too")
    add("--no-ledger", action="store_true", help="do not keep this run")
    kept = bench.add_mutually_exclusive_group()
    kept.add_argument("--list", action="store_true", help="the runs that were kept; measures nothing")
    kept.add_argument("--show", type=_count(MOST_ID), metavar="RUN", help="the report of a kept run")
    kept.add_argument("--export", type=_count(MOST_ID), metavar="RUN", help="all requests of one, as JSON")
    kept.add_argument(
        "--compare", type=_count(MOST_ID), nargs=2, metavar="RUN", help="two kept runs side by side"
    )


def run(options: argparse.Namespace) -> int:
    """Measure and report; returns the exit code."""
    import asyncio
    import logging

    from arcdesk.app.cli_direct import load_settings, show_error
    from arcdesk.core.errors import ArcDeskError

    logging.basicConfig(level=logging.INFO if options.verbose else logging.ERROR, format="%(message)s")
    try:
        if options.list or any(each is not None for each in (options.show, options.export, options.compare)):
            from arcdesk.app import bench_kept

            return asyncio.run(bench_kept.run(options))
        plan = plan_of(options)
        settings = load_settings(options)
        endpoint = _endpoint_of_app() if options.engine is None else None
        from arcdesk.app.bench_command import BenchCommand

        return asyncio.run(BenchCommand(options, plan, settings).run(endpoint))
    except asyncio.CancelledError:
        return EXIT_INTERRUPTED
    except ArcDeskError as error:
        return show_error(options, error)


def plan_of(options: argparse.Namespace) -> BenchPlan:
    """The plan of a command line; its files are looked into here. Raises UsageError."""
    from pathlib import Path

    from arcdesk.app.bench_files import image_in, prompts_in
    from arcdesk.core.bench import Api, BenchPlan, Dataset

    kind, path = options.dataset
    api = Api(options.api or ("chat" if options.image else "completions"))
    if options.image and api is not Api.CHAT:
        raise _usage("An image can only go along in a chat", "Leave --api away, or use --api chat.")
    plan = BenchPlan(
        concurrencies=options.concurrency or ((1,) if options.rate is None else (RATE_SLOTS,)),
        input_tokens=options.input,
        output_tokens=options.output,
        requests=options.requests,
        duration_s=options.duration,
        rate_per_s=options.rate,
        warm_up_requests=_warm_up_of(options),
        api=api,
        is_ignoring_eos=not options.no_ignore_eos,
        is_same_prompt=options.same_prompt,
        dataset=Dataset(kind),
        dataset_path=str(Path(path).expanduser().absolute()) if path else "",
        image_path=str(Path(options.image).expanduser().absolute()) if options.image else "",
        seed=options.seed,
        ttft_limit_ms=options.ttft_limit,
        tpot_limit_ms=options.tpot_limit,
        e2e_limit_ms=options.e2e_limit,
    )
    if plan.rate_per_s is not None and plan.requests is None and plan.duration_s is None:
        raise _usage("A rate needs an end", "Give --requests or --duration too.")
    prompts_in(plan)
    image_in(plan)
    return plan


def _warm_up_of(options: argparse.Namespace) -> int | None:
    if options.warm_up is None and options.rate is not None and options.concurrency is None:
        return 2  # twice as many as slots would be a storm
    warm_up: int | None = options.warm_up
    return warm_up


def _usage(title: str, hint: str) -> ArcDeskError:
    from arcdesk.core.errors import Problem, UsageError

    return UsageError(Problem(cause="bad_option", title=title, hint=hint))


def _endpoint_of_app() -> Endpoint | None:
    from arcdesk.app import cli_ask

    return cli_ask._endpoint_of_app()


# --- values of options --------------------------------------------------------------------------------------


def _count(most: int | None = None, *, least: int = 1) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}' is no number of at least {least}")
        if most is not None and int(text) > most:
            raise argparse.ArgumentTypeError(f"{text} is more than {most}")
        return int(text)

    return read


def _counts(text: str) -> tuple[int, ...]:
    return tuple(map(_count(MOST_AT_ONCE), text.split(",")))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 < value < math.inf):
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return value


def _dataset(text: str) -> tuple[str, str]:
    kind, colon, path = text.partition(":")
    if (kind == "text" and not colon) or (kind in ("file", "sharegpt") and path):
        return kind, path
    raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(DATASETS)}")
