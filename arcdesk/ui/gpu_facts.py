"""What is said of one card, line by line: value, reason where there is none, and what to make of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from arcdesk.core.gpu import Figure, GpuReading, Link
from arcdesk.ui.gpu_words import THIN, UNKNOWN, celsius, plain, provenance, reason, tr, watts

T = TypeVar("T")
GAP = "   "  # between the parts of a value
FIGURE_SPACE = "\u2007"  # as wide as a digit

ENGINES = (
    ("compute", ("ccs", "compute")),
    ("render", ("rcs", "render")),
    ("copy", ("bcs", "copy")),
    ("media", ("vcs", "vecs", "video", "video-enhance")),
)
THROTTLE_WORDS = {
    "pl1": "power limit (PL1)",
    "pl2": "short-term power limit (PL2)",
    "pl4": "current limit (PL4)",
    "thermal": "temperature",
    "prochot": "heat signal of the computer (PROCHOT)",
    "ratl": "temperature over time (RATL)",
    "vr_thermalert": "hot voltage regulator",
    "vr_tdc": "current of the voltage regulator (TDC)",
}
SENSORS = {"pkg": "core", "vram": "memory", "mctrl": "memory controller", "pcie": "PCIe", "card": "board"}
_MEMORY_CHANNEL = re.compile(r"vram_ch_?\d+")
_SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*GT/s")
_GENERATIONS = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line. `why` says why the value is unknown, `note` what it means, `about` is the tooltip."""

    id: str
    title: str
    value: str = UNKNOWN
    why: str = ""
    note: str = ""
    is_warning: bool = False  # of the note
    about: str = ""

    def sentence(self) -> str:
        """For the screen reader."""
        said = ", ".join(part for part in (self.value, self.why, self.note) if part)
        return f"{self.title}: {said}"


def card_facts(card: GpuReading) -> tuple[Fact, ...]:
    """All lines of a card that is awake and has a driver, in their order."""
    lines = (_engines(card), _clock(card), _power(card), _temperatures(card))
    if card.is_integrated:
        return lines
    return (*lines, _fans(card), _link(card), _rebar(card))


def _fact(id_: str, title: str, figure: Figure[T], words: Callable[[T], str], **more: Any) -> Fact:
    """A line whose value is one figure, told by `words`; '' from it counts as unknown as well."""
    value = "" if figure.value is None else words(figure.value)
    if value:
        return Fact(id=id_, title=title, value=value, about=provenance(figure), **more)
    why = reason(figure) or tr("not provided")
    return Fact(id=id_, title=title, why=why, about=provenance(figure), **more)


# engines and clock


def _engines(card: GpuReading) -> Fact:
    fact = _fact("engines", tr("Engines"), card.engines_pct, engine_words)
    if card.engines_pct.is_known and card.unreadable_pids:
        count = len(card.unreadable_pids)
        about = tr("{0} more on this card belong to other users: their figures can't be read.").format(
            tr("One program") if count == 1 else tr("{0} programs").format(count)
        )
        return replace(fact, note=tr("visible programs only"), about=f"{fact.about}\n{about}".strip())
    return fact


def engine_words(engines: dict[str, float]) -> str:
    """'compute  95 %  render   2 %': the known kinds first, then what else the driver names."""
    parts, left = [], dict(engines)
    for kind, names in ENGINES:
        shares = [left.pop(name) for name in names if name in left]
        if shares:
            parts.append(f"{tr(kind)} {_wide_percent(max(shares))}")
    parts += [f"{plain(name, 12)} {_wide_percent(share)}" for name, share in sorted(left.items())]
    return GAP.join(parts)


def _wide_percent(value: float) -> str:
    return f"{value:3.0f}".replace(" ", FIGURE_SPACE) + f"{THIN}%"


def _clock(card: GpuReading) -> Fact:
    tops = card.max_mhz.value or {}
    fact = _fact("clock", tr("Clock"), card.act_mhz, lambda act: clock_words(act, tops))
    held = card.throttle.value
    if not held:
        return fact
    words = throttle_words(held)
    about = f"{fact.about}\n{tr('Throttling: {0}').format(card.throttle.source)}".strip()
    return replace(fact, note=tr("held back: {0}").format(words), is_warning=True, about=about)


def clock_words(act: dict[str, int], tops: dict[str, int]) -> str:
    """'2500 of 2850 MHz   media 0 of 1500 MHz'. 0 is what the driver says of a part at rest."""
    return GAP.join(_one_clock(name, mhz, tops.get(name), len(act)) for name, mhz in sorted(act.items()))


def _one_clock(name: str, mhz: int, top: int | None, count: int) -> str:
    now = f"{mhz:4d}".replace(" ", FIGURE_SPACE)
    said = tr("{0} of {1}").format(now, f"{top}{THIN}MHz") if top else f"{now}{THIN}MHz"
    label = {"gt0": "", "gt1": tr("media")}.get(name, plain(name, 16)) if count > 1 else ""
    return f"{label} {said}".strip(" ")


def throttle_words(reasons: tuple[str, ...]) -> str:
    """The kernel's names in words, those without a word as they are."""
    said = [tr(THROTTLE_WORDS[one]) if one in THROTTLE_WORDS else plain(one, 24) for one in reasons]
    return tr(" and ").join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else said[0]


# power, heat, air


def _power(card: GpuReading) -> Fact:
    limit = card.power_limit_w
    notes = [channel_words(card.power_channel.value or "")]
    if limit.value is not None:
        notes.append(tr("limit {0}").format(watts(limit.value)))
    fact = _fact("power", tr("Power"), card.power_w, watts, note=" · ".join(one for one in notes if one))
    if limit.value is None and fact.value != UNKNOWN and (said := provenance(limit)):
        return replace(fact, about=f"{fact.about}\n{tr('Limit unknown: {0}').format(said)}".strip())
    return fact


def channel_words(channel: str) -> str:
    """What an energy counter covers: 'energy1/card' is the whole board."""
    label = channel.rpartition("/")[2]
    words = {"card": tr("whole board"), "pkg": tr("GPU only, not the board"), "package": tr("GPU only")}
    return words.get(label, plain(label, 16))


def _temperatures(card: GpuReading) -> Fact:
    return _fact("temperature", tr("Temperature"), card.temps_c, temperature_words)


def temperature_words(temps: dict[str, float]) -> str:
    """'core 78 °C   memory 82 °C'; of many memory channels the hottest."""
    channels = [value for label, value in temps.items() if _MEMORY_CHANNEL.fullmatch(label)]
    shown = {label: value for label, value in temps.items() if not _MEMORY_CHANNEL.fullmatch(label)}
    order = {label: index for index, label in enumerate(SENSORS)}
    labels = sorted(shown, key=lambda label: (order.get(label, len(order)), label))
    parts = [f"{tr(SENSORS.get(label, plain(label, 16)))} {celsius(shown[label])}" for label in labels]
    if channels:
        parts.append(f"{tr('memory channels up to')} {celsius(max(channels))}")
    return GAP.join(parts)


def _fans(card: GpuReading) -> Fact:
    fact = _fact("fans", tr("Fans"), card.fans_rpm, fan_words)
    if 0 in (card.fans_rpm.value or ()):
        said = tr("0: the fan stands still, or the card has none there.")
        return replace(fact, about=f"{fact.about}\n{said}".strip())
    return fact


def fan_words(fans: tuple[int, ...]) -> str:
    """'2010 · 2050 · 0 rpm'."""
    return f"{' · '.join(str(rpm) for rpm in fans)}{THIN}rpm" if fans else ""


# the slot


def _link(card: GpuReading) -> Fact:
    fact = _fact("link", tr("PCIe"), card.link, link_words)
    link = card.link.value
    if link is None:
        return fact
    fact = replace(fact, about=f"{fact.about}\n{tr('Read at {0}').format(link.device)}".strip())
    if 0 < link.width < link.max_width:
        note = tr("only {0} of {1} lanes: try another slot")
        return replace(fact, note=note.format(link.width, link.max_width), is_warning=True)
    now, top = gt_per_s(link.speed), gt_per_s(link.max_speed)
    if now and top and now < top:
        return replace(fact, note=tr("below its {0} GT/s, maybe to save power").format(f"{top:g}"))
    return fact


def gt_per_s(speed: str) -> float | None:
    """16.0 of '16.0 GT/s PCIe'; None of 'Unknown'."""
    found = _SPEED.search(speed)
    return float(found.group(1)) if found else None


def link_words(link: Link) -> str:
    """'4.0 ×8 (16 GT/s)', '' where the kernel does not know."""
    speed = gt_per_s(link.speed)
    if link.width <= 0 or speed is None:
        return ""
    width = f"×{link.width}" if link.width >= link.max_width else f"×{link.width} of ×{link.max_width}"
    generation = _GENERATIONS.get(speed)
    rate = f"{speed:g}{THIN}GT/s"
    return f"{generation}.0 {width} ({rate})" if generation else f"{width} ({rate})"


def _rebar(card: GpuReading) -> Fact:
    figure = card.is_rebar_on
    fact = _fact("rebar", tr("Resizable BAR"), figure, lambda is_on: tr("on") if is_on else tr("off"))
    if figure.value is False:
        note = tr("turn it on in the firmware setup (BIOS)")
        about = tr("Without it the processor sees only 256 MiB of the card's memory at a time.")
        return replace(fact, note=note, is_warning=True, about=f"{about}\n{fact.about}".strip())
    return fact
