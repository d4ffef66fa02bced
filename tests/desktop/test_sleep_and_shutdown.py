"""Sleep, waking, shutdown and the session's end, with a logind that keeps to its specification."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desktop.driver import ArcDesk, arcdesk
from tests.desktop.tray_program import ROOT, TrayProgram
from tests.rig import desktop as rig
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import child, wait_for

pytestmark = pytest.mark.desktop

DELAY = "lock shutdown delay by ArcDesk: Drafts and answers are being stored"
IDLE = "lock idle block by ArcDesk: An answer is being written"


@pytest.fixture
def system_bus(session_bus: Desktop) -> Iterator[Desktop]:
    """The display and session bus, and a system bus that is another daemon."""
    with rig.session_bus(session_bus) as other:
        address = other.env["DBUS_SESSION_BUS_ADDRESS"]
        yield Desktop(
            env=session_bus.env | {"DBUS_SYSTEM_BUS_ADDRESS": address, "QT_QPA_PLATFORM": "offscreen"}
        )


@contextlib.contextmanager
def program(desktop: Desktop, module: str, *options: str) -> Iterator[TrayProgram]:
    """A child that prints lines, once it is up; it complains on stderr of nothing."""
    command = [sys.executable, "-m", module, *options]
    env = desktop.env | {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+") as stderr:
        with child(
            command, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr.fileno()
        ) as process:
            running = TrayProgram(process)
            running.wait_for("shown")
            yield running
        stderr.seek(0)
        complaints = stderr.read()
    assert "Traceback" not in complaints or "mock" in module, complaints


def logind_on(desktop: Desktop) -> contextlib.AbstractContextManager[TrayProgram]:
    return program(desktop, "tests.rig.mock_logind", desktop.env["DBUS_SYSTEM_BUS_ADDRESS"])


def life_on(desktop: Desktop, draft: Path) -> contextlib.AbstractContextManager[TrayProgram]:
    return program(desktop, "tests.desktop.life_child", str(draft))


def test_a_shutdown_waits_until_drafts_are_stored_and_the_app_has_ended(
    system_bus: Desktop, tmp_path: Path
) -> None:
    draft = tmp_path / "draft"
    with logind_on(system_bus) as logind, life_on(system_bus, draft) as life:
        logind.wait_for(DELAY)
        logind.tell("shutdown")
        logind.wait_for("down")
        life.wait_for("ended")
        assert [line for line in life.said if line in ("stored", "quit", "ended")] == [
            "stored",
            "quit",
            "ended",
        ]
        assert draft.read_text() == "half a question"
        assert logind.said.index("released shutdown delay") < logind.said.index("down")


def test_a_shutdown_that_is_called_off_ends_nothing(system_bus: Desktop, tmp_path: Path) -> None:
    with logind_on(system_bus) as logind, life_on(system_bus, tmp_path / "draft") as life:
        logind.wait_for(DELAY)
        logind.tell("cancel")
        logind.tell("sleep")
        logind.tell("wake")
        life.wait_for("woke True")  # it came after the other, on the same way
        assert "quit" not in life.said


def test_waking_is_told_once_for_each_sleep(system_bus: Desktop, tmp_path: Path) -> None:
    with logind_on(system_bus) as logind, life_on(system_bus, tmp_path / "draft") as life:
        for times in (1, 2):
            logind.tell("sleep")
            logind.tell("wake")
            life.wait_for("woke True", times)
        life.tell("end")
        life.wait_for("ended")
        assert life.said.count("woke True") == 2
        assert life.said.count("quit") == 0


def test_sleep_out_of_idleness_is_held_off_while_an_answer_is_written(
    system_bus: Desktop, tmp_path: Path
) -> None:
    with logind_on(system_bus) as logind, life_on(system_bus, tmp_path / "draft") as life:
        logind.wait_for(DELAY)
        assert IDLE not in logind.said
        for times in (1, 2):
            life.tell("answering")
            logind.wait_for(IDLE, times)
            life.tell("done")
            logind.wait_for("released idle block", times)
        assert not [line for line in logind.said if "sleep" in line], "a person may always send it to sleep"


@pytest.mark.parametrize(
    ("service", "hold"),
    [
        ("power", "hold ArcDesk: An answer is being written"),
        ("portal", "hold flags 8: An answer is being written"),
    ],
)
def test_desktops_that_pass_over_logind_are_asked_in_their_own_way(
    system_bus: Desktop, tmp_path: Path, service: str, hold: str
) -> None:
    with (
        program(system_bus, "tests.rig.mock_power", service) as power,
        life_on(system_bus, tmp_path / "draft") as life,
    ):
        life.tell("answering")
        power.wait_for(hold)
        assert "let go" not in power.said
        life.tell("done")
        power.wait_for("let go")


def test_an_end_in_the_middle_of_an_answer_releases_all(system_bus: Desktop, tmp_path: Path) -> None:
    with logind_on(system_bus) as logind, life_on(system_bus, tmp_path / "draft") as life:
        life.tell("answering")
        logind.wait_for(IDLE)
        life.tell("end")
        life.wait_for("ended")
        logind.wait_for("released idle block")
        logind.wait_for("released shutdown delay")


def test_without_logind_the_app_lives_on_and_knows_why(system_bus: Desktop, tmp_path: Path) -> None:
    with life_on(system_bus, tmp_path / "draft") as life:
        life.wait_for("without: logind does not run here")
        life.tell("answering")
        life.tell("done")
        life.tell("end")
        life.wait_for("ended")


def test_without_a_system_bus_the_app_lives_on_and_knows_why(session_bus: Desktop, tmp_path: Path) -> None:
    gone = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path / 'nothing'}", "QT_QPA_PLATFORM": "offscreen"}
    with life_on(Desktop(env=session_bus.env | gone), tmp_path / "draft") as life:
        assert [line for line in life.said if line.startswith("without: ")]
        life.tell("answering")
        life.tell("end")
        life.wait_for("ended")


def test_a_logind_that_refuses_is_borne_in_silence(system_bus: Desktop, tmp_path: Path) -> None:
    with logind_on(system_bus) as logind:
        logind.tell("refuse")
        logind.wait_for("refusing")
        with life_on(system_bus, tmp_path / "draft") as life:
            life.wait_for("with logind")
            life.tell("answering")
            logind.tell("sleep")
            logind.tell("wake")
            life.wait_for("woke True")
            life.tell("end")
            life.wait_for("ended")
            assert not [line for line in logind.said if line.startswith("lock ")]


def test_a_system_bus_that_dies_takes_nothing_along(session_bus: Desktop, tmp_path: Path) -> None:
    address = f"unix:path={tmp_path / 'bus'}"
    command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={address}"]
    desktop = Desktop(
        env=session_bus.env | {"DBUS_SYSTEM_BUS_ADDRESS": address, "QT_QPA_PLATFORM": "offscreen"}
    )
    with contextlib.ExitStack() as later:
        with child(command, desktop.env, stderr=subprocess.DEVNULL):
            wait_for(lambda: (tmp_path / "bus").exists(), "the bus")
            logind = later.enter_context(logind_on(desktop))
            life = later.enter_context(life_on(desktop, tmp_path / "draft"))
            logind.wait_for(DELAY)
        life.tell("answering")
        life.tell("done")
        life.tell("commit")
        life.wait_for("committed with half a question")
        life.tell("end")
        life.wait_for("ended")


def test_a_session_manager_gets_its_answer_when_all_is_stored(system_bus: Desktop, tmp_path: Path) -> None:
    with logind_on(system_bus), life_on(system_bus, tmp_path / "draft") as life:
        life.tell("commit")
        life.wait_for("committed with half a question")
        assert life.said.index("stored") < life.said.index("committed with half a question")
        assert "restart RestartNever" in life.said, "only the switch opens ArcDesk at log-in"
        assert "quit" not in life.said, "the session's end may still be called off"


def test_it_sleeps_while_nothing_happens(system_bus: Desktop, tmp_path: Path) -> None:
    with logind_on(system_bus) as logind, life_on(system_bus, tmp_path / "draft") as life:
        logind.wait_for(DELAY)
        time.sleep(0.7)
        before = life.wake_ups()
        time.sleep(2)
        assert life.wake_ups() - before <= 1


# the real program


@pytest.fixture
def app(system_bus: Desktop) -> Iterator[ArcDesk]:
    """ArcDesk on both buses, not started."""
    with arcdesk(Desktop(env=system_bus.env | {"QT_QPA_PLATFORM": "xcb"})) as made:
        yield made


def test_a_shutdown_in_the_middle_of_an_answer_and_a_draft_loses_nothing(
    system_bus: Desktop, app: ArcDesk, xembed_tray: TrayHost
) -> None:
    with logind_on(system_bus) as logind:
        app.start("--engine", "embedded")
        app.wait_for_window()
        logind.wait_for(DELAY, timeout_s=30)
        app.wait_for_phase("ready")
        app.ask("Write a long story about a ship, a storm and an island.")
        half = app.wait_for_stream()
        app.type("And then")
        logind.tell("shutdown")
        logind.wait_for("down", timeout_s=20)
        app.assert_ended_in_order()
    answer = app.messages()[-1]
    assert answer.state == "stopped"
    assert answer.text.startswith(half.text)
    assert app.drafts() == ["And then"]
