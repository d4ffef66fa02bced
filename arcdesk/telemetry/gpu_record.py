"""Records what the card reader sees, in the format of tests/data/gpu/README.md, and nothing personal.

Only files named here are read: no command lines, environments, user or program names. Of a sleeping card
nothing is read that would wake it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any

from arcdesk.core.gpu import ContainerFdinfo
from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_look import Look, keep, names_of, text_of
from arcdesk.telemetry.gpu_pci import DEVICES, PciCard, is_asleep, kernel_release, list_cards
from arcdesk.telemetry.gpu_record_programs import add_programs, container_answers

CONTAINERS = Callable[[], tuple[ContainerFdinfo, ...]]
MACHINE_FILES = (
    "proc/sys/kernel/osrelease",
    "proc/sys/kernel/perf_event_paranoid",
    "sys/fs/cgroup/dmem.current",
)
DEVICE_FILES = ("vendor", "device", "class", "revision", "subsystem_vendor", "subsystem_device")
LINK_FILES = ("current_link_speed", "current_link_width", "max_link_speed", "max_link_width")
CALM_FILES = ("power/control", "power/runtime_status", "power_state", "resource", "boot_vga")
HWMON_FILE = re.compile(r"name|(energy|temp|fan|in)\d+_(input|label)|power\d+_(cap|max|rated_max|crit|label)")
XE_GT_FILES = re.compile(
    r"freq0/(act|min|max|rp0|rpe|rpa|rpn)_freq|freq0/throttle/(status|reasons|reason_\w+)"
    r"|gtidle/(name|idle_status|idle_residency_ms)"
)
I915_GT_FILES = re.compile(
    r"rps_(act|min|max|boost|RP0|RP1|RPn)_freq_mhz|rc6_(enable|residency_ms)|throttle_reason_\w+"
)
KNOWN_GROUPS = ("docker", "render", "video")
PARENT_LEVELS = 3


def record(
    host: GpuHost,
    *,
    dt_s: float = 1.0,
    containers: CONTAINERS | None = None,
    pause: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Two looks, `dt_s` apart, as a recording. Blocks that long; never raises for what can't be read.

    `containers` gives Docker's answers, `pause` waits between the looks (by default the host's clock).
    """
    asked = [containers() if containers is not None else ()]
    first, began = _look(host), host.clock()
    pause() if pause is not None else host.pause(dt_s)
    asked.append(containers() if containers is not None else ())
    second = _look(host)
    user = host.user()
    return {
        "meta": {
            "fixture": "recorded",
            "kernel": kernel_release(host),
            "driver": _drivers(host),
            "user": {
                "uid": user.uid,
                "gid": user.gid,
                "groups": [group for group in user.groups if group in KNOWN_GROUPS],
            },
            "summary": "recorded by arcdesk gpu --record",
            "dt_s": round(host.clock() - began, 3) or dt_s,
        },
        "permissions": {
            "eacces": sorted(first.refused | second.refused),
            "wakes_gpu": sorted(first.wakes | second.wakes),
            "eagain_once": [],
        },
        "ioctl": first.ioctl | second.ioctl,
        "docker": container_answers(asked[0], asked[1]),
        "files": first.files,
        "links": first.links | second.links,
        "t1": _changes(first.files, second.files),
    }


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    changed: dict[str, str | None] = {path: text for path, text in after.items() if before.get(path) != text}
    return changed | dict.fromkeys(before.keys() - after.keys())


def _drivers(host: GpuHost) -> str | None:
    return ", ".join(sorted({card.driver for card in list_cards(host) if card.driver})) or None


def _look(host: GpuHost) -> Look:
    look = Look()
    for path in MACHINE_FILES:
        keep(host, look, path)
    if host.exists("dev/dxg"):
        look.files["dev/dxg"] = ""
    _displays(host, look)
    awake: set[str] = set()
    nodes: set[str] = set()
    for card in list_cards(host):
        asleep = is_asleep(host, card)
        _device(host, look, card, asleep)
        nodes |= {node for node in (card.card, card.render) if node}
        if not asleep and card.is_driven:
            awake |= {node for node in (card.card, card.render) if node}
            _figures(host, look, card)
    add_programs(host, look, nodes, frozenset(awake))
    return look


def _displays(host: GpuHost, look: Look) -> None:
    """Where the devices are; of display devices of any maker also their ids."""
    for address in names_of(host, look, DEVICES):
        try:
            path = host.real(f"{DEVICES}/{address}")
            is_display = host.text(f"{path}/class").startswith("0x03")
        except OSError:
            continue
        look.links[f"{DEVICES}/{address}"] = posixpath.relpath(path, DEVICES)
        if is_display:
            for name in ("vendor", "device", "class"):
                keep(host, look, f"{path}/{name}")


def _device(host: GpuHost, look: Look, card: PciCard, asleep: bool) -> None:
    for name in (*DEVICE_FILES, *CALM_FILES):
        keep(host, look, f"{card.path}/{name}")
    if card.driver:
        target = f"sys/bus/pci/drivers/{card.driver}"
        look.links[f"{card.path}/driver"] = posixpath.relpath(target, card.path)
    for node in (card.card, card.render):
        if node:
            look.files[f"{card.path}/drm/{node}/dev"] = text_of(host, f"{card.path}/drm/{node}/dev")
            look.files[f"dev/dri/{node}"] = ""
    if asleep:
        look.wakes |= {f"{card.path}/{name}" for name in LINK_FILES}
        look.wakes |= {f"dev/dri/{node}" for node in (card.card, card.render) if node}
        look.wakes |= {f"{card.path}/hwmon/{name}" for name in names_of(host, look, f"{card.path}/hwmon")}
        for path in tuple(look.wakes):
            if "/hwmon/" in path:
                look.files[f"{path}/name"] = f"{card.driver}\n"  # known without a look
        look.wakes |= {f"ioctl:{card.render}"} if card.render else set()
        return
    folder = card.path
    for _ in range(PARENT_LEVELS):
        for name in (*DEVICE_FILES[:3], *LINK_FILES):
            keep(host, look, f"{folder}/{name}")
        folder = posixpath.dirname(folder)


def _figures(host: GpuHost, look: Look, card: PciCard) -> None:
    for hwmon in names_of(host, look, f"{card.path}/hwmon"):
        folder = f"{card.path}/hwmon/{hwmon}"
        for name in names_of(host, look, folder):
            if HWMON_FILE.fullmatch(name):
                keep(host, look, f"{folder}/{name}")
    for tile in names_of(host, look, card.path, r"tile\d+"):
        for gt in names_of(host, look, f"{card.path}/{tile}", r"gt\d+"):
            _matching(host, look, f"{card.path}/{tile}/{gt}", XE_GT_FILES)
    if card.driver == "i915" and card.card:
        base = f"{card.path}/drm/{card.card}"
        for gt in names_of(host, look, f"{base}/gt", r"gt\d+"):
            _matching(host, look, f"{base}/gt/{gt}", I915_GT_FILES)
        for name in ("gt_act_freq_mhz", "gt_max_freq_mhz", "gt_RP0_freq_mhz", "power/rc6_residency_ms"):
            keep(host, look, f"{base}/{name}")
    _ask_memory(host, look, card)


def _ask_memory(host: GpuHost, look: Look, card: PciCard) -> None:
    if not card.render:
        return
    kind = "mem_regions" if card.driver == "xe" else "memory_regions"
    try:
        raw = host.regions(card.render, card.driver)
    except PermissionError:
        look.refused.add(f"dev/dri/{card.render}")
        return
    except OSError:
        return
    look.ioctl[card.render] = {
        "driver": card.driver,
        f"{card.driver}:{kind}:unprivileged": raw.hex(),
    }


def _matching(host: GpuHost, look: Look, folder: str, pattern: re.Pattern[str]) -> None:
    below = {"": [""], "freq0/": ["", "throttle/"], "gtidle/": [""]}
    for part, deeper in below.items():
        for further in deeper:
            place = f"{part}{further}"
            for name in names_of(host, look, posixpath.join(folder, place).rstrip("/")):
                if pattern.fullmatch(f"{place}{name}"):
                    keep(host, look, f"{folder}/{place}{name}")
