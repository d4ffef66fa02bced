"""What config.json says of each family; and that no JSON object is too odd."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.fit import Fit, FitCard, FitWish
from arcdesk.core.fit_formats import IPEX_LLM, VLLM
from arcdesk.core.fit_kv import kv_shape
from arcdesk.core.fit_predict import predict
from arcdesk.core.fit_tensors import tensors
from arcdesk.core.fit_weights import weights_on_card
from arcdesk.core.model_config import ModelConfig, parse_config
from tests.unit.core import model_shapes as shapes

# (config, billions of parameters as the authors publish them)
PUBLISHED = {
    "TinyLlama-1.1B": (shapes.TINYLLAMA, 1.100),
    "Llama-2-7B": (shapes.LLAMA2_7B, 6.738),
    "Llama-3-8B": (shapes.LLAMA3_8B, 8.030),
    "Qwen2.5-7B": (shapes.QWEN25_7B, 7.616),
    "Qwen2.5-0.5B": (shapes.QWEN25_05B_AWQ, 0.494),
    "Qwen2-VL-7B": (shapes.QWEN2_VL_7B_AWQ, 8.291),
    "gemma-3-27b": (shapes.GEMMA3_27B, 27.43),
    "Mixtral-8x7B": (shapes.MIXTRAL, 46.70),
    "Qwen3-30B-A3B": (shapes.QWEN3_30B_A3B, 30.53),
    "DeepSeek-V2-Lite": (shapes.DEEPSEEK_V2_LITE, 15.71),
    "chatglm3-6b": (shapes.CHATGLM3_6B, 6.244),
    "gpt2": (shapes.GPT2, 0.1244),
    "opt-125m": (shapes.OPT_125M, 0.1252),
    "falcon-7b": (shapes.FALCON_7B, 6.92),
    "bloom-560m": (shapes.BLOOM_560M, 0.5592),
    "gpt-oss-20b": (shapes.GPT_OSS_20B, 20.91),
    "SmolLM2-135M": (shapes.SMOLLM2_135M, 0.1345),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_parameters_are_those_of_the_authors(name: str) -> None:
    raw, billions = PUBLISHED[name]
    found = tensors(parse_config(raw))
    assert found is not None
    assert found.total / 1e9 == pytest.approx(billions, rel=0.02)


def test_old_names_are_understood() -> None:
    config = parse_config(shapes.CHATGLM3_6B)
    assert (config.layers, config.kv_heads, config.head_dim) == (28, 2, 128)
    assert (config.vocab_size, config.context, config.intermediate_size) == (65_024, 8192, 13_696)
    gpt2 = parse_config(shapes.GPT2)
    assert (gpt2.layers, gpt2.heads, gpt2.hidden_size, gpt2.context) == (12, 12, 768, 1024)
    assert gpt2.is_tied and gpt2.mlp_matrices == 2
    falcon = parse_config(shapes.FALCON_7B)
    assert (falcon.kv_heads, falcon.head_dim) == (1, 64)


def test_the_text_part_of_a_multimodal_model_counts() -> None:
    config = parse_config(shapes.INTERNVL)
    assert (config.layers, config.kv_heads, config.vocab_size) == (28, 4, 151_674)
    assert config.model_type == "internvl_chat" and config.is_multimodal
    assert config.vision_parameters > 250e6


@pytest.mark.parametrize(
    ("raw", "window", "windowed"),
    [
        (shapes.GEMMA3_27B, 1024, 52),  # every sixth layer looks back at everything
        (shapes.GPT_OSS_20B, 128, 12),
        (shapes.MISTRAL_V01, 4096, 32),
        (shapes.MIXTRAL, None, 0),
        ({**shapes.QWEN25_7B, "sliding_window": 131_072, "use_sliding_window": False}, None, 0),
        (
            {**shapes.QWEN25_7B, "sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 20},
            4096,
            8,
        ),
        (shapes.decoder("gemma2", 2304, 26, 8, 4, 9216, 256_000, sliding_window=4096), 4096, 13),
    ],
)
def test_windows(raw: dict[str, Any], window: int | None, windowed: int) -> None:
    config = parse_config(raw)
    assert (config.sliding_window, config.window_layers) == (window, windowed)


@pytest.mark.parametrize(
    ("stated", "method", "bits", "group"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq", 4, 128),
        ({"quant_method": "awq", "w_bit": 4, "q_group_size": 64}, "awq", 4, 64),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, "gptq", 8, None),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", 8, None),
        ({"quant_method": "mxfp4"}, "mxfp4", 4, 32),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": False},
            "bitsandbytes",
            4,
            64,
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 32}}},
            },
            "compressed-tensors",
            4,
            32,
        ),
        ({"quant_method": "something-new"}, "something-new", None, None),
        ({}, "", None, None),
        ("awq", "", None, None),
    ],
)
def test_quantisation(stated: object, method: str, bits: int | None, group: int | None) -> None:
    config = parse_config({**shapes.LLAMA2_7B, "quantization_config": stated})
    assert (config.quantization, config.quantization_bits, config.quantization_group) == (method, bits, group)


def test_experts_and_compressed_attention() -> None:
    config = parse_config(shapes.DEEPSEEK_V2_LITE)
    assert (config.experts, config.expert_size, config.expert_layers) == (64, 1408, 26)
    assert config.shared_expert_size == 2816
    assert config.mla is not None and (config.mla.kv_rank, config.mla.rope_dim) == (512, 64)


@pytest.mark.parametrize(
    "value", [0, -1, True, 10**12, "32", None, [32], 3.5, float("inf"), float("nan"), {}]
)
def test_an_absurd_count_is_missing(value: object) -> None:
    assert parse_config({**shapes.LLAMA2_7B, "num_hidden_layers": value}).layers is None


def test_yarn_lengthens_the_context_only_where_it_is_not_stated_already() -> None:
    scaling = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768}
    assert parse_config({**shapes.QWEN25_7B, "rope_scaling": scaling}).context == 131_072
    stated = {**shapes.QWEN25_7B, "max_position_embeddings": 131_072, "rope_scaling": scaling}
    assert parse_config(stated).context == 131_072


CARD = FitCard(name="B580", total_bytes=12216 * 1024**2)
KEYS = sorted(
    {key for raw, _ in PUBLISHED.values() for key in raw}
    | {
        "text_config",
        "llm_config",
        "quantization_config",
        "config_groups",
        "weights",
        "rope_scaling",
        "factor",
    }
    | {"layer_types", "first_k_dense_replace", "linear_num_key_heads", "full_attention_interval", "mlp_ratio"}
    | {"sliding_window_pattern", "architectures", "head_dim", "n_inner", "embed_dim", "spatial_merge_size"}
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
SCALARS |= st.sampled_from(
    ["gemma3", "qwen", "gpt2", "yarn", "awq", "llama", "sliding_attention", 1, 4, 4096]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=14), st.none() | st.integers(1, 10**15))
def test_no_json_object_raises(raw: dict[str, Any], index: int | None) -> None:
    config = parse_config(raw)
    assert isinstance(config, ModelConfig)
    for stack in (IPEX_LLM, VLLM):
        for tp, pp in ((1, 1), (3, 2)):
            weights = weights_on_card(config, index, "sym_int4", stack, tp=tp, pp=pp)
            assert weights is None or weights.total_bytes >= 0
            kv = kv_shape(config, stack, tp=tp, pp=pp)
            assert kv is None or kv.token_bytes >= 0
    for wish in (FitWish(), FitWish(low_bit="fp16", tensor_parallel=2, context=4096)):
        assert isinstance(predict(config, index, [CARD, CARD], wish), Fit)
