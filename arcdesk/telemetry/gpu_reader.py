"""Reads all Intel cards of a machine, or of a recording, without ever waking one that sleeps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from arcdesk.core.gpu import ContainerFdinfo, Figure, GpuReading, GpuSnapshot, Link
from arcdesk.telemetry.gpu_blank import blank_reading, sleeping_reading
from arcdesk.telemetry.gpu_clients import Programs, ProgramScan
from arcdesk.telemetry.gpu_freq import ClockReader
from arcdesk.telemetry.gpu_host import GpuHost, LiveHost
from arcdesk.telemetry.gpu_hwmon import Hwmon
from arcdesk.telemetry.gpu_hwmon_names import only_hwmon
from arcdesk.telemetry.gpu_memory import MemoryReader
from arcdesk.telemetry.gpu_pci import (
    PciCard,
    device_names,
    environment,
    is_asleep,
    kernel_release,
    link_folder,
    list_cards,
    other_makers,
    read_link,
)
from arcdesk.telemetry.gpu_unknown import INTEGRATED_LINK, SECOND_LOOK, no_driver, not_provided, unknown
from arcdesk.telemetry.gpu_usage import Usage

LIST_AGAIN_S = 30.0  # a driver may have taken or left a card
NO_LINK = not_provided("The PCI bus tells no link of this card.")


@dataclass(slots=True)
class _CardState:
    """What is kept of a card between samples."""

    card: PciCard
    clocks: ClockReader
    memory: MemoryReader
    hwmon: Hwmon
    link_folder: str = ""
    last: GpuReading | None = None  # when it was awake

    def forget(self) -> None:
        self.clocks.forget()
        self.hwmon.forget()


@dataclass(slots=True)
class CardReader:
    """Fills the port GpuReader. Not for two threads at once."""

    host: GpuHost = field(default_factory=LiveHost)
    _scan: ProgramScan = field(init=False)
    _states: dict[str, _CardState] = field(default_factory=dict)
    _devices: list[str] = field(default_factory=list)
    _listed_at: float | None = None
    _kernel: str = ""

    def __post_init__(self) -> None:
        self._scan = ProgramScan(self.host)

    def sample(self, containers: tuple[ContainerFdinfo, ...] = ()) -> GpuSnapshot:
        """All cards now; see the port."""
        self._list()
        asleep = {address for address, state in self._states.items() if is_asleep(self.host, state.card)}
        awake = [
            state.card
            for address, state in self._states.items()
            if address not in asleep and state.card.is_driven
        ]
        programs = self._scan.look(awake, containers)
        readings = [self._read(state, programs, address in asleep) for address, state in self._states.items()]
        there = tuple(one for one in readings if self._is_there(one.address))
        if len(there) < len(readings):
            self._listed_at = None  # one was unplugged while we read
        around = environment(self.host) if not there else ""
        return GpuSnapshot(
            at=self.host.clock(),
            cards=there,
            environment=around,
            why_none="" if there else self._why_none(around),
        )

    def _is_there(self, address: str) -> bool:
        return self.host.exists(f"{self._states[address].card.path}/vendor")

    def _list(self) -> None:
        """The cards; looks closer when the bus has changed, and now and then."""
        devices, now = device_names(self.host), self.host.clock()
        is_known = self._listed_at is not None and now - self._listed_at < LIST_AGAIN_S
        if is_known and devices == self._devices:
            return
        self._devices, self._listed_at = devices, now
        self._kernel = kernel_release(self.host)
        old, self._states = self._states, {}
        for card in list_cards(self.host):
            known = old.get(card.address)
            self._states[card.address] = (
                known if known is not None and known.card == card else self._new_state(card)
            )

    def _new_state(self, card: PciCard) -> _CardState:
        return _CardState(
            card=card,
            clocks=ClockReader(self.host, card),
            memory=MemoryReader(self.host, card),
            hwmon=Hwmon(self.host, card, self._kernel),
        )

    def _why_none(self, around: str) -> str:
        if around == "wsl2":
            return "Windows lends its card to this system (WSL); its figures can't be read here."
        if not self._devices:
            return "This system does not tell its devices (no /sys/bus/pci)."
        makers = other_makers(self.host)
        if makers:
            return f"There is no Intel graphics card, only graphics of {' and '.join(makers)}."
        return "No graphics card was found."

    def _read(self, state: _CardState, programs: Programs, sleeps: bool) -> GpuReading:
        card = state.card
        if not card.is_driven:
            return blank_reading(card, self.host.clock(), self._kernel, no_driver(card))
        if sleeps:
            state.forget()
            hwmon = state.last.hwmon if state.last else only_hwmon(self.host, card)
            return sleeping_reading(card, self.host.clock(), self._kernel, state.last, hwmon)
        state.last = self._awake(state, programs)
        return state.last

    def _awake(self, state: _CardState, programs: Programs) -> GpuReading:
        card = state.card
        blank = blank_reading(card, self.host.clock(), self._kernel, SECOND_LOOK)
        memory = state.memory.sample()
        clocks = state.clocks.sample()
        sensors = state.hwmon.sample()
        usage = Usage(card, programs, self._kernel)
        return replace(
            blank,
            hwmon=sensors.hwmon,
            vram_total_bytes=memory.total,
            vram_used_bytes=memory.used,
            vram_used_at_least_bytes=usage.vram_bytes(),
            vram_used_perfmon_bytes=memory.used_perfmon,
            shared_used_bytes=usage.shared_bytes(),
            is_rebar_on=memory.is_rebar_on,
            power_w=sensors.power_w,
            power_channel=sensors.power_channel,
            energy_j=sensors.energy_j,
            power_limit_w=sensors.power_limit_w,
            power_crit_w=sensors.power_crit_w,
            temps_c=sensors.temps_c,
            fans_rpm=sensors.fans_rpm,
            act_mhz=clocks.act_mhz,
            max_mhz=clocks.max_mhz,
            busy_pct=clocks.busy_pct,
            throttle=clocks.throttle,
            link=self._link(state),
            engines_pct=usage.engines_pct(),
            clients=usage.clients(),
            unreadable_pids=programs.unreadable_of(card.address),
        )

    def _link(self, state: _CardState) -> Figure[Link]:
        if state.card.is_integrated:
            return unknown(INTEGRATED_LINK)
        if not state.link_folder:
            state.link_folder = link_folder(self.host, state.card)
        link = read_link(self.host, state.link_folder)
        if link is None:
            state.link_folder = ""
            return unknown(NO_LINK)
        return Figure(link, f"PCI {link.device}")
