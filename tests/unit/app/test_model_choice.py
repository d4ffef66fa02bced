"""Choosing a model: the settings that it needs, or why it can't be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arcdesk.app.model_choice import Choice, changes_between, choose, switch_to, taken_back
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import ActionKind, Problem, UsageError
from arcdesk.core.fit import Fit, FitCard, FitWish, Verdict
from arcdesk.core.fit_predict import predict
from arcdesk.core.model_config import ModelConfig, parse_config
from arcdesk.core.models import Format, ModelEntry, Place, Trouble
from arcdesk.core.settings import ContainerSettings, Settings, check_container
from tests.model_cache_rig import QWEN_7B, TINY

C, E, R = EngineKind.CONTAINER, EngineKind.EMBEDDED, EngineKind.REMOTE
HOME = Settings(container=ContainerSettings(hf_cache_dir="/home/me/.cache/huggingface"))
HUB = "/home/me/.cache/huggingface/hub"
GIB = 2**30


def cached(model_id: str = "Qwen/Qwen2.5-7B-Instruct", hub: str = HUB, **more: object) -> ModelEntry:
    folder = f"{hub}/models--" + model_id.replace("/", "--")
    entry = ModelEntry(
        id=model_id,
        place=Place.CACHE,
        path=folder,
        snapshot=f"{folder}/snapshots/0",
        format=Format.SAFETENSORS,
        config=parse_config(QWEN_7B),
    )
    return replace(entry, **more)  # type: ignore[arg-type]


def folder(path: str, **more: object) -> ModelEntry:
    entry = ModelEntry(id=path, place=Place.FOLDER, path=path, format=Format.SAFETENSORS)
    return replace(entry, **more)  # type: ignore[arg-type]


def gguf(path: str = "/m/a.gguf") -> ModelEntry:
    return ModelEntry(id=path, place=Place.FOLDER, path=path, format=Format.GGUF)


def fit_on(gib: float, low_bit: str = "sym_int4") -> Fit:
    wish = FitWish(low_bit=low_bit, memory_share=0.95)
    card = FitCard(name="a card", total_bytes=int(gib * GIB))
    return predict(parse_config(QWEN_7B), None, [card], wish)


def refusal(entry: ModelEntry, kind: EngineKind = C, settings: Settings = HOME) -> Problem:
    with pytest.raises(UsageError) as raised:
        choose(entry, settings, kind)
    return raised.value.problem


def container(choice: Choice) -> ContainerSettings:
    check_container(choice.settings.container)  # the server would take it
    return choice.settings.container


# the container


def test_a_cached_model_is_named_by_its_id() -> None:
    taken = container(choose(cached(), HOME, C, fit_on(11.9)))
    assert taken.model_path == "Qwen/Qwen2.5-7B-Instruct"
    assert taken.served_model_name == "qwen2.5-7b-instruct"
    assert taken.hf_cache_dir == HOME.container.hf_cache_dir
    assert (taken.max_model_len, taken.max_num_batched_tokens) == (8192, 8192)


def test_the_context_is_no_longer_than_card_and_model_take() -> None:
    tight = fit_on(7.9)
    assert tight.largest_context is not None and tight.largest_context < 8192
    taken = container(choose(cached(), HOME, C, tight))
    assert taken.max_model_len == tight.largest_context
    tiny = cached("TinyLlama/TinyLlama-1.1B-Chat-v1.0", config=parse_config(TINY))
    taken = container(choose(tiny, replace(HOME, container=taken), C, fit_on(11.9)))
    assert taken.max_model_len == 2048
    assert taken.served_model_name == "tinyllama"


def test_what_the_person_set_is_kept_where_nothing_is_known_of_the_fit() -> None:
    mine = replace(HOME.container, max_model_len=4000, max_num_batched_tokens=6000, max_num_seqs=2)
    taken = container(choose(cached(), replace(HOME, container=mine), C))
    assert (taken.max_model_len, taken.max_num_batched_tokens) == (4000, 6000)
    assert taken.load_in_low_bit == mine.load_in_low_bit


def test_batches_of_a_long_context_before_are_not_dragged_along() -> None:
    long = replace(HOME.container, max_model_len=32768, max_num_batched_tokens=32768)
    tiny = cached("TinyLlama/TinyLlama-1.1B-Chat-v1.0", config=parse_config(TINY))
    taken = container(choose(tiny, replace(HOME, container=long), C))
    assert (taken.max_model_len, taken.max_num_batched_tokens) == (2048, 3000)


def test_a_format_that_does_not_fit_gives_way_to_the_best_that_does() -> None:
    wide = replace(HOME, container=replace(HOME.container, load_in_low_bit="fp16"))
    fit = fit_on(11.9, "fp16")
    assert fit.verdict is Verdict.DOES_NOT and fit.best_low_bit
    assert container(choose(cached(), wide, C, fit)).load_in_low_bit == fit.best_low_bit
    assert container(choose(cached(), wide, C, fit, low_bit="fp8")).load_in_low_bit == "fp8"  # was picked


def test_a_model_that_fits_in_no_format_is_warned_of() -> None:
    choice = choose(cached(), HOME, C, fit_on(3.9))
    assert "does not fit" in choice.warnings[0]


def test_cards_that_do_not_divide_the_heads_become_fewer() -> None:
    many = replace(HOME, container=replace(HOME.container, tensor_parallel_size=8))
    assert container(choose(cached(), many, C)).tensor_parallel_size == 4  # 28 heads, 4 of keys
    unknown = cached(config=ModelConfig())
    assert container(choose(unknown, many, C)).tensor_parallel_size == 8


def test_another_cache_becomes_the_container_s() -> None:
    elsewhere = choose(cached(hub="/data/hf/hub"), HOME, C)
    assert container(elsewhere).hf_cache_dir == "/data/hf"
    assert "container.hf_cache_dir" in {change.id for change in elsewhere.changes}
    problem = refusal(cached(hub="/data/models"))
    assert problem.cause == "cache_layout" and "/data/models" in problem.detail


def test_the_home_sign_in_the_settings_means_the_same_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    settings = replace(HOME, container=replace(HOME.container, hf_cache_dir="~/.cache/huggingface"))
    assert container(choose(cached(), settings, C)).hf_cache_dir == "~/.cache/huggingface"


def test_a_folder_inside_the_models_folder_is_seen_below_llm_models() -> None:
    settings = replace(HOME, container=replace(HOME.container, models_dir="/m"))
    choice = choose(folder("/m/qwen/Qwen2-7B"), settings, C)
    assert container(choice).model_path == "/llm/models/qwen/Qwen2-7B"
    assert container(choice).models_dir == "/m"
    assert container(choice).served_model_name == "qwen2-7b"
    assert choice.warnings == ()


def test_a_folder_elsewhere_makes_its_parent_the_models_folder() -> None:
    settings = replace(HOME, container=replace(HOME.container, models_dir="/m"))
    choice = choose(folder("/data/Qwen2-7B"), settings, C)
    assert container(choice).model_path == "/llm/models/Qwen2-7B"
    assert container(choice).models_dir == "/data"
    assert choice.warnings == ("The container will see /data instead of /m.",)
    assert choose(folder("/data/Qwen2-7B"), HOME, C).warnings == ()


@pytest.mark.parametrize("name", ["My Qwen", "qwen$(reboot)", "模型", "a;b", "qwen'"])
def test_a_name_that_the_start_script_would_tear_apart_is_refused(name: str) -> None:
    problem = refusal(folder(f"/m/{name}"))
    assert problem.title == "The folder's name can't be used"
    assert "start script" in problem.detail
    assert problem.evidence == f"/m/{name}"


def test_pickled_and_prequantised_weights_are_warned_of() -> None:
    assert "run code" in choose(cached(format=Format.PYTORCH), HOME, C).warnings[0]
    awq = cached(config=parse_config({**QWEN_7B, "quantization_config": {"quant_method": "awq", "bits": 4}}))
    assert "AWQ" in choose(awq, HOME, C).warnings[0]


# the embedded engine


def test_a_gguf_file_is_the_embedded_engine_s() -> None:
    choice = choose(gguf(), HOME, E)
    assert choice.settings == replace(HOME, gguf_path="/m/a.gguf")
    assert [change.id for change in choice.changes] == ["engine.gguf_path"]


def test_the_starter_needs_no_path() -> None:
    starter = ModelEntry(id="smollm2", place=Place.STARTER, path="/lib/s.gguf", format=Format.GGUF)
    choice = choose(starter, replace(HOME, gguf_path="/m/a.gguf"), E)
    assert choice.settings.gguf_path == ""


def test_of_a_cached_repository_the_file_is_found(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--q--q" / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    for name in ("mmproj-f16.gguf", "q-00001-of-00002.gguf", "q-00002-of-00002.gguf"):
        (snapshot / name).write_bytes(b"GGUF")
    entry = replace(gguf(str(tmp_path / "models--q--q")), place=Place.CACHE, snapshot=str(snapshot))
    assert choose(entry, HOME, E).settings.gguf_path == str(snapshot / "q-00001-of-00002.gguf")


# the other kind of engine


@pytest.mark.parametrize("kind", [C, R])
def test_gguf_elsewhere_offers_the_embedded_engine(kind: EngineKind) -> None:
    problem = refusal(gguf(), kind)
    assert [action.kind for action in problem.actions] == [ActionKind.USE_EMBEDDED]
    choice = choose(gguf(), switch_to(HOME, E), E)
    assert (choice.settings.engine, choice.settings.gguf_path) == ("embedded", "/m/a.gguf")


@pytest.mark.parametrize("kind", [E, R])
def test_safetensors_elsewhere_offer_the_container(kind: EngineKind) -> None:
    problem = refusal(cached(), kind)
    assert [action.kind for action in problem.actions] == [ActionKind.USE_CONTAINER]


# what can't be used at all


@pytest.mark.parametrize(
    "trouble", [Trouble.INCOMPLETE, Trouble.MISSING_SHARDS, Trouble.BROKEN_LINKS, Trouble.BAD_CONFIG]
)
def test_a_broken_model_offers_its_download(trouble: Trouble) -> None:
    problem = refusal(cached(troubles=(trouble,), snapshot=""))
    assert [(action.kind, action.target) for action in problem.actions] == [
        (ActionKind.DOWNLOAD_MODEL, "Qwen/Qwen2.5-7B-Instruct")
    ]
    assert refusal(folder("/m/x", troubles=(trouble,))).actions == ()


def test_a_new_revision_on_its_way_does_not_harm_the_whole_one() -> None:
    choice = choose(cached(troubles=(Trouble.INCOMPLETE,)), HOME, C)
    assert container(choice).model_path == "Qwen/Qwen2.5-7B-Instruct"


def test_foreign_files_do_not_keep_the_container_from_reading_them() -> None:
    assert choose(cached(troubles=(Trouble.NOT_YOURS,)), HOME, C).changes


def test_what_is_on_the_server_only_is_not_ours_to_choose() -> None:
    adapter = ModelEntry(id="sql", place=Place.SERVER, is_served=True, parent="tinyllama")
    assert "adapter of tinyllama" in refusal(adapter).detail


def test_a_folder_without_weights_is_no_model() -> None:
    assert refusal(folder("/m/x", format=Format.NONE)).cause == "model_format"


# and back


def test_the_same_model_again_changes_nothing() -> None:
    once = choose(cached(), HOME, C, fit_on(11.9)).settings
    assert choose(cached(), once, C, fit_on(11.9)).changes == ()


def test_changes_are_named_as_the_settings_name_them() -> None:
    changes = {change.id: change for change in choose(cached(), HOME, C, fit_on(11.9)).changes}
    context = changes["container.max_model_len"]
    assert (context.title, context.before, context.after) == ("Context length", "2048 tokens", "8192 tokens")


def test_undo_takes_back_the_choice_and_nothing_else() -> None:
    after = choose(cached(), HOME, C, fit_on(11.9)).settings
    since = replace(after, theme="dark", container=replace(after.container, max_model_len=4096))
    back = taken_back(since, HOME, after)
    assert {change.id for change in changes_between(HOME, back)} == {
        "general.theme",
        "container.max_model_len",
    }
    assert taken_back(after, HOME, after) == HOME
