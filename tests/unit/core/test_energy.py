"""Joules from counters, with all that a counter may do; the cost of waiting."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.energy import (
    MIN_IDLE_SAMPLES,
    WRAP_UJ,
    EnergyCounter,
    channels_by_worth,
    delta_uj,
    energy_used,
    idle_cost,
    joules_between,
    sum_of,
)
from arcdesk.core.gpu import Figure, Unknown, Why

ADDRESS = "0000:0b:00.0"


def at(seconds: float, channels: Mapping[str, int], unknown: Unknown | None = None) -> EnergyCounter:
    return EnergyCounter(address=ADDRESS, at=seconds, channels_uj=channels, unknown=unknown)


def test_joules_are_the_difference_of_the_board_counter() -> None:
    used = joules_between(
        at(10, {"energy2/pkg": 5_000_000, "energy1/card": 1_000_000}),
        at(12, {"energy2/pkg": 305_000_000, "energy1/card": 377_000_000}),
    )

    assert used.value == pytest.approx(376.0)
    assert used.source == "hwmon energy1/card"


def test_a_board_counter_that_stands_still_leaves_it_to_the_package() -> None:
    used = joules_between(
        at(10, {"energy1/card": 0, "energy2/pkg": 5_000_000}),
        at(12, {"energy1/card": 0, "energy2/pkg": 195_000_000}),
    )

    assert used.value == pytest.approx(190.0)
    assert used.source == "hwmon energy2/pkg"


def test_a_counter_at_its_end_goes_round() -> None:
    used = joules_between(
        at(10, {"energy1/card": WRAP_UJ - 40_000_000}), at(12, {"energy1/card": 60_000_000})
    )

    assert used.value == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({"energy1/card": 5_000_000_000}, {"energy1/card": 10_000}, Why.ERROR),  # set back, not gone round
        ({"energy1/card": 4_294_000_000}, {"energy1/card": 10_000}, Why.ERROR),  # nor at 32 bits
        ({"energy1/card": 0}, {"energy1/card": 10**15}, Why.ERROR),  # 10^9 J in two seconds
        ({"energy1/card": -5}, {"energy1/card": 10}, Why.ERROR),
        ({"energy1/card": 7}, {"energy1/card": 7}, Why.SECOND_LOOK),
        ({}, {"energy1/card": 7}, Why.NOT_PROVIDED),
        ({"energy1/card": 7}, {"energy2/pkg": 9}, Why.NOT_PROVIDED),
    ],
)
def test_what_makes_no_sense_is_unknown_with_its_reason(
    before: Mapping[str, int], after: Mapping[str, int], why: Why
) -> None:
    used = joules_between(at(10, before), at(12, after))

    assert used.value is None
    assert used.unknown is not None and used.unknown.why is why and used.unknown.detail


def test_a_counter_that_was_set_back_leaves_it_to_the_other() -> None:
    used = joules_between(
        at(10, {"energy1/card": 900_000_000, "energy2/pkg": 1_000_000}),
        at(12, {"energy1/card": 5, "energy2/pkg": 81_000_000}),
    )

    assert used.value == pytest.approx(80.0)


def test_a_sleeping_card_says_that_it_sleeps() -> None:
    asleep = Unknown(Why.ASLEEP, "sleeps")

    assert joules_between(at(1, {"energy1/card": 4}), at(2, {}, asleep)).unknown is asleep


@given(
    before=st.integers(0, WRAP_UJ - 1),
    after=st.integers(0, WRAP_UJ - 1),
    seconds=st.floats(0, 1e5, allow_nan=False),
)
def test_joules_are_never_negative_and_never_beyond_belief(before: int, after: int, seconds: float) -> None:
    used = joules_between(at(0, {"energy1/card": before}), at(seconds, {"energy1/card": after}))

    assert (used.value is None) != (used.unknown is None)
    assert used.value is None or 0 < used.value <= 1500 * (seconds + 1)


@given(start=st.integers(0, WRAP_UJ - 1), step=st.integers(0, 10**12))
def test_a_step_is_found_again_wherever_the_counter_stands(start: int, step: int) -> None:
    assert delta_uj(start, (start + step) % WRAP_UJ) == step


def test_the_whole_board_counts_before_the_package() -> None:
    assert channels_by_worth(["energy3/x", "energy2/pkg", "energy1/card"]) == [
        "energy1/card",
        "energy2/pkg",
        "energy3/x",
    ]


def test_two_cards_add_up_and_one_unknown_makes_the_sum_unknown() -> None:
    hidden: Figure[float] = Figure(unknown=Unknown(Why.ASLEEP, "sleeps"))

    assert sum_of([Figure(2.0, "a"), Figure(3.5, "b")]) == Figure(5.5, "a, b")
    assert sum_of([Figure(2.0, "a"), hidden]).unknown == hidden.unknown
    assert sum_of([]).value is None


def test_an_answer_costs_per_token_and_its_idle_part_is_told_apart() -> None:
    used = energy_used(Figure(120.0, "hwmon"), tokens=48, seconds=2.0, idle_w=35.0, cards=(ADDRESS,))

    assert used.joules_per_token.value == pytest.approx(2.5)
    assert used.idle_part_j.value == pytest.approx(70.0)
    assert used.cards == (ADDRESS,)


def test_the_idle_part_is_never_more_than_the_whole() -> None:
    used = energy_used(Figure(10.0), tokens=1, seconds=60.0, idle_w=35.0, cards=())

    assert used.idle_part_j.value == 10.0


@pytest.mark.parametrize("tokens", [None, 0])
def test_without_a_count_of_tokens_only_the_sum_is_known(tokens: int | None) -> None:
    used = energy_used(Figure(10.0), tokens=tokens, seconds=1.0, idle_w=None, cards=())

    assert used.joules.value == 10.0
    assert used.joules_per_token.value is None
    assert used.joules_per_token.unknown is not None
    assert used.idle_part_j.unknown is not None


def test_what_follows_from_an_unknown_has_the_same_reason() -> None:
    asleep = Unknown(Why.ASLEEP, "sleeps")

    used = energy_used(Figure(unknown=asleep), tokens=5, seconds=1.0, idle_w=3.0, cards=())

    assert used.joules_per_token.unknown is asleep
    assert used.idle_part_j.unknown is asleep


def test_waiting_costs_the_median_of_quiet_moments() -> None:
    cost = idle_cost([30.0] * 6 + [31.0] * 4 + [190.0], ("a",))

    assert cost.n == 11
    assert cost.watts.value == 30.0
    assert cost.wh_per_day == pytest.approx(720.0)
    assert cost.kwh_per_day == pytest.approx(0.72)


def test_too_few_quiet_moments_say_nothing() -> None:
    cost = idle_cost([30.0] * (MIN_IDLE_SAMPLES - 1), ())

    assert cost.watts.value is None and cost.watts.unknown is not None
    assert cost.wh_per_day is None and cost.kwh_per_day is None
