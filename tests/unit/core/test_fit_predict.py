"""The verdict and its reasons: parallelism, experts, windows, held memory, the host, and the best format."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from arcdesk.core.fit import Fit, FitCard, FitFactors, FitWish, Verdict
from arcdesk.core.fit_formats import BY_EXACTNESS, GIB, IPEX_LLM, LLAMA_CPP, VLLM, stack_of_image
from arcdesk.core.fit_kv import KvShape, kv_shape
from arcdesk.core.fit_predict import predict
from arcdesk.core.fit_weights import weights_on_card
from arcdesk.core.model_config import ModelConfig, parse_config
from tests.unit.core import model_shapes as shapes

MIB = 1024**2
B580 = FitCard(name="B580", total_bytes=12216 * MIB)
A770 = FitCard(name="A770", total_bytes=16288 * MIB)
WISH = FitWish(memory_share=0.95, max_num_batched_tokens=3000)


def fit_of(raw: dict[str, Any], cards: list[FitCard], wish: FitWish = WISH, **more: Any) -> Fit:
    return predict(parse_config(raw), more.pop("index", None), cards, wish, **more)


def test_a_7b_in_four_bits_fits_a_b580_and_sixteen_bits_do_not() -> None:
    fit = fit_of(shapes.QWEN25_7B, [B580])
    assert fit.verdict is Verdict.FITS and fit.context == 8192
    assert fit.weights_bytes is not None and fit.weights_bytes / GIB == pytest.approx(4.5, abs=0.2)
    whole = fit_of(shapes.QWEN25_7B, [B580], replace(WISH, low_bit="fp16"))
    assert whole.verdict is Verdict.DOES_NOT
    assert (whole.margin_bytes or 0) < 0
    assert "leave nothing for the cache" in whole.reasons[0]


def test_the_parts_and_the_margin_are_the_servers_share() -> None:
    fit = fit_of(shapes.QWEN25_7B, [B580])
    taken = sum(part.size_bytes for part in fit.parts) + (fit.margin_bytes or 0)
    assert taken == int(B580.total_bytes * 0.95)
    assert all(part.how for part in fit.parts)


def test_the_largest_context_is_the_last_that_fits() -> None:
    fit = fit_of(shapes.QWEN25_7B, [B580])
    largest = fit.largest_context or 0
    at = fit_of(shapes.QWEN25_7B, [B580], replace(WISH, context=largest))
    beyond = fit_of(shapes.QWEN25_7B, [B580], replace(WISH, context=largest + IPEX_LLM.block_tokens))
    assert (at.margin_bytes or -1) >= 0 > (beyond.margin_bytes or 0)
    assert at.verdict is Verdict.TIGHT and beyond.verdict is Verdict.DOES_NOT
    assert any("at most" in sentence for sentence in beyond.reasons)


def test_the_best_format_is_the_most_exact_one_that_fits() -> None:
    best = fit_of(shapes.QWEN25_7B, [B580]).best_low_bit
    verdicts = [
        fit_of(shapes.QWEN25_7B, [B580], replace(WISH, low_bit=low_bit)).verdict for low_bit in BY_EXACTNESS
    ]
    assert best == BY_EXACTNESS[verdicts.index(Verdict.FITS)]
    assert fit_of(shapes.TINYLLAMA, [B580]).best_low_bit == "fp16"
    assert fit_of(shapes.MIXTRAL, [B580]).best_low_bit == ""


def test_what_others_hold_is_not_there() -> None:
    free, held = B580, replace(B580, held_bytes=6 * GIB)
    alone, beside = fit_of(shapes.QWEN25_7B, [free]), fit_of(shapes.QWEN25_7B, [held])
    assert alone.verdict is Verdict.FITS and beside.verdict is Verdict.DOES_NOT
    assert any("Others hold 6.0" in sentence for sentence in beside.reasons)


def test_two_cards_halve_weights_and_cache() -> None:
    one = fit_of(shapes.QWEN25_7B, [A770])
    two = fit_of(shapes.QWEN25_7B, [A770, A770], replace(WISH, tensor_parallel=2))
    assert (two.weights_bytes or 0) / (one.weights_bytes or 1) == pytest.approx(0.5, rel=0.05)
    assert two.kv_bytes_per_token == (one.kv_bytes_per_token or 0) / 2


def test_more_cards_than_key_heads_hold_copies() -> None:
    eight = fit_of(
        shapes.decoder("llama", 4096, 32, 32, 2, 11_008, 32_000), [A770] * 8, replace(WISH, tensor_parallel=8)
    )
    two = fit_of(
        shapes.decoder("llama", 4096, 32, 32, 2, 11_008, 32_000), [A770] * 2, replace(WISH, tensor_parallel=2)
    )
    assert eight.kv_bytes_per_token == two.kv_bytes_per_token
    assert any("each card holds copies" in sentence for sentence in eight.reasons)


def test_heads_must_divide() -> None:
    fit = fit_of(shapes.QWEN25_7B, [B580] * 3, replace(WISH, tensor_parallel=3))
    assert fit.verdict is Verdict.DOES_NOT
    assert fit.reasons[0] == "Its 28 attention heads can't be divided among 3 cards."


def test_too_few_cards() -> None:
    fit = fit_of(shapes.QWEN25_7B, [B580], replace(WISH, tensor_parallel=2))
    assert fit.verdict is Verdict.DOES_NOT
    assert fit.reasons[0] == "It would take 2 cards; one is there."


def test_the_smallest_of_unequal_cards_counts() -> None:
    wish = replace(WISH, tensor_parallel=2)
    mixed = fit_of(shapes.QWEN25_7B, [A770, B580], wish)
    small = fit_of(shapes.QWEN25_7B, [B580, B580], wish)
    assert mixed.margin_bytes == small.margin_bytes
    assert any("The cards differ: B580" in sentence for sentence in mixed.reasons)


def test_pipeline_parallelism_divides_layers() -> None:
    one = fit_of(shapes.QWEN25_7B, [A770])
    two = fit_of(shapes.QWEN25_7B, [A770, A770], replace(WISH, pipeline_parallel=2))
    assert two.kv_bytes_per_token == (one.kv_bytes_per_token or 0) / 2
    assert (one.weights_bytes or 0) * 0.5 < (two.weights_bytes or 0) < (one.weights_bytes or 0) * 0.7
    odd = kv_shape(parse_config(shapes.SMOLLM2_135M), VLLM, pp=4)
    assert odd is not None and odd.token_bytes == 8 * 2 * 3 * 64 * 2  # 30 layers: the fullest has 8


def test_an_fp8_cache_is_half_as_large() -> None:
    whole = fit_of(shapes.LLAMA3_8B, [A770])
    half = fit_of(shapes.LLAMA3_8B, [A770], replace(WISH, kv_dtype="fp8"))
    assert half.kv_bytes_per_token == (whole.kv_bytes_per_token or 0) / 2 == 65_536


def test_this_engine_leaves_experts_in_sixteen_bit() -> None:
    config = parse_config(shapes.MIXTRAL)
    ours, newer = (weights_on_card(config, None, "sym_int4", stack) for stack in (IPEX_LLM, VLLM))
    assert ours is not None and newer is not None
    assert newer.total_bytes / GIB == pytest.approx(23.3, rel=0.05)
    assert ours.total_bytes / GIB > 80
    fit = fit_of(shapes.MIXTRAL, [A770] * 2, replace(WISH, tensor_parallel=2))
    assert any("8 experts per layer in 16 bit" in sentence for sentence in fit.reasons)


def test_compressed_attention_caches_one_vector() -> None:
    for tp in (1, 4):
        shape = kv_shape(parse_config(shapes.DEEPSEEK_V2_LITE), VLLM, tp=tp)
        assert shape is not None and shape.token_bytes == 27 * (512 + 64) * 2


def test_windowed_layers_stop_growing_where_the_engine_can() -> None:
    config = parse_config(shapes.GEMMA3_27B)
    new, old = (kv_shape(config, stack) for stack in (VLLM, IPEX_LLM))
    assert new is not None and old is not None
    layer = 2 * 16 * 128 * 2
    assert new.sequence_bytes(8192) == layer * (10 * 8192 + 52 * 1024)
    assert old.sequence_bytes(8192) == layer * 62 * 8192
    assert new.sequence_bytes(512) == old.sequence_bytes(512)


def test_the_words_count_tokens_as_the_windows_let_them() -> None:
    card = FitCard(name="A", total_bytes=24 * GIB)
    wish = replace(WISH, low_bit="sym_int4", memory_share=VLLM.memory_share)
    fit = predict(parse_config(shapes.GEMMA3_27B), None, [card], wish, stack=VLLM)
    told = re.search(r"for the cache: ([\d\u202f]+) tokens", fit.reasons[0])
    assert told is not None and fit.largest_context is not None
    # In three digits, so a little less than the longest sequence; its whole blocks are a little less, too.
    assert int(told[1].replace("\u202f", "")) == pytest.approx(fit.largest_context, rel=0.01)


def test_a_model_of_windows_only_takes_any_length() -> None:
    shape = kv_shape(parse_config(shapes.MISTRAL_V01), IPEX_LLM)
    assert shape is not None
    assert shape.sequence_bytes(100_000) == shape.sequence_bytes(4096)
    assert shape.tokens_in(shape.sequence_bytes(4096)) is None


@pytest.mark.parametrize(
    "shape",
    [
        KvShape(full_bytes=100),
        KvShape(full_bytes=100, windowed_bytes=50, window=64),
        KvShape(full_bytes=7, windowed_bytes=50, window=64, state_bytes=999),
    ],
)
def test_tokens_in_a_room_are_the_most_that_fit(shape: KvShape) -> None:
    for room in (999, 1500, 5000, 9600, 9601, 1_000_000):
        tokens = shape.tokens_in(room)
        assert tokens is not None
        assert shape.sequence_bytes(tokens) <= max(room, shape.state_bytes)
        assert shape.sequence_bytes(tokens + 1) > room


def test_state_layers_have_no_cache_that_grows() -> None:
    raw = shapes.decoder(
        "qwen3_next", 2048, 48, 16, 2, 5120, 151_936, head_dim=256, full_attention_interval=4,
        linear_num_key_heads=16, linear_num_value_heads=32,
        linear_key_head_dim=128, linear_value_head_dim=128,
    )  # fmt: skip
    shape = kv_shape(parse_config(raw), VLLM)
    assert shape is not None
    assert shape.token_bytes == 12 * 2 * 2 * 256 * 2
    assert shape.state_bytes > 36 * 32 * 128 * 128 * 4


def test_the_index_wins_over_the_config() -> None:
    stated = 16_060_522_496  # Llama-3-8B's own index
    fit = fit_of(shapes.LLAMA3_8B, [A770], replace(WISH, low_bit="fp16"), index=stated)
    assert fit.weights_bytes == pytest.approx(stated, rel=0.001)
    grown = fit_of(shapes.LLAMA3_8B, [A770], index=stated * 3 // 2)
    plain = fit_of(shapes.LLAMA3_8B, [A770], index=stated)
    assert (grown.weights_bytes or 0) > (plain.weights_bytes or 0) * 1.2


def test_an_unknown_architecture_is_reckoned_from_its_index() -> None:
    raw = {"model_type": "new", "num_hidden_layers": 32, "num_attention_heads": 32, "head_dim": 128}
    fit = predict(parse_config(raw), 8 * GIB, [B580], WISH)
    assert fit.weights_bytes == pytest.approx(8 * GIB * 4.25 / 16, rel=0.01)
    assert fit.kv_bytes_per_token == 2 * 32 * 128 * 2 * 32


def test_a_quantised_checkpoint_takes_its_own_size() -> None:
    raw = {**shapes.LLAMA3_8B, "quantization_config": {"quant_method": "fp8"}}
    fit = predict(parse_config(raw), 9 * GIB, [B580], WISH)
    assert fit.weights_bytes == 9 * GIB and fit.low_bit == "fp8"
    assert fit.host_peak_bytes == 9 * GIB + IPEX_LLM.swap_bytes


def test_awq_is_repacked_by_this_engine_alone() -> None:
    raw = {**shapes.LLAMA3_8B, "quantization_config": shapes.awq()}
    size = 5_700_000_000
    assert fit_of(raw, [B580], index=size).low_bit == "asym_int4"
    assert fit_of(raw, [B580], index=size, stack=VLLM).weights_bytes == size


def test_only_the_experts_of_mxfp4_are_packed() -> None:
    found = weights_on_card(parse_config(shapes.GPT_OSS_20B), None, "", VLLM)
    assert found is not None
    assert found.total_bytes / 1e9 == pytest.approx(13.76, rel=0.05)  # the checkpoint's own size


def test_the_host_needs_the_whole_model_while_it_converts() -> None:
    fit = fit_of(shapes.QWEN25_7B, [B580])
    assert fit.host_peak_bytes == pytest.approx(15.23e9 + 4 * GIB, rel=0.01)
    short = fit_of(shapes.QWEN25_7B, [B580], replace(WISH, host_ram_bytes=8 * GIB))
    assert short.verdict is Verdict.DOES_NOT
    assert any("the computer needs 14.2" in sentence for sentence in short.reasons)
    close = fit_of(shapes.QWEN25_7B, [B580], replace(WISH, host_ram_bytes=16 * GIB))
    assert close.verdict is Verdict.TIGHT


def test_what_this_computer_taught_counts() -> None:
    taught = fit_of(shapes.QWEN25_7B, [B580], factors=FitFactors(weights=1.5, reserve=0.5, n=4))
    plain = fit_of(shapes.QWEN25_7B, [B580])
    assert taught.weights_bytes == pytest.approx((plain.weights_bytes or 0) * 1.5, rel=0.001)
    assert taught.parts[1].size_bytes == pytest.approx(plain.parts[1].size_bytes / 2, rel=0.001)
    assert taught.reasons[-1] == "Corrected by 4 runs on this computer."


def test_a_longer_context_than_the_models_own_is_refused() -> None:
    fit = fit_of(shapes.TINYLLAMA, [B580], replace(WISH, context=4096))
    assert fit.verdict is Verdict.DOES_NOT
    assert "The model itself ends at 2" in fit.reasons[0]


def test_nothing_known_is_said_as_that() -> None:
    fit = predict(ModelConfig(), None, [B580], WISH)
    assert fit.verdict is Verdict.UNKNOWN
    assert "no config.json that could be understood" in fit.reasons[0] and fit.weights_bytes is None
    partly = predict(ModelConfig(layers=4, heads=8), None, [B580], WISH)
    assert "does not say enough (hidden size, vocabulary)" in partly.reasons[0]
    none = fit_of(shapes.QWEN25_7B, [])
    assert none.verdict is Verdict.UNKNOWN and none.weights_bytes
    odd = fit_of(shapes.QWEN25_7B, [B580], replace(WISH, low_bit="int3"))
    assert odd.verdict is Verdict.UNKNOWN and "'int3' is unknown" in odd.reasons[0]


def test_every_figure_of_a_wish_may_be_absurd() -> None:
    for wish in (
        FitWish(tensor_parallel=0, pipeline_parallel=0, max_num_seqs=0),
        FitWish(context=0),
        FitWish(context=10**9, max_num_batched_tokens=10**9),
        FitWish(tensor_parallel=64, pipeline_parallel=64),
    ):
        assert isinstance(fit_of(shapes.LLAMA3_8B, [B580], wish), Fit)
    nothing = fit_of(shapes.LLAMA3_8B, [FitCard(name="none", total_bytes=0)])
    assert nothing.verdict is Verdict.DOES_NOT


def test_a_prompt_read_whole_makes_the_reserve_grow_with_the_context() -> None:
    old = [
        fit_of(shapes.QWEN25_7B, [A770], replace(WISH, context=tokens)).parts[1].size_bytes
        for tokens in (4096, 16_384)
    ]
    new = [
        fit_of(shapes.QWEN25_7B, [A770], replace(WISH, context=tokens), stack=VLLM).parts[1].size_bytes
        for tokens in (4096, 16_384)
    ]
    assert old[1] > old[0] and new[1] == new[0]


def test_images_and_their_stacks() -> None:
    assert stack_of_image("intelanalytics/ipex-llm-serving-xpu:0.2.0-b2") is IPEX_LLM
    assert stack_of_image("intel/llm-scaler-vllm:1.2") is VLLM
    assert LLAMA_CPP.converts is False
