"""Makes readings of cards of which nothing, or nothing new, may be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arcdesk.core.gpu import Figure, GpuReading, Unknown
from arcdesk.telemetry.gpu_pci import DRIVERS, PciCard
from arcdesk.telemetry.gpu_unknown import ASLEEP

# What stays true of a card that has fallen asleep.
KEPT = ("vram_total_bytes", "is_rebar_on", "max_mhz", "power_limit_w", "power_crit_w")


def blank_reading(card: PciCard, at: float, kernel: str, reason: Unknown) -> GpuReading:
    """All figures unknown for the same reason."""
    figure: Figure[Any] = Figure(unknown=reason)
    problem = "no-driver" if not card.driver else "" if card.driver in DRIVERS else "other-driver"
    return GpuReading(
        address=card.address,
        at=at,
        name=card.name,
        pci_id=card.pci_id,
        driver=card.driver,
        kernel=kernel,
        is_integrated=card.is_integrated,
        card=card.card,
        render=card.render,
        problem=problem,
        vram_total_bytes=figure,
        vram_used_bytes=figure,
        vram_used_at_least_bytes=figure,
        vram_used_perfmon_bytes=figure,
        shared_used_bytes=figure,
        is_rebar_on=figure,
        power_w=figure,
        power_channel=figure,
        energy_j=figure,
        power_limit_w=figure,
        power_crit_w=figure,
        temps_c=figure,
        fans_rpm=figure,
        act_mhz=figure,
        max_mhz=figure,
        busy_pct=figure,
        throttle=figure,
        link=figure,
        engines_pct=figure,
    )


def sleeping_reading(
    card: PciCard, at: float, kernel: str, last: GpuReading | None, hwmon: str
) -> GpuReading:
    """Asleep; what never changes is told if it was read in `last`, when the card was awake."""
    blank = blank_reading(card, at, kernel, ASLEEP)
    kept = {name: getattr(last, name) for name in KEPT if last is not None and getattr(last, name).is_known}
    return replace(blank, is_asleep=True, hwmon=hwmon, **kept)
