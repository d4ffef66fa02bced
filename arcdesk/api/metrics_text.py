"""Reads the Prometheus text of a server into plain values: only what ArcDesk has a use for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from arcdesk.core.metrics_names import WANTED_NAMES
from arcdesk.core.metrics_values import PROCESS_START, Histogram, Labels, MetricsSample

if TYPE_CHECKING:  # importing it takes 150 ms: it waits for the first sample, in a thread
    from prometheus_client.samples import Sample

_KEPT = frozenset({*WANTED_NAMES, PROCESS_START})
_PARTS = ("_bucket", "_sum", "_count")


def read_metrics(text: str, at: float) -> MetricsSample:
    """The values in `text`; a line that can't be read is left out and counted. Takes milliseconds."""
    lines = [line for line in text.splitlines() if _is_wanted(line)]
    samples, skipped = _parsed(lines)
    values: dict[str, dict[Labels, float]] = {}
    parts: dict[str, dict[Labels, _Parts]] = {}
    for sample in samples:
        name, part = _split(sample.name)
        labels = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
        if part:
            series = parts.setdefault(name, {})
            series.setdefault(labels, _Parts()).take(part, sample)
        else:
            values.setdefault(name, {})[labels] = float(sample.value)
    return MetricsSample(
        at=at,
        values=values,
        histograms={
            name: {labels: one.histogram() for labels, one in series.items()}
            for name, series in parts.items()
        },
        skipped_lines=skipped,
        size_bytes=len(text),
    )


class _Parts:
    """The lines of one histogram, as they come."""

    __slots__ = ("buckets", "count", "sum")

    def __init__(self) -> None:
        self.buckets: dict[float, float] = {}
        self.sum: float | None = None
        self.count: float | None = None

    def take(self, part: str, sample: Sample) -> None:
        value = float(sample.value)
        if not math.isfinite(value):
            return
        if part == "_sum":
            self.sum = value
        elif part == "_count":
            self.count = value
        elif (bound := _bound(sample.labels.get("le", ""))) is not None:
            self.buckets[bound] = value

    def histogram(self) -> Histogram:
        return Histogram(buckets=tuple(sorted(self.buckets.items())), sum=self.sum, count=self.count)


def _bound(text: str) -> float | None:
    try:
        bound = float(text)
    except ValueError:
        return None
    return None if math.isnan(bound) else bound


def _is_wanted(line: str) -> bool:
    """The line gives a value that is kept. Comments add nothing: names tell what a value is."""
    name = line.partition("{")[0].partition(" ")[0].partition("\t")[0]
    if name in _KEPT:
        return True
    for part in _PARTS:
        if name.endswith(part):
            return name.removesuffix(part) in _KEPT
    return False


def _split(name: str) -> tuple[str, str]:
    """A name, and the part of a histogram that it stands for ('' for none)."""
    for part in _PARTS:
        if name.endswith(part) and name not in _KEPT:
            return name.removesuffix(part), part
    return name, ""


def _parsed(lines: list[str]) -> tuple[list[Sample], int]:
    """All samples, and how many lines were no samples."""
    try:
        return list(_samples(lines)), 0
    except (ValueError, IndexError):  # one bad line spoils a text: now line by line
        pass
    samples: list[Sample] = []
    skipped = 0
    for line in lines:
        try:
            samples.extend(_samples([line]))
        except (ValueError, IndexError):
            skipped += 1
    return samples, skipped


def _samples(lines: Iterable[str]) -> Iterator[Sample]:
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        yield from family.samples
