"""The table of all settings: whole, in agreement with what is checked at a start, and with its reasons."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.errors import UsageError
from arcdesk.core.settings import RANGES, THEMES, ContainerSettings, Settings, check_container
from arcdesk.core.settings_info import Effect, Kind, SettingInfo, setting_names, with_value
from arcdesk.core.settings_table import BY_ID, SETTINGS
from arcdesk.services.engine_service import kind_of
from arcdesk.services.remote_driver import endpoint_of_url
from arcdesk.storage.settings_keys import KEYS

every = pytest.mark.parametrize("info", SETTINGS, ids=lambda info: info.id)


def test_every_setting_is_in_the_table_once() -> None:
    named = {
        info.id.removeprefix(f"{info.table}.") if info.table != "container" else info.id for info in SETTINGS
    }
    assert named | {"presets"} == setting_names()
    assert len(BY_ID) == len(SETTINGS)


def test_the_table_and_the_file_agree_on_the_names() -> None:
    assert {key.id for key in KEYS} == set(BY_ID)


@every
def test_each_is_explained_in_a_sentence_with_a_title(info: SettingInfo) -> None:
    assert info.title[0].isupper()
    assert not info.title.endswith(".")
    assert len(info.title) < 60
    assert not info.why[0].islower() or info.why.startswith("sym_int4")
    assert info.why.endswith(".")
    assert 30 < len(info.why) < 180


@every
def test_the_default_is_taken_and_can_be_read(info: SettingInfo) -> None:
    default = info.value_in(Settings())
    assert info.refusal(default) is None
    assert info.words_of(default)


@every
def test_a_value_of_another_kind_is_refused(info: SettingInfo) -> None:
    assert info.refusal(3.5)
    assert info.refusal(None)
    other: object = "x" if info.kind in (Kind.NUMBER, Kind.SWITCH, Kind.CHOICE) else 3
    assert info.refusal(other)


@every
def test_a_change_is_a_new_value_and_nothing_else(info: SettingInfo) -> None:
    other: object = {Kind.SWITCH: not info.value_in(Settings()), Kind.NUMBER: 4242}.get(info.kind, "other")
    changed = with_value(Settings(), info.table, info.name, other)  # type: ignore[arg-type]
    assert info.value_in(changed) == other
    assert with_value(changed, info.table, info.name, info.value_in(Settings())) == Settings()


def test_choices_are_those_of_the_core() -> None:
    assert tuple(dict(BY_ID["general.theme"].choices)) == THEMES
    assert all(BY_ID[f"container.{name}"].kind is Kind.NUMBER for name in RANGES)


def test_only_the_containers_settings_need_a_new_container() -> None:
    made_anew = {info.id for info in SETTINGS if info.effect is Effect.NEW_CONTAINER}
    assert made_anew == {info.id for info in SETTINGS if info.table == "container"}


numbers = st.sampled_from(sorted(RANGES))


@given(name=numbers, value=st.integers(-(10**8), 10**8))
def test_a_number_that_the_window_takes_passes_the_start_and_the_other_way_round(
    name: str, value: int
) -> None:
    roomy = replace(ContainerSettings(), max_num_batched_tokens=10_000_000)
    if name == "max_num_batched_tokens":
        roomy = replace(roomy, max_model_len=1, max_num_seqs=1)
    wanted = replace(roomy, **{name: value})  # type: ignore[arg-type]
    assert (BY_ID[f"container.{name}"].refusal(value) is None) == passes(wanted)


@given(value=st.text(max_size=12) | st.text("ab/.-: \n", max_size=8))
def test_a_word_that_the_window_takes_passes_the_start(value: str) -> None:
    wanted = replace(ContainerSettings(), model_path=value)
    assert (BY_ID["container.model_path"].refusal(value) is None) == passes(wanted)


def passes(settings: ContainerSettings) -> bool:
    try:
        check_container(settings)
    except UsageError:
        return False
    return True


@pytest.mark.parametrize("value", ["", "/models/a\n", "a\n"])
def test_a_line_break_at_the_end_is_no_part_of_a_model(value: str) -> None:
    assert BY_ID["container.model_path"].refusal(value)


addresses = st.sampled_from(
    [
        "http://a",
        "https://b:1/v1",
        "http://",
        "ftp://x",
        "http://x:y",
        "http://[",
        "http://u:p@h",
        "x",
        "",
        "auto",
    ]
)


@given(value=addresses | st.text(max_size=10).map("http://{}".format))
def test_an_engine_that_the_window_takes_can_be_used(value: str) -> None:
    if BY_ID["engine.engine"].refusal(value) is None and value not in ("auto", "container", "embedded"):
        kind_of(value)
        endpoint_of_url(value, None)


@pytest.mark.parametrize(
    ("setting", "good", "bad"),
    [
        ("container.shm_size", ["16g", "512M", "1"], ["16 g", "g", "", "16gb", "-1g", "0g"]),
        ("container.name", ["arcdesk-engine", "a1"], ["", "-x", "a b", "ä1"]),
        ("container.image", ["a/b:1", "x"], ["", "a b"]),
        ("container.device", ["", "/dev/dri"], ["a\nb", "a\x00"]),
        ("engine.gguf_path", ["", "/m/a b.gguf"], ["\udcff"]),
        ("quick.hotkey", ["", "Ctrl+Alt+Space", "F9"], ["Ctrl+", "A", "Ctrl+Alt+Nothing"]),
        ("container.load_in_low_bit", ["fp8"], ["int4", ""]),
        ("general.stay_in_tray", [True, False], [1, "on"]),
    ],
)
def test_what_each_takes(setting: str, good: list[object], bad: list[object]) -> None:
    info = BY_ID[setting]
    assert [value for value in good if info.refusal(value)] == []
    assert [value for value in bad if not info.refusal(value)] == []


def test_a_range_is_told_with_its_ends() -> None:
    assert BY_ID["container.host_port"].refusal(80) == "It must be between 1\u202f024 and 65\u202f535."


def test_values_in_words() -> None:
    assert BY_ID["general.theme"].words_of("system") == "Like the system"
    assert BY_ID["container.max_model_len"].words_of(2048) == "2048 tokens"
    assert BY_ID["container.models_dir"].words_of("") == "empty"
    assert BY_ID["general.stay_in_tray"].words_of(False) == "off"
