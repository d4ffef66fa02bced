"""`make bench-truth`: measures the load generator against the truth, `vllm bench serve` and guidellm.

Clients take turns (A B, B A, …) on the same server in the same run; figures are medians over the rounds. The
table goes into the README; exit 1 if something is further apart than it may be.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from arcdesk.core.bench import Api
from arcdesk.core.bench_prompts import TEXT
from tests.rig import load_bench
from tests.rig.packages import VLLM_VERSION
from tests.truth import clients, metrics, servers, table
from tests.truth.figures import CPU, LABELS, NAMES, Figures, of_notes
from tests.truth.window import in_window

Client = Callable[[clients.Load], Figures]
VLLM, GUIDELLM = "`vllm bench serve`", "guidellm"
OPEN, CLOSED = "window open", "no window"
STREAMS, TOKENS, ANSWERS = 64, 64, 512
MOST_LOAD = 1.0
AGREE, WINDOW, TRUE, TRUE_MS = 0.03, 0.02, 0.01, 1.0
TAIL_MS = 0.5  # of single gaps; all other figures of gaps are held to TRUE
REACHED = 0.95  # of the tokens a second that the capacity is told of
SHOWN = ("ttft_median", "tpot_median", "itl_mean", "tokens_per_s", "requests_per_s")


@dataclass
class Result:
    """Texts for the README, and what was missed."""

    texts: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument(
        "--only", choices=("scripted", "window", "vllm", "capacity"), help="and write nothing"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers are ended on the way out
    if (load := os.getloadavg()[0]) > MOST_LOAD:
        print(f"The load is {load:.1f}: these figures need a machine with time.", file=sys.stderr)
    result = Result()
    parts = {"scripted": _scripted, "window": _window, "vllm": _real, "capacity": _capacity}
    for name, part in parts.items():
        if options.only in (None, name):
            part(result, options.rounds)
    text = "\n\n".join(result.texts)
    print(text)
    for each in result.missed:
        print(f"MISS {each}", file=sys.stderr)
    if options.only is None:
        table.write(f"{_machine()}\n\n{text}\n\n{FOOTNOTE}")
    return 1 if result.missed else 0


def _scripted(result: Result, rounds: int) -> None:
    every = {"ArcDesk": clients.arcdesk, VLLM: clients.vllm, GUIDELLM: clients.guidellm}
    told: dict[str, list[Figures]] = {name: [] for name in every}
    truth: dict[str, list[Figures]] = {name: [] for name in every}
    with servers.scripted(tokens=TOKENS, ttft_ms=300, itl_ms=20, jitter=0.5) as server:
        prompts = tuple(_prompts(ANSWERS, words=24))
        load = clients.Load(server.base_url, "small", STREAMS, ANSWERS, TOKENS, prompts, warm_up=STREAMS)
        for name, client in _turns(rounds, tuple(every.items())):
            told[name].append(client(load))
            truth[name].append(of_notes(server.notes(ANSWERS)))
            _require_same(name, told[name][-1], truth[name][-1])
    ours, *others = (table.Column(name, told[name], truth[name]) for name in told)
    result.texts.append(
        f"**{STREAMS} at once on a scripted server** that notes when it hands each token to the kernel; "
        f"{rounds} runs each.\n\n{table.compared(ours, others)}"
    )
    for name in NAMES:
        apart = ours.off_truth(name) or 0.0
        may_ms = TRUE_MS if name.startswith("ttft") else TAIL_MS if name == "itl_p99" else 0.0
        if abs(apart) > TRUE and abs(apart) * ours.told.values[name] > may_ms:
            result.missed.append(f"{name}: {table.percent(apart)} off the server's notes")
    if ours.told.values[CPU] > others[0].told.values[CPU]:
        result.missed.append("processor time per token: more than that of `vllm bench serve`")


def _window(result: Result, rounds: int) -> None:
    """With the benchmark's window open and at work, and without any window."""
    told: dict[str, list[Figures]] = {OPEN: [], CLOSED: []}
    truth: dict[str, list[Figures]] = {OPEN: [], CLOSED: []}
    with servers.scripted(tokens=TOKENS, ttft_ms=300, itl_ms=20, jitter=0.5) as server:
        load = clients.Load(server.base_url, "small", STREAMS, ANSWERS, TOKENS, ("a b c",), warm_up=STREAMS)
        for name, client in _turns(rounds, ((OPEN, in_window), (CLOSED, clients.arcdesk))):
            told[name].append(client(load))
            truth[name].append(of_notes(server.notes(ANSWERS)))  # and the script begins anew
            _require_same(name, told[name][-1], truth[name][-1])
            _say(name, STREAMS, told[name][-1])
    opened, closed = (table.Column(name, told[name], truth[name]) for name in (OPEN, CLOSED))
    apart = {name: (opened.off_truth(name) or 0.0) - (closed.off_truth(name) or 0.0) for name in NAMES}
    most = max(apart, key=lambda name: abs(apart[name]))
    result.texts.append(
        f"**With the window open**, on the same scripted server, {STREAMS} at once, {rounds} runs each: no "
        f"figure is further from the server's notes than that of a run without a window, but for "
        f"{table.percent(apart[most]).lstrip('+-')} at most ({LABELS[most]})."
    )
    result.missed += [
        f"window open and closed: {name} {table.percent(part)} apart"
        for name, part in apart.items()
        if abs(part) > WINDOW
    ]


def _real(result: Result, rounds: int) -> None:
    with servers.real_vllm() as url:
        for at_once in (4, 8):
            ours, theirs, text = _by_turns(url, at_once, rounds)
            if {run.prompt_tokens for run in (*ours.runs, *theirs.runs)} != {ours.runs[0].prompt_tokens}:
                result.missed.append("the clients did not ask the same")
            result.texts.append(text)
            for name in metrics.NAMES:
                own, other = ours.off_truth(name), theirs.off_truth(name)
                assert own is not None and other is not None, name
                if abs(own - other) > AGREE:
                    result.missed.append(f"{name} at {at_once} on vLLM: {table.percent(own - other)} apart")
                if name in ("tpot_mean", "itl_mean") and abs(own) > AGREE:
                    result.missed.append(f"{name} at {at_once}: {table.percent(own)} off vLLM's own")


def _by_turns(url: str, at_once: int, rounds: int) -> tuple[table.Column, table.Column, str]:
    requests = 6 * at_once
    load = clients.Load(url, servers.MODEL, at_once, requests, 32, tuple(_prompts(requests, words=24)), 0)
    clients.arcdesk(load)  # warms the server up for both
    told: dict[str, list[Figures]] = {"ArcDesk": [], VLLM: []}
    truth: dict[str, list[Figures]] = {"ArcDesk": [], VLLM: []}
    for name, client in _turns(rounds, (("ArcDesk", clients.arcdesk), (VLLM, clients.vllm))):
        before = metrics.read(url)
        told[name].append(client(load))
        truth[name].append(metrics.between(before, metrics.read(url), at_once))
        _say(name, at_once, told[name][-1])
        _require_same(name, told[name][-1], truth[name][-1])
    ours, theirs = (table.Column(name, told[name], truth[name], "the server's metrics") for name in told)
    spreads = [_spread([run.values["tpot_mean"] for run in column.runs]) for column in (ours, theirs)]
    return (
        ours,
        theirs,
        f"**{at_once} at once on vLLM {VLLM_VERSION}** (SmolLM2 135M on the processor, prompts of "
        f"{ours.runs[0].prompt_tokens / requests:.0f} tokens, {load.output_tokens} each back); {rounds} runs "
        f"each. Here a server's own pace changes from run to run (mean TPOT of one client by "
        f"{table.percent(max(spreads)).lstrip('+')}), so that each client is held against what vLLM's own "
        f"histograms grew by in the run it measured (means; of medians and p99 they tell nothing). Rates are "
        f"held against requests at once by vLLM's mean time for one, which no client reaches that pauses "
        f"between two.\n\n"
        f"{table.compared(ours, [theirs])}",
    )


def _spread(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / median(values)


def _capacity(result: Result, _rounds: int) -> None:
    rate, streams, tokens = 20_000.0, 256, 400
    step, sent = asyncio.run(load_bench.measure(Api.COMPLETIONS, rate, streams, tokens))
    arrived = sum(len(record.events_s) for record in step.records)
    cpu_us = (step.cpu_s or 0.0) / max(1, arrived) * 1e6
    result.texts.append(
        f"**{streams} at once, {arrived / step.duration_s:,.0f} tokens/s together**: {sent:,} events sent, "
        f"{arrived:,} arrived, {cpu_us:.0f} µs of processor time for each."
    )
    if arrived / step.duration_s < REACHED * rate:
        result.missed.append(f"{arrived / step.duration_s:,.0f} of {rate:,.0f} tokens/s were reached")
    if sent != arrived or any(record.error for record in step.records):
        result.missed.append(f"{sent} events were sent, {arrived} arrived")


def _require_same(name: str, told: Figures, true: Figures) -> None:
    if (told.n, told.tokens) != (true.n, true.tokens):
        raise SystemExit(
            f"{name} tells of {told.n} answers and {told.tokens} tokens, the server of {true.n} and "
            f"{true.tokens}."
        )


def _turns(rounds: int, pairs: Sequence[tuple[str, Client]]) -> Iterator[tuple[str, Client]]:
    """A B, B A, A B …: what gets slower or faster meanwhile does so for both."""
    for number in range(rounds):
        yield from pairs if number % 2 == 0 else reversed(pairs)


def _prompts(count: int, words: int) -> Iterator[str]:
    text = TEXT.split()
    for number in range(count):
        at = number * 7 % (len(text) - words)
        yield f"{number}. " + " ".join(text[at : at + words])


def _say(name: str, at_once: int, told: Figures) -> None:
    figures = ", ".join(f"{key} {told.values[key]:.1f}" for key in SHOWN)
    print(f"{at_once} at once, {name}: {figures}", file=sys.stderr, flush=True)


def _machine() -> str:
    return (
        f"`make bench-truth` on {platform.system()} {platform.machine()}, {os.cpu_count()} cores: ArcDesk's "
        f"load generator and {VLLM}, on the scripted server also guidellm, by turns on the same server, with "
        "the same prompts in the same order; medians over the runs. 'off' is the median of what each run was "
        "off by."
    )


FOOTNOTE = """\
Where they differ: ArcDesk starts its clock when a built request is about to go (a new connection counts),
`vllm bench serve` before it builds it; of many that start together each waits for the others to be built,
and the server's notes show it come that much later. ArcDesk notes an arrival once per read of the socket,
before it looks into the bytes, the other one after it has parsed the event. ArcDesk counts events with text
as arrivals (a role, a withheld piece and an empty last event are kept apart), the other one each event with
a choice: where a character needs two tokens, ArcDesk's gap is that of both, which is its p99 of ITL on
vLLM. ArcDesk's answer ends with `[DONE]`, the other's with its last event. With a rate, ArcDesk leaves
Poisson arrivals as they fall and counts from when a request was due; the other one stretches them to the
exact total. guidellm has no warm-up apart, so its first requests are left out; what it calls ITL is TPOT;
its processor time is not known apart from its start. ArcDesk's processor time is that of the process that
asks."""


if __name__ == "__main__":
    sys.exit(main())
