"""The list of contacts: what was sent where, day by day, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from arcdesk.core.egress import Contact, Reason, is_local
from arcdesk.core.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """All contacts of one day with one host for one reason. Times are Unix seconds."""

    day: date
    host: str
    reason: Reason
    via: str = ""
    is_refused: bool = False
    first_at: float
    last_at: float
    count: int = 1
    bytes_out: int = 0
    bytes_in: int = 0

    def plus(self, other: Tally) -> Tally:
        """Both together; they must be about the same."""
        return Tally(
            day=self.day,
            host=self.host,
            reason=self.reason,
            via=self.via,
            is_refused=self.is_refused,
            first_at=min(self.first_at, other.first_at),
            last_at=max(self.last_at, other.last_at),
            count=self.count + other.count,
            bytes_out=self.bytes_out + other.bytes_out,
            bytes_in=self.bytes_in + other.bytes_in,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressView:
    """The whole list, the latest first. `since` is when it began, None if nothing was ever kept."""

    tallies: tuple[Tally, ...] = ()
    since: float | None = None
    problem: Problem | None = None  # why the list may have gaps

    @property
    def departures(self) -> tuple[Tally, ...]:
        """What left this computer."""
        return tuple(one for one in self.tallies if not one.is_refused and not is_local(one.host))

    @property
    def refusals(self) -> tuple[Tally, ...]:
        """What ArcDesk itself kept from leaving."""
        return tuple(one for one in self.tallies if one.is_refused)

    @property
    def at_home(self) -> tuple[Tally, ...]:
        """Contacts with this very computer."""
        return tuple(one for one in self.tallies if not one.is_refused and is_local(one.host))

    def days(self, now: float) -> int:
        """On how many days the list was kept, today included; 0 if it never was."""
        if self.since is None:
            return 0
        return max((day_of(now) - day_of(self.since)).days, 0) + 1


class EgressRepo(Protocol):
    """Keeps tallies. Every call may raise ArcDeskError."""

    async def add(self, tallies: Sequence[Tally]) -> None:
        """Add them to what is kept."""
        ...

    async def view(self) -> EgressView:
        """All that is kept."""
        ...

    async def clear(self, now: float) -> None:
        """Forget all; the list begins anew now (Unix seconds)."""
        ...

    async def aclose(self) -> None:
        """Close the file."""
        ...


def day_of(at: float) -> date:
    """The day of a moment (Unix seconds) in this computer's time zone."""
    return datetime.fromtimestamp(at).astimezone().date()


def tally_of(contact: Contact, at: float) -> Tally:
    """One contact at a moment (Unix seconds)."""
    return Tally(
        day=day_of(at),
        host=contact.host,
        reason=contact.reason,
        via=contact.via,
        is_refused=contact.is_refused,
        first_at=at,
        last_at=at,
        bytes_out=contact.bytes_out,
        bytes_in=contact.bytes_in,
    )


def added_up(tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """One for each host, reason and day."""
    return _summed(tallies, lambda one: (one.day, one.host, one.reason, one.via, one.is_refused))


def by_host(tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """One for each host and reason over all days, the latest first; its day is the last one."""
    latest_first = sorted(tallies, key=lambda one: one.last_at, reverse=True)
    return _summed(latest_first, lambda one: (one.host, one.reason, one.via, one.is_refused))


def _summed(tallies: Iterable[Tally], key_of: Callable[[Tally], Hashable]) -> tuple[Tally, ...]:
    sums: dict[Hashable, Tally] = {}
    for one in tallies:
        key = key_of(one)
        sums[key] = sums[key].plus(one) if key in sums else one
    return tuple(sums.values())


def as_csv(view: EgressView) -> str:
    """The whole list as a table for other programs; times in UTC."""
    import csv
    import io

    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(
        (
            "day",
            "host",
            "reason",
            "via",
            "refused",
            "requests",
            "bytes_sent",
            "bytes_received",
            "first",
            "last",
        )
    )
    for one in view.tallies:
        times = (
            datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
            for at in (one.first_at, one.last_at)
        )
        about = (one.day.isoformat(), one.host, one.reason.value, one.via, "yes" if one.is_refused else "no")
        table.writerow((*about, one.count, one.bytes_out, one.bytes_in, *times))
    return out.getvalue()
