"""The hotkey through a portal that keeps the specification's rules: yes, no, and all kinds of bad luck."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desktop.hotkey_rig import (
    hotkey_program,
    install_desktop_file,
    mock_portal,
    wayland_session,
)
from tests.desktop.tray_program import ROOT
from tests.rig import process
from tests.rig.desktop_tools import run, wait_for

pytestmark = pytest.mark.desktop

SERVICE_FILE = """[D-BUS Service]
Name=org.freedesktop.portal.Desktop
Exec=/usr/bin/env PYTHONPATH={root} {python} -m tests.rig.mock_portal --pid-file={pids}
"""


@pytest.fixture
def session() -> Iterator[dict[str, str]]:
    """A Wayland session in which ArcDesk is in the applications menu."""
    with wayland_session() as env:
        install_desktop_file(env)
        yield env


def test_the_portal_binds_the_key_and_hands_over_activation_tokens(session: dict[str, str]) -> None:
    with mock_portal(session) as portal, hotkey_program(session) as program:
        state = program.wait_for_state(how="portal", works=True)
        assert state["trigger"] == "Press CTRL+ALT+space"
        assert state["can_configure"]
        assert not state["can_record"]
        assert portal.said[:3] == ["ready", "registered org.arcdesk.ArcDesk", "bound CTRL+ALT+space"]
        portal.tell("press token-1")
        portal.tell("release")
        portal.tell("press")
        assert program.wait_for_presses(2) == ["token-1", ""]


def test_a_hundred_presses_in_a_burst_are_all_handled(session: dict[str, str]) -> None:
    with mock_portal(session) as portal, hotkey_program(session) as program:
        program.wait_for_state(works=True)
        portal.tell("burst 100")
        assert program.wait_for_presses(100) == [f"token-{number}" for number in range(100)]


def test_a_held_key_is_one_press(session: dict[str, str]) -> None:
    with mock_portal(session) as portal, hotkey_program(session) as program:
        program.wait_for_state(works=True)
        portal.tell("repeat 20")
        portal.tell("release")
        portal.tell("press last")
        wait_for(lambda: "last" in program.presses, "the press after the repeats")
        assert program.presses == ["", "last"]


def test_a_key_changed_in_the_desktop_is_shown(session: dict[str, str]) -> None:
    with mock_portal(session) as portal, hotkey_program(session) as program:
        program.wait_for_state(works=True)
        portal.tell("trigger Meta+Y")
        program.wait_for_state(trigger="Meta+Y", works=True)
        portal.tell("trigger ")
        assert program.wait_for_state(works=False)["cause"] == "hotkey_no_trigger"
        program.order("configure")
        assert "configure" in portal.said


def test_an_old_portal_can_not_be_told_to_open_its_settings(session: dict[str, str]) -> None:
    with mock_portal(session, "--version=1"), hotkey_program(session) as program:
        assert not program.wait_for_state(works=True)["can_configure"]
        assert program.refused("configure").startswith("hotkey_portal_lacks")


def test_without_a_portal_the_state_says_so(session: dict[str, str]) -> None:
    with hotkey_program(session) as program:
        state = program.wait_for_state(how="none")
        assert state["cause"] == "hotkey_portal_absent"
        assert state["tried"] == ["hotkey_portal_absent", "hotkey_wayland"]
        assert state["command"].endswith("quick --toggle")
        assert state["can_record"]


def test_a_portal_without_shortcuts_is_told_apart(session: dict[str, str]) -> None:
    with mock_portal(session, "--without", "shortcuts"), hotkey_program(session) as program:
        assert program.wait_for_state(how="none")["cause"] == "hotkey_portal_lacks"


def test_without_a_desktop_file_the_portal_refuses_and_the_way_out_is_named() -> None:
    with wayland_session() as env, mock_portal(env) as portal, hotkey_program(env) as program:
        state = program.wait_for_state(how="none")
        assert state["cause"] == "hotkey_no_desktop_file"
        assert "no desktop file installed" in state["sentence"]
        assert "refused CreateSession: An app id is required" in portal.said


def test_an_installed_program_that_can_not_register_gets_the_portals_reason(session: dict[str, str]) -> None:
    with mock_portal(session, "--without", "registry"), hotkey_program(session) as program:
        state = program.wait_for_state(how="none")
        assert state["cause"] == "hotkey_no_app_id"
        assert "No such interface" in state["sentence"]


def test_a_portal_before_1_21_needs_no_app_id(session: dict[str, str]) -> None:
    old = ("--without", "registry", "--before-1-21", "--version=1")
    with mock_portal(session, *old), hotkey_program(session) as program:
        program.wait_for_state(how="portal", works=True)


def test_a_refusal_is_told_in_the_portals_words(session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=refuse"), hotkey_program(session) as program:
        state = program.wait_for_state(how="none")
        assert state["cause"] == "hotkey_portal_refused"
        assert "switched off by the administrator" in state["sentence"]


def test_a_no_of_the_person_is_final_until_asked_again(session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=wait") as portal, hotkey_program(session) as program:
        program.wait_for_state(is_asking=True)
        portal.tell("deny")
        state = program.wait_for_state(is_asking=False)
        assert state["cause"] == "hotkey_cancelled"
        assert not state["works"]
        program.order("retry")
        portal.wait_for("dialog", 2)
        portal.tell("allow")
        program.wait_for_state(how="portal", works=True)


def test_a_request_that_ends_without_a_reason_is_told(session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=other"), hotkey_program(session) as program:
        assert "response 2" in program.wait_for_state(how="none", is_asking=False)["sentence"]


def test_a_shortcut_without_a_key_does_not_count_as_working(session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=no-trigger"), hotkey_program(session) as program:
        state = program.wait_for_state(how="portal")
        assert state["cause"] == "hotkey_no_trigger"
        assert not state["works"]


def test_a_silent_portal_does_not_hold_up_anything(session: dict[str, str]) -> None:
    options = ("Ctrl+Alt+Space", "--patience-s=1.5")
    with mock_portal(session, "--silent"), hotkey_program(session, *options) as program:
        program.wait_for_state(is_asking=True)
        assert program.wait_for_state(is_asking=False)["cause"] == "hotkey_portal_silent"


def test_quitting_while_the_dialog_is_open_closes_it(session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=wait") as portal:
        with hotkey_program(session):
            portal.wait_for("dialog")
        portal.wait_for("request closed by the app")
        portal.wait_for("session closed by the app")


def test_a_portal_that_dies_and_comes_back_binds_again(session: dict[str, str]) -> None:
    with hotkey_program(session, "Ctrl+Alt+Space", "--revive-after-s=9999") as program:
        program.wait_for_state(cause="hotkey_portal_absent")
        with mock_portal(session):
            program.wait_for_state(how="portal", works=True)
        state = program.wait_for_state(how="none")
        assert state["cause"] == "hotkey_portal_gone"
        with mock_portal(session) as portal:
            program.wait_for_state(how="portal", works=True)
            portal.tell("press again")
            assert program.wait_for_presses(1) == ["again"]


def test_a_portal_that_dies_during_the_dialog_is_told(session: dict[str, str]) -> None:
    with hotkey_program(session, "Ctrl+Alt+Space", "--revive-after-s=9999") as program:
        with mock_portal(session, "--answer=wait"):
            program.wait_for_state(is_asking=True)
        assert program.wait_for_state(is_asking=False)["cause"] == "hotkey_portal_gone"


def test_a_portal_is_started_by_the_bus_and_started_again_after_a_crash(
    session: dict[str, str], tmp_path: Path
) -> None:
    pids = tmp_path / "pids.txt"
    services = Path(session["XDG_DATA_HOME"], "dbus-1", "services")
    services.mkdir(parents=True)
    text = SERVICE_FILE.format(root=ROOT, python=sys.executable, pids=pids)
    (services / "org.freedesktop.portal.Desktop.service").write_text(text, encoding="utf-8")
    with hotkey_program(session, "Ctrl+Alt+Space", "--revive-after-s=0.1") as program:
        program.wait_for_state(how="portal", works=True)
        (first,) = _pids(pids)
        _kill(first)
        wait_for(lambda: len(_pids(pids)) == 2, "a second portal")
        program.wait_for_state(how="portal", works=True)
        works = [state["works"] for state in program.states]
        assert works.count(True) == 2
        _kill(_pids(pids)[-1])
        program.wait_for_state(works=False)


def test_keys_that_the_desktop_takes_back_are_not_asked_for_again(session: dict[str, str]) -> None:
    with mock_portal(session) as portal, hotkey_program(session) as program:
        program.wait_for_state(works=True)
        portal.tell("close")
        assert program.wait_for_state(works=False)["cause"] == "hotkey_session_closed"
        bound = [line for line in portal.said if line.startswith("bound")]
        assert len(bound) == 1
        program.order("retry")
        program.wait_for_state(works=True)


def test_a_lost_bus_is_survived(session: dict[str, str]) -> None:
    with wayland_session() as env:
        install_desktop_file(env)
        with mock_portal(env), hotkey_program(env) as program:
            program.wait_for_state(works=True)
            _kill(_bus_pid(env))
            state = program.wait_for_state(works=False, how="none")
            assert state["cause"] == "hotkey_no_bus"


def test_a_self_test_takes_the_press_and_opens_nothing(session: dict[str, str]) -> None:
    with mock_portal(session) as portal, hotkey_program(session) as program:
        program.wait_for_state(works=True)
        program.tell("test 20")
        program.wait_for("testing")
        portal.tell("press one")
        program.wait_for("tested True")
        portal.tell("release")
        portal.tell("press two")
        assert program.wait_for_presses(1) == ["two"]
        program.tell("test 0.2")
        program.wait_for("tested False")


def test_an_unused_key_wakes_nobody_up(session: dict[str, str]) -> None:
    """Other programs' talk on the bus must not reach us: the match rules are narrow."""
    with mock_portal(session), hotkey_program(session) as program:
        program.wait_for_state(works=True)

        def is_idle() -> bool:
            before = program.wake_ups()
            for _ in range(20):
                run(["dbus-send", "--session", "/other", "org.example.Other.Signal"], session)
            return program.wake_ups() - before <= 1

        wait_for(is_idle, "a quiet time", 20)


def test_many_wishes_in_a_row_end_with_the_last(session: dict[str, str]) -> None:
    with mock_portal(session) as portal, hotkey_program(session) as program:
        for key in ("Ctrl+Alt+A", "Ctrl+Alt+B", "", "Ctrl+Alt+C", "Super+F9"):
            program.tell(f"rebind {key}")
        program.wait_for_state(works=True, wanted="Super+F9", trigger="Press LOGO+F9")
        portal.tell("press last")
        assert program.wait_for_presses(1) == ["last"]


def test_no_key_wanted_asks_nobody(session: dict[str, str]) -> None:
    with mock_portal(session) as portal, hotkey_program(session) as program:
        program.wait_for_state(works=True)
        program.order("rebind ")
        state = program.wait_for_state(how="none", wanted="")
        assert state["cause"] == ""
        portal.wait_for("session closed by the app")
        program.order("rebind Ctrl+Alt+B")
        program.wait_for_state(how="portal", trigger="Press CTRL+ALT+b")


def _pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def _kill(pid: int) -> None:
    process.kill(pid)


def _bus_pid(env: dict[str, str]) -> int:
    bus = "org.freedesktop.DBus"
    call = [f"--dest={bus}", "/org/freedesktop/DBus", f"{bus}.GetConnectionUnixProcessID", f"string:{bus}"]
    return int(run(["dbus-send", "--session", "--print-reply", *call], env).split()[-1])
