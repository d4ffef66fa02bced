"""Checks run at once, each with its patience; one that hangs or breaks hides no other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from arcdesk.core.doctor import Area, Finding, Status, ok
from arcdesk.services.doctor import Check, blocking, examine
from arcdesk.services.threads import in_thread


def check(name: str, after: asyncio.Event | None = None, **options: float) -> Check:
    async def run() -> Sequence[Finding]:
        if after is not None:
            await after.wait()
        return (ok(name, Area.APP, name),)

    return Check(id=name, area=Area.APP, title=name.title(), run=run, **options)


async def test_findings_come_as_their_checks_end() -> None:
    slow = asyncio.Event()
    came: list[str] = []
    async with aclosing(examine([check("slow", slow), check("quick")])) as examined:
        async for one, findings in examined:
            came.append(one.id)
            assert [finding.id for finding in findings] == [one.id]
            slow.set()
    assert came == ["quick", "slow"]


async def test_a_check_without_an_end_is_unknown_and_says_so() -> None:
    hanging = check("hanging", asyncio.Event(), patience_s=0.05)
    ((_, (finding,)),) = [pair async for pair in examine([hanging])]
    assert (finding.status, finding.title) == (Status.UNKNOWN, "Hanging")
    assert "0.05" in finding.detail


async def test_a_broken_check_is_unknown_and_hides_no_other() -> None:
    def break_down() -> Sequence[Finding]:
        raise ValueError("no such luck")

    found = {
        one.id: findings
        async for one, findings in examine([blocking("broken", Area.DISK, "Disk", break_down), check("fine")])
    }
    assert found["fine"][0].status is Status.OK
    assert found["broken"][0].status is Status.UNKNOWN
    assert "no such luck" in found["broken"][0].detail


async def test_a_thread_that_hangs_holds_up_nobody() -> None:
    end = threading.Event()

    def hang() -> Sequence[Finding]:
        end.wait(60)
        return ()

    stuck = Check(
        id="stuck",
        area=Area.DISK,
        title="Disk",
        run=lambda: in_thread("arcdesk-stuck", hang),
        patience_s=0.05,
    )
    try:
        began = time.monotonic()
        ((_, (finding,)),) = [pair async for pair in examine([stuck])]
        assert finding.status is Status.UNKNOWN
        assert time.monotonic() - began < 30  # not the minute for which it hangs
    finally:
        end.set()


async def test_leaving_early_ends_all_checks() -> None:
    cancelled = asyncio.Event()

    async def run() -> Sequence[Finding]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ()

    endless = Check(id="endless", area=Area.APP, title="Endless", run=run)
    async with aclosing(examine([endless, check("quick")])) as examined:
        async for _ in examined:
            break
    assert cancelled.is_set()


async def test_a_thread_gives_back_its_result_or_its_error() -> None:
    assert await in_thread("arcdesk-result", lambda: 42) == 42
    with pytest.raises(KeyError):
        await in_thread("arcdesk-error", lambda: {}["missing"])
