"""The list of contacts on disk: adds up, survives, is private, and says when it has a gap."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arcdesk.core.egress import Contact, Reason
from arcdesk.core.egress_list import Tally, day_of
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.settings import Settings
from arcdesk.services.egress import EgressLedger
from arcdesk.storage.egress_db import EgressDb

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC).timestamp()
ONE = Tally(
    day=day_of(NOON),
    host="a",
    reason=Reason.QUESTION,
    first_at=NOON,
    last_at=NOON,
    bytes_out=10,
    bytes_in=100,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be, in a folder that is not there yet."""
    return tmp_path / "data" / "egress.db"


async def test_contacts_add_up_over_restarts(path: Path) -> None:
    for at in (NOON, NOON + 60):
        async with aclosing(EgressDb(path, now=lambda at=at: at)) as db:  # type: ignore[misc]
            await db.add([replace(ONE, first_at=at, last_at=at), replace(ONE, host="b")])
    async with aclosing(EgressDb(path)) as db:
        view = await db.view()
    assert view.since == NOON
    assert view.tallies == (
        replace(ONE, last_at=NOON + 60, count=2, bytes_out=20, bytes_in=200),
        replace(ONE, host="b", count=2, bytes_out=20, bytes_in=200),
    )


async def test_the_file_is_the_persons_alone(path: Path) -> None:
    async with aclosing(EgressDb(path)) as db:
        await db.add([ONE])
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_two_processes_lose_nothing(path: Path) -> None:
    async with aclosing(EgressDb(path)) as one, aclosing(EgressDb(path)) as other:
        await asyncio.gather(*(db.add([ONE]) for _ in range(10) for db in (one, other)))
        (seen,) = (await one.view()).tallies
    assert (seen.count, seen.bytes_in) == (20, 2000)


async def test_clearing_begins_anew(path: Path) -> None:
    async with aclosing(EgressDb(path, now=lambda: NOON)) as db:
        await db.add([ONE])
        await db.clear(NOON + 5)
        view = await db.view()
    assert (view.tallies, view.since) == ((), NOON + 5)


async def test_a_damaged_file_is_set_aside_and_the_loss_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    async with aclosing(EgressDb(path, now=lambda: NOON)) as db:
        await db.add([ONE])
        view = await db.view()
    assert view.tallies == (ONE,)
    assert view.problem is not None and view.problem.cause == "egress_damaged"
    assert len(list(path.parent.glob("egress.db.broken-*"))) == 1


async def test_a_file_that_was_moved_away_is_begun_anew(path: Path) -> None:
    async with aclosing(EgressDb(path, now=lambda: NOON)) as db:
        await db.add([ONE])
        path.rename(path.with_name("old.db"))
        await db.add([ONE])
        assert (await db.view()).tallies == (ONE,)
    assert path.exists()


async def test_the_file_of_a_newer_arcdesk_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    async with aclosing(EgressDb(path)) as db:
        with pytest.raises(ArcDeskError) as caught:
            await db.add([ONE])
    assert caught.value.problem.cause == "egress_newer"
    assert path.read_bytes() == before


async def test_a_reason_of_a_later_version_is_other(path: Path) -> None:
    async with aclosing(EgressDb(path)) as db:
        await db.add([ONE])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE contacts SET reason = 'telepathy'")
    connection.close()
    async with aclosing(EgressDb(path)) as db:
        assert (await db.view()).tallies[0].reason is Reason.OTHER


async def test_the_ledger_writes_soon_by_itself(path: Path) -> None:
    async with (
        aclosing(EgressLedger(lambda: EgressDb(path), delay_s=0.0)) as ledger,
        aclosing(EgressDb(path)) as other,
    ):
        ledger.record(Contact(host="a", reason=Reason.HEALTH, bytes_out=3))
        ledger.record(Contact(host="a", reason=Reason.HEALTH, bytes_out=4))
        async with asyncio.timeout(30):
            while not (found := (await other.view()).tallies):
                await asyncio.sleep(0.01)
    assert [(one.host, one.count, one.bytes_out) for one in found] == [("a", 2, 7)]


async def test_what_goes_out_is_not_held_up_by_looks_at_a_server(path: Path) -> None:
    async with aclosing(EgressLedger(lambda: EgressDb(path), delay_s=360)) as ledger:
        ledger.record(Contact(host="127.0.0.1", reason=Reason.HEALTH))
        late, late_s = ledger._timer, ledger._due_s
        ledger.record(Contact(host="127.0.0.1", reason=Reason.HEALTH))
        assert ledger._timer is late, "each look would put the writing off"
        ledger.record(Contact(host="models.example", reason=Reason.QUESTION))
        assert late is not None and late.cancelled()
        assert ledger._due_s < late_s - 3000


async def test_the_end_loses_nothing_and_leaves_no_timer(path: Path) -> None:
    ledger = EgressLedger(lambda: EgressDb(path), delay_s=3600)
    ledger.record(Contact(host="a", reason=Reason.HEALTH))
    await ledger.aclose()
    ledger.record(Contact(host="b", reason=Reason.HEALTH))  # too late, and no error
    async with aclosing(EgressDb(path)) as db:
        assert [one.host for one in (await db.view()).tallies] == ["a"]


async def test_what_the_disk_refuses_is_kept_and_the_gap_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.mkdir()  # no file can be made here
    async with aclosing(EgressLedger(lambda: EgressDb(path), delay_s=3600)) as ledger:
        ledger.record(Contact(host="a", reason=Reason.HEALTH))
        with pytest.raises(ArcDeskError):
            await ledger.view()
        path.rmdir()
        view = await ledger.view()
        assert [one.host for one in view.tallies] == ["a"]
        assert view.problem is None


async def test_hosts_are_declared_by_choice(path: Path) -> None:
    async with aclosing(EgressLedger(lambda: EgressDb(path))) as ledger:
        assert not ledger.allows("models.example")
        ledger.declare(Settings(engine="https://models.example/v1"))
        ledger.declare(Settings(engine="auto"))
        assert ledger.allows("models.example") and ledger.allows("127.0.0.1")
        assert not ledger.allows("other.example")
        ledger.declare_address("http://other.example:8000/v1")
        assert ledger.allows("other.example")
    assert not path.exists(), "nothing was contacted, so nothing is written"
