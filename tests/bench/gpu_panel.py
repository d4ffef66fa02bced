"""Measures what the window of the graphics cards costs while it is seen: two cards, one look a second."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication

from arcdesk.core.gpu import Figure, GpuClient, GpuReading, GpuSnapshot, Link
from arcdesk.core.gpu_view import GpuView
from arcdesk.services.gpu_history import GpuHistory
from arcdesk.ui import theme
from arcdesk.ui.gpu_window import GpuWindow

SECONDS = 10
EARLIER = 120  # looks that the plots have already
GIB = 1024**3
CARD = GpuReading(
    address="0000:03:00.0",
    at=0.0,
    name="Intel Arc B580",
    pci_id="8086:e20b",
    driver="xe",
    kernel="6.17",
    vram_total_bytes=Figure(12809404416, "ioctl"),
    is_rebar_on=Figure(True, "BAR2"),
    power_channel=Figure("energy1/card", "hwmon"),
    power_limit_w=Figure(190.0, "hwmon"),
    max_mhz=Figure({"gt0": 2850, "gt1": 1500}, "sysfs"),
    throttle=Figure((), "sysfs"),
    link=Figure(Link(speed="16.0 GT/s PCIe", width=8, max_speed="16.0 GT/s PCIe", max_width=8), "sysfs"),
)


def reading(address: str, at: float) -> GpuReading:
    """A card at work: power, clock and load change with each look, fans and heat slower, memory rarely."""
    wave = math.sin(at / 3 + len(address))
    slow = math.sin(at / 40)
    held = int(9.6 * GIB) + int(at // 30) * GIB // 10
    return replace(
        CARD,
        address=address,
        at=at,
        vram_used_bytes=Figure(held + GIB // 2, "ioctl"),
        power_w=Figure(150.0 + 37 * wave, "hwmon"),
        temps_c=Figure({"pkg": 70 + 9 * slow, "vram": 75 + 9 * slow}, "hwmon"),
        fans_rpm=Figure((1800 + 10 * int(20 * slow), 1810 + 10 * int(20 * slow)), "hwmon"),
        act_mhz=Figure({"gt0": 2500 + int(6 * wave) * 50, "gt1": 0}, "sysfs"),
        busy_pct=Figure({"gt0": 50 + 49 * wave, "gt1": 0.0}, "sysfs"),
        engines_pct=Figure({"ccs": 50 + 45 * wave, "rcs": 2 + wave, "bcs": 0.0, "vcs": 0.0}, "fdinfo"),
        clients=(
            GpuClient(pid=1, name="python3", client_id=5, container="vllm", vram_bytes=held),
            GpuClient(pid=2400, name="Xorg", client_id=9, vram_bytes=GIB // 4),
        ),
    )


class _Cards:
    """Looks at two cards at work. The readings are made beforehand: reading is measured elsewhere."""

    def __init__(self, looks: int) -> None:
        self._history = GpuHistory()
        self._waiting = [self._snapshot(float(number)) for number in range(EARLIER + looks, 0, -1)]
        for _ in range(EARLIER):
            self.look()

    def _snapshot(self, at: float) -> GpuSnapshot:
        return GpuSnapshot(at=at, cards=(reading("0000:03:00.0", at), reading("0000:08:00.0", at)))

    def look(self) -> GpuView:
        snapshot = self._waiting.pop()
        self._history.add(snapshot)
        return GpuView(snapshot=snapshot, history_keys=self._history.keys, history=self._history)


def _spend(seconds: float) -> float:
    """CPU seconds that the process uses while its loop runs so long."""
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    before = time.process_time()
    loop.exec()
    return time.process_time() - before


def measure() -> dict[str, Any]:
    """`panel_core_pct`: percent of a core above the same window at rest. Takes about twenty seconds."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    theme.apply(app, theme.LIGHT)
    cards = _Cards(SECONDS + 2)
    window = GpuWindow()
    window.resize(880, 1000)  # both cards are seen
    window.show()
    window.present(cards.look())
    _spend(1.0)
    idle_s = _spend(SECONDS)
    paints = _paints(window)
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: window.present(cards.look()))
    timer.start(1000)
    busy_s = _spend(SECONDS + 0.5)
    timer.stop()
    looks = _paints(window) - paints
    window.close()
    if looks < SECONDS - 1:
        raise RuntimeError(f"the plots were painted {looks} times only")
    return {
        "looks": looks,
        "idle_cpu_s": round(idle_s, 4),
        "watching_cpu_s": round(busy_s, 4),
        "panel_core_pct": round((busy_s - idle_s) / SECONDS * 100, 3),
    }


def _paints(window: GpuWindow) -> int:
    """How often the plot was painted that was painted least."""
    return min(plot.paints for card in window.cards.values() for plot in card.plots.values())


run = measure

if __name__ == "__main__":
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    print(json.dumps(measure(), indent=2))
