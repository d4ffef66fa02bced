"""Sorting in helpings gives what `sorted` gives."""

from __future__ import annotations

import random
import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.fair_sort import HELPING, sorted_fairly

NUMBERS = st.floats(allow_nan=False, width=32)


@given(st.lists(NUMBERS, max_size=60), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_few_and_many_values_come_out_in_order(values: list[float], times: int) -> None:
    many = values * (times * 20)
    assert sorted_fairly(many) == sorted(many)


def test_many_values_of_any_shape_come_out_in_order() -> None:
    dice = random.Random(7)
    shapes = (
        [dice.expovariate(1 / 12) for _ in range(4 * HELPING)],
        [float(number) for number in range(3 * HELPING, 0, -1)],
        [12.0] * (3 * HELPING),
        [float(dice.randrange(3)) for _ in range(3 * HELPING)],
        [0.0] * (3 * HELPING) + [1.0, -1.0],
    )
    for values in shapes:
        assert sorted_fairly(values) == sorted(values)


def test_another_thread_is_held_up_less_than_by_one_sort() -> None:
    dice = random.Random(3)
    values = [dice.expovariate(1 / 12) for _ in range(250_000)]

    def longest_wait_s(sort: object) -> float:
        over = threading.Event()

        def work() -> None:
            sort(values)  # type: ignore[operator]
            over.set()

        thread = threading.Thread(target=work)
        longest, last = 0.0, time.perf_counter()
        thread.start()
        while not over.is_set():
            time.sleep(0.0005)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        thread.join()
        return longest

    # the best of three each: what else the computer does only adds to a wait
    fair = min(longest_wait_s(sorted_fairly) for _ in range(3))
    whole = min(longest_wait_s(sorted) for _ in range(3))
    assert fair < whole / 2
