"""A benchmark's form: what gives a plan, and what is refused in words beside its field."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.bench import Api, BenchPlan, Dataset
from arcdesk.core.bench_check import (
    MOST_AT_ONCE,
    MOST_SECONDS,
    MOST_STEPS,
    MOST_TOKENS,
    RATE_SLOTS,
    Arrival,
    BenchForm,
    End,
    check,
    form_of,
)
from arcdesk.core.bench_presets import PRESETS, PresetId, plan_of, preset_of
from arcdesk.core.bench_suite import SUITE

counts = st.integers(1, 50_000)
limits = st.none() | st.floats(0.001, 1e6).map(lambda value: float(f"{value:.9g}"))
plans = st.builds(
    BenchPlan,
    concurrencies=st.lists(st.integers(1, MOST_AT_ONCE), min_size=1, max_size=8, unique=True).map(tuple),
    input_tokens=counts,
    output_tokens=counts,
    warm_up_requests=st.none() | st.integers(0, 1000),
    api=st.just(Api.CHAT),
    is_ignoring_eos=st.booleans(),
    is_same_prompt=st.booleans(),
    dataset=st.sampled_from(Dataset),
    image_path=st.sampled_from(["", "/pictures/cat.png"]),
    seed=st.integers(-(2**63) + 1, 2**63 - 1),
    ttft_limit_ms=limits,
    tpot_limit_ms=limits,
    e2e_limit_ms=limits,
).flatmap(
    lambda plan: st.builds(
        lambda end, rate: replace(
            plan,
            requests=7 if end is End.REQUESTS else None,
            duration_s=2.5 if end is End.SECONDS else None,
            rate_per_s=rate if end is not End.FACTOR else None,
            dataset_path="" if plan.dataset is Dataset.TEXT else "/prompts/all.json",
        ),
        st.sampled_from(End),
        st.none() | st.floats(0.01, 1e4).map(lambda value: float(f"{value:.9g}")),
    )
)


@given(plans)
def test_the_form_of_a_plan_gives_that_plan_again(plan: BenchPlan) -> None:
    assert check(form_of(plan)).plan == plan


@given(
    st.builds(BenchForm, *[], **{name: st.text(max_size=12) for name in ("concurrencies", "seed", "rate")})
)
def test_no_text_breaks_it(form: BenchForm) -> None:
    for arrival in Arrival:
        checked = check(replace(form, arrival=arrival))
        assert (checked.plan is None) is bool(checked.refusals)


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"concurrencies": ""}, "concurrencies", "Write how many at once: 1, 4, 8."),
        ({"concurrencies": "1, x"}, "concurrencies", "'x' is no number of at least 1."),
        ({"concurrencies": "1, -4"}, "concurrencies", "'-4' is no number of at least 1."),
        ({"concurrencies": "4, 4"}, "concurrencies", "4 stands there twice."),
        ({"concurrencies": "65537"}, "concurrencies", "At most 65\u202f536 at once."),
        (
            {"concurrencies": ",".join(map(str, range(1, 52)))},
            "concurrencies",
            f"At most {MOST_STEPS} steps.",
        ),
        ({"input_tokens": ""}, "input_tokens", "Write a number of at least 1."),
        ({"output_tokens": "0"}, "output_tokens", "'0' is no number of at least 1."),
        ({"output_tokens": str(MOST_TOKENS + 1)}, "output_tokens", "At most 1\u202f000\u202f000."),
        ({"warm_up": "-1"}, "warm_up", "'-1' is no number of at least 0."),
        ({"end": End.REQUESTS}, "end_value", "Write a number of at least 1."),
        ({"end": End.SECONDS, "end_value": "nan"}, "end_value", "'nan' is not a number of seconds above 0."),
        (
            {"end": End.SECONDS, "end_value": str(MOST_SECONDS + 1)},
            "end_value",
            "A step may take a day at most.",
        ),
        (
            {"arrival": Arrival.RANDOM, "end": End.SECONDS, "end_value": "9"},
            "rate",
            "Write a number above 0.",
        ),
        (
            {"arrival": Arrival.RANDOM, "rate": "2"},
            "end",
            "Random times need an end: so many requests, or seconds.",
        ),
        ({"dataset": Dataset.FILE}, "dataset_path", "Choose the file with the prompts."),
        ({"image_path": "/cat.png"}, "api", "An image can only go along in a chat."),
        ({"seed": "1.5"}, "seed", "'1.5' is no whole number."),
        ({"tpot_limit": "-3"}, "tpot_limit", "'-3' is not a number of ms above 0."),
        ({"e2e_limit": "inf"}, "e2e_limit", "'inf' is not a number of ms above 0."),
    ],
)
def test_what_can_not_stand_is_refused_beside_its_field(
    changes: dict[str, object], field: str, why: str
) -> None:
    checked = check(replace(BenchForm(), **changes))  # type: ignore[arg-type]
    assert checked.plan is None
    assert checked.refusals == ((field, why),)


def test_numbers_are_read_as_people_write_them() -> None:
    form = BenchForm(
        concurrencies="1;4 , 8 16", input_tokens="1 024", output_tokens="12\u202f000", ttft_limit="0,5"
    )
    plan = check(form).plan
    assert plan is not None
    assert plan.concurrencies == (1, 4, 8, 16)
    assert (plan.input_tokens, plan.output_tokens, plan.ttft_limit_ms) == (1024, 12_000, 0.5)


def test_random_times_without_a_limit_have_as_good_as_none() -> None:
    form = BenchForm(concurrencies=" ", arrival=Arrival.RANDOM, rate="3", end=End.SECONDS, end_value="10")
    plan = check(form).plan
    assert plan is not None
    assert plan.concurrencies == (RATE_SLOTS,) and plan.warm_up_requests == 2
    assert plan.rate_per_s == 3.0 and plan.duration_s == 10.0


def test_the_presets_are_what_they_are_named_for() -> None:
    documents = plan_of(PresetId.DOCUMENTS)
    assert documents is not None and documents.requests is None and documents.warm_up_requests is None
    assert (documents.input_tokens, documents.output_tokens) == (1024, 512)
    assert documents.is_ignoring_eos and documents.is_same_prompt and documents.api is Api.COMPLETIONS
    autotp = plan_of(PresetId.AUTOTP)
    assert autotp is not None and autotp.concurrencies == (1, 2, 3)
    assert (autotp.input_tokens, autotp.output_tokens) == (1024, 128)
    assert plan_of(PresetId.SUITE) == SUITE
    assert plan_of(PresetId.OWN) is None


def test_a_plan_is_told_from_another() -> None:
    for preset in PRESETS:
        assert preset_of(preset.plan) is preset.id
        assert check(form_of(preset.plan)).plan == preset.plan
        assert preset_of(replace(preset.plan, output_tokens=77)) is PresetId.OWN
    documents = plan_of(PresetId.DOCUMENTS)
    assert documents is not None
    assert preset_of(replace(documents, concurrencies=(4,))) is PresetId.DOCUMENTS
    assert preset_of(replace(documents, concurrencies=(4, 8))) is PresetId.OWN
