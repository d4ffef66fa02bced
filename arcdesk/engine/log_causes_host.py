"""Signs of space that ran out outside the card: the computer's RAM, /dev/shm, the disk."""

from __future__ import annotations

import re

from arcdesk.core.errors import Problem
from arcdesk.engine.log_causes import (
    START_AGAIN,
    Found,
    Sign,
    Weight,
    apply,
    copy,
    grouped,
    problem_of,
    say,
)

_HOST = say(
    "host_oom",
    "The computer ran out of memory",
    "The server was ended or refused memory: models are loaded whole into RAM before they reach the card.",
    "Close other programs, add swap, or choose a smaller model.",
    START_AGAIN,
)
_HOST_TEXT = re.compile(
    r"Out of memory: Killed process|oom-kill(?:er)?:|invoked oom-killer|oom_reaper"
    r"|Memory cgroup out of memory"
    r"|_OUT_OF_HOST_MEMORY|Native API returns: -?(?:6|38) |DefaultCPUAllocator: (?:can't|not enough)"
    r"|std::bad_alloc|Errno 12\]|^(?:.*\s)?MemoryError\b|ray\.exceptions\.OutOfMemoryError"
    r"|node running low on memory|due to memory pressure|exceeds the memory usage threshold"
    r"|Too large swap space"
)
_KILLED = re.compile(r"^\s*(?:\S+\s+\|\s+)?(?:\S+: line \d+:\s+\d+ )?Killed\b")


def _shm(found: Found) -> Problem:
    size_mib = (found.number("bytes") or 0) // 2**20
    size = f"has only {grouped(size_mib)}\u202fMiB" if size_mib else "is full"
    bigger = "32g" if found.settings is not None and found.settings.shm_size == "16g" else "16g"
    return problem_of(
        found,
        "shm_small",
        "The container has too little shared memory",
        f"Its /dev/shm {size}.",
        f"Give it {bigger.removesuffix('g')}\u202fGB.",
        apply(f"Use {bigger.removesuffix('g')}\u202fGB and restart", shm_size=bigger),
    )


_DISK = say(
    "disk_full",
    "The disk is full",
    "No space is left for the model or the image: an image needs about 30\u202fGB.",
    "Free some space, then start again.",
    START_AGAIN,
    copy("Copy 'docker system df'", "docker system df"),
)
_DISK_RAY = re.compile(r"is over \d+% full, available space: \d+")
_SHM_FULL = re.compile(
    r"(?:No space left on device|Errno 28).*(?:/dev/shm|psm_|shared memory)|/dev/shm.*No space left"
    r"|out of shared memory"
    r"|creating shared memory segment|unable to (?:write|mmap|open) .*(?:shared memory|/torch_)"
)

HOST_SIGNS: tuple[Sign, ...] = (
    Sign(
        needles=(
            "No space left",
            "Errno 28",
            "shared memory",
            "unable to write",
            "unable to mmap",
            "unable to open",
        ),
        pattern=_SHM_FULL,
        explain=_shm,
        at_runtime=True,
    ),
    Sign(
        needles=("No space left on device", "no space left on device", "Errno 28]", "Disk quota exceeded"),
        explain=_DISK,
        at_runtime=True,
    ),
    Sign(
        needles=("Not enough free disk space",),
        explain=_DISK,
        weight=Weight.HINT,
        is_certain=False,  # a warning of the hub client before it tries
        at_any_level=True,
    ),
    Sign(
        needles=("file_system_monitor",),
        pattern=_DISK_RAY,
        explain=_DISK,
        weight=Weight.FAINT,
        is_certain=False,
    ),
    Sign(
        needles=(
            "Out of memory",
            "Memory cgroup",
            "MemoryError",
            "OUT_OF_HOST_MEMORY",
            "OutOfMemoryError",
            "DefaultCPUAllocator",
            "low on memory",
            "memory pressure",
            "memory usage threshold",
            "oom-kill",
            "oom-killer",
            "oom_reaper",
            "std::bad_alloc",
            "Errno 12]",
            "Native API returns",
            "Too large swap space",
        ),
        pattern=_HOST_TEXT,
        unless=("Possibly too large",),
        explain=_HOST,
        at_runtime=True,
    ),
    Sign(
        needles=("Killed",),
        pattern=_KILLED,
        explain=_HOST,
        weight=Weight.CRASH,
        at_runtime=True,
        only_if_clean=True,  # after a failure it is the server's own clean-up
    ),
    Sign(
        needles=("shm has only",),
        pattern=re.compile(r"shm has only (?P<bytes>\d+) bytes"),
        explain=_shm,
        weight=Weight.FAINT,
        is_certain=False,  # a warning of Ray; one card may still start
        at_any_level=True,
    ),
)
