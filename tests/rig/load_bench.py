"""Shows what the load generator bears: `python -m tests.rig.load_bench --rate 20000 --streams 256`.

Starts the fast server and the load generator as processes of their own, and prints how many events were
sent, how many arrived, and what one cost in processor time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from asyncio.subprocess import PIPE
from contextlib import aclosing
from pathlib import Path

from arcdesk.app.bench_job import BenchJob
from arcdesk.core.bench import Api, BenchPlan, BenchStep
from arcdesk.core.bench_progress import BenchFailed, BenchStepDone
from arcdesk.core.ports import Endpoint

ROOT = Path(__file__).parents[2]


async def measure(api: Api, rate_per_s: float, streams: int, tokens: int) -> tuple[BenchStep, int]:
    """One step against a fresh server: two answers for each stream, all streams at once.

    And how many events the server itself counted.
    """
    figures = ("--rate", str(rate_per_s), "--streams", str(streams), "--tokens", str(tokens))
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.rig.fast_sse"), *figures, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert server.stdin is not None and server.stdout is not None
    plan = BenchPlan(
        concurrencies=(streams,), output_tokens=tokens, requests=2 * streams, warm_up_requests=0, api=api
    )
    step: BenchStep | None = None
    try:
        endpoint = Endpoint(base_url=(await server.stdout.readline()).decode().strip(), model="small")
        async with aclosing(BenchJob(endpoint, plan).events()) as events:
            async for event in events:
                if isinstance(event, BenchFailed):
                    raise SystemExit(event.problem.sentence())
                if isinstance(event, BenchStepDone):
                    step = event.step
    finally:
        server.stdin.close()
        sent = (await server.stdout.read()).decode().strip()
        await server.wait()
    if step is None:
        raise SystemExit("The load generator told no step.")
    return step, int(sent)


def line(api: Api, step: BenchStep, sent: int) -> str:
    """The figures of one step."""
    arrived = sum(len(record.events_s) for record in step.records)
    failed = sum(not record.is_good for record in step.records)
    cpu_us = (step.cpu_s or 0.0) / max(1, arrived) * 1e6
    return (
        f"{api.value:11} | {step.concurrency:7} | {sent:9} | {arrived:9} | {failed:6} | "
        f"{arrived / step.duration_s:10.0f} | {cpu_us:12.1f}"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=20_000.0, help="tokens a second of all streams")
    parser.add_argument("--streams", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=400, help="of each answer")
    options = parser.parse_args()
    print("kind        | streams | sent      | arrived   | failed | events a s | CPU us/event")
    for api in (Api.COMPLETIONS, Api.CHAT):
        step, sent = asyncio.run(measure(api, options.rate, options.streams, options.tokens))
        print(line(api, step, sent), flush=True)


if __name__ == "__main__":
    main()
