"""Which hosts may be contacted, and what the list of contacts says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from arcdesk.core.egress import Reason, declared_hosts, host_of, is_declared, is_local, registry_of
from arcdesk.core.egress_list import EgressView, Tally, as_csv, by_host, day_of
from arcdesk.core.settings import Settings

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "a.localhost",
        "127.0.0.1",
        "127.8.9.10",
        "::1",
        "::ffff:127.0.0.1",
        "unix:///run/docker.sock",
    ],
)
def test_this_computer_is_no_departure(host: str) -> None:
    assert is_local(host)
    assert is_declared(host, ())


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "192.168.1.2",
        "10.0.0.1",
        "0.0.0.0",
        "::",
        "localhost.example",
        "127.0.0.1.example",
        "",
        "fe80::1",
    ],
)
def test_all_else_is(host: str) -> None:
    assert not is_local(host)
    assert not is_declared(host, ())


def test_a_setting_declares_its_host_and_no_other() -> None:
    declared = declared_hosts(Settings(engine="https://Models.Example.:8443/v1"))
    assert declared == {"models.example"}
    assert is_declared("models.example", declared)
    assert not is_declared("evil.models.example", declared)
    for engine in ("auto", "container", "embedded", "http://["):
        assert declared_hosts(Settings(engine=engine)) == set()


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("busybox", "docker.io"),
        ("intelanalytics/ipex-llm-serving-xpu:0.2.0-b2", "docker.io"),
        ("ghcr.io/a/b:1", "ghcr.io"),
        ("127.0.0.1:5000/model:1", "127.0.0.1"),
        ("localhost/model", "localhost"),
        ("busybox:1.36", "docker.io"),
    ],
)
def test_an_image_names_its_registry(image: str, registry: str) -> None:
    assert registry_of(image) == registry


def test_an_address_that_is_none_has_no_host() -> None:
    assert [host_of(url) for url in ("http://[::1", "", "words", "http://h:1/x", "http://[::1]:8/")] == [
        "",
        "",
        "",
        "h",
        "::1",
    ]


def tally(host: str, at: float, **more: object) -> Tally:
    made = Tally(day=day_of(at), host=host, reason=Reason.QUESTION, first_at=at, last_at=at, bytes_out=10)
    return replace(made, **more)  # type: ignore[arg-type]


def test_days_are_summed_for_each_host_the_latest_first() -> None:
    days = [tally("a", NOON), tally("b", NOON + 5), tally("a", NOON + 86_400, bytes_in=7, count=2)]
    first, second = by_host(days)
    assert (first.host, first.count, first.bytes_out, first.bytes_in) == ("a", 3, 20, 7)
    assert (first.first_at, first.last_at) == (NOON, NOON + 86_400)
    assert second.host == "b"


def test_what_was_refused_or_stayed_here_did_not_leave() -> None:
    view = EgressView(
        tallies=(tally("a", NOON), tally("b", NOON, is_refused=True), tally("127.0.0.1", NOON)), since=NOON
    )
    assert [one.host for one in view.departures] == ["a"]
    assert [one.host for one in view.refusals] == ["b"]
    assert [one.host for one in view.at_home] == ["127.0.0.1"]


def test_the_days_are_counted_from_the_first_one() -> None:
    assert EgressView().days(NOON) == 0
    assert EgressView(since=NOON).days(NOON) == 1
    assert EgressView(since=NOON - 41 * 86_400).days(NOON) == 42
    assert EgressView(since=NOON + 86_400 * 3).days(NOON) == 1  # a clock that was set back


def test_the_table_for_other_programs_is_complete() -> None:
    view = EgressView(tallies=(tally("a,b", NOON, via="Docker"),), since=NOON)
    head, line = as_csv(view).splitlines()
    assert head.startswith("day,host,reason,via,refused,requests,bytes_sent,bytes_received,first,last")
    assert '"a,b",question,Docker,no,1,10,0,2026-03-12T12:00:00+00:00' in line
