"""Start-up, memory and idling of the tray, against a bare PySide6 tray script in the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.rig.desktop import Desktop, x_display, xembed_tray
from tests.rig.desktop_tools import child, wait_for

BARE = Path(__file__).with_name("bare_tray.py")
STARTS = 9
IDLE_S = 30.0
SETTLE_S = 4.0
FORWARDS = 25
Commands = dict[str, list[str]]


def commands() -> Commands:
    """What is compared: the same interpreter, with and without ArcDesk."""
    return {
        "bare": [sys.executable, str(BARE)],
        "arcdesk": [sys.executable, "-m", "arcdesk", "--background"],
    }


def run() -> dict[str, object]:
    """Times in ms, memory in MB (kB / 1000), wake-ups in 30 s; each with its n."""
    with x_display() as desktop, xembed_tray(desktop):
        start_ms = _starts(desktop)
        rss_mb, wakeups = _idling(desktop)
        forward_ms = _forwards(desktop)
    return {
        "tray_visible_ms": {name: statistics.median(times) for name, times in start_ms.items()},
        "tray_visible_n": STARTS,
        "tray_visible_ratio": statistics.median(start_ms["arcdesk"]) / statistics.median(start_ms["bare"]),
        "idle_rss_mb": rss_mb,
        "idle_rss_ratio": rss_mb["arcdesk"] / rss_mb["bare"],
        "idle_wakeups_in_30_s": wakeups,
        "forwarded_status_ms": statistics.median(forward_ms),
        "forwarded_status_n": FORWARDS,
    }


def _tray_children(desktop: Desktop, tray: int) -> int:
    tree = subprocess.run(
        ["xwininfo", "-id", str(tray), "-tree"], env=desktop.env, capture_output=True, text=True, check=True
    ).stdout
    return sum(1 for line in tree.splitlines() if line.strip().startswith("0x"))


def _starts(desktop: Desktop) -> dict[str, list[float]]:
    """From the start of the process to the icon in the panel; the two take turns."""
    times: dict[str, list[float]] = {name: [] for name in commands()}
    tray = desktop.find_windows("--onlyvisible", "--class", "trayer")[0]
    for turn in range(STARTS + 1):
        for name, command in commands().items():
            empty = _tray_children(desktop, tray)
            began = time.perf_counter()
            with child(command, desktop.env):
                deadline = began + 20
                while _tray_children(desktop, tray) <= empty:
                    assert time.perf_counter() < deadline, f"{name}: no icon in the panel"
                took_ms = (time.perf_counter() - began) * 1000
            wait_for(lambda empty=empty: _tray_children(desktop, tray) <= empty, "the icon gone")
            if turn:  # the first turn warms the file cache
                times[name].append(took_ms)
    return times


def _idling(desktop: Desktop) -> tuple[dict[str, float], dict[str, int]]:
    rss_mb, wakeups = {}, {}
    for name, command in commands().items():
        with child(command, desktop.env):  # writes the bytecode of what is loaded after the tray
            time.sleep(SETTLE_S)
        with child(command, desktop.env) as process:
            time.sleep(SETTLE_S)
            before = _status(process.pid)
            time.sleep(IDLE_S)
            after = _status(process.pid)
            rss_mb[name] = after["VmRSS"] / 1000
            wakeups[name] = after["voluntary_ctxt_switches"] - before["voluntary_ctxt_switches"]
    return rss_mb, wakeups


def _status(pid: int) -> dict[str, int]:
    """Memory of the process, and the voluntary switches of all its threads together."""
    found = {"VmRSS": 0, "voluntary_ctxt_switches": 0}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            found["VmRSS"] = int(line.split()[1])
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for line in (thread / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                found["voluntary_ctxt_switches"] += int(line.split()[1])
    return found


def _forwards(desktop: Desktop) -> list[float]:
    """`arcdesk status` as a whole command, answered by the running app."""
    command = [str(Path(sys.executable).with_name("arcdesk")), "status"]
    times = []
    with child(commands()["arcdesk"], desktop.env):
        time.sleep(SETTLE_S)
        for _ in range(FORWARDS + 1):
            began = time.perf_counter()
            subprocess.run(command, env=desktop.env, check=True, capture_output=True)
            times.append((time.perf_counter() - began) * 1000)
    return times[1:]
