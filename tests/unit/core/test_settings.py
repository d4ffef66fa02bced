"""What is refused before a start, and with which way out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.core.errors import ActionKind, UsageError
from arcdesk.core.settings import ContainerSettings, Settings, change_container, check_container

DEFAULTS = ContainerSettings()


def refusal(settings: ContainerSettings) -> UsageError:
    with pytest.raises(UsageError) as caught:
        check_container(settings)
    return caught.value


def test_the_defaults_are_those_of_the_users_own_start_and_pass() -> None:
    check_container(DEFAULTS)
    assert DEFAULTS.max_num_batched_tokens >= DEFAULTS.max_model_len


@pytest.mark.parametrize("path", ["a b", "x;rm -rf /", "$(id)", "a'b", 'a"b', "modell\u00e4", "", "a\nb"])
def test_a_model_path_that_the_start_script_would_break_is_refused(path: str) -> None:
    error = refusal(replace(DEFAULTS, model_path=path))
    assert error.problem.cause == "bad_setting"
    assert error.exit_code == 2


def test_the_refusal_names_the_characters() -> None:
    assert "a space" in refusal(replace(DEFAULTS, model_path="my model")).problem.detail


def test_batched_tokens_below_the_context_are_refused_with_the_number_that_works() -> None:
    error = refusal(replace(DEFAULTS, max_num_batched_tokens=1000, max_model_len=2048))
    assert error.problem.cause == "batched_lt_context"
    action = error.problem.actions[0]
    assert action.kind is ActionKind.APPLY_SETTINGS
    mended = change_container(Settings(container=replace(DEFAULTS, max_model_len=2048)), action.settings)
    check_container(mended.container)
    assert mended.container.max_num_batched_tokens == 2048


def test_batched_tokens_below_the_sequences_are_refused() -> None:
    settings = replace(DEFAULTS, max_model_len=64, max_num_batched_tokens=64, max_num_seqs=100)
    assert refusal(settings).problem.cause == "batched_lt_seqs"


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    problem = refusal(replace(DEFAULTS, load_in_low_bit="int4")).problem
    assert problem.cause == "low_bit_unknown"
    assert "sym_int4" in problem.detail


@pytest.mark.parametrize(("name", "value"), [("host_port", 80), ("host_port", 70000), ("max_num_seqs", 0)])
def test_numbers_out_of_range_are_refused(name: str, value: int) -> None:
    assert refusal(replace(DEFAULTS, **{name: value})).problem.cause == "bad_setting"
