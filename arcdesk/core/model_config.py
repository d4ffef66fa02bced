"""A model's shape, read from its config.json: layers, heads, context, experts, how it is quantised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arcdesk.core import model_config_parts as parts
from arcdesk.core.model_config_values import count, flag, mapping, number, strings, word


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
    quantization_group: int | None = None  # weights that share a scale
    window_layers: int = 0  # layers that look back `sliding_window` tokens only
    linear_layers: int = 0  # layers with a state of fixed size instead of a cache
    expert_size: int | None = None  # intermediate size of one expert
    expert_layers: int = 0  # layers with experts; the others are dense
    shared_expert_size: int = 0  # intermediate size of all shared experts of a layer together
    mlp_matrices: int = 3  # 2: without a gate
    learned_positions: int = 0  # rows of a position table
    has_attention_gate: bool = False  # the query projection is twice as wide
    mla: parts.Mla | None = None  # compressed keys and values
    linear: parts.LinearAttention | None = None
    vision_parameters: int = 0  # about


def parse_config(raw: Mapping[str, Any]) -> ModelConfig:
    """Take what is there; absurd or missing values become None. Never raises for any JSON object."""
    inner = _text_part(raw)
    model_type = word(raw, "model_type")
    inner_type = word(inner, "model_type") or model_type
    inner = {**parts.defaults(inner_type), **inner}
    layers = count(inner, "num_hidden_layers", "n_layer", "num_layers", "n_layers")
    hidden = count(inner, "hidden_size", "n_embd", "d_model")
    heads = count(inner, "num_attention_heads", "n_head", "n_heads", "num_heads")
    window, window_layers, linear_layers = parts.layer_kinds(inner, inner_type, layers)
    quantization, bits, group = parts.quantization(raw, inner)
    return ModelConfig(
        architecture=next(iter(strings(raw, "architectures")), ""),
        model_type=model_type,
        layers=layers,
        hidden_size=hidden,
        intermediate_size=parts.intermediate_size(inner, inner_type, hidden),
        heads=heads,
        kv_heads=parts.kv_heads(inner, heads),
        head_dim=count(inner, "head_dim", "kv_channels")
        or (hidden // heads if hidden and heads else None)
        or None,
        vocab_size=count(inner, "padded_vocab_size", "vocab_size"),
        context=_context(inner),
        sliding_window=window,
        experts=(experts := parts.experts(inner)),
        experts_per_token=count(inner, "num_experts_per_tok", "num_experts_per_token", "moe_topk"),
        is_tied=parts.is_tied(raw, inner, inner_type),
        dtype=word(inner, "torch_dtype") or word(inner, "dtype"),
        quantization=quantization,
        quantization_bits=bits,
        is_multimodal=any(mapping(raw, name) for name in ("vision_config", "audio_config")),
        quantization_group=group,
        window_layers=window_layers,
        linear_layers=linear_layers,
        expert_size=count(inner, "moe_intermediate_size", "intermediate_size", "ffn_dim")
        if experts
        else None,
        expert_layers=parts.expert_layers(inner, layers) if experts else 0,
        shared_expert_size=parts.shared_expert_size(inner) if experts else 0,
        mlp_matrices=2 if inner_type in parts.UNGATED else 3,
        learned_positions=_learned_positions(inner, inner_type),
        has_attention_gate=flag(inner, "attn_output_gate") or inner_type.startswith("qwen3_next"),
        mla=parts.mla(inner),
        linear=parts.linear_attention(inner),
        vision_parameters=parts.vision_parameters(mapping(raw, "vision_config")),
    )


def _text_part(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The language model's own values over those of the whole; nested at most three deep."""
    whole = dict(raw)
    part: Mapping[str, Any] = raw
    for _ in range(3):
        found = next((mapping(part, name) for name in parts.TEXT_PARTS if mapping(part, name)), None)
        if found is None:
            break
        whole, part = {**whole, **found}, found
    return whole


def _context(inner: Mapping[str, Any]) -> int | None:
    names = (
        "max_position_embeddings",
        "seq_length",
        "n_positions",
        "n_ctx",
        "max_seq_len",
        "model_max_length",
    )
    stated = count(inner, *names)
    scaling = mapping(inner, "rope_scaling")
    original = count(scaling, "original_max_position_embeddings")
    factor = number(scaling, "factor")
    kind = word(scaling, "rope_type") or word(scaling, "type")
    if kind == "yarn" and original and factor and stated and stated <= original:
        return min(int(original * factor), 10**9)
    return stated


def _learned_positions(inner: Mapping[str, Any], model_type: str) -> int:
    return (_context(inner) or 0) if model_type in parts.LEARNED_POSITIONS else 0
