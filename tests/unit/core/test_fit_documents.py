"""Predictions against the figures of the documents and logs, each with its source.

Not reproducible, since the source does not name card, model or shape: the 4025 blocks of log 052 (card not
named), the 1498 of log 097 (model and card cut off), logs 009, 016, 029, 032, 033, 049, 108 (their models'
configs are in no document). The document with 1095, 2254 and 747 blocks names no card either: an Arc A770
16 GB is taken, for which Intel's pages of that image were written. Its offline example names no batch size;
that of its server (4000) is taken.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arcdesk.core.fit import FitCard, FitWish
from arcdesk.core.fit_formats import GIB, IPEX_LLM, VLLM, Stack
from arcdesk.core.fit_kv import blocks_in, kv_shape
from arcdesk.core.fit_predict import predict
from arcdesk.core.fit_weights import weights_on_card
from arcdesk.core.model_config import parse_config
from arcdesk.engine.log_facts import read_figures
from tests.unit.core import model_shapes as shapes

LOGS = Path(__file__).parents[2] / "data" / "logs"
SWAP_BYTES = 4 * GIB
B580 = FitCard(name="B580", total_bytes=12216 * 1024**2)
A770 = FitCard(name="A770", total_bytes=16288 * 1024**2)
OF_16 = replace(IPEX_LLM, block_tokens=16)  # the block size before the document's server sets 8

Json = dict[str, Any]
# source: (config, format, cards of tensor parallelism, stack, GiB)
WEIGHTS: dict[str, tuple[Json, str, int, Stack, float]] = {
    "log 107, TinyLlama sym_int4 (the 650 MB of the user's document)": (
        shapes.TINYLLAMA,
        "sym_int4",
        1,
        IPEX_LLM,
        0.6327,
    ),
    "IPEX-LLM document, Llama-2-7B AWQ as asym_int4": (
        shapes.LLAMA2_7B_AWQ,
        "asym_int4",
        1,
        IPEX_LLM,
        3.7381,
    ),
    "logs 052 and 065, Qwen2.5-7B in 16 bit": (shapes.QWEN25_7B, "fp16", 1, VLLM, 14.2487),
    "log 087, Qwen2.5-7B fp8 on four cards": (shapes.QWEN25_7B, "fp8", 4, IPEX_LLM, 2.0819),
    "log 026, Qwen2-VL-7B AWQ": (shapes.QWEN2_VL_7B_AWQ, "", 1, VLLM, 6.4651),
    "logs 080 and 121, Qwen2.5-0.5B AWQ": (shapes.QWEN25_05B_AWQ, "", 1, VLLM, 0.4315),
    "log 115, gemma-3-27b in 16 bit on eight cards": (shapes.GEMMA3_27B, "fp16", 8, VLLM, 6.74),
}


@pytest.mark.parametrize("source", WEIGHTS)
def test_weights_within_a_tenth(source: str) -> None:
    raw, low_bit, tp, stack, gib = WEIGHTS[source]
    found = weights_on_card(parse_config(raw), None, low_bit, stack, tp=tp)
    assert found is not None
    assert found.total_bytes / GIB == pytest.approx(gib, rel=0.1)


def test_tinyllama_is_the_650_mb_of_the_document() -> None:
    found = weights_on_card(parse_config(shapes.TINYLLAMA), None, "sym_int4", IPEX_LLM)
    assert found is not None
    assert found.total_bytes / 1024**2 == pytest.approx(650, rel=0.02)


# source: (config, block size, KV format, cards, blocks that 4 GiB of swap space make): the KV size, exactly
CPU_BLOCKS: dict[str, tuple[Json, int, str, int, int]] = {
    "log 107, TinyLlama": (shapes.TINYLLAMA, 8, "auto", 1, 23_831),
    "IPEX-LLM document, Llama-2-7B offline": (shapes.LLAMA2_7B, 16, "auto", 1, 512),
    "IPEX-LLM document, Llama-2-7B server": (shapes.LLAMA2_7B, 8, "auto", 1, 1024),
    "log 052, Qwen2.5-7B": (shapes.QWEN25_7B, 16, "auto", 1, 4681),
    "log 026, Qwen2-VL-7B with fp8 cache": (shapes.QWEN2_VL_7B_AWQ, 16, "fp8_e4m3", 1, 9362),
    "log 115, gemma-3-27b on eight cards": (shapes.GEMMA3_27B, 16, "auto", 8, 4228),
}


@pytest.mark.parametrize("source", CPU_BLOCKS)
def test_the_cache_of_a_token_is_exact(source: str) -> None:
    raw, block_tokens, kv_dtype, tp, blocks = CPU_BLOCKS[source]
    stack = replace(IPEX_LLM, block_tokens=block_tokens)  # V0 gives windowed layers the whole cache
    shape = kv_shape(parse_config(raw), stack, kv_dtype=kv_dtype, tp=tp)
    assert shape is not None
    assert blocks_in(SWAP_BYTES, shape, stack) == blocks


@pytest.mark.parametrize(
    ("log", "raw", "kv_dtype", "tp"),
    [("026", shapes.QWEN2_VL_7B_AWQ, "fp8", 1), ("115", shapes.GEMMA3_27B, "auto", 8)],
)
def test_blocks_in_the_room_that_a_log_names(log: str, raw: Json, kv_dtype: str, tp: int) -> None:
    figures = read_figures((LOGS / f"{log}.log").read_text(errors="replace").splitlines())
    stack = replace(IPEX_LLM, block_tokens=16)
    shape = kv_shape(parse_config(raw), stack, kv_dtype=kv_dtype, tp=tp)
    assert shape is not None and figures.kv_bytes is not None and figures.blocks is not None
    assert blocks_in(figures.kv_bytes, shape, stack) == pytest.approx(figures.blocks, rel=0.005)


# source: (config, format, card, share, batched tokens, sequences, stack, blocks)
BLOCKS: dict[str, tuple[Json, str, FitCard, float, int, int, Stack, int]] = {
    "log 107, TinyLlama on a B580": (shapes.TINYLLAMA, "sym_int4", B580, 0.95, 3000, 8, IPEX_LLM, 61_014),
    "IPEX-LLM document, AWQ offline": (shapes.LLAMA2_7B_AWQ, "asym_int4", A770, 0.9, 4000, 256, OF_16, 1095),
    "IPEX-LLM document, AWQ server": (
        shapes.LLAMA2_7B_AWQ,
        "asym_int4",
        A770,
        0.9,
        4000,
        256,
        IPEX_LLM,
        2254,
    ),
    "IPEX-LLM document, fp8 offline": (shapes.LLAMA2_7B, "fp8", A770, 0.9, 4000, 256, OF_16, 747),
}


@pytest.mark.parametrize("source", BLOCKS)
def test_blocks_of_the_whole_card_within_a_tenth(source: str) -> None:
    raw, low_bit, card, share, batched, sequences, stack, blocks = BLOCKS[source]
    wish = FitWish(
        low_bit=low_bit,
        context=2048,
        max_num_seqs=sequences,
        max_num_batched_tokens=batched,
        memory_share=share,
    )
    fit = predict(parse_config(raw), None, [card], wish, stack=stack)
    assert fit.kv_blocks == pytest.approx(blocks, rel=0.1)
