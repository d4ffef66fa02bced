"""What this computer offers a model: its cards with what others hold, and its free memory."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from arcdesk.core.fit import FitCard
from arcdesk.core.fit_cards import CardRow, parse_cards, reported_bytes
from arcdesk.core.gpu import GpuReading, GpuSnapshot

MAIN_MEMORY = "main memory"  # the name of what llama.cpp runs in


def read_cards() -> GpuSnapshot:
    """One look at this computer's cards. Blocks for some milliseconds; wakes none."""
    from arcdesk.telemetry.gpu_reader import CardReader

    return CardReader().sample()


def fit_cards(snapshot: GpuSnapshot, own_containers: Collection[str] = ()) -> tuple[FitCard, ...]:
    """The discrete cards whose size is known. What `own_containers` hold will be free for the next start."""
    found = (_card(card, own_containers) for card in snapshot.cards if not card.is_integrated)
    return tuple(card for card in found if card is not None)


def why_no_card(snapshot: GpuSnapshot) -> str:
    """Why there is nothing to put a model on, for a person."""
    if snapshot.why_none:
        return snapshot.why_none
    if snapshot.cards and all(card.is_integrated for card in snapshot.cards):
        return "This computer has integrated graphics only, which shares the main memory."
    return "No Intel card with memory of its own was found."


def _card(reading: GpuReading, own_containers: Collection[str]) -> FitCard | None:
    total = reading.vram_total_bytes.value
    is_measured = bool(total)
    if not total:
        from arcdesk.telemetry.gpu_names import known_cards

        known = known_cards().get(reading.pci_id)
        total = reported_bytes(known.name, known.vram_gib) if known and known.vram_gib else None
    if not total:
        return None
    used = reading.vram_used_bytes.value
    if used is None:
        used = reading.vram_used_at_least_bytes.value or 0
    own = sum(size for name, size in reading.container_bytes.items() if name in own_containers)
    return FitCard(
        name=reading.name,
        total_bytes=total,
        held_bytes=min(total, max(0, used - own)),
        address=reading.address,
        is_measured=is_measured,
    )


def memory_as_card() -> tuple[FitCard, ...]:
    """The memory that the embedded engine runs in, as if it were a card; none where its size is not told."""
    free = host_memory_bytes()
    return (FitCard(name=MAIN_MEMORY, total_bytes=free, is_measured=True),) if free else ()


def host_memory_bytes(path: str = "/proc/meminfo") -> int | None:
    """Memory that programs can have without swapping; None where the system does not say."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None


def card_table() -> tuple[CardRow, ...]:
    """The table of cards. Raises FileNotFoundError when the installation lacks it."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "resources", package.parent / "resources"):
        file = folder / "gpu" / "arc_cards.csv"
        if file.is_file():
            return parse_cards(file.read_text(encoding="utf-8"))
    raise FileNotFoundError(f"ArcDesk's table of cards is missing beside {package}: install it again")
