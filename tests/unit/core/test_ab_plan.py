"""What a comparison may compare, what it is called, and how its figures and texts are told apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.ab_diff import MOST_WORDS, differences
from arcdesk.core.ab_plan import (
    DEFAULT_PROMPTS,
    MOST_PROMPTS,
    AbConfiguration,
    AbPlan,
    configure,
    names_of,
    prompts_of,
    refusal,
    rows_of,
    text_of,
)
from arcdesk.core.ab_report import AbAnswer, AbSide, AbTest
from arcdesk.core.ab_table import MINUS, SPACE, change_text, figure_rows
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.settings import Settings
from arcdesk.core.settings_info import Value

CONTAINER, EMBEDDED, REMOTE = EngineKind.CONTAINER, EngineKind.EMBEDDED, EngineKind.REMOTE
OWN = Settings()


def side(kind: EngineKind, *values: tuple[str, Value]) -> AbConfiguration:
    return AbConfiguration(name="", kind=kind, settings=configure(OWN, kind, values))


def plan_of(a: AbConfiguration, b: AbConfiguration, **more: object) -> AbPlan:
    return replace(AbPlan(a=a, b=b, prompts=("Hello?",)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("a", "b", "names"),
    [
        (
            side(CONTAINER),
            side(CONTAINER, ("load_in_low_bit", "fp8")),
            ("TinyLlama-1.1B-Chat-v1.0 · sym_int4", "TinyLlama-1.1B-Chat-v1.0 · fp8"),
        ),
        (
            side(CONTAINER),
            side(CONTAINER, ("model_path", "Qwen/Qwen2.5-7B"), ("max_model_len", 1024)),
            ("TinyLlama-1.1B-Chat-v1.0 · context 2048", "Qwen2.5-7B · context 1024"),
        ),
        (
            side(CONTAINER),
            side(CONTAINER, ("image", "other:1")),
            ("TinyLlama-1.1B-Chat-v1.0 (A)", "TinyLlama-1.1B-Chat-v1.0 (B)"),
        ),
        (
            side(EMBEDDED),
            side(EMBEDDED, ("gguf_path", "/home/ann/models/qwen.gguf")),
            ("starter model", "qwen"),
        ),
        (
            side(EMBEDDED),
            side(REMOTE, ("engine", "http://127.0.0.1:8000/v1")),
            ("starter model, embedded", "127.0.0.1:8000, server"),
        ),
        (side(EMBEDDED), side(REMOTE, ("engine", "")), ("starter model, embedded", "server")),
    ],
)
def test_names_tell_the_sides_apart(a: AbConfiguration, b: AbConfiguration, names: tuple[str, str]) -> None:
    assert names_of(a, b) == names


def test_no_folder_of_the_person_is_in_a_configuration() -> None:
    mine = side(EMBEDDED, ("gguf_path", "/home/ann/models/qwen.gguf"))
    folders = side(CONTAINER, ("models_dir", "/home/ann/models"), ("hf_cache_dir", "/home/ann/cache"))
    for each in (mine, folders):
        assert "ann" not in str(rows_of(each.settings, each.kind))


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (plan_of(side(CONTAINER), side(CONTAINER)), "Both sides are the same"),
        (plan_of(side(EMBEDDED), side(EMBEDDED)), "Both sides are the same"),
        (plan_of(side(CONTAINER), side(CONTAINER, ("max_model_len", 4000))), "smaller than the context"),
        (plan_of(side(CONTAINER), side(CONTAINER, ("model_path", "a b"))), "a space"),
        (plan_of(side(CONTAINER), side(REMOTE, ("engine", "localhost"))), "address looks like"),
        (plan_of(side(CONTAINER), side(EMBEDDED), prompts=()), "no prompt"),
        (plan_of(side(CONTAINER), side(EMBEDDED), prompts=("a",) * (MOST_PROMPTS + 1)), "too many"),
        (plan_of(side(CONTAINER), side(EMBEDDED), max_tokens=2048), "no room for the prompt"),
    ],
)
def test_what_can_not_be_done_is_refused_in_words(plan: AbPlan, words: str) -> None:
    assert words in refusal(plan)


def test_what_can_be_done_is_not_refused() -> None:
    assert refusal(plan_of(side(CONTAINER), side(CONTAINER, ("load_in_low_bit", "fp8")))) == ""
    assert refusal(plan_of(side(CONTAINER), side(REMOTE, ("engine", "http://127.0.0.1:8000")))) == ""


@pytest.mark.parametrize(
    ("a", "b", "restarts"),
    [(CONTAINER, CONTAINER, 2), (EMBEDDED, EMBEDDED, 2), (CONTAINER, EMBEDDED, 1), (CONTAINER, REMOTE, 0)],
)
def test_restarts_are_counted(a: EngineKind, b: EngineKind, restarts: int) -> None:
    assert plan_of(side(a), side(b)).restarts == restarts


def test_an_empty_line_stands_between_prompts() -> None:
    assert prompts_of("one\ntwo\n \n\nthree\n") == ("one\ntwo", "three")
    assert prompts_of(" \n\t\n") == ()
    assert prompts_of(text_of(DEFAULT_PROMPTS)) == DEFAULT_PROMPTS


WORDS = st.lists(st.sampled_from(["a", "b ", "c\n", "  ", "dd"]), max_size=40).map("".join)


@given(WORDS, WORDS)
def test_the_pieces_of_a_text_are_the_text(one: str, other: str) -> None:
    left, right = differences(one, other)
    assert ("".join(p.text for p in left), "".join(p.text for p in right)) == (one, other)
    if one == other:
        assert not any(piece.is_own for piece in left + right)


def test_words_that_only_one_has_are_its_own() -> None:
    left, right = differences("It is Paris.", "It is surely Paris.")
    assert [piece.text for piece in left if piece.is_own] == []
    assert [piece.text for piece in right if piece.is_own] == ["surely "]


def test_a_text_that_would_take_long_is_not_compared() -> None:
    left, right = differences("a " * (MOST_WORDS + 1), "b")
    assert [piece.is_own for piece in left + right] == [False, False]


def answers(*values: tuple[float, int]) -> tuple[AbAnswer, ...]:
    return tuple(
        AbAnswer(text="x", ttft_ms=10.0, decode_tokens_per_s=rate, total_ms=100.0, tokens=tokens)
        for rate, tokens in values
    )


def test_figures_as_rows_with_the_change_from_a_to_b() -> None:
    a = AbSide(name="a", answers=answers((40.0, 10), (44.0, 10)), start_s=60.0, energy_j=100.0)
    b = AbSide(name="b", answers=answers((84.0, 20), (84.0, 20)), was_running=True)
    rows = {row.name: row for row in figure_rows(AbTest(prompts=("p", "q"), a=a, b=b), is_short=True)}
    assert rows["Decode, tok/s"].a == "42, p95 43.8"
    assert rows["Decode, tok/s"].change == f"+100{SPACE}%"
    assert (rows["Ready after"].a, rows["Ready after"].b) == (f"60{SPACE}s", "ran already")
    assert rows["Energy per token, J"].a == "5.00"
    assert rows["Energy per token, J"].b == "–"
    assert rows["Failed"].b == "0 of 2"


def test_n_is_told_where_it_is_not_all_of_them() -> None:
    failed = AbAnswer(error="It ended.")
    a = AbSide(name="a", answers=(*answers((40.0, 10)), failed), energy_j=50.0)
    b = AbSide(name="b", answers=answers((40.0, 10), (40.0, 10)))
    rows = {row.name: row for row in figure_rows(AbTest(prompts=("p", "q"), a=a, b=b), is_short=True)}
    assert rows["Decode, tok/s"].a == "40 (n = 1)"
    assert rows["Decode, tok/s"].b == "40, p95 40"
    assert rows["Energy per token, J"].a == "–"  # what the failed one cost is in the joules
    assert rows["Failed"].a == "1 of 2"


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [(100.0, 50.0, f"{MINUS}50{SPACE}%"), (3.0, 3.0, f"±0{SPACE}%"), (None, 3.0, ""), (0.0, 3.0, "")],
)
def test_a_change_is_told_in_percent(a: float | None, b: float | None, text: str) -> None:
    assert change_text(a, b) == text


def test_no_secret_of_an_address_is_shown() -> None:
    settings = Settings(engine="http://me:hunter2@far.example:8000/v1?api_key=abcd1234")
    one = AbConfiguration(name="", kind=EngineKind.REMOTE, settings=settings)
    other = AbConfiguration(name="", kind=EngineKind.EMBEDDED, settings=Settings())
    shown = str(rows_of(settings, EngineKind.REMOTE)) + str(names_of(one, other))
    assert "far.example:8000" in shown
    assert "hunter2" not in shown and "abcd1234" not in shown
