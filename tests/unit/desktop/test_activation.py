"""Activation tokens as text: where they come from, and what time stands in them."""

from __future__ import annotations

import pytest

from arcdesk.desktop.activation import take_token, time_of


@pytest.mark.parametrize(
    ("environ", "token"),
    [
        ({}, ""),
        ({"XDG_ACTIVATION_TOKEN": "way"}, "way"),
        ({"DESKTOP_STARTUP_ID": "x11_TIME1"}, "x11_TIME1"),
        ({"XDG_ACTIVATION_TOKEN": "way", "DESKTOP_STARTUP_ID": "x11_TIME1"}, "way"),
        ({"XDG_ACTIVATION_TOKEN": "", "DESKTOP_STARTUP_ID": "x11_TIME1"}, "x11_TIME1"),
    ],
)
def test_the_token_is_taken_out_for_whoever_is_started_later(environ: dict[str, str], token: str) -> None:
    environ |= {"HOME": "/"}
    assert take_token(environ) == token
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize(
    ("token", "time_ms"),
    [
        ("xfce4-panel/org.arcdesk.ArcDesk/7-1-host_TIME123456", 123456),
        ("a_TIME4294967295", 4294967295),
        ("no time", None),
        ("_TIMEx", None),
        ("a_TIME12 ", None),
        ("", None),
    ],
)
def test_an_x11_token_ends_with_its_time(token: str, time_ms: int | None) -> None:
    assert time_of(token) == time_ms
