"""A model's shape, read from its config.json: layers, heads, context, experts, how it is quantised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """What config.json says, of the text part in multimodal models. None: not said."""

    architecture: str = ""
    model_type: str = ""
    layers: int | None = None
    hidden_size: int | None = None
    intermediate_size: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    vocab_size: int | None = None
    context: int | None = None  # max_position_embeddings, tokens
    sliding_window: int | None = None
    experts: int | None = None
    experts_per_token: int | None = None
    is_tied: bool = False  # output head and embeddings are one tensor
    dtype: str = ""  # of the stored weights: 'bfloat16'
    quantization: str = ""  # 'awq', 'gptq', 'fp8', 'mxfp4' …; '' none
    quantization_bits: int | None = None
    is_multimodal: bool = False


def parse_config(raw: Mapping[str, Any]) -> ModelConfig:
    """Take what is there; absurd or missing values become None. Never raises for any JSON object."""
    text = raw.get("text_config")
    inner: Mapping[str, Any] = {**raw, **text} if isinstance(text, Mapping) else raw
    architectures = raw.get("architectures")
    quantization = raw.get("quantization_config")
    heads = _count(inner, "num_attention_heads")
    hidden = _count(inner, "hidden_size")
    return ModelConfig(
        architecture=_first_word(architectures),
        model_type=_word(raw, "model_type"),
        layers=_count(inner, "num_hidden_layers"),
        hidden_size=hidden,
        intermediate_size=_count(inner, "intermediate_size"),
        heads=heads,
        kv_heads=_count(inner, "num_key_value_heads") or heads,
        head_dim=_count(inner, "head_dim") or (hidden // heads if hidden and heads else None),
        vocab_size=_count(inner, "vocab_size"),
        context=_count(inner, "max_position_embeddings"),
        sliding_window=_count(inner, "sliding_window"),
        experts=_count(inner, "num_local_experts") or _count(inner, "num_experts"),
        experts_per_token=_count(inner, "num_experts_per_tok"),
        is_tied=inner.get("tie_word_embeddings") is True,
        dtype=_word(inner, "torch_dtype") or _word(inner, "dtype"),
        quantization=_word(quantization, "quant_method") if isinstance(quantization, Mapping) else "",
        quantization_bits=_count(quantization, "bits") if isinstance(quantization, Mapping) else None,
        is_multimodal=isinstance(raw.get("vision_config"), Mapping),
    )


def _count(raw: Mapping[str, Any], name: str) -> int | None:
    value = raw.get(name)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    return value if is_count else None


def _word(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def _first_word(value: object) -> str:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], str) else ""
