"""Whether a model fits on cards, and why: the question and the answer as values.

The arithmetic is in `fit_predict`; nothing here reads a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """The answer in one word."""

    FITS = "fits"
    TIGHT = "tight"  # less than a tenth of the card left, or a shortened context
    DOES_NOT = "does not"
    UNKNOWN = "unknown"  # what the model or the card says is not enough to tell


@dataclass(frozen=True, slots=True, kw_only=True)
class FitCard:
    """One card. `total_bytes` as the driver reports it, or the nominal size less what the driver keeps."""

    name: str
    total_bytes: int
    held_bytes: int = 0  # by others, now
    address: str = ""
    is_measured: bool = False  # the size is the driver's, not the table's


@dataclass(frozen=True, slots=True, kw_only=True)
class FitWish:
    """How the model would run."""

    low_bit: str = "sym_int4"
    context: int | None = None  # tokens of one sequence; None: the model's own, if it fits
    max_num_seqs: int = 8
    max_num_batched_tokens: int | None = None
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    kv_dtype: str = "auto"  # or 'fp8'
    memory_share: float = 0.9  # gpu_memory_utilization
    host_ram_bytes: int | None = None  # what the host has free; None: unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPart:
    """One thing that takes memory on the fullest card, with how it was reckoned."""

    name: str
    size_bytes: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FitFactors:
    """What this machine taught: measured ÷ predicted, medians over `n` runs. 1.0 and 0: nothing yet."""

    weights: float = 1.0
    reserve: float = 1.0
    n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The answer. Sizes are bytes on the fullest card, except for the host's peak."""

    verdict: Verdict
    model: str
    low_bit: str
    cards: tuple[FitCard, ...] = ()
    parts: tuple[FitPart, ...] = ()
    weights_bytes: int | None = None
    kv_bytes_per_token: int | None = None  # on the fullest card
    kv_room_bytes: int | None = None  # left for the KV cache
    kv_blocks: int | None = None  # of 16 tokens
    largest_context: int | None = None  # tokens; what one sequence may have
    context: int | None = None  # what was asked, or chosen
    margin_bytes: int | None = None  # left when one sequence of `context` is full; negative: missing
    host_peak_bytes: int | None = None  # while the weights are converted
    best_low_bit: str = ""  # the most exact format that fits; '' none does
    reasons: tuple[str, ...] = ()  # plain sentences, the most telling first
    factors: FitFactors = FitFactors()
