"""What the KV cache of a model takes on one card, per token and per sequence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from arcdesk.core.fit_formats import Stack
from arcdesk.core.model_config import ModelConfig

STATE_BYTES = 4  # of a number in a state layer


@dataclass(frozen=True, slots=True, kw_only=True)
class KvShape:
    """Bytes on the fullest card. A sequence takes `full` for each token, `windowed` for at most `window`."""

    full_bytes: int  # per token
    windowed_bytes: int = 0  # per token
    window: int = 0  # tokens
    state_bytes: int = 0  # per sequence, however long

    @property
    def token_bytes(self) -> int:
        """A token that all layers still hold: what a block of the cache is made of."""
        return self.full_bytes + self.windowed_bytes

    def sequence_bytes(self, tokens: int) -> int:
        """One sequence of `tokens`."""
        return self.full_bytes * tokens + self.windowed_bytes * min(tokens, self.window) + self.state_bytes

    def tokens_in(self, room_bytes: int) -> int | None:
        """The longest sequence in `room_bytes`; None: any length, for it stops growing."""
        left = room_bytes - self.state_bytes
        if left < 0:
            return 0
        if self.window and left < self.token_bytes * self.window:
            return left // self.token_bytes
        left -= self.windowed_bytes * self.window
        return left // self.full_bytes if self.full_bytes else None


def kv_shape(
    config: ModelConfig, stack: Stack, *, kv_dtype: str = "auto", tp: int = 1, pp: int = 1
) -> KvShape | None:
    """The cache on one of `tp` × `pp` cards: heads (copied when too few) and layers are divided."""
    layer_bytes = _layer_bytes(config, tp, 1 if kv_dtype.startswith("fp8") else 2)
    if layer_bytes is None or not config.layers:
        return None
    states = min(config.linear_layers, config.layers)
    windowed = min(config.window_layers, config.layers - states) if config.sliding_window else 0
    full = config.layers - states - windowed
    if full and not stack.has_window_cache:
        full, windowed = full + windowed, 0
    return KvShape(
        full_bytes=layer_bytes * math.ceil(full / pp),
        windowed_bytes=layer_bytes * math.ceil(windowed / pp),
        window=(config.sliding_window or 0) if windowed else 0,
        state_bytes=math.ceil(states / pp) * _state_bytes(config, tp),
    )


def blocks_in(room_bytes: int, shape: KvShape, stack: Stack) -> int:
    """Whole blocks of the cache in `room_bytes`."""
    block = shape.token_bytes * stack.block_tokens
    return max(0, room_bytes) // block if block else 0


def _layer_bytes(config: ModelConfig, tp: int, number_bytes: int) -> int | None:
    if config.mla is not None:  # one compressed vector, whole on each card
        return (config.mla.kv_rank + config.mla.rope_dim) * number_bytes
    if not config.kv_heads or not config.head_dim:
        return None
    return 2 * max(1, math.ceil(config.kv_heads / tp)) * config.head_dim * number_bytes


def _state_bytes(config: ModelConfig, tp: int) -> int:
    linear = config.linear
    if linear is None:
        return 0
    convolution = (
        2 * linear.key_heads * linear.key_dim + linear.value_heads * linear.value_dim
    ) * linear.kernel
    state = linear.value_heads * linear.value_dim * linear.key_dim
    return math.ceil((convolution + state) / tp) * STATE_BYTES
