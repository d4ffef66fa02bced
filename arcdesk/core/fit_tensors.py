"""How many parameters each group of a model's tensors has, reckoned from its config."""

from __future__ import annotations

from dataclasses import dataclass, replace

from arcdesk.core.model_config import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """Parameters per group, of the whole model."""

    linear: int  # matrices of attention and MLP, in all layers
    mlp: int  # the part of `linear` that is MLP
    kv: int = 0  # the part of `linear` that makes keys and values
    replicated: int = 0  # the part of `linear` that each card of tensor parallelism holds whole
    experts: int
    embedding: int
    head: int  # 0 if tied
    plain: int  # norms, biases, routers, position tables: never packed
    vision: int
    is_tied: bool

    @property
    def total(self) -> int:
        """All of them."""
        return self.linear + self.experts + self.total_plain

    @property
    def total_plain(self) -> int:
        """What is not in the layers' matrices."""
        return self.embedding + self.head + self.plain + self.vision

    def stretched_to(self, total: int) -> Tensors:
        """The same with `total` parameters; the layers take the difference."""
        layers = self.linear + self.experts
        wanted = total - self.total_plain
        if wanted <= 0 or layers <= 0:
            return self
        ratio = wanted / layers
        experts = round(self.experts * ratio)
        return replace(
            self,
            linear=wanted - experts,
            mlp=round(self.mlp * ratio),
            kv=round(self.kv * ratio),
            replicated=round(self.replicated * ratio),
            experts=experts,
        )


def tensors(config: ModelConfig) -> Tensors | None:
    """The groups; None if the config leaves out something that is needed."""
    hidden, layers, vocab = config.hidden_size, config.layers, config.vocab_size
    if not hidden or not layers or not vocab or not config.heads or not config.head_dim:
        return None
    if layers > 10_000 or (config.intermediate_size is None and not config.experts):
        return None
    kv, attention, replicated = _attention(config, hidden)
    states = min(config.linear_layers, layers) if config.linear else 0
    kv *= layers - states
    attention = attention * (layers - states) + _state(config, hidden) * states
    mlp = _mlp(config, hidden, layers)
    experts = (
        config.expert_layers
        * (config.experts or 0)
        * config.mlp_matrices
        * hidden
        * (config.expert_size or 0)
    )
    table = vocab * hidden
    routers = config.expert_layers * hidden * (config.experts or 0)
    return Tensors(
        linear=attention + mlp,
        mlp=mlp,
        kv=kv,
        replicated=replicated * (layers - states),
        experts=experts,
        embedding=table,
        head=0 if config.is_tied else table,
        plain=(2 * layers + 1) * hidden + config.learned_positions * hidden + routers,
        vision=config.vision_parameters,
        is_tied=config.is_tied,
    )


def _attention(config: ModelConfig, hidden: int) -> tuple[int, int, int]:
    """(keys and values, all, replicated) of one layer."""
    heads, head_dim = config.heads or 0, config.head_dim or 0
    mla = config.mla
    if mla is None:
        queries = heads * head_dim * (2 if config.has_attention_gate else 1)
        kv = 2 * hidden * (config.kv_heads or heads) * head_dim
        return kv, hidden * queries + kv + heads * head_dim * hidden, 0
    query_width = heads * (mla.nope_dim + mla.rope_dim)
    down = hidden * (mla.kv_rank + mla.rope_dim) + hidden * mla.query_rank
    query = (mla.query_rank or hidden) * query_width
    up = mla.kv_rank * heads * (mla.nope_dim + mla.value_dim)
    return 0, down + query + up + heads * mla.value_dim * hidden, down


def _state(config: ModelConfig, hidden: int) -> int:
    linear = config.linear
    if linear is None:
        return 0
    keys, values = linear.key_heads * linear.key_dim, linear.value_heads * linear.value_dim
    inputs = hidden * (2 * keys + 2 * values + 2 * linear.value_heads)
    return inputs + values * hidden + (2 * keys + values) * linear.kernel


def _mlp(config: ModelConfig, hidden: int, layers: int) -> int:
    dense_layers = max(0, layers - config.expert_layers)
    dense = dense_layers * (config.intermediate_size or 0)
    shared = config.expert_layers * config.shared_expert_size
    return config.mlp_matrices * hidden * (dense + shared)
