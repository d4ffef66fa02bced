"""Parts of a config.json that each family writes in its own way: attention, experts, quantisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arcdesk.core.model_config_values import count, flag, mapping, number, strings, word

TEXT_PARTS = ("text_config", "llm_config", "language_config", "thinker_config", "language_model_config")
UNGATED = frozenset(
    (
        "gpt2",
        "opt",
        "bloom",
        "falcon",
        "gpt_neo",
        "gpt_neox",
        "gpt_bigcode",
        "gptj",
        "mpt",
        "phi",
        "starcoder2",
    )
)
LEARNED_POSITIONS = frozenset({"gpt2", "opt", "gpt_bigcode", "gpt_neo"})
# Families whose config classes tie head and embeddings when config.json is silent.
_TIED = ("gemma", "gpt2", "opt", "bloom", "falcon", "cohere", "gpt_neo", "gpt_bigcode", "mpt", "smollm3")
_GEMMA3 = {
    "vocab_size": 262_208,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "max_position_embeddings": 131_072,
    "sliding_window": 4096,
}
# What the config classes of transformers take for granted, so that config.json may leave it out.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "gemma3": _GEMMA3,
    "gemma3_text": _GEMMA3,
    "gemma2": {"head_dim": 256, "sliding_window": 4096},
    "gemma": {"head_dim": 256},
    "gpt2": {"vocab_size": 50_257},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mla:
    """Multi-head latent attention: what is cached is `kv_rank` + `rope_dim` numbers per token."""

    kv_rank: int
    rope_dim: int
    nope_dim: int
    value_dim: int
    query_rank: int = 0  # 0: the query is not compressed


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearAttention:
    """Layers with a state instead of a cache (gated delta net)."""

    key_heads: int
    value_heads: int
    key_dim: int
    value_dim: int
    kernel: int


def defaults(model_type: str) -> dict[str, Any]:
    """Values that hold when config.json does not name them."""
    return _DEFAULTS.get(model_type, {})


def intermediate_size(raw: Mapping[str, Any], model_type: str, hidden: int | None) -> int | None:
    """The width of the dense MLP; the old families leave out the usual four times the hidden size."""
    found = count(raw, "intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner")
    if found is None and hidden and model_type in UNGATED:
        return 4 * hidden
    # Qwen 1 counts gate and up projection together.
    return found // 2 if found and model_type == "qwen" else found


def kv_heads(raw: Mapping[str, Any], heads: int | None) -> int | None:
    """Heads of keys and values. Multi-query has one unless a count is said."""
    named = count(raw, "num_key_value_heads", "multi_query_group_num", "num_kv_heads", "n_head_kv")
    if raw.get("multi_query_attention") is False:
        return heads
    if flag(raw, "new_decoder_architecture"):
        return named or heads
    if flag(raw, "multi_query") and raw.get("num_kv_heads") in (None, heads):
        return 1
    return named or heads


def is_tied(raw: Mapping[str, Any], inner: Mapping[str, Any], model_type: str) -> bool:
    """Head and embeddings are one tensor."""
    for source in (raw, inner):
        value = source.get("tie_word_embeddings")
        if isinstance(value, bool):
            return value
    return model_type.startswith(_TIED)


def experts(raw: Mapping[str, Any]) -> int | None:
    """How many experts a layer chooses from, None for a dense model."""
    found = count(raw, "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    return found if found and found > 1 else None


def expert_layers(raw: Mapping[str, Any], layers: int | None) -> int:
    """How many layers have experts."""
    if not layers:
        return 0
    dense_first = count(raw, "first_k_dense_replace", "moe_layer_start_index") or 0
    dense_named = raw.get("mlp_only_layers")
    dense = len(dense_named) if isinstance(dense_named, list) else 0
    step = count(raw, "decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_freq") or 1
    return max(0, (layers - min(layers, dense_first)) // step - dense)


def shared_expert_size(raw: Mapping[str, Any]) -> int:
    """Width of the experts that every token uses, together."""
    named = count(raw, "shared_expert_intermediate_size", "shared_intermediate_size")
    if named:
        return named
    shared = count(raw, "n_shared_experts", "num_shared_experts", "moe_num_shared_experts") or 0
    return shared * (count(raw, "moe_intermediate_size", "intermediate_size") or 0)


def mla(raw: Mapping[str, Any]) -> Mla | None:
    """Compressed keys and values (DeepSeek-V2/V3 and kin)."""
    rank, rope = count(raw, "kv_lora_rank"), count(raw, "qk_rope_head_dim")
    if not rank or not rope:
        return None
    nope = count(raw, "qk_nope_head_dim") or 128
    value = count(raw, "v_head_dim") or nope
    query = count(raw, "q_lora_rank") or 0
    return Mla(kv_rank=rank, rope_dim=rope, nope_dim=nope, value_dim=value, query_rank=query)


def linear_attention(raw: Mapping[str, Any]) -> LinearAttention | None:
    """Sizes of the state layers (Qwen3-Next and kin)."""
    names = ("linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim")
    found = [count(raw, name) for name in names]
    if not all(found):
        return None
    key_heads, value_heads, key_dim, value_dim = (one or 0 for one in found)
    kernel = count(raw, "linear_conv_kernel_dim") or 4
    return LinearAttention(
        key_heads=key_heads, value_heads=value_heads, key_dim=key_dim, value_dim=value_dim, kernel=kernel
    )


def layer_kinds(raw: Mapping[str, Any], model_type: str, layers: int | None) -> tuple[int | None, int, int]:
    """(window in tokens, layers with it, layers with a state). What is left looks back at everything."""
    window = count(raw, "sliding_window", "sliding_window_size", "attention_chunk_size")
    kinds = strings(raw, "layer_types")
    if kinds:
        known = kinds[: layers or None]
        states = sum(kind in ("linear_attention", "mamba", "recurrent") for kind in known)
        windowed = sum(kind in ("sliding_attention", "chunked_attention") for kind in known)
        return window if windowed else None, windowed if window else 0, states
    if not layers:
        return window, 0, 0
    states = _states_by_interval(raw, layers)
    if window is None or raw.get("use_sliding_window") is False:
        return None, 0, states
    return window, _windowed(raw, model_type, layers), states


def _states_by_interval(raw: Mapping[str, Any], layers: int) -> int:
    interval = count(raw, "full_attention_interval")
    return layers - layers // interval if interval and interval <= layers else 0


def _windowed(raw: Mapping[str, Any], model_type: str, layers: int) -> int:
    pattern = count(raw, "sliding_window_pattern", "_sliding_window_pattern")
    if pattern is None:
        pattern = 6 if model_type.startswith("gemma3") else 2 if model_type in ("gemma2", "gpt_oss") else None
    if pattern and pattern > 1:
        return layers - layers // pattern
    full_first = count(raw, "max_window_layers")
    if full_first is not None and model_type.startswith("qwen"):
        return max(0, layers - full_first)
    return layers


def quantization(raw: Mapping[str, Any], inner: Mapping[str, Any]) -> tuple[str, int | None, int | None]:
    """(method, bits of a weight, weights that share a scale) of an already quantised checkpoint."""
    found = mapping(raw, "quantization_config") or mapping(inner, "quantization_config")
    found = found or mapping(raw, "compression_config")
    if not found:
        return "", None, None
    method = (word(found, "quant_method") or word(found, "quant_algo")).lower()
    if flag(found, "load_in_4bit") or flag(found, "_load_in_4bit"):
        return method or "bitsandbytes", 4, 64
    if flag(found, "load_in_8bit") or flag(found, "_load_in_8bit"):
        return method or "bitsandbytes", 8, None
    weights = _compressed_weights(found)
    bits = count(found, "bits", "w_bit") or count(weights, "num_bits")
    group = count(found, "group_size", "q_group_size") or count(weights, "group_size")
    if bits is None:
        bits = 8 if "fp8" in method else 4 if "fp4" in method else None
    group = group or (32 if "fp4" in method else None)
    return method or "unknown", bits if bits and bits <= 16 else None, group


def _compressed_weights(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """compressed-tensors: the weights' entry of the first group that has one."""
    groups = (group for group in mapping(found, "config_groups").values() if isinstance(group, Mapping))
    return next((mapping(group, "weights") for group in groups if mapping(group, "weights")), {})


def vision_parameters(raw: Mapping[str, Any]) -> int:
    """About how many parameters the picture part has; 0 without one, or when it says nothing."""
    hidden = count(raw, "embed_dim", "hidden_size", "width")
    layers = count(raw, "num_hidden_layers", "depth", "layers")
    if not hidden or not layers or layers > 1000 or hidden > 100_000:
        return 0
    ratio = number(raw, "mlp_ratio") or 4.0
    width = count(raw, "intermediate_size") or int(hidden * min(ratio, 100.0))
    matrices = 3 if word(raw, "hidden_act") == "silu" else 2
    merge = count(raw, "spatial_merge_size")
    merged = hidden * merge**2 if merge and merge <= 16 else 0
    out = (
        count(raw, "out_hidden_size") or (count(raw, "hidden_size") if "embed_dim" in raw else None) or hidden
    )
    return layers * (4 * hidden**2 + matrices * hidden * width) + merged * (merged + out)
