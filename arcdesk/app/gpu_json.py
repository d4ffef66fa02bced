"""Turns what was read of the cards into JSON: sizes in bytes, null for unknown, each with its reason."""

from __future__ import annotations

import re
from typing import Any

from arcdesk.core.gpu import ContainerFdinfo, Figure, GpuReading, GpuSnapshot, Unknown, Why

# Keys whose unknown is an empty collection, as their kind has no null.
EMPTY: dict[str, Any] = {
    "temp_c": {},
    "fans_rpm": [],
    "act_mhz": {},
    "max_mhz": {},
    "busy_pct": {},
    "engines_visible_pct": {},
}
FIGURES = {
    "vram_total": "vram_total_bytes",
    "vram_used": "vram_used_bytes",
    "vram_used_lower_bound": "vram_used_at_least_bytes",
    "vram_used_perfmon": "vram_used_perfmon_bytes",
    "shared_used": "shared_used_bytes",
    "rebar": "is_rebar_on",
    "power_w": "power_w",
    "power_from": "power_channel",
    "power_limit_w": "power_limit_w",
    "power_crit_w": "power_crit_w",
    "energy_j": "energy_j",
    "temp_c": "temps_c",
    "fans_rpm": "fans_rpm",
    "act_mhz": "act_mhz",
    "max_mhz": "max_mhz",
    "busy_pct": "busy_pct",
    "throttle": "throttle",
    "engines_visible_pct": "engines_pct",
}
SURROGATES = re.compile("[\ud800-\udfff]")
DIGITS = {"power_w": 2, "energy_j": 3, "busy_pct": 1, "engines_visible_pct": 1}


def gpu_json(snapshot: GpuSnapshot, containers: tuple[ContainerFdinfo, ...] = ()) -> dict[str, Any]:
    """All cards by PCI address. `containers` are the answers used, for the reasons of missing ones."""
    failed = {one.name: one.error for one in containers if one.error}
    result: dict[str, Any] = {"gpus": {card.address: card_json(card, failed) for card in snapshot.cards}}
    if snapshot.environment:
        result["environment"] = snapshot.environment
    if snapshot.why_none:
        result["why_none"] = snapshot.why_none
    cleaned: dict[str, Any] = _cleaned(result)
    return cleaned


def card_json(card: GpuReading, failed: dict[str, str] | None = None) -> dict[str, Any]:
    """One card. `failed` are containers that could not tell, with the reason."""
    reasons: dict[str, str] = {}
    sources: dict[str, str] = {}
    data: dict[str, Any] = {
        "name": card.name,
        "pci_id": card.pci_id,
        "driver": _or_null(card.driver, "driver", reasons, "no driver has taken the card"),
        "kernel": card.kernel,
        "kind": "integrated" if card.is_integrated else "discrete",
        "card": _or_null(card.card, "card", reasons, "the driver made none"),
        "render": _or_null(card.render, "render", reasons, "the driver made none"),
        "hwmon": _or_null(card.hwmon, "hwmon", reasons, _why_no_hwmon(card)),
        "suspended": card.is_asleep,
    }
    if card.problem:
        data["problem"] = card.problem
    for key, field in FIGURES.items():
        data[key] = _value(key, getattr(card, field), reasons, sources)
    data |= _link(card, reasons, sources)
    data |= _programs(card, reasons)
    for name, why in (failed or {}).items():
        reasons[f"containers.{name}"] = why
    return data | {"sources": sources, "unknown": reasons}


def _value(key: str, figure: Figure[Any], reasons: dict[str, str], sources: dict[str, str]) -> Any:
    if figure.value is None:
        reasons[key] = reason_text(figure.unknown)
        return EMPTY[key].copy() if key in EMPTY else None
    if figure.source:
        sources[key] = figure.source
    digits = DIGITS.get(key)
    if isinstance(figure.value, dict):
        return {name: _rounded(value, digits) for name, value in figure.value.items()}
    return list(figure.value) if isinstance(figure.value, tuple) else _rounded(figure.value, digits)


def _rounded(value: Any, digits: int | None) -> Any:
    return value if digits is None else round(value, digits)


def _link(card: GpuReading, reasons: dict[str, str], sources: dict[str, str]) -> dict[str, Any]:
    link = card.link.value
    if link is None:
        reasons["link"] = reasons["link_device"] = reason_text(card.link.unknown)
        reasons["link_max"] = reasons["link"]
        return {"link": None, "link_max": None, "link_device": None}
    sources["link"] = card.link.source
    best = [link.max_speed, link.max_width] if link.max_speed and link.max_width else None
    if best is None:
        reasons["link_max"] = f"{Why.NOT_PROVIDED.value}: the PCI bus tells no best link"
    return {
        "link": [link.speed, link.width],
        "link_max": best,
        "link_device": link.device,
    }


def _programs(card: GpuReading, reasons: dict[str, str]) -> dict[str, Any]:
    total = card.shared_used_bytes if card.is_integrated else card.vram_used_at_least_bytes
    on_host: dict[str, int | None] = {}
    containers: dict[str, int | None] = {}
    for client in sorted(card.clients, key=lambda one: one.pid):
        held = client.shared_bytes if card.is_integrated else client.vram_bytes
        where, key = (containers, client.container) if client.container else (on_host, str(client.pid))
        where[key] = (where.get(key) or 0) + held if total.is_known else None  # some kernels tell work alone
    for kind, held_by in (("clients_host", on_host), ("containers", containers)):
        reasons |= {f"{kind}.{key}": reason_text(total.unknown) for key in held_by if held_by[key] is None}
    names = {str(one.pid): one.name for one in card.clients if not one.container and one.name}
    return {
        "clients_host": on_host,
        "client_names": names,
        "containers": containers,
        "unreadable_pids": list(card.unreadable_pids),
    }


def reason_text(unknown: Unknown | None) -> str:
    """'hidden: The kernel shows it only to …'."""
    if unknown is None:
        return Why.NOT_PROVIDED.value
    words = " ".join(part for part in (unknown.detail, unknown.remedy) if part)
    return f"{unknown.why.value}: {words}" if words else unknown.why.value


def _cleaned(value: Any) -> Any:
    """Names may have any byte; JSON may not."""
    if isinstance(value, str):
        return SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(one) for key, one in value.items()}
    return [_cleaned(one) for one in value] if isinstance(value, list) else value


def _or_null(value: str, key: str, reasons: dict[str, str], why: str) -> str | None:
    if value:
        return value
    reasons[key] = f"{Why.NO_DRIVER.value if key == 'driver' else Why.NOT_PROVIDED.value}: {why}"
    return None


def _why_no_hwmon(card: GpuReading) -> str:
    if card.is_integrated:
        return "an integrated GPU has no sensors of its own"
    return "the driver made none, or the card sleeps"
