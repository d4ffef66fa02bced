"""What is known of cards around an engine's start, and the verdict drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcdesk.core.errors import Problem
from arcdesk.core.gpu import Figure

_NO_INT: Figure[int] = Figure()
_NO_FLOAT: Figure[float] = Figure()


class UsedState(Enum):
    """Whether the engine works on the card(s) that it was meant to."""

    USED = "used"
    PARTLY = "partly"  # fewer cards than wanted
    NOT_USED = "not used"
    UNKNOWN = "unknown"


class Sign(Enum):
    """By what a card shows that the engine works on it, the strongest first."""

    HELD = "held"  # the container's own programs hold memory of the card
    MEMORY = "memory"  # its memory filled between start and ready
    ENGINE = "engine"  # compute or render engine of programs that could be read
    BUSY = "busy"  # the card was awake and at work during a test question
    POWER = "power"
    FREQUENCY = "frequency"

    @property
    def is_strong(self) -> bool:
        """Enough by itself."""
        return self in (Sign.HELD, Sign.MEMORY)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardEvidence:
    """One card before a start, when ready, and at its height during a test question.

    Memory of an integrated GPU is the main memory that it shares. None in a Figure is unknown.
    """

    address: str
    name: str
    is_integrated: bool = False
    is_asleep: bool = False
    has_driver: bool = True
    memory_before_bytes: Figure[int] = _NO_INT
    memory_ready_bytes: Figure[int] = _NO_INT
    held_bytes: Figure[int] = _NO_INT  # by the engine's container; 0 is known to be none
    busy_before_pct: Figure[float] = _NO_FLOAT
    busy_probe_pct: Figure[float] = _NO_FLOAT
    engine_before_pct: Figure[float] = _NO_FLOAT
    engine_probe_pct: Figure[float] = _NO_FLOAT
    power_before_w: Figure[float] = _NO_FLOAT
    power_probe_w: Figure[float] = _NO_FLOAT
    act_before_mhz: Figure[int] = _NO_INT
    act_probe_mhz: Figure[int] = _NO_INT


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedEvidence:
    """All that is known around one start of the container engine. None is unknown."""

    cards: tuple[CardEvidence, ...] = ()
    log_device: str | None = None  # 'XPU', 'CPU', as the server's log says
    devices: tuple[str, ...] | None = None  # what the container was given
    is_render_allowed: bool | None = None  # the container's user may open the render node
    cards_wanted: int = 1  # tensor parallel times pipeline parallel
    affinity_mask: str = ""  # the choice of cards that the container was given, e.g. '1'
    why_hidden: str = ""  # why the container's programs could not be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCard:
    """A card that the engine works on, and what shows it."""

    address: str
    name: str
    signs: tuple[Sign, ...]
    memory_bytes: int | None = None  # held by the engine, as far as known
    busy_pct: float | None = None  # at its height during the test question


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedVerdict:
    """Whether the card is really used: by what evidence, or why not. `reason` is a plain sentence."""

    state: UsedState
    cards: tuple[UsedCard, ...] = ()
    reason: str = ""
    problem: Problem | None = None  # of NOT_USED and PARTLY, with a way out
