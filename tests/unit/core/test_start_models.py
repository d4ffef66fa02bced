"""The start list: what the file may say, and that its models do fit on the cards that it names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from arcdesk.core.fit import FitWish, Verdict
from arcdesk.core.fit_cards import find_card, parse_cards
from arcdesk.core.fit_formats import IPEX_LLM
from arcdesk.core.fit_predict import predict
from arcdesk.core.fit_tensors import tensors
from arcdesk.core.model_config import parse_config
from arcdesk.core.models import StartModel
from arcdesk.core.settings import LOW_BIT_FORMATS, word_refusal
from arcdesk.core.start_models import parse_start_models
from arcdesk.ui.resources import resource_dir

ENTRY = """
[[model]]
id = "org/name"
title = "Name"
licence = "mit"
parameters = 7.6
why = "Because."
source = "here"
"""


def shipped() -> tuple[StartModel, ...]:
    return parse_start_models((resource_dir() / "models.toml").read_text(encoding="utf-8"))


def shape(
    layers: int, hidden: int, inner: int, heads: int, kv_heads: int, vocab: int, context: int, model_type: str
) -> dict[str, object]:
    return {
        "architectures": ["AnyForCausalLM"],
        "model_type": model_type,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocab,
        "max_position_embeddings": context,
        "torch_dtype": "bfloat16",
    }


QWEN2_7B = shape(28, 3584, 18944, 28, 4, 152064, 32768, "qwen2")
LLAMA3_8B = shape(32, 4096, 14336, 32, 8, 128256, 8192, "llama")
GLM4_9B = shape(40, 4096, 13696, 32, 2, 151552, 131072, "llama")
# The shapes in the models' own config.json files.
SHAPES = {
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": shape(22, 2048, 5632, 32, 4, 32000, 2048, "llama"),
    "Qwen/Qwen2.5-7B-Instruct": QWEN2_7B,
    "Qwen/Qwen2.5-Coder-7B-Instruct": QWEN2_7B,
    "Qwen/Qwen2-7B-Instruct": QWEN2_7B,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": shape(28, 1536, 8960, 12, 2, 151936, 131072, "qwen2"),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": QWEN2_7B,
    "meta-llama/Llama-3.1-8B-Instruct": {**LLAMA3_8B, "max_position_embeddings": 131072},
    "meta-llama/Meta-Llama-3-8B-Instruct": LLAMA3_8B,
    "meta-llama/Llama-2-7b-chat-hf": shape(32, 4096, 11008, 32, 32, 32000, 4096, "llama"),
    "THUDM/glm-4-9b-chat": GLM4_9B,
    "THUDM/codegeex4-all-9b": GLM4_9B,
    "THUDM/chatglm3-6b": shape(28, 4096, 13696, 32, 2, 65024, 8192, "llama"),
    "baichuan-inc/Baichuan2-7B-Chat": shape(32, 4096, 11008, 32, 32, 125696, 4096, "llama"),
    "Qwen/Qwen3-8B": shape(36, 4096, 12288, 32, 8, 151936, 40960, "qwen2"),
    "Qwen/Qwen3-14B": shape(40, 5120, 17408, 40, 8, 151936, 40960, "qwen2"),
    "meta-llama/Llama-2-13b-chat-hf": shape(40, 5120, 13824, 40, 40, 32000, 4096, "llama"),
    "Qwen/Qwen1.5-14B-Chat": shape(40, 5120, 13696, 40, 40, 152064, 32768, "qwen2"),
    "01-ai/Yi-1.5-34B-Chat": shape(60, 7168, 20480, 56, 8, 64000, 4096, "llama"),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": shape(64, 5120, 27648, 40, 8, 152064, 131072, "qwen2"),
}
CARDS = ("A310", "A380", "A750", "A770", "B570", "B580", "Pro B50", "Pro B60")
CONTAINER = [model for model in shipped() if model.engine == "container"]


def fits_on(model: StartModel, card_name: str) -> bool:
    table = (resource_dir() / "gpu" / "arc_cards.csv").read_text(encoding="utf-8")
    card = find_card(card_name, parse_cards(table))
    assert card is not None, card_name
    wish = FitWish(
        low_bit=model.low_bit,
        context=model.context,
        max_num_batched_tokens=max(3000, model.context),
        memory_share=IPEX_LLM.memory_share,
    )
    fit = predict(parse_config(SHAPES[model.id]), None, [card], wish)
    assert fit.verdict is not Verdict.UNKNOWN
    return fit.verdict is not Verdict.DOES_NOT


@pytest.mark.parametrize("model", CONTAINER, ids=lambda model: model.id)
def test_a_model_fits_on_the_cards_that_are_named_and_on_no_other(model: StartModel) -> None:
    assert [card for card in CARDS if fits_on(model, card)] == list(model.cards)


@pytest.mark.parametrize("model", CONTAINER, ids=lambda model: model.id)
def test_its_parameters_are_those_of_its_shape(model: StartModel) -> None:
    groups = tensors(parse_config(SHAPES[model.id]))
    assert groups is not None
    assert groups.total / 1e9 == pytest.approx(model.parameters, rel=0.05)


def test_the_list_begins_with_what_the_image_was_tried_with() -> None:
    models = shipped()
    assert models[0].id == "TinyLlama/TinyLlama-1.1B-Chat-v1.0"
    validated = {model.id for model in models if model.is_validated}
    documented = {"Qwen/Qwen2-7B-Instruct", "THUDM/chatglm3-6b", "meta-llama/Meta-Llama-3-8B-Instruct"}
    assert documented <= validated
    assert {model.engine for model in models} == {"container", "embedded"}


def test_every_line_can_be_used_as_it_stands() -> None:
    for model in shipped():
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.id)
        assert word_refusal(model.id) is None
        assert model.why.endswith(".") and model.source and model.licence
        if model.engine == "container":
            assert model.low_bit in LOW_BIT_FORMATS
            assert model.cards


def test_an_entry_is_read() -> None:
    (model,) = parse_start_models(ENTRY)
    assert model == StartModel(
        id="org/name", title="Name", licence="mit", parameters=7.6, why="Because.", source="here"
    )
    (with_cards,) = parse_start_models(ENTRY + 'cards = ["B580"]\nis_gated = true\n')
    assert with_cards == replace(model, cards=("B580",), is_gated=True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("model = 3", "list of tables"),
        ("[[model]]\nid = 'x'", "lacks its licence"),
        (ENTRY + "colour = 'red'", "unknown colour"),
        (ENTRY + ENTRY, "stands twice"),
        (ENTRY + "engine = 'cloud'", "no engine is called 'cloud'"),
        (ENTRY + "engine = 'embedded'", "names its GGUF file"),
        (ENTRY + "file = 'x.gguf'", "names its GGUF file"),
        (ENTRY.replace("7.6", "'many'"), "entry 1"),
        (ENTRY.replace("7.6", "0"), "positive"),
        ("[[model", "end of document"),
    ],
)
def test_what_is_no_such_list_is_refused_with_the_place(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        parse_start_models(text)
