"""Sums up what the readable programs hold and do on one card."""

from __future__ import annotations

import re

from arcdesk.core.gpu import Figure, GpuClient, Unknown, Why
from arcdesk.telemetry.gpu_clients import Programs, Seen
from arcdesk.telemetry.gpu_pci import PciCard
from arcdesk.telemetry.gpu_unknown import (
    DISCRETE_SHARED,
    INTEGRATED_VRAM,
    SECOND_LOOK,
    not_provided,
    too_old,
    unknown,
)

SOURCE = "fdinfo"
SURROGATES = re.compile("[\ud800-\udfff]")
NO_CLIENTS = not_provided("No program that you may read uses the card.")
REFUSED = Unknown(
    Why.NO_PERMISSION,
    "You may read none of the programs that may use the card.",
    "Programs of your own, and those in Docker containers, are told.",
)
NO_PROC = not_provided("The list of programs can't be read.")


class Usage:
    """One card's programs at one moment."""

    def __init__(self, card: PciCard, programs: Programs, kernel: str) -> None:
        self._card = card
        self._seen = programs.of(card.address)
        self._is_proc_readable = programs.is_proc_readable
        self._is_any_refused = bool(programs.unreadable_of(card.address))
        self._kernel = kernel

    def vram_bytes(self) -> Figure[int]:
        """What they hold of the card's own memory: at least so much is used."""
        if self._card.is_integrated:
            return unknown(INTEGRATED_VRAM)
        return self._sum([one.client.vram_bytes for one in self._seen])

    def shared_bytes(self) -> Figure[int]:
        """What they hold of main memory, for an integrated GPU."""
        if not self._card.is_integrated:
            return unknown(DISCRETE_SHARED)
        return self._sum([one.client.shared_bytes for one in self._seen])

    def engines_pct(self) -> Figure[dict[str, float]]:
        """How busy they keep each class of engines."""
        rates = [one.rates for one in self._seen if one.rates]
        if not rates:
            return unknown(self._why_no_engines())
        names = dict.fromkeys(name for one in rates for name in one)
        return Figure({name: min(100.0, sum(one.get(name, 0.0) for one in rates)) for name in names}, SOURCE)

    def clients(self) -> tuple[GpuClient, ...]:
        """Those that tell of memory or work, the largest first."""
        told = [one for one in self._seen if _tells(one)]
        clients = [
            GpuClient(
                pid=one.pid,
                name=clean(one.name),
                client_id=one.client.client_id,
                container=clean(one.container),
                vram_bytes=one.client.vram_bytes or 0,
                shared_bytes=one.client.shared_bytes or 0,
            )
            for one in told
        ]
        return tuple(sorted(clients, key=lambda one: (-one.vram_bytes - one.shared_bytes, one.pid)))

    def _sum(self, sizes: list[int | None]) -> Figure[int]:
        told = [size for size in sizes if size is not None]
        if sizes and not told:
            return unknown(too_old("client memory", self._card.driver, self._kernel))
        if not sizes and not self._is_proc_readable:
            return unknown(NO_PROC)
        if not sizes and self._is_any_refused:  # then 0 would be a guess
            return unknown(REFUSED)
        return Figure(sum(told), SOURCE)

    def _why_no_engines(self) -> Unknown:
        if not self._seen:
            return NO_CLIENTS if self._is_proc_readable else NO_PROC
        if any(one.client.engines for one in self._seen):
            return SECOND_LOOK
        return too_old("client engines", self._card.driver, self._kernel)


def clean(text: str) -> str:
    """Text that any encoder takes: what was no UTF-8 becomes U+FFFD."""
    return SURROGATES.sub("\ufffd", text)


def _tells(seen: Seen) -> bool:
    client = seen.client
    has_memory = client.vram_bytes is not None or client.shared_bytes is not None
    return has_memory or any((seen.rates or {}).values())
