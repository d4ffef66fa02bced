"""Collects files for a recording: their text, or that they are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from arcdesk.telemetry.gpu_host import GpuHost
from arcdesk.telemetry.gpu_usage import clean
from arcdesk.telemetry.gpu_values import BUSY_PAUSE_S


@dataclass(slots=True)
class Look:
    """What one look at the machine found."""

    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    wakes: set[str] = field(default_factory=set)
    ioctl: dict[str, dict[str, str]] = field(default_factory=dict)


def keep(host: GpuHost, look: Look, path: str) -> None:
    """The file's text, or that it is refused."""
    try:
        look.files[path] = clean(host.text(path))
    except BlockingIOError:
        host.pause(BUSY_PAUSE_S)
        look.files[path] = text_of(host, path)
    except PermissionError:
        look.refused.add(path)
    except OSError:
        return


def text_of(host: GpuHost, path: str) -> str:
    """The file's text, '' when it can't be read."""
    try:
        return clean(host.text(path))
    except OSError:
        return ""


def names_of(host: GpuHost, look: Look, path: str, pattern: str = "") -> list[str]:
    """The folder's names that fit, in order; none when it can't be listed, which is noted if refused."""
    try:
        names = host.names(path)
    except PermissionError:
        look.refused.add(path)
        return []
    except OSError:
        return []
    return sorted(name for name in names if not pattern or re.fullmatch(pattern, name))
