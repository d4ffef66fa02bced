"""Writes what was read of the cards for people: aligned lines, unknown with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from arcdesk.core.gpu import Figure, GpuReading, GpuSnapshot, Unknown

GIB, MIB = 1 << 30, 1 << 20
LABEL_WIDTH = 15
MOST_CLIENTS = 8
BOLD, DIM, YELLOW, END = "\033[1m", "\033[2m", "\033[33m", "\033[0m"
CHANNELS = {"card": "whole board", "pkg": "GPU only"}
ENGINES = {
    "ccs": "compute",
    "rcs": "render",
    "bcs": "copy",
    "vcs": "video",
    "vecs": "video enhance",
    "video-enhance": "video enhance",
}
REASONS = {
    "pl1": "sustained power limit",
    "pl2": "burst power limit",
    "pl4": "peak power limit",
    "thermal": "temperature",
    "prochot": "hot processor signal",
    "ratl": "temperature limit",
    "vr_thermalert": "hot voltage regulator",
    "vr_tdc": "current limit of the voltage regulator",
}
T = TypeVar("T")
Line = tuple[str, str, str]  # label ('!' before it: a warning), value, reason and remedy
REMEDY = "\n"


def snapshot_text(snapshot: GpuSnapshot, *, colour: bool = False) -> str:
    """All cards, a block each; ends with a newline."""
    if not snapshot.cards:
        return f"{snapshot.why_none}\n"
    return "\n".join(card_text(card, colour=colour) for card in snapshot.cards)


def card_text(card: GpuReading, *, colour: bool = False) -> str:
    """One card's block."""
    about = [card.address, card.driver or "no driver", f"kernel {card.kernel}" if card.kernel else ""]
    about += [card.card, card.render, card.hwmon]
    head = _styled(printable(card.name), BOLD, colour)
    lines = [f"{head}  {' · '.join(part for part in about if part)}"]
    for label, value, reason in _lines(card):
        detail, _, remedy = reason.partition(REMEDY)
        shown = value if value or not detail else "–"
        if detail:
            shown = f"{shown}  {_styled(f'({detail})', DIM, colour)}"
        if label.startswith("!"):
            label, shown = label[1:], _styled(shown, YELLOW, colour)
        lines.append(f"  {label:{LABEL_WIDTH}}{shown}".rstrip())
        if remedy:
            lines.append(f"  {'':{LABEL_WIDTH}}{_styled(f'→ {remedy}', DIM, colour)}")
    return "\n".join(lines) + "\n"


def _lines(card: GpuReading) -> Iterator[Line]:
    if card.is_asleep:
        yield "State", "asleep; nothing is read, so that it can sleep on", ""
        if card.vram_total_bytes.value is not None:
            yield "Memory", size(card.vram_total_bytes.value), ""
        return
    if card.problem:
        yield "!State", _words(card.vram_total_bytes.unknown).replace(REMEDY, " "), ""
        return
    yield from _memory(card)
    yield _line(
        "Busy", card.busy_pct, lambda busy: _percents({_part(name): pct for name, pct in busy.items()})
    )
    engines = {ENGINES.get(name, name): value for name, value in (card.engines_pct.value or {}).items()}
    partly = "of the programs that you may read" if engines and card.unreadable_pids else ""
    yield "Engines", _percents(engines), partly or _reason(card.engines_pct)
    yield "Frequency", _frequencies(card), _reason(card.act_mhz)
    yield _throttle(card)
    yield _power(card)
    yield _line("Temperature", card.temps_c, lambda temps: _listed(temps, "{:.0f} °C"))
    yield _line("Fans", card.fans_rpm, lambda fans: f"{', '.join(map(str, fans))} RPM")
    yield from _bus(card)


def _memory(card: GpuReading) -> Iterator[Line]:
    if card.is_integrated:
        yield _line("Shared memory", card.shared_used_bytes, lambda held: f"{size(held)} of main memory")
    else:
        yield "Memory", _vram(card), _reason(card.vram_used_bytes) or _reason(card.vram_total_bytes)
    held = _held(card)
    for who, number in held[:MOST_CLIENTS]:
        yield "", f"{size(number):>10}  {who}", ""
    if len(held) > MOST_CLIENTS:
        rest = held[MOST_CLIENTS:]
        yield "", f"{size(sum(number for _, number in rest)):>10}  {len(rest)} more programs", ""


def _held(card: GpuReading) -> list[tuple[str, int]]:
    """Who holds how much, the most first; a container's programs together."""
    held: dict[str, int] = {}
    for one in card.clients:
        who = f"container {one.container}" if one.container else f"{one.name or '?'} [{one.pid}]"
        number = one.shared_bytes if card.is_integrated else one.vram_bytes
        held[printable(who)] = held.get(printable(who), 0) + number
    return sorted(((who, number) for who, number in held.items() if number), key=lambda pair: -pair[1])


def _vram(card: GpuReading) -> str:
    total = card.vram_total_bytes.value
    of_total = f" of {size(total)}" if total is not None else ""
    if card.vram_used_bytes.value is not None:
        return f"{size(card.vram_used_bytes.value)}{of_total}"
    if card.vram_used_at_least_bytes.value:
        return f"at least {size(card.vram_used_at_least_bytes.value)}{of_total}"
    return f"?{of_total}" if of_total else ""


def _frequencies(card: GpuReading) -> str:
    most = card.max_mhz.value or {}
    return ", ".join(
        f"{_part(name)} {mhz}{f' of {most[name]}' if name in most else ''} MHz".strip()
        for name, mhz in (card.act_mhz.value or {}).items()
    )


def _part(name: str) -> str:
    """What a part (GT) of the card does; '' for the main one."""
    return {"gt0": "", "gt1": "media"}.get(name, printable(name))


def _throttle(card: GpuReading) -> Line:
    reasons = card.throttle.value
    if reasons is None:
        return "Slowed by", "", _reason(card.throttle)
    if not reasons:
        return "Slowed by", "nothing", ""
    return "!Slowed by", ", ".join(REASONS.get(reason, printable(reason)) for reason in reasons), ""


def _power(card: GpuReading) -> Line:
    limit = card.power_limit_w.value
    of_limit = f", limit {limit:g} W" if limit is not None else ""
    if card.power_w.value is None:
        return "Power", of_limit.removeprefix(", "), _reason(card.power_w)
    label = (card.power_channel.value or "").partition("/")[2]
    return "Power", f"{card.power_w.value:.0f} W, {CHANNELS.get(label, printable(label))}{of_limit}", ""


def _bus(card: GpuReading) -> Iterator[Line]:
    link = card.link.value
    if link is None:
        yield "PCIe link", "", _reason(card.link)
    else:
        best = f"{link.max_speed} x{link.max_width}" if link.max_width else ""
        now = f"{link.speed} x{link.width}"
        is_less = bool(best) and best != now
        yield "PCIe link", f"{now}{f', could be {best}' if is_less else ''}", ""
    if not card.is_integrated:
        yield _line("Resizable BAR", card.is_rebar_on, lambda on: "on" if on else "off")


def _line(label: str, figure: Figure[T], write: Callable[[T], str]) -> Line:
    return label, "" if figure.value is None else write(figure.value), _reason(figure)


def _percents(values: dict[str, float]) -> str:
    return _listed(values, "{:.0f} %")


def _listed(values: dict[str, float], pattern: str) -> str:
    return ", ".join(f"{printable(name)} {pattern.format(value)}".strip() for name, value in values.items())


def size(count: int) -> str:
    """Bytes for people: '10.7 GiB', '215 MiB'."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"


def printable(text: str) -> str:
    """Without anything a terminal would obey."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _reason(figure: Figure[T]) -> str:
    return "" if figure.is_known else _words(figure.unknown)


def _words(unknown: Unknown | None) -> str:
    if unknown is None:
        return "not provided"
    return REMEDY.join(part for part in (unknown.detail or unknown.why.value, unknown.remedy) if part)


def _styled(text: str, style: str, colour: bool) -> str:
    return f"{style}{text}{END}" if colour else text
