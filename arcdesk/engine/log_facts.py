"""Reads from a server's log what its weights and its cache took: V0 and V1, on cards and on the CPU."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from arcdesk.core.fit_formats import GIB
from arcdesk.core.fit_measured import RunFigures
from arcdesk.engine.log_text import clean_segments

NEW_RUN = "Starting service with model:"  # the first line of the image's start script
_UP = "Application startup complete"
_NUMBER = r"(\d[\d,]{0,15}(?:\.\d{1,9})?)"  # a longer one is no figure of a card
_WEIGHTS = re.compile(
    rf"(?:Loading model weights took|Model loading took|model weights take) ?{_NUMBER} ?Gi?B"
)
_CHECKPOINT = re.compile(rf"Checkpoint size: {_NUMBER} GiB")  # the CPU runner names nothing else
_BLOCKS = re.compile(rf"# \w+ blocks: {_NUMBER}, # CPU blocks")
_TOKENS = re.compile(rf"KV cache size: {_NUMBER} tokens")
_ROOM = re.compile(
    rf"(?:Available KV cache memory:|the rest of the memory reserved for KV Cache is) ?{_NUMBER} ?GiB"
)
_EXPLICIT_ROOM = re.compile(rf"Explicitly set \({_NUMBER}/{_NUMBER}\) GiB for KV cache")
_SHARE = re.compile(r"gpu_memory_utilization'?[=:] ?\(?(0\.\d+|1\.0|1)\b")
_BLOCK_SIZE = re.compile(r"\bblock_size'?[=:] ?(\d{1,4})\b")
_PARALLEL = re.compile(r"\btensor_parallel_size'?[=:] ?(\d{1,3})\b")
_KV_DTYPE = re.compile(r"kv_cache_dtype'?[=:] ?'?(\w+)")
_SETTINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^Tensor parallel size: (\d{1,3})$"), "tensor_parallel"),
    (re.compile(r"^Max num sequences: (\d{1,9})$"), "max_num_seqs"),
    (re.compile(r"^Max num batched tokens: (\d{1,9})$"), "max_num_batched_tokens"),
    (re.compile(r"^Max model length: (\d{1,9})$"), "max_model_len"),
)
_LOW_BIT = re.compile(r"^Load in low bit: (\w+)$")
_NEEDLES = (
    "took",
    "take",
    "blocks:",
    "KV cache",
    "KV Cache",
    "Checkpoint size",
    "_size=",
    "_size':",
    "utilization",
)


class LogFacts:
    """Takes a log line by line; `figures` is what it said of the newest run so far. Pure."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._figures = RunFigures()
        self._checkpoint_bytes: int | None = None
        self._evidence = hashlib.sha256()
        self._has_evidence = self._is_up = False

    @property
    def figures(self) -> RunFigures:
        """All that is known; `key` is '' while nothing was measured."""
        figures = self._figures
        if figures.weights_bytes is None:
            figures = replace(figures, weights_bytes=self._checkpoint_bytes)
        return replace(figures, key=self._evidence.hexdigest()[:16] if self._has_evidence else "")

    def feed(self, line: str) -> None:
        """Take one line of any text."""
        for segment in clean_segments(line):
            self._read(segment)

    def _read(self, text: str) -> None:
        if NEW_RUN in text:
            self._begin()
        if self._is_up:
            return  # what follows belongs to requests
        if _UP in text:
            self._is_up = True
        elif any(needle in text for needle in _NEEDLES):
            self._read_measures(text)
        else:
            self._read_settings(text)

    def _read_settings(self, text: str) -> None:
        for pattern, name in _SETTINGS:
            if match := pattern.match(text):
                self._set(**{name: int(match[1])})
        if match := _LOW_BIT.match(text):
            self._set(low_bit=match[1])

    def _read_measures(self, text: str) -> None:
        self._read_arguments(text)
        # Each worker says its own: the fullest card sets weights, the fullest and the emptiest the cache.
        self._take(_WEIGHTS, text, "weights_bytes", _gib, max)
        self._take(_BLOCKS, text, "blocks", _whole, min)
        self._take(_TOKENS, text, "kv_tokens", _whole, min)
        self._take(_ROOM, text, "kv_bytes", _gib, min)
        self._take(_EXPLICIT_ROOM, text, "kv_bytes", _gib, min)
        if match := _CHECKPOINT.search(text):
            self._checkpoint_bytes = _gib(match[1])
            self._note(text)

    def _read_arguments(self, text: str) -> None:
        if match := _SHARE.search(text):
            self._set(memory_share=float(match[1]))
        if match := _BLOCK_SIZE.search(text):
            self._set(block_tokens=int(match[1]))
        if match := _PARALLEL.search(text):
            self._set(tensor_parallel=int(match[1]))
        if (match := _KV_DTYPE.search(text)) and match[1] != "auto":
            self._set(kv_dtype=match[1])

    def _take(
        self,
        pattern: re.Pattern[str],
        text: str,
        name: str,
        convert: Callable[[str], int],
        choose: Callable[[int, int], int],
    ) -> None:
        match = pattern.search(text)
        if match is None:
            return
        value, known = convert(match[1]), getattr(self._figures, name)
        self._set(**{name: value if known is None else choose(known, value)})
        self._note(text)

    def _note(self, text: str) -> None:
        self._has_evidence = True
        self._evidence.update(text.encode("utf-8", "replace") + b"\n")

    def _set(self, **changes: Any) -> None:
        self._figures = replace(self._figures, **changes)


def read_figures(lines: Iterable[str]) -> RunFigures:
    """What a whole log says of its newest run."""
    facts = LogFacts()
    for line in lines:
        facts.feed(line)
    return facts.figures


def _gib(text: str) -> int:
    return round(float(text.replace(",", "")) * GIB)


def _whole(text: str) -> int:
    return int(float(text.replace(",", "")))
