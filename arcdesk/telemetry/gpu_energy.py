"""Reads nothing of the cards but their energy counters, for the two ends of an answer."""

from __future__ import annotations

import re

from arcdesk.core.energy import NO_COUNTER, EnergyCounter
from arcdesk.core.gpu import Unknown, Why
from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_hwmon_names import DEFAULT_LABELS, hwmon_names
from arcdesk.telemetry.gpu_pci import PciCard, is_asleep, list_cards, read

ENERGY = re.compile(r"(energy\d+)_input")
RETRY_S = 0.02  # two reads in one tick of the kernel's clock: the second one is refused

_ASLEEP = Unknown(Why.ASLEEP, "The card sleeps; reading its counter would wake it.")
_REFUSED = Unknown(Why.ERROR, "The card's energy counter could not be read.")


class HwmonEnergy:
    """Fills the port `EnergyCounters`. Blocking; each call in one thread at a time."""

    def __init__(self, host: GpuHost) -> None:
        self._host = host
        self._cards: list[PciCard] = []

    def read(self) -> tuple[EnergyCounter, ...]:
        """One per card with a driver. Never raises, never wakes a card."""
        if not self._cards or not all(self._host.exists(card.path) for card in self._cards):
            self._cards = [card for card in list_cards(self._host) if card.is_driven]
        return tuple(self._of(card) for card in self._cards)

    def _of(self, card: PciCard) -> EnergyCounter:
        at = self._host.clock()
        if is_asleep(self._host, card):
            return EnergyCounter(address=card.address, at=at, unknown=_ASLEEP)
        for name in hwmon_names(self._host, card):
            folder = f"{card.path}/hwmon/{name}"
            if read(self._host, f"{folder}/name") == card.driver:
                return self._of_folder(card, folder, at)
        return EnergyCounter(address=card.address, at=at, unknown=NO_COUNTER)

    def _of_folder(self, card: PciCard, folder: str, at: float) -> EnergyCounter:
        try:
            names = self._host.names(folder)
        except OSError:
            return EnergyCounter(address=card.address, at=at, unknown=_REFUSED)
        found = sorted(match[1] for name in names if (match := ENERGY.fullmatch(name)))
        channels = {channel: self._counter(f"{folder}/{channel}_input") for channel in found}
        known = {
            f"{channel}/{self._label(card, folder, channel)}": value
            for channel, value in channels.items()
            if value is not None
        }
        unknown = None if known else _REFUSED if found else NO_COUNTER
        return EnergyCounter(address=card.address, at=at, channels_uj=known, unknown=unknown)

    def _counter(self, path: str) -> int | None:
        for is_second in (False, True):
            try:
                value = int(self._host.text(path))
            except BlockingIOError:
                if not is_second:
                    self._host.pause(RETRY_S)
            except (OSError, ValueError):
                return None
            else:
                return value if value >= 0 else None
        return None

    def _label(self, card: PciCard, folder: str, channel: str) -> str:
        default = DEFAULT_LABELS.get(card.driver, {}).get(channel, channel)
        return read(self._host, f"{folder}/{channel}_label") or default
