"""Reads a card's memory: how much it has, what is used, and whether the processor sees all of it."""

from __future__ import annotations

from dataclasses import dataclass

from arcdesk.core.gpu import Figure, Unknown, Why
from arcdesk.telemetry.drm_ioctl import MemoryRegion, parse_regions
from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_names import known_cards
from arcdesk.telemetry.gpu_pci import PciCard, bar_bytes
from arcdesk.telemetry.gpu_unknown import (
    I915_HIDDEN,
    INTEGRATED_VRAM,
    NO_RENDER_GROUP,
    XE_HIDDEN,
    absurd,
    not_provided,
    of_error,
    unknown,
)
from arcdesk.telemetry.gpu_values import read_text

CGROUP = "sys/fs/cgroup/dmem.current"
SOURCE = "ioctl"
# Totals never change and a hidden figure stays hidden: no need to open the node each second.
ASK_AGAIN_S = 30.0
SMALL_BAR_BYTES = 256 << 20
GIB = 1 << 30
NO_NODE = not_provided("The card has no render node.")
NO_REGIONS = not_provided("The driver tells no memory of this card.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A card's memory at one moment."""

    total: Figure[int]
    used: Figure[int]
    used_perfmon: Figure[int]
    is_rebar_on: Figure[bool]


@dataclass(slots=True)
class MemoryReader:
    """One card's memory; remembers what can't change."""

    host: GpuHost
    card: PciCard
    _last: Memory | None = None
    _asked_at: float = 0.0

    def sample(self) -> Memory:
        """The memory now. The card must be awake."""
        now = self.host.clock()
        last = self._last
        if last is not None and not last.used.is_known and now - self._asked_at < ASK_AGAIN_S:
            return self._with_cgroup(last)
        self._asked_at = now
        self._last = self._ask()
        return self._with_cgroup(self._last)

    def _ask(self) -> Memory:
        regions, problem = self._regions()
        vram = [region for region in regions if region.is_vram]
        if self.card.is_integrated:
            problem = INTEGRATED_VRAM
        elif problem is None and not vram:
            problem = NO_REGIONS
        if problem is not None:
            return Memory(
                total=unknown(problem),
                used=unknown(problem),
                used_perfmon=unknown(problem),
                is_rebar_on=self._rebar_by_bar(problem),
            )
        return Memory(
            total=Figure(sum(region.total_bytes for region in vram), SOURCE),
            used=self._used(vram),
            used_perfmon=self._perfmon(),
            is_rebar_on=_rebar(vram, bar_bytes(self.host, self.card)),
        )

    def _regions(self) -> tuple[list[MemoryRegion], Unknown | None]:
        if not self.card.render:
            return [], NO_NODE
        try:
            raw = self.host.regions(self.card.render, self.card.driver)
            return parse_regions(self.card.driver, raw), None
        except PermissionError:
            return [], NO_RENDER_GROUP
        except OSError as error:
            return [], of_error(error, NO_NODE)
        except ValueError as error:
            return [], absurd(str(error))

    def _used(self, vram: list[MemoryRegion]) -> Figure[int]:
        used = [region.used_bytes for region in vram]
        shown = [number for number in used if number is not None]
        if len(shown) < len(used):
            return unknown(XE_HIDDEN if self.card.driver == "xe" else I915_HIDDEN)
        return Figure(sum(shown), SOURCE)

    def _perfmon(self) -> Figure[int]:
        missing: Figure[int] = unknown(Unknown(Why.HIDDEN, "Told in recordings only.", ""))
        try:
            raw = self.host.perfmon_regions(self.card.render, self.card.driver)
            regions = [] if raw is None else parse_regions(self.card.driver, raw)
        except (OSError, ValueError):
            return missing
        used = [region.used_bytes for region in regions if region.is_vram]
        known = [number for number in used if number is not None]
        return Figure(sum(known), "recorded") if known and len(known) == len(used) else missing

    def _rebar_by_bar(self, problem: Unknown) -> Figure[bool]:
        """By the card's nominal memory, where the driver does not tell the true one."""
        known = known_cards().get(self.card.pci_id)
        window = None if self.card.is_integrated else bar_bytes(self.host, self.card)
        if window is None:
            return unknown(problem)
        if window <= SMALL_BAR_BYTES:
            return Figure(False, "BAR size")
        if known is None or known.vram_gib is None:
            return unknown(problem)
        return Figure(True, "BAR size") if window >= known.vram_gib * GIB else unknown(problem)

    def _with_cgroup(self, memory: Memory) -> Memory:
        """The kernel's account by control group, where the driver hides the sum."""
        if memory.used.is_known or not memory.total.is_known:
            return memory
        used = _cgroup_bytes(self.host, self.card.address)
        if used is None or not 0 < used <= (memory.total.value or 0):
            return memory
        return Memory(
            total=memory.total,
            used=Figure(used, "cgroup dmem"),
            used_perfmon=memory.used_perfmon,
            is_rebar_on=memory.is_rebar_on,
        )


def _rebar(vram: list[MemoryRegion], window_bytes: int | None) -> Figure[bool]:
    if all(region.cpu_visible_bytes >= region.total_bytes for region in vram):
        return Figure(True, SOURCE)
    if any(region.cpu_visible_bytes > 0 for region in vram):
        return Figure(False, SOURCE)
    if window_bytes is not None:
        return Figure(window_bytes >= sum(region.total_bytes for region in vram), "BAR size")
    return unknown(not_provided("Neither the driver nor the PCI bus tells it."))


def _cgroup_bytes(host: GpuHost, address: str) -> int | None:
    """'drm/0000:03:00.0/vram0 BYTES' per line; the sum of the card's."""
    try:
        lines = read_text(host, CGROUP).splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith(f"drm/{address}/vram")]
    sizes = [int(words[1]) for words in found if len(words) == 2 and words[1].isdecimal()]
    return sum(sizes) if sizes else None
