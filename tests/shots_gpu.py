"""Pictures of the cards' window from the recordings, read by the real reader.

`python -m tests.shots_gpu [FOLDER]`, or `take(folder)` with a QApplication on any platform.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from arcdesk.core.energy import IdleCost, energy_used
from arcdesk.core.gpu import Figure
from arcdesk.core.gpu_used_values import Sign, UsedCard, UsedState, UsedVerdict
from arcdesk.core.gpu_view import GpuView
from arcdesk.services.gpu_history import GpuHistory
from arcdesk.telemetry.gpu_reader import CardReader
from arcdesk.telemetry.gpu_recorded import RecordedHost, load_recording
from arcdesk.ui import theme
from arcdesk.ui.gpu_strip import GpuStrip
from arcdesk.ui.gpu_window import GpuWindow

RECORDINGS = Path(__file__).parent / "data" / "gpu" / "recordings"
SCENES = {
    "one-card": "b580_xe",
    "two-cards": "dual_b580_xe",
    "a770": "a770_i915",
    "igpu-only": "lunarlake_xe_igpu",
    "asleep": "b580_xe_suspended",
    "no-driver": "b580_no_driver",
    "no-permission": "dual_b580_xe",
    "no-card": "no_gpu",
    "nvidia": "nvidia_only",
    "wsl": "wsl2",
}
PALETTES = {"light": theme.LIGHT, "dark": theme.DARK}


def view_of(name: str, *, may_open_render: bool = True) -> GpuView:
    """What the reader says of a recording at its second sample."""
    recording = load_recording(RECORDINGS / f"{name}.json")
    if not may_open_render:
        recording = without_render(recording)
    host = RecordedHost(recording)
    reader, history = CardReader(host), GpuHistory()
    first = reader.sample(host.containers())
    history.add(first)
    host.advance()
    second = reader.sample(host.containers())
    history.add(second)
    return GpuView(snapshot=second, history_keys=history.keys, history=history)


def without_render(recording: dict[str, object]) -> dict[str, object]:
    """The same machine for a user outside the group `render`."""
    permissions = dict(recording.get("permissions") or {})  # type: ignore[call-overload]
    nodes = [f"dev/dri/{name}" for name in (recording.get("ioctl") or {})]  # type: ignore[attr-defined]
    permissions["eacces"] = [*permissions.get("eacces", []), *nodes]
    meta = dict(recording.get("meta") or {})  # type: ignore[call-overload]
    meta["user"] = {**meta.get("user", {}), "groups": ["docker"]}
    return {**recording, "permissions": permissions, "meta": meta}


def with_a_past(view: GpuView, looks: int = 100) -> GpuView:
    """The same cards, seen for longer: the plots get a line through what was recorded."""
    history = GpuHistory()
    end = view.snapshot.at
    for number in range(looks, -1, -1):
        history.add(replace(view.snapshot, at=end - number, cards=view.snapshot.cards))
    return replace(view, history=history, history_keys=history.keys)


def in_use(view: GpuView) -> GpuView:
    """As after a start and an answer."""
    first = view.snapshot.cards[0]
    held = max(first.container_bytes.values(), default=0)
    card = UsedCard(
        address=first.address,
        name=first.name,
        signs=(Sign.HELD, Sign.MEMORY, Sign.BUSY),
        memory_bytes=held,
        busy_pct=95.0,
    )
    cards = (first.address,)
    return replace(
        view,
        used=UsedVerdict(state=UsedState.USED, cards=(card,)),
        idle=IdleCost(watts=Figure(7.2, "median of 30"), n=30, cards=cards),
        last_answer=energy_used(
            Figure(124.0, "hwmon energy2/pkg"), tokens=297, seconds=3.1, idle_w=7.2, cards=cards
        ),
    )


def scene(name: str) -> GpuView:
    """What a picture shows."""
    view = with_a_past(view_of(SCENES[name], may_open_render=name != "no-permission"))
    return in_use(view) if name == "one-card" else view


def take(folder: Path, scenes: tuple[str, ...] = tuple(SCENES)) -> list[Path]:
    """All pictures in both themes, and the strip of two cards; the files."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for theme_name, palette in PALETTES.items():
        theme.apply(app, palette)
        made += [_shoot(app, scene(one), palette, folder / f"gpu-{one}-{theme_name}.png") for one in scenes]
        made.append(_shoot_strip(app, palette, folder / f"gpu-strip-{theme_name}.png"))
    return made


def _shoot(app: QApplication, view: GpuView, palette: theme.Palette, file: Path) -> Path:
    window = GpuWindow()
    window.set_palette_colors(palette)
    window.show()
    window.present(view)
    for _ in range(5):  # layouts within layouts
        app.processEvents()
    window.grab().save(str(file))
    window.close()
    return file


def _shoot_strip(app: QApplication, palette: theme.Palette, file: Path) -> Path:
    frame, strip = QWidget(), GpuStrip()
    QVBoxLayout(frame).addWidget(strip)
    strip.set_palette_colors(palette)
    frame.setObjectName("engineCard")
    frame.resize(280, 120)
    frame.show()
    strip.present(with_a_past(view_of("dual_b580_xe")))
    app.processEvents()
    frame.grab().save(str(file))
    frame.close()
    return file


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    for picture in take(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")):
        print(picture)
