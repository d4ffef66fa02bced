"""Reads a card's sensors: energy, power limits, temperatures, fans."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from arcdesk.core.gpu import Figure, Unknown, Why
from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_hwmon_names import DEFAULT_LABELS, hwmon_names
from arcdesk.telemetry.gpu_pci import PciCard
from arcdesk.telemetry.gpu_sensors import Sensors, without_sensors
from arcdesk.telemetry.gpu_unknown import (
    INTEGRATED_POWER,
    INTEGRATED_SENSORS,
    SECOND_LOOK,
    SET_BACK,
    absurd,
    not_provided,
    of_error,
    too_old,
    unknown,
)
from arcdesk.telemetry.gpu_values import Counter, read_int, read_text

INPUT = re.compile(r"(energy|temp|fan)(\d+)_input")
CHANNEL_ORDER = {"card": 0, "pkg": 1}
LIMITS = ("cap", "max", "rated_max")
COLDEST_C, HOTTEST_C = -50.0, 150.0
MOST_RPM, MOST_W = 30_000, 1_000.0
MOST_UJ = 1 << 64
# The driver folds a 32-bit counter when it is read; after so long a pause a turn may have been lost.
LONGEST_PAUSE_S = 600.0  # 32 bits last 690 s at 380 W


@dataclass(slots=True)
class Hwmon:
    """One card's sensors; keeps the counters between samples."""

    host: GpuHost
    card: PciCard
    kernel: str
    _folder: str = ""
    _refused: Unknown | None = None  # why the folder can't be looked into
    _labels: dict[str, str] = field(default_factory=dict)
    _energy: dict[str, Counter] = field(default_factory=dict)
    _fans: dict[str, int] = field(default_factory=dict)
    _sum_j: float = 0.0
    _has_moved: bool = False

    def sample(self) -> Sensors:
        """All sensors now. The card must be awake."""
        names = self._names()
        if names is None:
            if self.card.is_integrated:
                return without_sensors(INTEGRATED_POWER, INTEGRATED_SENSORS, INTEGRATED_SENSORS)
            power, temps, fans = (
                self._refused or too_old(what, self.card.driver, self.kernel)
                for what in ("sensors", "temperatures", "fans")
            )
            return without_sensors(power, temps, fans)
        channels = sorted(
            (int(found[2]), found[1], name) for name in names if (found := INPUT.fullmatch(name))
        )
        power_w, channel, energy_j = self._power([number for number, kind, _ in channels if kind == "energy"])
        return Sensors(
            hwmon=self._folder.rpartition("/")[2],
            power_w=power_w,
            power_channel=channel,
            energy_j=energy_j,
            power_limit_w=self._limit(names),
            power_crit_w=self._first_watts(names, ("crit",), "This card tells no critical limit."),
            temps_c=self._temps([number for number, kind, _ in channels if kind == "temp"]),
            fans_rpm=self._fan_speeds([number for number, kind, _ in channels if kind == "fan"]),
        )

    def forget(self) -> None:
        """The card slept: its counters may begin anew."""
        for counter in self._energy.values():
            counter.forget()
        self._fans.clear()

    def _names(self) -> set[str] | None:
        for _ in range(2):  # the folder may have got another number
            if not self._folder:
                self._folder = self._find()
            if not self._folder:
                return None
            try:
                return set(self.host.names(self._folder))
            except OSError:
                self._folder = ""
                self._labels.clear()
        return None

    def _find(self) -> str:
        self._refused = None
        for name in hwmon_names(self.host, self.card):
            folder = f"{self.card.path}/hwmon/{name}"
            try:
                owner = read_text(self.host, f"{folder}/name").strip()
            except PermissionError as error:
                self._refused = of_error(error, SECOND_LOOK)
                continue
            except OSError:
                continue
            if owner == self.card.driver:
                return folder
        return ""

    def _label(self, channel: str) -> str:
        if channel not in self._labels:
            try:
                text = read_text(self.host, f"{self._folder}/{channel}_label").strip()
            except OSError:
                text = ""
            default = DEFAULT_LABELS.get(self.card.driver, {}).get(channel, channel)
            self._labels[channel] = text or default
        return self._labels[channel]

    def _power(self, numbers: list[int]) -> tuple[Figure[float], Figure[str], Figure[float]]:
        """Of the whole board if its counter moves, else of the package."""
        problem: Unknown | None = None
        moved: list[tuple[int, int, float, str]] = []
        for number in numbers:
            channel = f"energy{number}"
            step = self._energy_step(channel)
            if isinstance(step, Unknown):
                problem = problem or step
            elif step[0] > 0:
                order = CHANNEL_ORDER.get(self._label(channel), 2)
                moved.append((order, step[0], step[1], f"{channel}/{self._label(channel)}"))
        if moved:
            _, used_uj, seconds, name = min(moved)
            return self._watts(used_uj, seconds, name)
        if not numbers:
            problem = too_old("sensors", self.card.driver, self.kernel)
        reason = problem or not_provided("The card's energy counters stand still.")
        is_counting = self._has_moved or reason is SECOND_LOOK
        energy: Figure[float] = Figure(self._sum_j, "hwmon") if is_counting else unknown(reason)
        return unknown(reason), unknown(reason), energy

    def _energy_step(self, channel: str) -> tuple[int, float] | Unknown:
        """µJ and seconds since the look before, or why they can't be told."""
        try:
            value = read_int(self.host, f"{self._folder}/{channel}_input")
        except OSError as error:
            return of_error(error, not_provided("The card tells no energy."))
        except ValueError:
            return absurd("an energy that is no number")
        if not 0 <= value < MOST_UJ:
            return absurd(f"an energy of {value} µJ")
        counter = self._energy.setdefault(channel, Counter())
        was_set_back = counter.value is not None and value < counter.value
        step = counter.step(value, self.host.clock())
        return step or (SET_BACK if was_set_back else SECOND_LOOK)

    def _watts(
        self, used_uj: int, seconds: float, channel: str
    ) -> tuple[Figure[float], Figure[str], Figure[float]]:
        source = f"hwmon {channel}"
        watts = used_uj / 1e6 / seconds
        if watts > MOST_W:
            wrong = absurd(f"{watts:.0f} W")
            return unknown(wrong), unknown(wrong), Figure(self._sum_j, source)
        self._sum_j += used_uj / 1e6
        self._has_moved = True
        energy = Figure(self._sum_j, source)
        if seconds > LONGEST_PAUSE_S:
            return unknown(SECOND_LOOK), unknown(SECOND_LOOK), energy
        return Figure(watts, source), Figure(channel, source), energy

    def _limit(self, names: set[str]) -> Figure[float]:
        return self._first_watts(names, LIMITS, "The card tells no power limit, or has none set.")

    def _first_watts(self, names: set[str], kinds: tuple[str, ...], missing: str) -> Figure[float]:
        problem = not_provided(missing)
        for kind in kinds:
            for name in sorted(name for name in names if re.fullmatch(rf"power\d+_{kind}", name)):
                try:
                    watts = read_int(self.host, f"{self._folder}/{name}") / 1e6
                except OSError as error:
                    problem = of_error(error, problem)
                    continue
                except ValueError:
                    problem = absurd(f"{name} is no number")
                    continue
                if 0 < watts <= MOST_W:  # 0: no limit is set
                    return Figure(watts, f"hwmon {name}")
                if watts:
                    problem = absurd(f"{name} of {watts:.0f} W")
        return unknown(problem)

    def _temps(self, numbers: list[int]) -> Figure[dict[str, float]]:
        problem = too_old("temperatures", self.card.driver, self.kernel)
        temps: dict[str, float] = {}
        for number in numbers:
            channel = f"temp{number}"
            try:
                celsius = read_int(self.host, f"{self._folder}/{channel}_input") / 1000
            except OSError as error:
                problem = of_error(error, problem)
                continue
            except ValueError:
                problem = absurd("a temperature that is no number")
                continue
            if not COLDEST_C <= celsius <= HOTTEST_C:
                problem = absurd(f"{celsius:g} °C")
                continue
            label = self._label(channel)
            temps[label if label not in temps else f"{label} {number}"] = celsius
        return Figure(temps, "hwmon") if temps else unknown(problem)

    def _fan_speeds(self, numbers: list[int]) -> Figure[tuple[int, ...]]:
        problem = too_old("fans", self.card.driver, self.kernel)
        speeds = []
        for number in numbers:
            name = f"fan{number}_input"
            try:
                rpm: int | None = read_int(self.host, f"{self._folder}/{name}")
            except BlockingIOError:  # busy twice: the speed of the look before
                rpm = self._fans.get(name)
                problem = Unknown(Why.ERROR, "The fan's sensor was busy.", "Look again in a second.")
            except OSError as error:
                rpm, problem = None, of_error(error, problem)
            except ValueError:
                rpm, problem = None, absurd("a fan speed that is no number")
            if rpm is not None and not 0 <= rpm <= MOST_RPM:
                rpm, problem = None, absurd(f"{rpm} RPM")
            if rpm is not None:
                self._fans[name] = rpm
                speeds.append(rpm)
        return Figure(tuple(speeds), "hwmon") if speeds else unknown(problem)
