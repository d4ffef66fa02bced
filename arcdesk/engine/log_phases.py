"""Follows a start through its steps: which lines begin a step, how many shards are read, how long it took."""

from __future__ import annotations

import re

from arcdesk.core.engine_state import LoadProgress, LoadStep

LINE_CHARS = 300

# (text, step): the first line with this text begins the step. Texts of 0.6 to 0.26, V0 and V1.
_BEGINNINGS: tuple[tuple[str, LoadStep], ...] = (
    ("vLLM API server version", LoadStep.CONFIG),
    ("non-default args:", LoadStep.CONFIG),
    ("args: Namespace(", LoadStep.CONFIG),
    ("Resolved architecture:", LoadStep.CONFIG),
    ("This model supports multiple tasks", LoadStep.CONFIG),
    ("Started engine process with PID", LoadStep.CONFIG),
    ("LLM engine (v", LoadStep.CONFIG),
    ("Initializing an LLM engine", LoadStep.CONFIG),
    ("Starting to load model", LoadStep.WEIGHTS),
    ("Using model weights format", LoadStep.WEIGHTS),
    ("checkpoint shards:", LoadStep.WEIGHTS),
    ("Converting the current model to", LoadStep.CONVERT),
    ("Loading model weights took", LoadStep.KV_CACHE),
    ("Model loading took", LoadStep.KV_CACHE),
    ("KV cache memory:", LoadStep.KV_CACHE),
    ("KV cache size:", LoadStep.KV_CACHE),
    (" blocks: ", LoadStep.KV_CACHE),
    ("init engine (", LoadStep.HTTP),
    ("Starting vLLM API server", LoadStep.HTTP),
    ("Starting vLLM server", LoadStep.HTTP),
    ("Available routes are", LoadStep.HTTP),
    ("Started server process", LoadStep.HTTP),
    ("Application startup complete", LoadStep.WARM_UP),
    ("Uvicorn running on", LoadStep.WARM_UP),
)
_BLOCKS = re.compile(r"# \w+ blocks: \d+, # CPU blocks")
_SHARDS = re.compile(r"\s(\d{1,6})/(\d{1,6})\s")
_ORDER = {step: rank for rank, step in enumerate(LoadStep)}


class PhaseTracker:
    """Knows the furthest step; steps and shard counts never go back."""

    def __init__(self) -> None:
        self._step: LoadStep | None = None
        self._started_at = 0.0
        self._done: int | None = None
        self._total: int | None = None
        self._line = ""
        self._finished: tuple[tuple[LoadStep, float], ...] = ()
        self._progress: LoadProgress | None = None

    @property
    def step(self) -> LoadStep | None:
        """The furthest step, None before the first line."""
        return self._step

    @property
    def progress(self) -> LoadProgress | None:
        """The furthest step as a value."""
        if self._progress is None and self._step is not None:
            self._progress = LoadProgress(
                step=self._step,
                done=self._done,
                total=self._total,
                line=self._line,
                started_at=self._started_at,
                finished=self._finished,
            )
        return self._progress

    def feed(self, line: str, at: float) -> None:
        """Take one clean, non-empty line; `at` is Unix seconds."""
        if self._step is LoadStep.WARM_UP:
            return  # what follows belongs to requests
        self._progress = None
        self._line = line[:LINE_CHARS]
        if self._step is None:
            self._begin(LoadStep.IMPORT, at)
        step = _beginning(line)
        if step is not None and self._step is not None and _ORDER[step] > _ORDER[self._step]:
            self._begin(step, at)
        if self._step is LoadStep.WEIGHTS and "checkpoint shards:" in line:
            self._count_shards(line)

    def _begin(self, step: LoadStep, at: float) -> None:
        if self._step is not None:
            self._finished += ((self._step, max(0.0, at - self._started_at)),)
        self._step, self._started_at = step, at
        self._done = self._total = None

    def _count_shards(self, line: str) -> None:
        counts = _SHARDS.findall(line, line.index("checkpoint shards:"))
        if not counts:
            return
        done, total = (int(figure) for figure in counts[-1])  # a bar may be drawn twice on one line
        if total == 0 or done > total:
            return
        # A draft model is read after the main one and would start at 0 again: keep what is further.
        if self._total is None or self._done is None or done * self._total >= self._done * total:
            self._done, self._total = done, total


def _beginning(line: str) -> LoadStep | None:
    for text, step in _BEGINNINGS:
        if text in line:
            if text == " blocks: " and not _BLOCKS.search(line):
                continue
            return step
    return None
