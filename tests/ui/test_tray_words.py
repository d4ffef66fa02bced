"""What the tray says and shows for each state."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import combinations

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Problem
from arcdesk.core.store import AppState
from arcdesk.ui import tray_icon
from arcdesk.ui.phase_words import PHASE_LOOK, TrayShape, look, tooltip
from arcdesk.ui.theme import LIGHT, contrast
from arcdesk.ui.tray import Tray
from arcdesk.ui.tray_icon import PanelTone, draw, panel_tone

PHASES = list(EnginePhase)
LIGHT_PANEL, DARK_PANEL = "#f4f4f4", "#1d1f21"


def state(phase: EnginePhase, *, answering: bool = False, problem: Problem | None = None) -> AppState:
    engine = EngineSnapshot(phase=phase, model="TinyLlama", place="this computer, CPU", problem=problem)
    return AppState(engine=engine, answering=frozenset({1} if answering else ()))


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_has_a_look_with_a_known_colour(phase: EnginePhase) -> None:
    row = PHASE_LOOK[phase]
    assert row.label == row.label.capitalize()
    assert hasattr(LIGHT, row.colour)


def test_labels_tell_the_phases_apart() -> None:
    assert len({row.label for row in PHASE_LOOK.values()}) == len(PHASES)


def test_tooltip_has_state_model_and_place() -> None:
    assert tooltip(state(EnginePhase.READY)) == "Ready · TinyLlama · this computer, CPU"


def test_tooltip_prefers_the_device_that_the_engine_reported() -> None:
    engine = EngineSnapshot(phase=EnginePhase.READY, model="TinyLlama", device="B580", place="arcdesk-engine")
    assert tooltip(AppState(engine=engine)) == "Ready · TinyLlama · B580"


def test_tooltip_says_plainly_that_the_embedded_engine_is_a_starter_on_the_cpu() -> None:
    engine = EngineSnapshot(
        kind=EngineKind.EMBEDDED,
        phase=EnginePhase.READY,
        model="smollm2",
        device="CPU",
        place="CPU, embedded starter model",
    )
    assert tooltip(AppState(engine=engine)) == "Ready · smollm2 · CPU, embedded starter model"


def test_tooltip_leaves_out_what_is_not_known() -> None:
    assert tooltip(AppState()) == "Not running"


def test_tooltip_of_a_failure_says_what_happened() -> None:
    problem = Problem(cause="segfault", title="The server crashed")
    assert tooltip(state(EnginePhase.FAILED, problem=problem)) == "Failed · The server crashed"


def test_answering_shows_on_a_ready_engine_only() -> None:
    assert look(state(EnginePhase.READY, answering=True)).shape is TrayShape.FILLED_RING
    assert look(state(EnginePhase.LOADING, answering=True)).shape is TrayShape.TRAVELLING_DOT


def ink(image: QImage, ground: str) -> list[int]:
    """How far each pixel stands out from a panel of colour `ground`."""
    flat = QImage(image.size(), QImage.Format.Format_RGB32)
    flat.fill(QColor(ground))
    painter = QPainter(flat)
    painter.drawImage(0, 0, image)
    painter.end()
    back = QColor(ground).lightness()
    size = range(flat.width())
    return [abs(flat.pixelColor(x, y).lightness() - back) for y in size for x in size]


@pytest.mark.parametrize("size", tray_icon.SIZES_PX)
@pytest.mark.parametrize("tone", PanelTone)
@pytest.mark.parametrize("ground", [LIGHT_PANEL, DARK_PANEL])
def test_shapes_differ_without_their_colours(size: int, tone: PanelTone, ground: str) -> None:
    for one, other in combinations(TrayShape, 2):
        left, right = ink(draw(one, size, tone), ground), ink(draw(other, size, tone), ground)
        differing = sum(abs(a - b) > 40 for a, b in zip(left, right, strict=True))
        assert differing >= size * size * 0.02, f"{one.value} looks like {other.value} at {size} px"


@pytest.mark.parametrize("tone", PanelTone)
@pytest.mark.parametrize("ground", [LIGHT_PANEL, DARK_PANEL])
@pytest.mark.parametrize("shape", TrayShape)
def test_icon_stands_out_on_dark_and_light_panels(shape: TrayShape, tone: PanelTone, ground: str) -> None:
    image = draw(shape, 16, tone)
    solid = [image.pixelColor(x, y) for y in range(16) for x in range(16)]
    best = max(contrast(colour.name(), ground) for colour in solid if colour.alpha() > 200)
    assert best >= 3


def test_icon_is_drawn_anew_for_each_size() -> None:
    for size in tray_icon.SIZES_PX:
        assert draw(TrayShape.MARK, size, PanelTone.DARK).width() == size
    with pytest.raises(KeyError):
        draw(TrayShape.MARK, 17, PanelTone.DARK)


def test_dot_is_elsewhere_at_each_step() -> None:
    frames = [
        ink(draw(TrayShape.TRAVELLING_DOT, 16, PanelTone.DARK, step), DARK_PANEL)
        for step in range(tray_icon.STEPS)
    ]
    assert len({tuple(frame) for frame in frames}) == tray_icon.STEPS


@pytest.mark.parametrize(
    ("desktop", "scheme", "tone"),
    [
        ("KDE", Qt.ColorScheme.Light, PanelTone.LIGHT),
        ("KDE", Qt.ColorScheme.Dark, PanelTone.DARK),
        ("ubuntu:GNOME", Qt.ColorScheme.Light, PanelTone.DARK),
        ("XFCE", Qt.ColorScheme.Light, PanelTone.UNKNOWN),
        ("", Qt.ColorScheme.Unknown, PanelTone.UNKNOWN),
    ],
)
def test_tone_follows_what_desktops_do(
    monkeypatch: pytest.MonkeyPatch, desktop: str, scheme: Qt.ColorScheme, tone: PanelTone
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", desktop)
    assert panel_tone(scheme) is tone


@pytest.fixture
def tray(qapp: QApplication) -> Iterator[Tray]:
    made = Tray()
    yield made
    made.hide()
    made.deleteLater()


def enabled(tray: Tray) -> dict[str, bool]:
    return {action.text(): action.isEnabled() for action in tray.menu.actions() if not action.isSeparator()}


@pytest.mark.parametrize("phase", PHASES)
def test_menu_offers_what_the_phase_allows(tray: Tray, phase: EnginePhase) -> None:
    tray.render(state(phase))
    offered = enabled(tray)
    assert offered["Start"] is phase.can_start
    assert offered["Stop"] is phase.can_stop
    assert offered["Restart"] is phase.can_stop
    assert offered["Open chat"]
    assert offered["Quit ArcDesk"]
    assert offered["Quick prompt"]
    assert offered["Settings…"]
    assert offered["Doctor…"]
    assert offered[tooltip(state(phase))] is False


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("Start", "start_requested"),
        ("Stop", "stop_requested"),
        ("Restart", "restart_requested"),
        ("Open chat", "open_chat_requested"),
        ("Quick prompt", "quick_prompt_requested"),
        ("Models…", "models_requested"),
        ("Graphics cards…", "gpu_requested"),
        ("Benchmark…", "bench_requested"),
        ("Settings…", "settings_requested"),
        ("Doctor…", "doctor_requested"),
        ("Quit ArcDesk", "quit_requested"),
    ],
)
def test_menu_entries_say_what_is_wanted(tray: Tray, qtbot: QtBot, text: str, signal: str) -> None:
    phase = EnginePhase.STOPPED if text == "Start" else EnginePhase.READY
    tray.render(state(phase))
    (action,) = [action for action in tray.menu.actions() if action.text() == text]
    with qtbot.waitSignal(getattr(tray, signal), timeout=1000):
        action.trigger()


def test_the_menu_keeps_its_length_when_the_first_look_comes(tray: Tray) -> None:
    before = tray.menu.actions()
    for line in ("No Intel graphics card found", "B580 · 1 & 2"):
        tray.set_gpu_lines([line])
        assert tray.menu.actions() == before, "panels cut a menu off that grows while it is open"
        assert enabled(tray)[line.replace("&", "&&")] is False
    tray.set_gpu_lines(["one", "two"])
    assert len(tray.menu.actions()) == len(before) + 1
    tray.set_gpu_lines([])
    assert tray.menu.actions() == before


@pytest.mark.parametrize("phase", PHASES)
def test_nothing_ticks_without_a_panel(tray: Tray, phase: EnginePhase) -> None:
    tray.render(state(phase))
    assert [timer for timer in tray.findChildren(QTimer) if timer.isActive()] == []
