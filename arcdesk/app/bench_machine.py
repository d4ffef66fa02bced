"""Tells what this computer is to a benchmark: kernel, driver and cards, processor. Wakes no card."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

from arcdesk.telemetry.gpu_host import GpuHost, LiveHost
from arcdesk.telemetry.gpu_pci import kernel_release, list_cards, read

HEAD_BYTES = 1 << 20  # of a model's file: its names and sizes, and the first weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """This computer. `driver` is 'xe', 'i915 1.25.4 (backport)' …; '' and () are unknown or none."""

    kernel: str = ""
    driver: str = ""
    cards: tuple[str, ...] = ()
    processor: str = ""


def machine_of(host: GpuHost | None = None) -> Machine:
    """Of this computer, or `host`. Blocks shortly; raises nothing."""
    host = host or LiveHost()
    driven = [card for card in list_cards(host) if card.is_driven]
    drivers = dict.fromkeys(card.driver for card in driven)
    return Machine(
        kernel=kernel_release(host) or platform.release(),
        driver=", ".join(_driver(host, name) for name in drivers),
        cards=tuple(f"{card.name} ({card.address})" for card in driven),
        processor=_processor(host),
    )


def model_file_facts(path: Path) -> tuple[tuple[str, str], ...]:
    """What tells one GGUF file from another without reading gigabytes; () if it can't be read. Blocks."""
    try:
        with path.open("rb") as file:
            head = hashlib.sha256(file.read(HEAD_BYTES)).hexdigest()[:16]
        size = path.stat().st_size
    except OSError:
        return ()
    return (("gguf", path.name), ("gguf_bytes", str(size)), ("gguf_head", head))


def _driver(host: GpuHost, name: str) -> str:
    """A driver of the kernel's own has the kernel's version; one that was built beside it tells its own."""
    version = read(host, f"sys/module/{name}/version")
    return f"{name} {version}" if version else name


def _processor(host: GpuHost) -> str:
    for line in read(host, "proc/cpuinfo").splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip() == "model name":
            return " ".join(value.split())
    return platform.processor()
