"""How long the loop is held up, on a real loop that is really held up."""

from __future__ import annotations

import asyncio
import time

from arcdesk.services.xray_stall import StallWatch


async def until_ticked(watch: StallWatch) -> None:
    due = watch._due
    async with asyncio.timeout(30):
        while watch._due == due:
            await asyncio.sleep(0.001)


async def test_a_hold_up_is_seen_with_its_length() -> None:
    watch = StallWatch()
    watch.start()
    time.sleep(0.3)  # noqa: ASYNC251  (that is the hold-up)
    await until_ticked(watch)
    watch.stop()
    assert watch.worst_s is not None
    assert watch.worst_s >= 0.3 - 0.06  # of a tick that was due within


async def test_one_that_lasts_until_the_end_counts() -> None:
    watch = StallWatch()
    watch.start()
    time.sleep(0.3)  # noqa: ASYNC251
    watch.stop()
    assert watch.worst_s is not None and watch.worst_s >= 0.2


async def test_it_has_no_timer_before_and_after() -> None:
    watch = StallWatch()
    assert watch.worst_s is None
    watch.stop()
    assert watch.worst_s is None
    watch.start()
    watch.stop()
    assert watch._timer is None
    assert watch.worst_s is not None and watch.worst_s >= 0
