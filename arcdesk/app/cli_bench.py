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
PRESETS = ("quick", "documents", "autotp", "suite")
MOST_AT_ONCE = 65_536
RATE_SLOTS = 1024
MOST_TEXT_TOKENS = 1_000_000
MOST_ID = 2**63 - 1  # SQLite's


EXAMPLES = """\
The presets, as the window has them; an option beside one changes that part of it:
  quick      half a minute: 1 at a time, then 4 at once; 256 tokens in, 64 out, ten seconds each
  documents  vllm_online_benchmark.py: 12 at once (or --concurrency N), 1024 tokens in, 512 out
  autotp     benchmark.py of the AutoTP example: 1, 2 and 3 at once, 1024 tokens in, 128 out
  suite      the fixed measure, compared with earlier ones: says whether something became slower

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
    add("--preset", choices=PRESETS, help="a benchmark that is ready, see below")
    add("--concurrency", type=_counts, metavar="N,N,…", help="requests at once; one step each (1)")
    add("--input", type=_count(MOST_TEXT_TOKENS), metavar="N", help="prompt tokens (1024)")
    add("--output", type=_count(), metavar="N", help="tokens of each answer (512)")
    add("--requests", type=_count(), metavar="N", help="requests of each step (4 times as many as at once)")
    add("--duration", type=_seconds, metavar="S", help="no request falls due after S seconds of a step")
    add(
        "--rate", type=_seconds, metavar="R", help="R requests a second at random times, not in a closed loop"
    )
    add("--warm-up", type=_count(least=0), metavar="N", help="requests before each step (2 times as many)")
    add("--dataset", type=_dataset, metavar="KIND", help="text, file:PATH, sharegpt:PATH")
    add("--image", default="", metavar="FILE", help="send this image with each prompt (chat)")
    add("--api", choices=("chat", "completions"), help="completions; chat with an image")
    add("--same-prompt", action="store_true", help="one prompt for all, which the server may have cached")
    add("--no-ignore-eos", action="store_true", help="let the model end its answers itself")
    add("--seed", type=int, metavar="N", help="of the random times (0)")
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
    from dataclasses import replace

    from arcdesk.app.bench_files import image_in, prompts_in
    from arcdesk.core.bench import Api

    if options.image and options.api == Api.COMPLETIONS.value:
        raise _usage("An image can only go along in a chat", "Leave --api away, or use --api chat.")
    plan = replace(_base_of(options), **_told(options))
    if plan.rate_per_s is not None and plan.requests is None and plan.duration_s is None:
        raise _usage("A rate needs an end", "Give --requests or --duration too.")
    prompts_in(plan)
    image_in(plan)
    return plan


def _base_of(options: argparse.Namespace) -> BenchPlan:
    """What holds where no option says otherwise."""
    from arcdesk.core.bench import BenchPlan
    from arcdesk.core.bench_presets import PresetId, plan_of

    if options.preset is not None:
        plan = plan_of(PresetId(options.preset))
        assert plan is not None  # of the own plan there is no such name
        return plan
    if options.rate is not None and options.concurrency is None:
        # As good as no limit; the usual warm-up, twice as many requests as slots, would be a storm.
        return BenchPlan(concurrencies=(RATE_SLOTS,), warm_up_requests=2)
    return BenchPlan()


def _told(options: argparse.Namespace) -> dict[str, Any]:
    """The parts of the plan that options name."""
    from arcdesk.core.bench import Api, Dataset

    kind, path = options.dataset or (None, "")
    given = {
        "concurrencies": options.concurrency,
        "input_tokens": options.input,
        "output_tokens": options.output,
        "rate_per_s": options.rate,
        "warm_up_requests": options.warm_up,
        "api": Api(options.api or "chat") if options.api or options.image else None,
        "is_ignoring_eos": False if options.no_ignore_eos else None,
        "is_same_prompt": options.same_prompt or None,
        "dataset": kind and Dataset(kind),
        "dataset_path": _absolute(path),
        "image_path": _absolute(options.image),
        "seed": options.seed,
        "ttft_limit_ms": options.ttft_limit,
        "tpot_limit_ms": options.tpot_limit,
        "e2e_limit_ms": options.e2e_limit,
    }
    told = {name: value for name, value in given.items() if value is not None}
    if options.requests is not None or options.duration is not None:  # the end of a step is one part
        told |= {"requests": options.requests, "duration_s": options.duration}
    return told


def _absolute(path: str) -> str | None:
    from pathlib import Path

    return str(Path(path).expanduser().absolute()) if path else None


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
    counts = tuple(map(_count(MOST_AT_ONCE), text.split(",")))
    if twice := [count for count in counts if counts.count(count) > 1]:
        raise argparse.ArgumentTypeError(f"{twice[0]} stands there twice")
    return counts


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
