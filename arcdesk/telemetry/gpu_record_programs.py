"""Records the programs on the cards by number alone, and what containers told of theirs."""

from __future__ import annotations

import re
from typing import Any

from arcdesk.core.gpu import ContainerFdinfo
from arcdesk.telemetry.gpu_clients import CONTAINER
from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_look import Look, names_of, text_of

FDINFO_KEY = re.compile(
    r"drm-(driver|client-id|pdev|(total|shared|active|resident|purgeable)-[\w-]+"
    r"|cycles-\w+|total-cycles-\w+|engine-[\w-]+):"
)
GREP_LINE = re.compile(r"/proc/\d+/fdinfo/\d+:(drm-.*)")


def add_programs(host: GpuHost, look: Look, nodes: set[str], awake: frozenset[str]) -> None:
    """Only those on a card, by number; and whose descriptors this user may not see."""
    if not nodes:
        return
    for pid in names_of(host, look, "proc", r"\d+"):
        try:
            descriptors = host.names(f"proc/{pid}/fd")
        except PermissionError:
            look.refused |= {f"proc/{pid}/fd", f"proc/{pid}/fdinfo"}
            look.files[f"proc/{pid}/fdinfo/0"] = ""  # so that the process is there
            continue
        except OSError:
            continue
        for number in descriptors:
            _descriptor(host, look, pid, number, awake, nodes)


def _descriptor(
    host: GpuHost, look: Look, pid: str, number: str, awake: frozenset[str], nodes: set[str]
) -> None:
    try:
        node = host.link(f"proc/{pid}/fd/{number}").rpartition("/dev/dri/")[2].partition(" ")[0]
    except OSError:
        return
    if node not in nodes:
        return
    look.links[f"proc/{pid}/fd/{number}"] = f"../../../dev/dri/{node}"
    path = f"proc/{pid}/fdinfo/{number}"
    if node not in awake:
        look.wakes.add(f"proc/{pid}/fdinfo")
        return
    try:
        lines = host.text(path).split("\n")
    except PermissionError:
        look.refused.add(path)
        return
    except OSError:
        return
    look.files[path] = "\n".join(line for line in lines if FDINFO_KEY.match(line)) + "\n"
    if found := CONTAINER.search(text_of(host, f"proc/{pid}/cgroup")):
        look.files[f"proc/{pid}/cgroup"] = f"0::/docker/{found[1]}\n"


def container_answers(
    first: tuple[ContainerFdinfo, ...], second: tuple[ContainerFdinfo, ...]
) -> dict[str, dict[str, Any]]:
    """Containers by a number instead of their names, without their images."""
    later = {one.name: one for one in second}
    return {
        f"container-{number}": {
            "Id": one.container_id,
            "State": {"Running": True, "Pid": one.pid},
            "exec_rc": 127 if one.error else 0,
            "exec_t0": _only_drm(one.text),
            "exec_t1": _only_drm(later.get(one.name, one).text),
        }
        for number, one in enumerate(first or second, start=1)
    }


def _only_drm(text: str) -> str:
    kept = [
        line
        for line in text.split("\n")
        if (found := GREP_LINE.fullmatch(line)) and FDINFO_KEY.match(found[1])
    ]
    return "".join(f"{line}\n" for line in kept)
