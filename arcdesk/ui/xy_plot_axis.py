"""Axes: where a value lies between both ends, and which round values get a label."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QDate, QLocale

from arcdesk.ui.gpu_words import THIN
from arcdesk.ui.xy_plot_values import Scale, XyAxis

PAD = 0.04  # of an axis that does not begin at zero, so that a mark at its end is whole
LEAST_LOG = 1e-9  # smaller is noise, and 0 has no logarithm
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_TIME_STEPS_S = (
    *(1.0, 5.0, 15.0, 30.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
)
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
_MONTH_DAYS = 30.44


@dataclass(frozen=True, slots=True)
class Tick:
    """A value with its label."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Ruler:
    """One axis with its two ends."""

    low: float
    high: float
    scale: Scale
    ticks: tuple[Tick, ...]

    def share(self, value: float) -> float | None:
        """0 at the low end, 1 at the high one; None: it has no place on this axis."""
        if self.scale is Scale.LOG:
            if value < LEAST_LOG:
                return None
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)


def ruler(axis: XyAxis, values: Iterable[float], about: int) -> Ruler:
    """The axis for these values, with `about` so many labels; it has two different ends whatever they are."""
    known = [value for value in values if math.isfinite(value)]
    match axis.scale:
        case Scale.LOG:
            return _log(axis, [value for value in known if value >= LEAST_LOG], about)
        case Scale.TIME:
            return _time(known, about)
        case Scale.LINEAR:
            return _linear(axis, known, about)


def number(value: float, step: float = 0.0) -> str:
    """'20 000', '0.25': as many decimals as `step` needs (0: about three digits of the value itself)."""
    if value == 0:
        return "0"
    if step:
        decimals = max(0, min(9, -math.floor(math.log10(abs(step)) + 1e-9)))
        if not math.isclose(step, round(step, decimals), rel_tol=1e-6):
            decimals += 1  # 2.5
    else:
        decimals = max(0, min(9, 2 - math.floor(math.log10(abs(value)))))
    text = f"{abs(value):,.{decimals}f}".replace(",", THIN)
    if not step and "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"−{text}" if value < 0 else text


def _linear(axis: XyAxis, known: Sequence[float], about: int) -> Ruler:
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if axis.is_from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= abs(high) * 1e-12:  # one value, or all the same
        low, high = (low, high + 1.0) if high == 0 else (low - abs(low) * 0.1, high + abs(high) * 0.1)
    if axis.ticks:
        pad = (high - low) * PAD
        low -= 0 if axis.is_from_zero else pad
        ticks = tuple(Tick(value, number(value)) for value in axis.ticks)
        return Ruler(low, high + pad, Scale.LINEAR, ticks)
    step = _step((high - low) / max(about, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(Tick(each * step, number(each * step, step)) for each in range(first, last + 1))
    return Ruler(first * step, last * step, Scale.LINEAR, ticks)


def _step(least: float) -> float:
    size = 10.0 ** math.floor(math.log10(least))
    return next(each * size for each in _STEPS if each * size >= least * (1 - 1e-9))


def _log(axis: XyAxis, known: Sequence[float], about: int) -> Ruler:
    low, high = (min(known), max(known)) if known else (1.0, 10.0)
    if high / low < 1.5:
        low, high = low / 1.5, high * 1.5
    stretch = (high / low) ** PAD
    low, high = low / stretch, high * stretch
    values = axis.ticks or _log_ticks(low, high, about)
    return Ruler(low, high, Scale.LOG, tuple(Tick(value, number(value)) for value in values))


def _log_ticks(low: float, high: float, about: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for within in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        ticks = [each * 10.0**decade for decade in decades for each in within]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= about + 2:
            break
    every = max(1, math.ceil(len(ticks) / (about + 2)))
    return ticks[::every] or [math.sqrt(low * high)]


def _time(known: Sequence[float], about: int) -> Ruler:
    low, high = (min(known), max(known)) if known else (0.0, _DAY)
    if high - low < 2:
        low, high = low - 60, high + 60
    pad = (high - low) * PAD
    low, high = low - pad, high + pad
    least_s = (high - low) / max(about, 1)
    short = next((step for step in _TIME_STEPS_S if step >= least_s), None)
    ticks = _clock_ticks(low, high, short) if short is not None else _day_ticks(low, high, least_s)
    return Ruler(low, high, Scale.TIME, tuple(ticks))


def _clock_ticks(low: float, high: float, step_s: float) -> list[Tick]:
    """Times of a day, from midnight on; the first of each day is its date."""
    begin = _local(low)
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    form = "%H:%M:%S" if step_s < _MINUTE else "%H:%M"
    first = math.ceil((low - midnight.timestamp()) / step_s)
    ticks: list[Tick] = []
    at = midnight.timestamp() + first * step_s
    while at <= high:
        moment = _local(at)
        is_midnight = moment.hour == moment.minute == moment.second == 0
        ticks.append(Tick(at, _date(moment, "d MMM") if is_midnight else moment.strftime(form)))
        at += step_s
    return ticks


def _day_ticks(low: float, high: float, least_s: float) -> list[Tick]:
    days = next((step for step in _DAY_STEPS if step * _DAY >= least_s), None)
    if days is None:
        return _month_ticks(low, high, least_s)
    day = _local(low).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=1)
    ticks: list[Tick] = []
    while (moment := day.astimezone()).timestamp() <= high:
        ticks.append(Tick(moment.timestamp(), _date(moment, "d MMM")))
        day += timedelta(days=days)
    return ticks


def _month_ticks(low: float, high: float, least_s: float) -> list[Tick]:
    """First days of months; the months are counted from the year 0, so that a year begins on a tick."""
    least = least_s / (_MONTH_DAYS * _DAY)
    every = next((step for step in _MONTH_STEPS if step >= least), _MONTH_STEPS[-1])
    begin = _local(low)
    month = math.ceil((begin.year * 12 + begin.month) / every) * every
    ticks: list[Tick] = []
    while (moment := datetime(month // 12, month % 12 + 1, 1).astimezone()).timestamp() <= high:
        ticks.append(Tick(moment.timestamp(), _date(moment, "MMM yyyy" if every < 12 else "yyyy")))
        month += every
    return ticks


def _date(moment: datetime, form: str) -> str:
    """'12 Mar', or 'Mar 2026'."""
    return QLocale().toString(QDate(moment.year, moment.month, moment.day), form)


def moment_words(at: float) -> str:
    """'12 Mar 2026 14:05', local time."""
    moment = _local(at)
    return f"{_date(moment, 'd MMM yyyy')} {moment:%H:%M}"


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()
