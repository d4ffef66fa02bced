"""One sample of two cards: CPU time of the reader, against reading the same number of files bare.

`python -m tests.bench.gpu_sample` prints the figures as JSON. The recording of two B580 is read as it is, and
as a tree of files on the disk through LiveHost (Docker's answers given each time; of a plain file the memory
ioctl is refused by the kernel, which is part of the cost).

recorded_cpu_ms, tree_cpu_ms   the reader's CPU time per sample, medians over rounds
bare_cpu_ms                    open, read and close of as many files as the reader read in a sample
tree_ratio                     tree_cpu_ms / bare_cpu_ms
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arcdesk.telemetry.gpu_host import LiveHost, RecordedHost
from arcdesk.telemetry.gpu_reader import CardReader
from tests.rig.gpu_tree import load_recording, make_tree

ROUNDS, SAMPLES = 7, 40


class CountingHost(LiveHost):
    """Notes which files are read."""

    def __init__(self, root: str) -> None:
        super().__init__(root, scan_interval_s=0.0)
        self.read: list[str] = []

    def text(self, path: str) -> str:
        """See GpuHost."""
        self.read.append(path)
        return super().text(path)


def run() -> dict[str, Any]:
    """All figures. Takes about two seconds."""
    recording = load_recording("dual_b580_xe")
    recorded = RecordedHost(recording)
    with tempfile.TemporaryDirectory() as folder:
        make_tree(recording, Path(folder))
        counting = CountingHost(folder)
        reader = CardReader(counting)
        reader.sample()
        counting.read.clear()
        reader.sample()
        files = [f"{folder}/{path}" for path in counting.read if os.path.exists(f"{folder}/{path}")]
        tree = LiveHost(folder, scan_interval_s=0.0)
        costs = {
            "recorded_cpu_ms": _sampling(CardReader(recorded), recorded),
            "tree_cpu_ms": _sampling(CardReader(tree), recorded),
            "bare_cpu_ms": lambda: _read_bare(files),
        }
        results = {name: _median_ms(work) for name, work in costs.items()}
    return {
        "files_read": len(files),
        **results,
        "tree_ratio": results["tree_cpu_ms"] / results["bare_cpu_ms"],
    }


measure = run


def _sampling(reader: CardReader, recorded: RecordedHost) -> Callable[[], None]:
    reader.sample(recorded.containers())
    return lambda: _sample(reader, recorded)


def _sample(reader: CardReader, recorded: RecordedHost) -> None:
    reader.sample(recorded.containers())


def _read_bare(files: list[str]) -> None:
    for path in files:
        handle = os.open(path, os.O_RDONLY)
        os.read(handle, 1 << 16)
        os.close(handle)


def _median_ms(work: Callable[[], None]) -> float:
    costs = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(SAMPLES):
            work()
        costs.append((time.process_time() - begin) / SAMPLES * 1000)
    return statistics.median(costs)


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
    sys.stdout.write("\n")
