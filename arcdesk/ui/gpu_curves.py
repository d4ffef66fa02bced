"""Which plots a card has, and what each of them shows now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from arcdesk.core.gpu import Figure, GpuReading
from arcdesk.core.gpu_view import GpuView, HistoryKey, Plotted
from arcdesk.ui.gpu_curve import Curve
from arcdesk.ui.gpu_words import (
    GIB,
    THIN,
    UNKNOWN,
    at_least_gib,
    busy_pct,
    celsius,
    gib,
    percent,
    provenance,
    reason,
    tr,
    watts,
)

POWER_CEILING_W, HEAT_CEILING_C, CLOCK_CEILING_MHZ, MEMORY_CEILING_BYTES = 25.0, 100.0, 500.0, float(GIB)


@dataclass(frozen=True, slots=True)
class Now:
    """The newest value of a plot, the figure it comes from, and the least top of the axis."""

    text: str
    figure: Figure[Any]
    ceiling: float


def megahertz(value: float) -> str:
    """'2850 MHz'."""
    return f"{value:.0f}{THIN}MHz"


def size(value: float) -> str:
    """'9.6 GiB'."""
    return gib(int(value))


WORDS: dict[Plotted, Callable[[float], str]] = {
    Plotted.BUSY: percent,
    Plotted.VRAM: size,
    Plotted.POWER: watts,
    Plotted.TEMPERATURE: celsius,
    Plotted.FREQUENCY: megahertz,
}


def plotted(card: GpuReading) -> tuple[Plotted, ...]:
    """The plots of a card, from left to right; a part of the processor has no power nor sensor of its own."""
    if card.is_integrated:
        return (Plotted.BUSY, Plotted.VRAM, Plotted.FREQUENCY)
    return (Plotted.BUSY, Plotted.VRAM, Plotted.POWER, Plotted.TEMPERATURE)


def curve(view: GpuView, card: GpuReading, figure: Plotted) -> Curve:
    """One plot now."""
    now = _NOW[figure](card)
    points = view.history.points(HistoryKey(card.address, figure))
    return Curve(
        title=_title(card, figure),
        points=tuple(points),
        now_text=now.text,
        why=reason(now.figure) if now.text == UNKNOWN else "",
        about=provenance(now.figure),
        ceiling=now.ceiling,
        unit=float(GIB) if figure is Plotted.VRAM else 1.0,
    )


def _title(card: GpuReading, figure: Plotted) -> str:
    match figure:
        case Plotted.BUSY:
            return tr("Busy")
        case Plotted.VRAM:
            return tr("Shared memory") if card.is_integrated else tr("VRAM")
        case Plotted.POWER:
            return tr("Power")
        case Plotted.TEMPERATURE:
            return tr("Hottest sensor")
        case Plotted.FREQUENCY:
            return tr("Clock")
        case Plotted.COMPUTE:
            return tr("Compute")


def _busy(card: GpuReading) -> Now:
    value = busy_pct(card)
    return Now(UNKNOWN if value is None else percent(value), card.busy_pct, 100.0)


def _memory(card: GpuReading) -> Now:
    figure = card.shared_used_bytes if card.is_integrated else card.vram_used_bytes
    least = card.vram_used_at_least_bytes.value
    text = UNKNOWN
    if figure.value is not None:
        text = gib(figure.value)
    elif least and not card.is_integrated:
        text = at_least_gib(least)
    ceiling = float(card.vram_total_bytes.value or MEMORY_CEILING_BYTES)
    return Now(text, figure, ceiling)


def _power(card: GpuReading) -> Now:
    value = card.power_w.value
    ceiling = card.power_limit_w.value or POWER_CEILING_W
    return Now(UNKNOWN if value is None else watts(value), card.power_w, ceiling)


def _temperature(card: GpuReading) -> Now:
    temps = card.temps_c.value
    text = celsius(max(temps.values())) if temps else UNKNOWN
    return Now(text, card.temps_c, HEAT_CEILING_C)


def _clock(card: GpuReading) -> Now:
    clocks: Sequence[int] = list((card.act_mhz.value or {}).values())
    text = megahertz(max(clocks)) if clocks else UNKNOWN
    top = max((card.max_mhz.value or {}).values(), default=0)
    return Now(text, card.act_mhz, float(top) or CLOCK_CEILING_MHZ)


_NOW: dict[Plotted, Callable[[GpuReading], Now]] = {
    Plotted.BUSY: _busy,
    Plotted.VRAM: _memory,
    Plotted.POWER: _power,
    Plotted.TEMPERATURE: _temperature,
    Plotted.FREQUENCY: _clock,
}
