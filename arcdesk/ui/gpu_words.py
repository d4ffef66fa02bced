"""Cards in words: numbers with their units, reasons, and the one line that fits a menu."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication

from arcdesk.core.gpu import Figure, GpuReading, GpuSnapshot, Why

if TYPE_CHECKING:
    from arcdesk.core.gpu_view import GpuView

UNKNOWN = "–"
THIN = "\u202f"  # between a number and its unit: narrow, and no line breaks there
GIB = 1024**3
NAME_LENGTH = 40
_FAMILY = re.compile(r"\b(?:Arc|Iris|UHD|HD)\b.*")


def tr(text: str) -> str:
    """The text in the person's language."""
    return QCoreApplication.translate("Gpu", text)


# numbers


def gib(size_bytes: int) -> str:
    """'9.6 GiB'."""
    return f"{size_bytes / GIB:.1f}{THIN}GiB"


def at_least_gib(size_bytes: int) -> str:
    """'≥ 9.5 GiB'; rounded down, for it is a promise."""
    return f"≥{THIN}{math.floor(size_bytes / GIB * 10) / 10:.1f}{THIN}GiB"


def percent(value: float) -> str:
    """'95 %'."""
    return f"{value:.0f}{THIN}%"


def watts(value: float) -> str:
    """'188 W'; below ten with one decimal."""
    return f"{value:.1f}{THIN}W" if value < 9.95 else f"{value:.0f}{THIN}W"


def celsius(value: float) -> str:
    """'78 °C'."""
    return f"{value:.0f}{THIN}°C"


# one value of each kind, from a card


def busy_pct(card: GpuReading) -> float | None:
    """How busy its busiest part is; None is unknown."""
    parts = card.busy_pct.value
    return max(parts.values()) if parts else None


def core_c(card: GpuReading) -> float | None:
    """The temperature of the chip; where no sensor is called so, the highest. None is unknown."""
    temps = card.temps_c.value
    if not temps:
        return None
    return temps["pkg"] if "pkg" in temps else max(temps.values())


def memory_text(card: GpuReading) -> str:
    """'9.6 of 11.9 GiB', '≥ 11.0 of 11.9 GiB', '– of 11.9 GiB', '5.3 GiB shared', or '–'."""
    if card.is_integrated:
        shared = card.shared_used_bytes.value
        return UNKNOWN if shared is None else tr("{0} shared").format(gib(shared))
    used, least, total = (
        card.vram_used_bytes.value,
        card.vram_used_at_least_bytes.value,
        card.vram_total_bytes.value,
    )
    said = gib(used) if used is not None else at_least_gib(least) if least else UNKNOWN
    if total is None:
        return said
    return tr("{0} of {1}").format(said.removesuffix(f"{THIN}GiB"), gib(total))


# names


@lru_cache(maxsize=512)
def plain(name: str, length: int = NAME_LENGTH) -> str:
    """A name of another program as one line of visible characters; what is too long is cut."""
    shown = "".join(_visible(char) for char in name).strip()
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Zl", "Zp", "Zs"):
        return " "
    # controls, marks that turn the direction of writing, halves of surrogates, unassigned
    return "\ufffd" if category.startswith("C") else char


def short_name(card: GpuReading) -> str:
    """'B580' for 'Intel Arc B580', 'Arc Graphics 140V' for the part of a processor that is called so."""
    name = plain(card.name, 80)
    found = _FAMILY.search(name)
    if found is not None:
        name = found.group()
    arc = re.fullmatch(r"Arc ((?:Pro )?[AB]\d+\w*(?: .*)?)", name)
    if arc is not None:
        return arc.group(1)
    return name.removeprefix("Intel ").removesuffix(" GPU") or card.address


def short_names(cards: Sequence[GpuReading]) -> list[str]:
    """As `short_name`; cards of one name are told apart by their address."""
    names = [short_name(card) for card in cards]
    return [
        name if names.count(name) == 1 else f"{name} {card.address.removeprefix('0000:')}"
        for name, card in zip(names, cards, strict=True)
    ]


# reasons

_REASONS = {
    Why.ASLEEP: "asleep",
    Why.HIDDEN: "hidden by the kernel",
    Why.NO_PERMISSION: "no permission",
    Why.NOT_PROVIDED: "not provided",
    Why.NO_DRIVER: "no driver",
    Why.ERROR: "not readable",
    Why.SECOND_LOOK: "in a moment",
}


def reason(figure: Figure[Any]) -> str:
    """Why it is unknown, in a word or two; '' for a known value."""
    if figure.is_known:
        return ""
    return tr(_REASONS[figure.unknown.why]) if figure.unknown else tr("not read")


def provenance(figure: Figure[Any]) -> str:
    """For the tooltip: where a value is from; or why it is unknown, and what would make it known."""
    if figure.is_known:
        return tr("Source: {0}").format(plain(figure.source, 120)) if figure.source else ""
    if figure.unknown is None:
        return tr("It was not read.")
    said = figure.unknown.detail or tr(_REASONS[figure.unknown.why]).capitalize()
    sentences = (_sentence(said), _sentence(figure.unknown.remedy))
    return "\n".join(one for one in sentences if one)


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def tip(text: str) -> str:
    """A tooltip that shows `text` as it is: Qt would take what looks like tags for tags."""
    return f"<qt>{escape(text).replace(chr(10), '<br>')}</qt>" if text else ""


def state_words(card: GpuReading) -> str:
    """'asleep' or 'no driver'; '' for a card with figures."""
    if card.is_asleep:
        return tr("asleep")
    return "" if card.driver and not card.problem else tr("no driver")


# lines


def summary_line(card: GpuReading, name: str = "") -> str:
    """'B580 · 9.6 of 11.9 GiB · 95 % · 188 W · 78 °C'; what is unknown is left out, the memory never."""
    parts = [name or short_name(card)]
    if state := state_words(card):
        return " · ".join([*parts, state])
    busy, power, core = busy_pct(card), card.power_w.value, core_c(card)
    parts.append(memory_text(card))
    parts += [percent(busy)] if busy is not None else []
    parts += [watts(power)] if power is not None else []
    parts += [celsius(core)] if core is not None else []
    return " · ".join(parts)


def snapshot_lines(snapshot: GpuSnapshot) -> list[str]:
    """One line per card; where there is none, why."""
    cards = snapshot.cards
    if not cards:
        return [none_title(snapshot)]
    return [summary_line(card, name) for card, name in zip(cards, short_names(cards), strict=True)]


def none_title(snapshot: GpuSnapshot) -> str:
    """That there is no card, in one line."""
    if snapshot.environment == "wsl2":
        return tr("Graphics cards can't be read inside WSL")
    return tr("No Intel graphics card found")


def tray_lines(view: GpuView) -> list[str]:
    """The entries of the tray's menu, one per card. Plain text: '&' is not yet doubled."""
    return snapshot_lines(view.snapshot)
