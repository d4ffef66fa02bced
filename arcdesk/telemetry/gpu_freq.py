"""Reads a card's clocks: frequency, throttling, and how long each part was idle."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from arcdesk.core.gpu import Figure, Unknown
from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_pci import PciCard, read
from arcdesk.telemetry.gpu_unknown import SECOND_LOOK, absurd, not_provided, of_error, unknown
from arcdesk.telemetry.gpu_values import Counter, read_int, read_text

TILE = re.compile(r"tile(\d+)")
GT = re.compile(r"gt(\d+)")
MOST_MHZ = 10_000
# Idle time is counted a little before or after our clock is read.
SLACK_MS = 100.0
NO_CLOCKS = not_provided("The driver tells no clocks of this card.")
NO_IDLE = not_provided("The driver tells no idle time of this card.")
IDLE_OFF = not_provided("The card's idle state (RC6) is switched off, so its idle time is not counted.")
NO_THROTTLE = not_provided("This kernel does not tell why a card slows down.")
OTHER_REASON = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """What the parts (GTs) of a card do at one moment."""

    act_mhz: Figure[dict[str, int]]
    max_mhz: Figure[dict[str, int]]
    busy_pct: Figure[dict[str, float]]
    throttle: Figure[tuple[str, ...]]


@dataclass(slots=True)
class _Gt:
    """Where one part's files are. `max` has the files to try, in order."""

    name: str
    act: str
    max: tuple[str, ...]
    idle: str
    throttle: str  # a folder
    prefix: str  # of the reasons' files in it
    is_idle_counted: bool = True
    reasons: tuple[str, ...] | None = None  # those files, found once
    counter: Counter = field(default_factory=Counter)


@dataclass(slots=True)
class ClockReader:
    """One card's clocks; keeps the idle counters between samples."""

    host: GpuHost
    card: PciCard
    _parts: list[_Gt] = field(default_factory=list)

    def sample(self) -> Clocks:
        """All parts now. The card must be awake."""
        if not self._parts:
            self._parts = list(_xe_parts(self.host, self.card) or _i915_parts(self.host, self.card))
        clocks = Clocks(
            act_mhz=self._frequencies("act", lambda part: (part.act,)),
            max_mhz=self._frequencies("max", lambda part: part.max),
            busy_pct=self._busy(),
            throttle=self._throttle(),
        )
        if not clocks.act_mhz.is_known:
            self._parts = []  # they may have been taken away: find them again
        return clocks

    def forget(self) -> None:
        """The card slept: its counters may begin anew."""
        for part in self._parts:
            part.counter.forget()

    def _frequencies(self, what: str, paths_of: Callable[[_Gt], tuple[str, ...]]) -> Figure[dict[str, int]]:
        found: dict[str, int] = {}
        problem: Unknown = NO_CLOCKS
        for part in self._parts:
            for path in paths_of(part):
                try:
                    mhz = read_int(self.host, path)
                except OSError as error:
                    problem = of_error(error, problem)
                    continue
                except ValueError:
                    problem = absurd("a frequency that is no number")
                    continue
                if 0 <= mhz <= MOST_MHZ:
                    found[part.name] = mhz
                    break
                problem = absurd(f"{mhz} MHz")
        return Figure(found, f"sysfs {what}_freq") if found else unknown(problem)

    def _busy(self) -> Figure[dict[str, float]]:
        found: dict[str, float] = {}
        problem: Unknown = NO_IDLE
        for part in self._parts:
            if not part.is_idle_counted:
                problem = IDLE_OFF
                continue
            try:
                idle_ms = read_int(self.host, part.idle)
            except OSError as error:
                problem = of_error(error, problem)
                continue
            except ValueError:
                problem = absurd("an idle time that is no number")
                continue
            step = part.counter.step(idle_ms, self.host.clock())
            if step is None:
                problem = SECOND_LOOK
                continue
            idle_ms, span_ms = step[0], step[1] * 1000
            if idle_ms > span_ms * 1.1 + SLACK_MS:
                problem = absurd(f"{idle_ms} ms idle in {span_ms:.0f} ms")
                continue
            found[part.name] = 100.0 * max(0.0, 1.0 - idle_ms / span_ms)
        return Figure(found, "sysfs idle time") if found else unknown(problem)

    def _throttle(self) -> Figure[tuple[str, ...]]:
        reasons: set[str] = set()
        problem: Unknown | None = None
        is_told = False
        for part in self._parts:
            try:
                reasons |= _slowed_by(self.host, part)
                is_told = True
            except OSError as error:
                if not isinstance(error, FileNotFoundError):
                    problem = of_error(error, NO_THROTTLE)
            except ValueError:
                problem = absurd("a throttle reason that is no number")
        if not reasons and (problem is not None or not is_told):
            return unknown(problem or NO_THROTTLE)
        return Figure(tuple(sorted(reasons)), "sysfs throttle")


def _slowed_by(host: GpuHost, part: _Gt) -> set[str]:
    """Why this part is slow now. Raises OSError, ValueError."""
    if part.reasons is None:
        names = host.names(part.throttle)
        part.reasons = tuple(sorted(name for name in names if name.startswith(part.prefix)))
        if not part.reasons:
            raise FileNotFoundError(part.throttle)
    if "reasons" in part.reasons:  # newer kernels say all in one file
        try:
            words = re.split(r"[\s,]+", read_text(host, f"{part.throttle}/reasons").strip().lower())
            return {word.removeprefix("reason_") for word in words if word not in ("", "none")}
        except OSError:
            pass  # the older files may still be readable
    return _slowed_by_files(host, part)


def _slowed_by_files(host: GpuHost, part: _Gt) -> set[str]:
    status = "status" if part.prefix == "reason" else f"{part.prefix}status"
    found: set[str] = set()
    refused: OSError | None = None
    for name in part.reasons or ():
        if name in (status, "reasons"):
            continue
        try:
            if read_int(host, f"{part.throttle}/{name}"):
                found.add(name.removeprefix(part.prefix).lstrip("_"))
        except OSError as error:
            refused = error
    if found:
        return found
    try:
        return {OTHER_REASON} if read_int(host, f"{part.throttle}/{status}") else set()
    except OSError as error:
        if refused is None and isinstance(error, FileNotFoundError):
            return set()
        raise refused or error from None


def _xe_parts(host: GpuHost, card: PciCard) -> list[_Gt]:
    parts: dict[str, _Gt] = {}
    for tile in _numbered(host, card.path, TILE):
        for gt in _numbered(host, f"{card.path}/{tile}", GT):
            folder = f"{card.path}/{tile}/{gt}"
            name = gt if gt not in parts else f"{tile}/{gt}"
            parts[name] = _Gt(
                name=name,
                act=f"{folder}/freq0/act_freq",
                max=(f"{folder}/freq0/max_freq", f"{folder}/freq0/rp0_freq"),
                idle=f"{folder}/gtidle/idle_residency_ms",
                throttle=f"{folder}/freq0/throttle",
                prefix="reason",
            )
    return list(parts.values())


def _i915_parts(host: GpuHost, card: PciCard) -> Iterator[_Gt]:
    if not card.card:
        return
    base = f"{card.path}/drm/{card.card}"
    names = _numbered(host, f"{base}/gt", GT)
    for gt in names:
        folder = f"{base}/gt/{gt}"
        yield _Gt(
            name=gt,
            act=f"{folder}/rps_act_freq_mhz",
            max=(f"{folder}/rps_max_freq_mhz", f"{folder}/rps_RP0_freq_mhz"),
            idle=f"{folder}/rc6_residency_ms",
            throttle=folder,
            prefix="throttle_reason_",
            is_idle_counted=read(host, f"{folder}/rc6_enable") != "0",
        )
    if not names:  # before 5.18
        yield _Gt(
            name="gt0",
            act=f"{base}/gt_act_freq_mhz",
            max=(f"{base}/gt_max_freq_mhz", f"{base}/gt_RP0_freq_mhz"),
            idle=f"{base}/power/rc6_residency_ms",
            throttle=f"{base}/gt",
            prefix="throttle_reason_",
        )


def _numbered(host: GpuHost, folder: str, pattern: re.Pattern[str]) -> list[str]:
    try:
        names = host.names(folder)
    except OSError:
        return []
    found = [(int(match[1]), name) for name in names if (match := pattern.fullmatch(name))]
    return [name for _, name in sorted(found)]
