"""What a run's own log said, beside what was predicted: the ratios that correct later predictions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from arcdesk.core.fit import FitCard, FitFactors, FitWish
from arcdesk.core.fit_formats import Stack
from arcdesk.core.fit_kv import kv_shape
from arcdesk.core.fit_reserve import reserve_bytes
from arcdesk.core.fit_weights import weights_on_card
from arcdesk.core.model_config import ModelConfig

RUNS_KEPT = 20
LEAST, MOST = 0.5, 2.0
LEAST_FACTOR, MOST_FACTOR = 0.1, 10.0  # beyond these another model was measured, or another card


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """Figures of one start. Bytes on the fullest card; None: the log did not say. `key` tells runs apart."""

    key: str = ""
    weights_bytes: int | None = None
    blocks: int | None = None  # V0
    kv_tokens: int | None = None  # V1
    kv_bytes: int | None = None
    block_tokens: int | None = None
    memory_share: float | None = None
    low_bit: str = ""
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    max_model_len: int | None = None
    tensor_parallel: int | None = None
    kv_dtype: str = "auto"

    @property
    def cache_tokens(self) -> int | None:
        """Tokens that the whole cache holds."""
        if self.kv_tokens is not None:
            return self.kv_tokens
        return self.blocks * self.block_tokens if self.blocks and self.block_tokens else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRatio:
    """measured ÷ predicted of one run."""

    key: str
    weights: float
    reserve: float | None = None
    model: str = ""
    low_bit: str = ""
    at: float = 0.0  # Unix seconds


def ratio_of(
    figures: RunFigures,
    config: ModelConfig,
    index_bytes: int | None,
    cards: Sequence[FitCard],
    wish: FitWish,
    stack: Stack,
) -> RunRatio | None:
    """Compare a run with its prediction without any correction; None when the log says too little.

    `wish` is what the container was started with; what the log itself says wins over it. The reserve is what
    neither weights nor cache took of the server's share of the card.
    """
    wish = _as_logged(figures, wish, stack)
    tp, pp = wish.tensor_parallel, wish.pipeline_parallel
    predicted = weights_on_card(config, index_bytes, wish.low_bit, stack, tp=tp, pp=pp)
    if predicted is None or figures.weights_bytes is None or not figures.key:
        return None
    weights = figures.weights_bytes / predicted.total_bytes
    if not LEAST_FACTOR <= weights <= MOST_FACTOR:
        return None
    reserve = _reserve(figures, config, cards, wish, stack)
    return RunRatio(key=figures.key, weights=weights, reserve=reserve, low_bit=predicted.stored_as)


def factors_of(runs: Sequence[RunRatio]) -> FitFactors:
    """Medians of the last runs, kept between ½ and 2."""
    last = runs[-RUNS_KEPT:]
    reserves = [run.reserve for run in last if run.reserve is not None]
    return FitFactors(weights=_median([run.weights for run in last]), reserve=_median(reserves), n=len(last))


def _median(values: Sequence[float]) -> float:
    return min(MOST, max(LEAST, statistics.median(values))) if values else 1.0


def _as_logged(figures: RunFigures, wish: FitWish, stack: Stack) -> FitWish:
    return FitWish(
        low_bit=figures.low_bit or wish.low_bit,
        context=figures.max_model_len or wish.context,
        max_num_seqs=figures.max_num_seqs or wish.max_num_seqs,
        max_num_batched_tokens=figures.max_num_batched_tokens or wish.max_num_batched_tokens,
        tensor_parallel=figures.tensor_parallel or wish.tensor_parallel,
        pipeline_parallel=wish.pipeline_parallel,
        kv_dtype=figures.kv_dtype if figures.kv_dtype != "auto" else wish.kv_dtype,
        memory_share=figures.memory_share or stack.memory_share,
    )


def _reserve(
    figures: RunFigures, config: ModelConfig, cards: Sequence[FitCard], wish: FitWish, stack: Stack
) -> float | None:
    kv = kv_shape(config, stack, kv_dtype=wish.kv_dtype, tp=wish.tensor_parallel, pp=wish.pipeline_parallel)
    used = [card for card in cards[: wish.tensor_parallel * wish.pipeline_parallel] if card.is_measured]
    tokens = figures.cache_tokens
    cache = figures.kv_bytes or (kv.token_bytes * tokens if kv is not None and tokens else None)
    if cache is None or not used or figures.weights_bytes is None:
        return None
    budget = min(int(card.total_bytes * wish.memory_share) for card in used)
    predicted = reserve_bytes(config, stack, wish, wish.context or 0)
    measured = (budget - figures.weights_bytes - cache) / predicted
    is_sane = math.isfinite(measured) and LEAST_FACTOR <= measured <= MOST_FACTOR
    return measured if is_sane else None
