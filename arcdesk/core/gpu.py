"""What a graphics card tells of itself, value by value, each with its source or with why it is unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Why(Enum):
    """Why a value is unknown. Never drawn as 0."""

    ASLEEP = "asleep"  # the card sleeps; asking would wake it
    HIDDEN = "hidden"  # the kernel hides it from users without CAP_PERFMON
    NO_PERMISSION = "no permission"
    NOT_PROVIDED = "not provided"  # this kernel, driver or card has no such figure
    NO_DRIVER = "no driver"
    ERROR = "error"  # reading failed, or the value was absurd
    SECOND_LOOK = "second look"  # a difference of two samples: there is one so far


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why there is no value. `detail` is a plain sentence, `remedy` what would make it known ('' nothing)."""

    why: Why
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Figure(Generic[T]):
    """A value with its source ('ioctl', 'hwmon energy1/card', …), or None with the reason."""

    value: T | None = None
    source: str = ""
    unknown: Unknown | None = None

    @property
    def is_known(self) -> bool:
        """There is a value (it may be 0)."""
        return self.value is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A PCIe link as its upstream port reports it. Speeds as the kernel writes them ('16.0 GT/s PCIe')."""

    speed: str
    width: int
    max_speed: str = ""
    max_width: int = 0
    device: str = ""  # the PCI address that was read


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuClient:
    """One program on a card (one DRM client). `container` is Docker's name, '' on the host."""

    pid: int  # on the host, or inside its container
    name: str
    client_id: int
    container: str = ""
    vram_bytes: int = 0  # resident
    shared_bytes: int = 0  # resident in main memory (gtt, system)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """One card at one moment. `at` is monotonic seconds; `address` is the PCI address.

    Keys of the dicts: GTs ('gt0'), engines as the driver names them ('ccs', 'compute'), hwmon labels.
    Percentages are 0 to 100 over the time since the reading before.
    """

    address: str
    at: float
    name: str
    pci_id: str  # '8086:e20b'
    driver: str  # '' : none
    kernel: str
    is_integrated: bool = False
    card: str = ""
    render: str = ""
    hwmon: str = ""
    is_asleep: bool = False
    problem: str = ""  # 'no-driver'
    vram_total_bytes: Figure[int] = Figure()
    vram_used_bytes: Figure[int] = Figure()
    vram_used_at_least_bytes: Figure[int] = Figure()  # sum of the clients that could be read
    vram_used_perfmon_bytes: Figure[int] = Figure()  # what CAP_PERFMON would show; recordings only
    shared_used_bytes: Figure[int] = Figure()  # main memory used by an integrated GPU
    is_rebar_on: Figure[bool] = Figure()
    power_w: Figure[float] = Figure()
    power_channel: Figure[str] = Figure()  # 'energy1/card': the whole board; 'energy2/pkg': the GPU
    energy_j: Figure[float] = Figure()  # since the reader's first sample, wrap-around handled
    power_limit_w: Figure[float] = Figure()
    power_crit_w: Figure[float] = Figure()
    temps_c: Figure[dict[str, float]] = Figure()
    fans_rpm: Figure[tuple[int, ...]] = Figure()
    act_mhz: Figure[dict[str, int]] = Figure()
    max_mhz: Figure[dict[str, int]] = Figure()
    busy_pct: Figure[dict[str, float]] = Figure()
    throttle: Figure[tuple[str, ...]] = Figure()
    link: Figure[Link] = Figure()
    engines_pct: Figure[dict[str, float]] = Figure()  # of the clients that could be read
    clients: tuple[GpuClient, ...] = ()  # those that hold memory or work, the largest first
    unreadable_pids: tuple[int, ...] = ()  # programs on the card whose figures this user may not read

    @property
    def container_bytes(self) -> dict[str, int]:
        """VRAM per container."""
        held: dict[str, int] = {}
        for client in self.clients:
            if client.container:
                held[client.container] = held.get(client.container, 0) + client.vram_bytes
        return held


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSnapshot:
    """All Intel cards at one moment, by PCI address. `environment` is 'wsl2' or ''; `why_none` in words."""

    at: float = 0.0  # monotonic seconds
    cards: tuple[GpuReading, ...] = ()
    environment: str = ""
    why_none: str = ""  # why there is no card, for a person; '' while there are some

    @property
    def may_ask_containers(self) -> bool:
        """A card is awake and none sleeps: a container's `grep` reads all its clients, which wakes theirs."""
        driven = [card for card in self.cards if not card.problem]
        return bool(driven) and not any(card.is_asleep for card in driven)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFdinfo:
    """What `docker exec … grep` printed about one container's DRM clients."""

    name: str
    container_id: str
    pid: int  # of its first process, on the host
    text: str = ""  # '/proc/90/fdinfo/33:drm-driver:\txe' per line
    error: str = ""  # why there is none (no shell inside, no permission)
    devices: tuple[str, ...] = field(default=())  # what the container was given
    at: float = 0.0  # monotonic seconds of the answer; 0.0: not told


class GpuReader(Protocol):
    """Reads the machine's cards (or a recording). Blocking: call it in a thread of its own."""

    def sample(self, containers: tuple[ContainerFdinfo, ...] = ()) -> GpuSnapshot:
        """All cards now; differences are since the sample before. `containers` are the newest answers.

        Never raises: what could not be read is unknown, with its reason. Never wakes a sleeping card.
        """
        ...


class ContainerGpuSource(Protocol):
    """Asks the running containers that were given a card for their DRM clients."""

    async def container_fdinfo(self) -> tuple[ContainerFdinfo, ...]:
        """One answer per such container; empty when Docker can't be reached. Never raises."""
        ...
