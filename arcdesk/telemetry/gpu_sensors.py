"""What a card's sensors tell at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from arcdesk.core.gpu import Figure, Unknown
from arcdesk.telemetry.gpu_unknown import unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors:
    """What hwmon tells; each figure with its reason where it is unknown."""

    hwmon: str
    power_w: Figure[float]
    power_channel: Figure[str]
    energy_j: Figure[float]
    power_limit_w: Figure[float]
    power_crit_w: Figure[float]
    temps_c: Figure[dict[str, float]]
    fans_rpm: Figure[tuple[int, ...]]


def without_sensors(power: Unknown, temps: Unknown, fans: Unknown) -> Sensors:
    """Nothing is told."""
    return Sensors(
        hwmon="",
        power_w=unknown(power),
        power_channel=unknown(power),
        energy_j=unknown(power),
        power_limit_w=unknown(power),
        power_crit_w=unknown(power),
        temps_c=unknown(temps),
        fans_rpm=unknown(fans),
    )
