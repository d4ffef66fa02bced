"""`make bench`: every figure as a ratio to a baseline of the same run, with its target.

Needs Xvfb and a tray (`make test` installs them). Ends with exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """A figure, how it is read, and what it may be at most."""

    label: str
    read: Callable[[dict[str, Any]], float]
    at_most: float
    unit: str = "x"


TARGETS = (
    Target("tray visible, against a bare tray script", lambda r: r["startup"]["tray_visible_ratio"], 1.6),
    Target("idle memory, against the same", lambda r: r["startup"]["idle_rss_ratio"], 1.5),
    Target(
        "wake-ups in 30 s idle, more than the bare script's",
        lambda r: (
            r["startup"]["idle_wakeups_in_30_s"]["arcdesk"] - r["startup"]["idle_wakeups_in_30_s"]["bare"]
        ),
        2,
        "",
    ),
    Target("`arcdesk status`, forwarded", lambda r: r["startup"]["forwarded_status_ms"], 50, "ms"),
    Target(
        "CPU per token, against a bare httpx loop",
        lambda r: max(r["tokens"]["ratio_app_qasync"].values()),
        2.0,
    ),
    Target("added TTFT, median", lambda r: r["tokens"]["added_ttft_ms_app_qasync"], 17, "ms"),
    Target("quick prompt shown, against a bare frameless widget", lambda r: r["quick"]["ratio"], 2.0),
    Target("longest GUI gap, against a plain-text widget", lambda r: r["gap"]["ratio"], 2.0),
    Target("CPU of one sample of two cards", lambda r: r["cards"]["tree_cpu_ms"], 3.0, "ms"),
    Target("window of two cards at 1 Hz, of a core", lambda r: r["panel"]["panel_core_pct"], 0.5, "%"),
    Target(
        "longest GUI gap while 64 streams are measured",
        lambda r: r["bench_window"]["longest_gap_ms"],
        50,
        "ms",
    ),
    Target("500 repositories listed, first time", lambda r: r["models"]["ms"]["cold"], 200, "ms"),
    Target("the same again", lambda r: r["models"]["ms"]["warm"], 50, "ms"),
    Target("fit prediction from local files", lambda r: r["fit"]["predict_ms"], 10, "ms"),
)


def _apart(name: str) -> Any:
    """The figures of one part, from a process of its own: what another left behind costs it nothing."""
    command = [sys.executable, "-m", "tests.bench", "--only", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)[name]


def main() -> int:
    """Run all, print a table and the raw figures."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # people's second start has its bytecode cached
    from tests.bench import (
        bench_window,
        fit,
        gpu_panel,
        gpu_sample,
        model_list,
        quick_bar,
        startup,
        stream_gap,
        token_cpu,
    )

    parts = (
        ("startup", startup),
        ("tokens", token_cpu),
        ("quick", quick_bar),
        ("gap", stream_gap),
        ("cards", gpu_sample),
        ("panel", gpu_panel),
        ("bench_window", bench_window),
        ("models", model_list),
        ("fit", fit),
    )
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=[name for name, _ in parts], help="print the figures of this part")
    only = parser.parse_args().only
    results: dict[str, Any] = {}
    for name, part in parts:
        if only not in (None, name):
            continue
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        results[name] = part.run() if only == name else _apart(name)
    print(json.dumps(results, indent=2, default=str))
    if only is not None:
        return 0
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"\n{machine}, Python {platform.python_version()}")
    missed = 0
    for target in TARGETS:
        value = target.read(results)
        is_met = value <= target.at_most
        missed += not is_met
        print(
            f"{'ok  ' if is_met else 'MISS'} {target.label:55} {value:8.2f} {target.unit:2} "
            f"(at most {target.at_most:g})"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
