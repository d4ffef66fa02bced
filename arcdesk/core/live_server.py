"""Figures of the server in a sliding window, from the samples of its /metrics."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from arcdesk.core.live_stats import LiveFigure, LiveKey
from arcdesk.core.metrics_delta import MetricsDelta, counted_series, is_restarted
from arcdesk.core.metrics_names import (
    MEAN_PER_ANSWER,
    Fact,
    Found,
    Generation,
    generation_of,
    metric_of,
    value_of,
)
from arcdesk.core.metrics_values import Labels, MetricsSample

WINDOW_S = 60.0
NOW_S = 2.0
LEAST_S = 0.5  # two looks closer than this (two who collect) tell no rate: servers count in steps
# Farther apart, a difference is of a time in which nobody looked: who collects does so every 15 to 60 s
# commonly, at times every two minutes.
MOST_GAP_S = 150.0

SECOND_LOOK = "It is a difference of two looks: the second one follows."
AT_ITS_END = "This server counts an answer when it has ended."
NO_LOOKUPS = "No prompt was looked up in the last minute."
NO_ENDED = "No answer ended in the last minute."
PER_ANSWER = "Each answer counts once, with its mean."

_GAUGES = {
    LiveKey.RUNNING: Fact.RUNNING,
    LiveKey.WAITING: Fact.WAITING,
    LiveKey.SWAPPED: Fact.SWAPPED,
    LiveKey.KV_USE: Fact.KV_USE,
}
_QUANTILES = {
    LiveKey.TTFT_P50_MS: (Fact.TTFT, 0.5),
    LiveKey.TTFT_P95_MS: (Fact.TTFT, 0.95),
    LiveKey.TTFT_P99_MS: (Fact.TTFT, 0.99),
    LiveKey.ITL_P50_MS: (Fact.ITL, 0.5),
    LiveKey.ITL_P95_MS: (Fact.ITL, 0.95),
    LiveKey.ITL_P99_MS: (Fact.ITL, 0.99),
}
_DIFFERENCES = (
    LiveKey.TOKENS_PER_S,
    LiveKey.TOKENS_PER_S_MINUTE,
    LiveKey.PROMPT_TOKENS_PER_S,
    LiveKey.PREEMPTIONS,
    LiveKey.PREFIX_HIT_RATE,
    *_QUANTILES,
)


class ServerWindow:
    """The samples of the last minute, of one server that has not begun anew in between."""

    def __init__(self) -> None:
        self._samples: deque[MetricsSample] = deque()
        self._known: set[tuple[str, Labels]] = set()  # series that were there at some time
        self.restarts = 0

    @property
    def newest(self) -> MetricsSample | None:
        """The last sample."""
        return self._samples[-1] if self._samples else None

    @property
    def generation(self) -> Generation:
        """Which names this server uses."""
        return generation_of(self._samples[-1]) if self._samples else Generation.UNKNOWN

    def clear(self) -> None:
        """Another server, or a pause: nothing before counts."""
        self._samples.clear()
        self._known.clear()

    def add(self, sample: MetricsSample) -> None:
        """Take one sample. After a restart it is the first one."""
        newest = self.newest
        if newest is not None and is_restarted(newest, sample):
            self.restarts += 1
            self.clear()
        elif newest is not None and self._has_gap(newest, sample):
            self.clear()
        self._known |= counted_series(sample)
        self._samples.append(sample)
        while len(self._samples) > 2 and self._samples[1].at <= sample.at - WINDOW_S:
            self._samples.popleft()

    def _has_gap(self, old: MetricsSample, new: MetricsSample) -> bool:
        """What some series counted in between is of no known time: it was away, or could not be read."""
        if new.at - old.at > MOST_GAP_S or old.skipped_lines > new.skipped_lines:
            return True
        return not self._known.isdisjoint(counted_series(new) - counted_series(old))

    def figures(self) -> dict[LiveKey, LiveFigure]:
        """All figures of the server, as of the newest sample. There must be one."""
        newest = self._samples[-1]
        figures = {key: _figure(value_of(fact, newest)) for key, fact in _GAUGES.items()}
        if newest.at - self._samples[0].at < LEAST_S:
            figures |= dict.fromkeys(_DIFFERENCES, LiveFigure(reason=SECOND_LOOK))
            return figures
        minute = MetricsDelta(self._samples[0], newest)
        figures |= {
            LiveKey.TOKENS_PER_S: _rate_now(MetricsDelta(self._a_moment_ago(), newest)),
            LiveKey.TOKENS_PER_S_MINUTE: _of_less(
                minute, _rate(minute, Fact.GENERATED_TOKENS, Fact.GENERATION_SECONDS)
            ),
            LiveKey.PROMPT_TOKENS_PER_S: _rate(minute, Fact.PROMPT_TOKENS, Fact.PROMPT_SECONDS),
            LiveKey.PREEMPTIONS: _a_minute(minute, _figure(minute.counted(Fact.PREEMPTIONS))),
            LiveKey.PREFIX_HIT_RATE: _hit_rate(minute),
        }
        figures |= {key: _quantile_ms(minute, *asked) for key, asked in _QUANTILES.items()}
        return figures

    def _a_moment_ago(self) -> MetricsSample:
        """The newest sample that is NOW_S old, or the oldest there is; never the newest itself."""
        newest = self._samples[-1]
        for sample in reversed(list(self._samples)[:-1]):
            if newest.at - sample.at >= NOW_S * 0.9:  # a look that came a little early counts
                return sample
        return self._samples[0]


def _figure(found: Found) -> LiveFigure:
    return LiveFigure(value=found.value, metric=found.metric, reason=found.reason)


def _of_less(delta: MetricsDelta, figure: LiveFigure) -> LiveFigure:
    """A figure 'of the last minute' says so while nobody has looked for as long."""
    if figure.value is None or delta.seconds >= WINDOW_S - NOW_S:
        return figure
    said = f"Over {delta.seconds:.0f} s as yet, since somebody looks."
    return replace(figure, note=f"{figure.note} {said}".strip())


def _a_minute(delta: MetricsDelta, figure: LiveFigure) -> LiveFigure:
    """A count 'of the last minute': where looks are far apart, its part of a longer time."""
    if figure.value is None or delta.seconds <= WINDOW_S + NOW_S:
        return _of_less(delta, figure)
    return replace(figure, value=figure.value * WINDOW_S / delta.seconds, note=f"From {delta.seconds:.0f} s.")


def _rate_now(delta: MetricsDelta) -> LiveFigure:
    """Tokens per second now: of no use where a whole answer is counted at its end."""
    if metric := metric_of(Fact.GENERATION_SECONDS, delta.new):
        return LiveFigure(metric=metric, reason=AT_ITS_END)
    figure = _figure(delta.rate(Fact.GENERATED_TOKENS))
    is_long = delta.seconds > 2 * NOW_S  # looks are far apart
    return replace(figure, note=f"Over the last {delta.seconds:.0f} seconds.") if is_long else figure


def _rate(delta: MetricsDelta, tokens: Fact, seconds: Fact) -> LiveFigure:
    """Tokens per second; where the server tells in how many seconds of work, of those."""
    worked = delta.counted(seconds)
    counted = delta.counted(tokens)
    if not worked.metric or counted.value is None:
        return _figure(delta.rate(tokens))
    if not worked.value:
        return LiveFigure(metric=counted.metric, reason=worked.reason or NO_ENDED)
    figure = _figure(replace(counted, value=counted.value / worked.value))
    return replace(figure, note="Over the seconds of work on it, as the server counts them.")


def _hit_rate(delta: MetricsDelta) -> LiveFigure:
    hits, looked_up = delta.counted(Fact.PREFIX_HITS), delta.counted(Fact.PREFIX_QUERIES)
    if not hits.metric and metric_of(Fact.PREFIX_HIT_RATE, delta.new):
        return replace(_figure(value_of(Fact.PREFIX_HIT_RATE, delta.new)), note="Since the server's start.")
    if hits.value is None:
        return _figure(hits)
    total = looked_up.value
    if not looked_up.metric:  # llama.cpp counts what it computed and what it found, each by itself
        computed = delta.counted(Fact.PROMPT_TOKENS).value
        total = None if computed is None else computed + hits.value
    if not total:
        return LiveFigure(metric=hits.metric, reason=(looked_up.metric and looked_up.reason) or NO_LOOKUPS)
    return LiveFigure(value=hits.value / total, n=round(total), metric=hits.metric)


def _quantile_ms(delta: MetricsDelta, fact: Fact, share: float) -> LiveFigure:
    observed = delta.observed(fact)
    quantile = observed.quantile(share)
    return LiveFigure(
        value=None if quantile.value is None else quantile.value * 1000,
        n=None if observed.count is None else round(observed.count),
        metric=observed.metric,
        is_at_least=quantile.is_at_least,
        note=PER_ANSWER if observed.metric in MEAN_PER_ANSWER else "",
        reason=quantile.reason,
    )
