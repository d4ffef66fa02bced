"""What a server keeps free beside weights and cache: its runtime, and the peak of the profiling run."""

from __future__ import annotations

import math

from arcdesk.core.fit import FitWish
from arcdesk.core.fit_formats import Stack
from arcdesk.core.model_config import ModelConfig

NUMBER_BYTES = 2
LOGIT_BYTES = 16  # per entry: 16-bit and 32-bit logits, sorted values, probabilities


def batched_tokens(stack: Stack, wish: FitWish, context: int) -> int:
    """Tokens of one batch. Where a prompt is read whole, a batch must hold the longest one."""
    wanted = wish.max_num_batched_tokens or stack.batched_tokens
    return max(wanted, context) if stack.prefills_whole else wanted


def reserve_bytes(config: ModelConfig, stack: Stack, wish: FitWish, context: int) -> int:
    """base + max(factor × activations, logits), on one card.

    Activations of one layer, the widest moment: batched tokens × 2 bytes × (3 × MLP width ÷ cards
    + 3 × hidden size + queries, keys and values ÷ cards; Gemma's norms in 32 bit: + 4 × hidden size).
    Logits: sequences × vocabulary × 16 bytes. The two don't fall together.
    """
    tp = wish.tensor_parallel
    hidden = config.hidden_size or 0
    queries = ((config.heads or 0) + 2 * (config.kv_heads or 0)) * (config.head_dim or 0)
    numbers = 3 * _mlp_width(config) / tp + 3 * hidden + queries / tp
    if config.model_type.startswith("gemma"):
        numbers += 4 * hidden
    activations = batched_tokens(stack, wish, context) * NUMBER_BYTES * numbers
    logits = wish.max_num_seqs * (config.vocab_size or 0) * LOGIT_BYTES
    return stack.base_reserve_bytes + math.ceil(max(stack.activation_factor * activations, logits))


def _mlp_width(config: ModelConfig) -> int:
    dense = config.intermediate_size or 0
    if not config.experts:
        return dense
    chosen = (config.experts_per_token or 1) * (config.expert_size or 0) + config.shared_expert_size
    return max(chosen, dense if config.expert_layers < (config.layers or 0) else 0)
