"""The window of the cards: every recording as the reader tells it, reasons, nothing while hidden."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from arcdesk.core.energy import IdleCost, energy_used
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.gpu import Figure, GpuClient, GpuReading, GpuSnapshot
from arcdesk.core.gpu_used_values import UsedCard, UsedState, UsedVerdict
from arcdesk.core.gpu_view import GpuView, Plotted
from arcdesk.services.gpu_history import GpuHistory
from arcdesk.ui import theme
from arcdesk.ui.gpu_card import GpuCard
from arcdesk.ui.gpu_strip import GpuStrip
from arcdesk.ui.gpu_window import GpuWindow
from tests.shots_gpu import RECORDINGS, in_use, view_of

pytestmark = pytest.mark.qt_log_ignore("does not support")
FILES = sorted(RECORDINGS.glob("*.json"))


@pytest.fixture
def window(qtbot: QtBot) -> GpuWindow:
    window = GpuWindow()
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # the test's tidying closes it
    qtbot.addWidget(window)
    window.set_palette_colors(theme.DARK)
    window.show()
    return window


def show(widget: GpuWindow | GpuStrip, view: GpuView) -> None:
    """Present it, until all layouts within layouts have settled."""
    widget.present(view)
    for _ in range(5):
        QApplication.processEvents()


def said(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u2007", " ")


def labels(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisible() and label.text()]


def values(card: GpuCard) -> dict[str, str]:
    return {id_: said(line.fact.value) for id_, line in card.lines.items()}


def button(widget: QWidget, text: str) -> QPushButton:
    (found,) = [one for one in widget.findChildren(QPushButton) if one.text() == text and one.isVisible()]
    return found


@cache
def card_of(name: str) -> GpuReading:
    return view_of(name).snapshot.cards[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_recording_is_shown_as_expected(file: Path, window: GpuWindow) -> None:
    expected: dict[str, Any] = json.loads(file.read_text())["expected"]["gpus"]
    show(window, view_of(file.stem))
    assert set(window.cards) == set(expected)
    assert window.empty.isVisible() is (not expected)
    for address, known in expected.items():
        card = window.cards[address]
        assert known["name"] in labels(card)
        _compare(card, known)


def _compare(card: GpuCard, known: dict[str, Any]) -> None:
    """What is null in the recording is '–' here, and what is not is told."""
    if known.get("suspended") or known.get("problem"):
        assert not card.memory.isVisible()
        assert not any(line.isVisible() for line in card.lines.values())
        return
    shown = values(card)
    power = known["power_w"]
    assert shown["power"] == ("–" if power is None else f"{power:.0f} W")
    assert shown["temperature"].count("°C") == len(known["temp_c"])
    assert (shown["temperature"] == "–") is (not known["temp_c"])
    assert f"{known['act_mhz']['gt0']} of {known['max_mhz']['gt0']} MHz" in shown["clock"]
    busy = max(known["busy_pct"].values())
    assert said(card.plots[Plotted.BUSY].curve.now_text) == f"{busy:.0f} %"
    if known["kind"] == "discrete":
        used, total = known["vram_used"], known["vram_total"] / 1024**3
        start = "≥" if used is None else f"{used / 1024**3:.1f}"
        assert said(card.memory.text).startswith(start)
        assert f"of {total:.1f} GiB" in said(card.memory.text)
        assert bool(card.lines["clock"].fact.note) is bool(known["throttle"])
        assert shown["rebar"] == ("on" if known["rebar"] else "off")
    else:
        assert f"{known['shared_used'] / 1024**3:.1f} GiB shared" in said(card.memory.text)
        assert "fans" not in shown


def test_a_reason_and_its_remedy_stand_beside_what_is_unknown(window: GpuWindow) -> None:
    show(window, view_of("lunarlake_xe_igpu"))
    (card,) = window.cards.values()
    line = card.lines["power"]
    assert line.fact.value == "–"
    assert line.fact.why
    assert line.fact.why in line.accessibleName()
    assert line.toolTip()


def test_a_sleeping_card_is_one_line(window: GpuWindow) -> None:
    show(window, view_of("b580_xe_suspended"))
    (card,) = window.cards.values()
    assert "Asleep – nothing is read so that it can sleep on." in labels(card)
    card_text = " ".join(labels(card))
    assert "0 W" not in card_text
    assert "GiB" not in card_text


def test_a_card_that_wakes_gets_its_figures_back(window: GpuWindow) -> None:
    awake = view_of("b580_xe")
    asleep = replace(awake.snapshot.cards[0], is_asleep=True)
    show(window, replace(awake, snapshot=GpuSnapshot(at=1.0, cards=(asleep,))))
    show(window, awake)
    (card,) = window.cards.values()
    assert card.memory.isVisible()
    assert not card.notice.isVisible()


def test_no_driver_leads_to_the_doctor(window: GpuWindow, qtbot: QtBot) -> None:
    show(window, view_of("b580_no_driver"))
    with qtbot.waitSignal(window.action_requested) as wish:
        button(window, "Open the doctor").click()
    assert wish.args is not None
    action: Action = wish.args[0]
    assert action.kind is ActionKind.OPEN_DOCTOR


@pytest.mark.parametrize(
    ("name", "words"),
    [("no_gpu", "No Intel"), ("nvidia_only", "NVIDIA"), ("wsl2", "WSL")],
)
def test_an_empty_window_says_why(name: str, words: str, window: GpuWindow) -> None:
    show(window, view_of(name))
    assert words in " ".join(labels(window))
    assert button(window, "Copy figures").isEnabled(), "the reason can be copied"
    assert ("BIOS" in " ".join(labels(window))) is (name != "wsl2")
    assert button(window, "Open the doctor").isVisible()


def test_without_permission_the_command_can_be_copied(window: GpuWindow, qtbot: QtBot) -> None:
    show(window, view_of("dual_b580_xe", may_open_render=False))
    (command,) = [line for line in window.findChildren(QLineEdit) if line.isVisible()]  # once for both
    assert "usermod -aG render" in command.text()
    assert "renderD128, renderD129" in " ".join(labels(window))
    with qtbot.waitSignal(window.copy_requested) as wish:
        button(window, "Copy").click()
    assert wish.args == [command.text()]
    for card in window.cards.values():
        assert "of" not in card.memory.text.split()  # its size is unknown
        assert "no permission" in card.memory.text


def test_the_badge_is_drawn_from_what_was_measured(window: GpuWindow) -> None:
    show(window, view_of("b580_xe"))
    (card,) = window.cards.values()
    assert card.badge_text == ""  # nothing was judged
    show(window, in_use(view_of("b580_xe")))
    assert said(card.badge_text) == "✓ In use by the engine: 10.7 GiB, busy 95 % in the test"
    problem = Problem(
        cause="gpu_not_used",
        title="The engine does not use the card",
        actions=(Action(kind=ActionKind.OPEN_DOCTOR, label="Look why"),),
    )
    verdict = UsedVerdict(state=UsedState.NOT_USED, reason="No /dev/dri.", problem=problem)
    show(window, replace(view_of("b580_xe"), used=verdict))
    assert card.badge_text == "▲ Not used by the engine"
    assert window.problem.problem == problem
    assert window.problem.isVisible()
    show(window, view_of("b580_xe"))
    assert card.badge_text == ""
    assert not window.problem.isVisible()


def test_of_two_cards_the_unused_one_is_named(window: GpuWindow) -> None:
    view = view_of("dual_b580_xe")
    first, second = view.snapshot.cards
    used = UsedCard(address=first.address, name=first.name, signs=())
    show(window, replace(view, used=UsedVerdict(state=UsedState.PARTLY, cards=(used,), reason="One moved.")))
    assert window.cards[first.address].badge_text.startswith("✓ In use")
    assert window.cards[second.address].badge_text == "▲ Not used by the engine"


def test_energy_is_told_of_the_cards_that_took_part(window: GpuWindow) -> None:
    view = view_of("dual_b580_xe")
    first, second = (card.address for card in view.snapshot.cards)
    answer = energy_used(
        Figure(124.0, "hwmon"), tokens=297, seconds=3.1, idle_w=None, cards=(first,), caveat="Others worked."
    )
    idle = IdleCost(watts=Figure(7.2, "median"), n=30, cards=(first,))
    show(window, replace(view, last_answer=answer, idle=idle))
    shown = values(window.cards[first])
    assert shown["answer"] == "124 J   0.42 J per token"
    assert window.cards[first].lines["answer"].fact.is_warning
    assert shown["idle"] == "7.2 W   0.17 kWh per day"
    assert "answer" not in values(window.cards[second])


def test_energy_that_is_unknown_is_no_zero(window: GpuWindow) -> None:
    view = view_of("b580_xe")
    answer = energy_used(Figure(), tokens=5, seconds=1.0, idle_w=None, cards=())
    show(window, replace(view, last_answer=answer, idle=IdleCost(n=3)))
    (card,) = window.cards.values()
    assert (values(card)["answer"], values(card)["idle"]) == ("–", "–")


def test_a_late_answer_is_told_and_taken_back(window: GpuWindow) -> None:
    view = view_of("b580_xe")
    show(window, view)
    late = Problem(cause="gpu_no_answer", title="No answer from the graphics cards for 4 seconds")
    show(window, replace(view, is_stale=True, problem=late))
    assert "No answer from the graphics cards for 4 seconds." in labels(window)
    show(window, view)
    assert not any("No answer" in text for text in labels(window))


def sixteen() -> GpuView:
    cards = tuple(replace(card_of("b580_xe"), address=f"0000:{number:02x}:00.0") for number in range(16))
    return GpuView(snapshot=GpuSnapshot(at=1.0, cards=cards))


def test_sixteen_cards_scroll(window: GpuWindow) -> None:
    show(window, sixteen())
    assert len(window.cards) == 16
    window.show_card("0000:0f:00.0")
    QTest.qWait(10)
    last = window.cards["0000:0f:00.0"]
    assert window.rect().contains(last.mapTo(window, QPoint(5, 5)))
    assert window.cards["0000:00:00.0"].mapTo(window, QPoint(0, 0)).y() < 0
    window.show_card("nowhere")


def test_a_card_that_was_unplugged_goes_and_the_others_stay(window: GpuWindow) -> None:
    view = view_of("dual_b580_xe")
    show(window, view)
    kept = window.cards[view.snapshot.cards[1].address]
    show(window, replace(view, snapshot=replace(view.snapshot, cards=view.snapshot.cards[1:])))
    assert list(window.cards.values()) == [kept]
    show(window, view)
    assert list(window.cards) == [card.address for card in view.snapshot.cards]
    assert window.cards[view.snapshot.cards[1].address] is kept


def test_odd_names_are_plain_text(window: GpuWindow) -> None:
    odd = "<img src=x>&\u202e\n\udcff"
    card = replace(
        card_of("b580_xe"),
        name=odd,
        clients=(GpuClient(pid=1, name=odd, client_id=1, container=odd, vram_bytes=1024**3),),
        engines_pct=Figure({odd: 3.0}, odd),
        temps_c=Figure({odd: 40.0}, odd),
        throttle=Figure((odd,), odd),
    )
    show(window, GpuView(snapshot=GpuSnapshot(at=1.0, cards=(card,))))
    (shown,) = window.cards.values()
    assert "<img src=x>&\ufffd\ufffd\ufffd" in labels(shown)
    assert all(
        label.textFormat() == Qt.TextFormat.PlainText for label in shown.findChildren(QLabel) if label.text()
    )
    for widget in (shown.memory, *shown.lines.values()):
        assert "<img" not in widget.toolTip()
    window.grab()


def paints(window: GpuWindow) -> int:
    painted = [part.paints for card in window.cards.values() for part in card.plots.values()]
    painted += [line.paints for card in window.cards.values() for line in card.lines.values()]
    return sum(painted) + sum(card.memory.paints for card in window.cards.values())


def moving(qtbot: QtBot, window: GpuWindow) -> Callable[[], None]:
    """Makes looks at a card whose figures change."""
    history, numbers = GpuHistory(), iter(range(1, 1000))

    def look() -> None:
        at = float(next(numbers))
        card = replace(card_of("b580_xe"), at=at, power_w=Figure(50.0 + at, "hwmon energy1/card"))
        snapshot = GpuSnapshot(at=at, cards=(card,))
        history.add(snapshot)
        show(window, GpuView(snapshot=snapshot, history_keys=history.keys, history=history))

    return look


def test_a_hidden_window_repaints_nothing_and_catches_up(window: GpuWindow, qtbot: QtBot) -> None:
    look = moving(qtbot, window)
    look()
    (card,) = window.cards.values()
    seen: list[bool] = []
    window.seen_changed.connect(seen.append)
    window.hide()
    before, power = paints(window), card.lines["power"].fact.value
    for _ in range(3):
        look()
    assert paints(window) == before
    assert card.lines["power"].fact.value == power  # not even words were made
    window.show()
    assert said(card.lines["power"].fact.value) == "54 W"
    window.showMinimized()
    look()
    assert said(card.lines["power"].fact.value) == "54 W"
    window.showNormal()
    assert said(card.lines["power"].fact.value) == "55 W"
    assert seen == [False, True, False, True]


def test_values_do_not_jump(window: GpuWindow, qtbot: QtBot) -> None:
    look = moving(qtbot, window)
    look()
    QTest.qWait(20)
    (card,) = window.cards.values()
    parts = (card, card.memory, *card.plots.values(), *card.lines.values())
    places = [part.geometry() for part in parts]
    for _ in range(60):  # from 51 to 111 W: one digit more
        look()
    assert [part.geometry() for part in parts] == places


def test_only_what_changed_is_painted(window: GpuWindow, qtbot: QtBot) -> None:
    look = moving(qtbot, window)
    look()
    QTest.qWait(20)
    (card,) = window.cards.values()
    before = {id_: line.paints for id_, line in card.lines.items()}
    look()
    changed = [id_ for id_, line in card.lines.items() if line.paints != before[id_]]
    assert changed == ["power"]


def test_the_window_fits_the_screen_and_the_keys_work(window: GpuWindow, qtbot: QtBot) -> None:
    room: QSize = window.screen().availableGeometry().size()
    assert window.width() <= room.width()
    assert window.height() <= room.height()
    show(window, view_of("b580_xe"))
    window.activateWindow()
    with qtbot.waitSignal(window.look_requested):
        QTest.keyClick(window, Qt.Key.Key_F5)
    with qtbot.waitSignal(window.finished):
        QTest.keyClick(window, Qt.Key.Key_Escape)


def test_every_part_has_a_name_for_the_ear(window: GpuWindow) -> None:
    show(window, in_use(view_of("b580_xe")))
    (card,) = window.cards.values()
    for part in (card, card.memory, *card.plots.values(), *card.lines.values()):
        assert part.accessibleName()
    for one in window.findChildren(QPushButton):
        assert one.accessibleName() or one.text() or not one.isVisible()


# the strip


@pytest.fixture
def strip(qtbot: QtBot) -> GpuStrip:
    strip = GpuStrip()
    qtbot.addWidget(strip)
    strip.resize(260, 200)
    return strip


def test_the_strip_tells_each_card_and_opens_it(strip: GpuStrip, qtbot: QtBot) -> None:
    view = view_of("dual_b580_xe")
    show(strip, view)
    assert strip.cards == {}  # nobody sees it
    with qtbot.waitSignal(strip.seen_changed) as seen:
        strip.show()
    assert seen.args == [True]
    names = [said(card.accessibleName()) for card in strip.cards.values()]
    assert names == [
        "B580 03:00.0 · 10.1 of 11.9 GiB · 98 % · 188 W · 78 °C · held back: power limit (PL1)",
        "B580 08:00.0 · 9.4 of 11.9 GiB · 70 % · 120 W · 66 °C",
    ]
    second = strip.cards[view.snapshot.cards[1].address]
    second.setFocus()
    with qtbot.waitSignal(strip.open_requested) as wish:
        QTest.keyClick(second, Qt.Key.Key_Space)
    assert wish.args == [view.snapshot.cards[1].address]


def test_a_hidden_strip_does_nothing(strip: GpuStrip) -> None:
    strip.show()
    show(strip, view_of("b580_xe"))
    (card,) = strip.cards.values()
    before = card.accessibleName()
    strip.hide()
    changed = replace(card_of("b580_xe"), power_w=Figure(11.0, "hwmon"))
    show(strip, GpuView(snapshot=GpuSnapshot(at=9.0, cards=(changed,))))
    assert card.accessibleName() == before
    strip.show()
    assert "11\u202fW" in card.accessibleName()


def test_a_long_strip_names_the_rest(strip: GpuStrip) -> None:
    strip.show()
    show(strip, sixteen())
    assert len(strip.cards) == 4
    assert strip.note_text == "12 more in the window of the cards"
    show(strip, view_of("wsl2"))
    assert strip.cards == {}
    assert strip.note_text == "Graphics cards can't be read inside WSL"
