"""A benchmark on the program as it is started: by keys alone, kept, and seen by the command line."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.desktop.driver import CLOSE_WINDOW, ROOT, ArcDesk, arcdesk, choose_in_tray_menu
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import end, wait_for

pytestmark = pytest.mark.desktop

BENCH, LEDGER = "Benchmark — ArcDesk$", "Ledger — ArcDesk$"
BENCH_ENTRY = ("Up",) * 4  # from the foot of the menu
PATIENCE_S = 90.0  # the quick look takes half a minute


@pytest.fixture
def server_url() -> Iterator[str]:
    """A server that answers at a known pace, in a process of its own."""
    command = [sys.executable, "-m", "tests.rig.paced_server"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        end(process)


@pytest.fixture
def app(x_display: Desktop, server_url: str) -> Iterator[ArcDesk]:
    with arcdesk(x_display, ARCDESK_ENGINE=server_url) as program:
        yield program


def kept(app: ArcDesk) -> int:
    """Runs in the ledger's file."""
    file = app.home / "data" / "arcdesk" / "bench.db"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM runs WHERE deleted_at IS NULL").fetchone()[0])
        except sqlite3.OperationalError:  # the file is just being made
            return 0


def test_a_benchmark_goes_on_while_its_window_is_closed_and_is_kept(
    app: ArcDesk, xembed_tray: TrayHost
) -> None:
    app.start("--background")
    choose_in_tray_menu(xembed_tray, *BENCH_ENTRY, "Return")
    app.wait_for_window(BENCH, PATIENCE_S)
    app.desktop.key("Return")  # Start has the keyboard
    worker = "arcdesk.app.bench_worker"
    wait_for(lambda: worker in _commands(app), "the load generator", PATIENCE_S)
    app.desktop.key(CLOSE_WINDOW)
    wait_for(lambda: kept(app) == 1, "the run in the ledger", PATIENCE_S)
    wait_for(lambda: worker not in _commands(app), "the load generator's end")

    (run,) = json.loads(app.run("bench", "--list", "--json").stdout)["runs"]
    assert run["concurrencies"] == [1, 4]
    assert run["requests"] > 0 and run["failed"] == 0

    choose_in_tray_menu(xembed_tray, "Up", "Return")
    app.assert_ended_in_order()


def test_quitting_ends_the_load_generator_and_keeps_what_is_done(app: ArcDesk, xembed_tray: TrayHost) -> None:
    app.start("--background")
    choose_in_tray_menu(xembed_tray, *BENCH_ENTRY, "Return")
    app.wait_for_window(BENCH, PATIENCE_S)
    app.desktop.key("Return")
    wait_for(lambda: "arcdesk.app.bench_worker" in _commands(app), "the load generator", PATIENCE_S)
    choose_in_tray_menu(xembed_tray, "Up", "Return")
    app.assert_ended_in_order()  # and no process of it lives on


def _commands(app: ArcDesk) -> str:
    """The command lines of all processes that have this home."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in listed.splitlines() if "bench_worker" in line)
