"""Who holds a card's memory: containers, programs, and what nobody could be found for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcdesk.core.gpu import GpuReading
from arcdesk.ui.gpu_words import gib, plain, tr


class HolderKind(Enum):
    """What kind of holder."""

    CONTAINER = "container"
    PROGRAM = "program"
    OTHERS = "others"  # the kernel, the screen, programs of other users


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One of them."""

    name: str
    size_bytes: int
    kind: HolderKind

    def words(self) -> str:
        """'vllm-tp2 9.6 GiB'."""
        return f"{self.name} {gib(self.size_bytes)}"


def holders(card: GpuReading) -> tuple[Holder, ...]:
    """Those known, the largest of a kind first, containers before programs, the rest last."""
    held: dict[tuple[str, HolderKind], int] = {}
    for client in card.clients:
        size = client.shared_bytes if card.is_integrated else client.vram_bytes
        if size > 0:
            kind = HolderKind.CONTAINER if client.container else HolderKind.PROGRAM
            key = (client.container or client.name, kind)
            held[key] = held.get(key, 0) + size
    order = list(HolderKind)
    found = sorted(held.items(), key=lambda one: (order.index(one[0][1]), -one[1], one[0][0]))
    known = [Holder(name=plain(name), size_bytes=size, kind=kind) for (name, kind), size in found]
    used = card.vram_used_bytes.value
    if not card.is_integrated and used is not None and (rest := used - sum(held.values())) > 0:
        known.append(Holder(name=tr("others"), size_bytes=rest, kind=HolderKind.OTHERS))
    return tuple(known)


def holder_sentences(card: GpuReading) -> list[str]:
    """All of them for the tooltip, one a line, and who is missing."""
    kinds = {HolderKind.CONTAINER: tr("container"), HolderKind.PROGRAM: tr("program")}
    lines = []
    for holder in holders(card):
        kind = kinds.get(holder.kind)
        lines.append(f"{holder.words()} ({kind})" if kind else holder.words())
    if card.unreadable_pids:
        count = len(card.unreadable_pids)
        lines.append(
            tr("One more program is on this card; what it holds can't be read.")
            if count == 1
            else tr("{0} more programs are on this card; what they hold can't be read.").format(count)
        )
    return lines
