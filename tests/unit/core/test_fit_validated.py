"""Intel's list of validated models (fp8, number of A770 16 GB) must come out as running there.

Source: the image's quickstart, 'Validated models'. Context 2000 and batches of 3000 are the image's own
defaults; so are 256 sequences.
"""

from __future__ import annotations

from typing import Any

import pytest

from arcdesk.core.fit import FitCard, FitWish, Verdict
from arcdesk.core.fit_predict import predict
from arcdesk.core.model_config import parse_config
from tests.unit.core import model_shapes as shapes

A770 = FitCard(name="A770", total_bytes=16288 * 1024**2)
B580 = FitCard(name="B580", total_bytes=12216 * 1024**2)
VALIDATED: dict[str, tuple[int, dict[str, Any]]] = {
    "Llama-3-8B": (1, shapes.LLAMA3_8B),
    "Llama-2-7B": (1, shapes.LLAMA2_7B),
    "Qwen2-7B": (1, shapes.QWEN25_7B),
    "Qwen1.5-7B": (1, shapes.decoder("qwen2", 4096, 32, 32, 32, 11_008, 151_936)),
    "GLM4-9B": (
        1,
        {**shapes.CHATGLM3_6B, "num_layers": 40, "ffn_hidden_size": 13_696, "padded_vocab_size": 151_552},
    ),
    "chatglm3-6b": (1, shapes.CHATGLM3_6B),
    "Baichuan2-7B": (1, shapes.decoder("baichuan", 4096, 32, 32, 32, 11_008, 125_696)),
    "Llama-2-13B": (2, shapes.decoder("llama", 5120, 40, 40, 40, 13_824, 32_000)),
    "Qwen1.5-14B": (2, shapes.decoder("qwen2", 5120, 40, 40, 40, 13_696, 152_064)),
    "Qwen1.5-32B": (4, shapes.decoder("qwen2", 5120, 64, 40, 8, 27_392, 152_064)),
    "Yi-1.5-34B": (4, shapes.decoder("llama", 7168, 60, 56, 8, 20_480, 64_000)),
    "CodeLlama-34B": (4, shapes.decoder("llama", 8192, 48, 64, 8, 22_016, 32_000)),
}


def verdict(
    raw: dict[str, Any], card: FitCard, low_bit: str, cards: int = 1, sequences: int = 256
) -> Verdict:
    wish = FitWish(
        low_bit=low_bit,
        context=2000,
        max_num_seqs=sequences,
        max_num_batched_tokens=3000,
        tensor_parallel=cards,
        memory_share=0.95,
    )
    return predict(parse_config(raw), None, [card] * cards, wish).verdict


@pytest.mark.parametrize("name", VALIDATED)
def test_a_validated_model_runs(name: str) -> None:
    cards, raw = VALIDATED[name]
    assert verdict(raw, A770, "fp8", cards) in (Verdict.FITS, Verdict.TIGHT)


@pytest.mark.parametrize("name", [name for name, (cards, _) in VALIDATED.items() if cards > 1])
def test_on_half_the_cards_it_would_not(name: str) -> None:
    cards, raw = VALIDATED[name]
    assert verdict(raw, A770, "fp8", cards // 2) is not Verdict.FITS


def test_what_is_said_of_a_b580() -> None:
    """7-8B in sym_int4 comfortably, in fp8 with a short context, 14B in sym_int4 with few sequences."""
    fourteen = VALIDATED["Qwen1.5-14B"][1]
    assert verdict(shapes.LLAMA3_8B, B580, "sym_int4", sequences=8) is Verdict.FITS
    assert verdict(shapes.LLAMA3_8B, B580, "fp8", sequences=8) in (Verdict.FITS, Verdict.TIGHT)
    assert verdict(shapes.LLAMA3_8B, B580, "fp16", sequences=8) is Verdict.DOES_NOT
    assert verdict(fourteen, B580, "sym_int4", sequences=8) in (Verdict.FITS, Verdict.TIGHT)
    assert verdict(fourteen, B580, "fp8", sequences=8) is Verdict.DOES_NOT
