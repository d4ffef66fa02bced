"""Which plots the results of a benchmark have: against the number of streams, and within one step."""

from __future__ import annotations

from collections.abc import Sequence

from arcdesk.core.bench_series import (
    Latency,
    Point,
    Throughput,
    Timeline,
    latency_series,
    throughput_series,
    trade_off,
)
from arcdesk.core.bench_shown import BenchShown, Distribution, StepShown
from arcdesk.core.bench_stats import StepStats
from arcdesk.ui.bench_results_words import streams_words, tr
from arcdesk.ui.gpu_words import THIN
from arcdesk.ui.xy_plot_axis import number
from arcdesk.ui.xy_plot_values import Mark, Scale, Stroke, XyAxis, XyChart, XyPoint, XyRule, XySeries

LOG_FROM = 8  # times the least: streams double from step to step
LOG_TAIL = 12  # times the middle: a tail so long would press all the rest to the left
_MS = "ms"


def charts_across(shown: BenchShown) -> tuple[XyChart, ...]:
    """Latency and throughput against the streams; () if there are not two steps of different streams."""
    stats = shown.stats
    if len({step.concurrency for step in stats}) < 2:
        return ()
    return (
        _latency(tr("Time to first token"), Latency.TTFT, stats),
        _latency(tr("Inter-token latency"), Latency.ITL, stats),
        _throughput(stats),
        _trade_off(stats),
    )


def charts_within(step: StepShown) -> tuple[XyChart, ...]:
    """How the figures of one step are spread, one answer from begin to end, and the step over time."""
    stats = step.stats
    return (
        _spread_chart(tr("Time to first token"), step.ttft, stats.ttft_ms.reason, tr("answers")),
        _spread_chart(tr("Inter-token latency"), step.itl, stats.itl_ms.reason, tr("gaps")),
        _timeline(step),
        _over_time(step),
    )


# against the number of streams


def _streams_axis(stats: Sequence[StepStats]) -> XyAxis:
    counts = tuple(sorted({float(step.concurrency) for step in stats}))
    scale = Scale.LOG if counts[-1] >= LOG_FROM * counts[0] else Scale.LINEAR
    return XyAxis(title=tr("streams at once"), scale=scale, ticks=counts)


def _latency(title: str, kind: Latency, stats: Sequence[StepStats]) -> XyChart:
    points = latency_series(stats, kind, 50, up_to=95)
    return XyChart(
        title=title,
        series=(XySeries(name="p50", points=tuple(_latency_point(point) for point in points)),),
        x=_streams_axis(stats),
        y=XyAxis(title=kind.name, unit=_MS, is_from_zero=True),
        why=_first_reason(points),
        note=tr("Line: p50. The band reaches up to p95."),
    )


def _latency_point(point: Point) -> XyPoint:
    said = point.reason
    if point.y is not None and point.high is not None:
        said = tr("p50 {0}, p95 {1}, n = {2}").format(_ms(point.y), _ms(point.high), point.n)
    return XyPoint(
        x=point.x, y=point.y, low=point.low, high=point.high, words=_of_streams(point.concurrency, said)
    )


def _throughput(stats: Sequence[StepStats]) -> XyChart:
    points = throughput_series(stats, Throughput.OUTPUT_TOKENS)
    return XyChart(
        title=tr("Throughput"),
        series=(XySeries(name=tr("output"), points=tuple(map(_rate_point, points)), mark=Mark.SQUARE),),
        x=_streams_axis(stats),
        y=XyAxis(title=tr("output"), unit="tok/s", is_from_zero=True),
        why=_first_reason(points),
        note=tr("Of all answers together."),
    )


def _rate_point(point: Point) -> XyPoint:
    said = point.reason if point.y is None else f"{number(point.y)}{THIN}tok/s"
    return XyPoint(x=point.x, y=point.y, words=_of_streams(point.concurrency, said))


def _trade_off(stats: Sequence[StepStats]) -> XyChart:
    points = trade_off(stats, Latency.E2E)
    unknown = next((step.output_tokens_per_s.reason for step in stats if step.output_tokens_per_s.reason), "")
    return XyChart(
        title=tr("Latency against throughput"),
        series=(
            XySeries(
                name="p50",
                points=tuple(_trade_point(point) for point in points),
                mark=Mark.DIAMOND,
                stroke=Stroke.DASHED,
            ),
        ),
        x=XyAxis(title=tr("output"), unit="tok/s"),
        y=XyAxis(title=tr("end to end p50"), unit=_MS, is_from_zero=True),
        why=unknown or tr("No step has both figures."),
        note=tr("Beside each point: streams at once."),
    )


def _trade_point(point: Point) -> XyPoint:
    assert point.y is not None
    said = tr("{0} at {1}").format(_ms(point.y), f"{number(point.x)}{THIN}tok/s")
    words = _of_streams(point.concurrency, said)
    return XyPoint(x=point.x, y=point.y, words=words, label=str(point.concurrency))


def _of_streams(count: int, said: str) -> str:
    return f"{streams_words(count)}: {said or '–'}"


def _first_reason(points: Sequence[Point]) -> str:
    return next((point.reason for point in points if point.reason), "")


# within one step


def _spread_chart(title: str, spread: Distribution, reason: str, of: str) -> XyChart:
    values = [value for value, _ in spread.points]
    middle = values[len(values) // 2] if values else 0.0
    is_log = bool(values) and values[0] > 0 and values[-1] > LOG_TAIL * middle
    points = tuple(XyPoint(x=value, y=share) for value, share in spread.points)

    def tell(index: int) -> str:
        return _share_words(*spread.points[index], spread.n, of)

    return XyChart(
        title=title,
        series=(XySeries(name="", points=points, tell=tell),),
        x=XyAxis(unit=_MS, scale=Scale.LOG if is_log else Scale.LINEAR),
        y=XyAxis(title=tr("share of {0}").format(of), unit="%", is_from_zero=True),
        rules=tuple(_percentile_rules(spread)),
        why=reason,
        is_rising=True,
        note=tr("How many took at most so long, n = {0}").format(number(spread.n)),
    )


def _share_words(value: float, share: float, n: int, of: str) -> str:
    if n == 1:
        return _ms(value)
    return tr("{0} of {1} {2} within {3}").format(f"{number(share)}{THIN}%", number(n), of, _ms(value))


def _percentile_rules(spread: Distribution) -> list[XyRule]:
    """Where the middle is, and p95 if there are enough values for it to differ from the largest."""
    wanted = [50, 95] if spread.n >= 20 else [50] if spread.n >= 3 else []
    rules = []
    for percentile in wanted:
        at = next((value for value, share in spread.points if share >= percentile), None)
        if at is not None:
            rules.append(XyRule(x=at, words=f"p{percentile}"))
    return rules


def _timeline(step: StepShown) -> XyChart:
    line, title = step.timeline, tr("A typical answer")
    if line is None:
        return XyChart(title=title, why=step.stats.ttft_ms.reason or tr("No answer had any text."))
    if len(line.arrivals_ms) < 2:
        came = tr("The answer came in one piece, after {0}.").format(_ms(line.arrivals_ms[0]))
        return XyChart(title=title, why=came)
    each = line.tokens_each
    unit = tr("tokens") if line.is_exact else tr("pieces of text")
    points = tuple(XyPoint(x=at, y=count) for at, count in step.arrivals)

    def tell(index: int) -> str:
        return _arrival_words(line, step.arrivals[index][1], unit)

    carried = each is not None and not line.is_exact
    return XyChart(
        title=title,
        series=(XySeries(name="", points=points, tell=tell),),
        x=XyAxis(title=tr("since it was sent"), unit=_MS, is_from_zero=True),
        y=XyAxis(title=unit, is_from_zero=True),
        rules=tuple(_timeline_rules(line)),
        is_rising=True,
        note=_typical_note(each if carried else None),
    )


def _typical_note(tokens_each: float | None) -> str:
    middle = tr("The middle one by time.")
    if tokens_each is None:
        return middle
    return middle + " " + tr("A piece carried {0} tokens on average.").format(number(tokens_each))


def _arrival_words(line: Timeline, count: int, unit: str) -> str:
    at = line.arrivals_ms[count - 1]
    if count == 1:
        return tr("first token after {0}").format(_ms(at))
    gap = at - line.arrivals_ms[count - 2]
    return tr("{0} {1} after {2}, {3} after the one before").format(count, unit, _ms(at), _ms(gap))


def _timeline_rules(line: Timeline) -> list[XyRule]:
    rules = [XyRule(x=line.arrivals_ms[0], words=tr("first token"), is_before=True)]
    if line.longest_gap_ms is not None and line.longest_gap_at is not None and len(line.arrivals_ms) > 2:
        said = tr("longest gap, {0}").format(_ms(line.longest_gap_ms))
        rules.append(XyRule(x=line.arrivals_ms[line.longest_gap_at], words=said))
    return rules


def _over_time(step: StepShown) -> XyChart:
    points, title = step.over_time, tr("Throughput over time")
    if not any(point.n for point in points):
        return XyChart(title=title, why=step.stats.ttft_ms.reason or tr("No answer had any text."))
    is_counted = any(point.y is not None for point in points)
    unit = "tok/s" if is_counted else tr("pieces of text/s")
    shown = tuple(_moment_point(point, step.bucket_s, unit, is_counted=is_counted) for point in points)
    return XyChart(
        title=title,
        series=(XySeries(name="", points=shown, mark=Mark.NONE),),
        x=XyAxis(title=tr("since the step began"), unit="s", is_from_zero=True),
        y=XyAxis(title=tr("output"), unit=unit, is_from_zero=True),
        note="" if is_counted else points[0].reason,
    )


def _moment_point(point: Point, bucket_s: float, unit: str, *, is_counted: bool) -> XyPoint:
    rate = point.y if is_counted else point.n / bucket_s
    words = tr("at {0}: {1}").format(f"{number(point.x)}{THIN}s", f"{number(rate or 0)}{THIN}{unit}")
    return XyPoint(x=point.x, y=rate, words=words)


def _ms(value: float) -> str:
    return f"{number(value)}{THIN}{_MS}"
