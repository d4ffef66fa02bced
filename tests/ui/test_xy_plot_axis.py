"""Axes have two ends whatever they are given, and round labels."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.ui.gpu_words import THIN
from arcdesk.ui.xy_plot_axis import LEAST_LOG, Ruler, moment_words, number, ruler
from arcdesk.ui.xy_plot_values import Scale, XyAxis

DAY_S = 86400.0
VALUES = st.lists(st.floats(-1e12, 1e12), max_size=20)


@pytest.fixture(autouse=True)
def berlin() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def texts(made: Ruler) -> list[str]:
    return [tick.text for tick in made.ticks]


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float:
    return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()


def test_numbers_have_about_three_digits_and_groups() -> None:
    assert number(0) == "0"
    assert number(0.1234) == "0.123"
    assert number(12.04) == "12"
    assert number(131.6) == "132"
    assert number(20480) == f"20{THIN}480"
    assert number(-2.5) == "−2.5"


def test_labels_of_one_axis_have_the_decimals_of_their_step() -> None:
    assert texts(ruler(XyAxis(is_from_zero=True), [0.3, 0.95], 4)) == ["0", "0.25", "0.50", "0.75", "1.00"]
    assert texts(ruler(XyAxis(), [100, 110], 4)) == ["100.0", "102.5", "105.0", "107.5", "110.0"]
    assert texts(ruler(XyAxis(is_from_zero=True), [1400], 3)) == ["0", "500", f"1{THIN}000", f"1{THIN}500"]


def test_an_axis_from_zero_begins_there() -> None:
    made = ruler(XyAxis(is_from_zero=True), [80, 84], 4)
    assert (made.low, made.share(0.0)) == (0.0, 0.0)
    assert made.high >= 84


def test_a_logarithmic_axis_has_no_place_for_zero_and_equal_room_for_each_doubling() -> None:
    made = ruler(XyAxis(scale=Scale.LOG, ticks=(1, 2, 4, 8)), [1, 2, 4, 8], 9)
    shares = [made.share(value) for value in (1, 2, 4, 8)]
    steps = [after - before for before, after in itertools.pairwise(s for s in shares if s is not None)]
    assert steps == pytest.approx([steps[0]] * 3)
    assert made.share(0) is None
    assert texts(made) == ["1", "2", "4", "8"]


def test_decades_get_few_labels() -> None:
    for high in (3, 20, 400, 1e5, 1e12):
        made = ruler(XyAxis(scale=Scale.LOG), [1, high], 4)
        assert 1 <= len(made.ticks) <= 6
        assert all(made.low <= tick.value <= made.high for tick in made.ticks)


def test_a_day_is_labelled_with_local_times_and_its_date_at_midnight() -> None:
    made = ruler(XyAxis(scale=Scale.TIME), [at(2026, 3, 12, 17), at(2026, 3, 13, 5)], 5)
    assert texts(made) == ["18:00", "21:00", "13 Mar", "03:00", "06:00"]


def test_days_begin_at_local_midnight_even_when_the_clocks_change() -> None:
    made = ruler(XyAxis(scale=Scale.TIME), [at(2026, 3, 27), at(2026, 3, 31)], 4)  # summer time from the 29th
    assert texts(made) == ["27 Mar", "29 Mar", "31 Mar"]
    assert [tick.value for tick in made.ticks] == [
        at(2026, 3, 26, 23),
        at(2026, 3, 28, 23),
        at(2026, 3, 30, 22),
    ]


def test_months_and_years_begin_on_their_first_day() -> None:
    months = ruler(XyAxis(scale=Scale.TIME), [at(2026, 1, 20), at(2026, 4, 20)], 4)
    assert texts(months) == ["Feb 2026", "Mar 2026", "Apr 2026"]
    years = ruler(XyAxis(scale=Scale.TIME), [at(2019, 5, 1), at(2026, 5, 1)], 4)
    assert texts(years) == ["2020", "2022", "2024", "2026"]


def test_a_moment_is_told_in_local_time() -> None:
    assert moment_words(at(2026, 7, 1, 12, 5)) == "1 Jul 2026 14:05"


@given(VALUES, st.sampled_from(Scale), st.booleans(), st.integers(1, 12))
@settings(max_examples=300, deadline=None)
def test_every_value_has_its_place_between_both_ends(
    values: list[float], scale: Scale, from_zero: bool, about: int
) -> None:
    if scale is Scale.TIME:
        values = [abs(value) % 4e9 for value in values]
    made = ruler(XyAxis(scale=scale, is_from_zero=from_zero), values, about)
    assert made.low < made.high
    assert len(made.ticks) <= 60
    for value in values:
        share = made.share(value)
        if scale is Scale.LOG and value < LEAST_LOG:
            assert share is None
        else:
            assert share is not None and math.isfinite(share)
            assert -0.001 <= share <= 1.001


def test_values_that_are_no_numbers_leave_the_axis_alone() -> None:
    made = ruler(XyAxis(is_from_zero=True), [math.nan, math.inf, 8.0], 4)
    assert (made.low, made.high) == (0.0, 8.0)
