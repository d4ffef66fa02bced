"""The prompt: keys, draft, buttons."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from arcdesk.ui.elided_label import ElidedLabel
from arcdesk.ui.prompt_box import PromptBox


@pytest.fixture
def box(qtbot: QtBot) -> PromptBox:
    made = PromptBox()
    qtbot.addWidget(made)
    made.resize(500, 200)
    made.show()
    return made


def button(box: PromptBox) -> QToolButton:
    found = box.findChild(QToolButton)
    assert isinstance(found, QToolButton)
    return found


def test_enter_sends_what_was_typed(qtbot: QtBot, box: PromptBox) -> None:
    qtbot.keyClicks(box.edit, "Hello")
    with qtbot.waitSignal(box.submitted) as sent:
        qtbot.keyClick(box.edit, Qt.Key.Key_Return)
    assert sent.args == ["Hello"]


def test_shift_enter_breaks_the_line_and_sends_nothing(qtbot: QtBot, box: PromptBox) -> None:
    sent: list[str] = []
    box.submitted.connect(sent.append)
    qtbot.keyClicks(box.edit, "one")
    qtbot.keyClick(box.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(box.edit, "two")
    assert (box.text, sent) == ("one\ntwo", [])
    qtbot.keyClick(box.edit, Qt.Key.Key_Enter)
    assert sent == ["one\ntwo"]


def test_blank_text_is_not_sent(qtbot: QtBot, box: PromptBox) -> None:
    sent: list[str] = []
    box.submitted.connect(sent.append)
    qtbot.keyClicks(box.edit, "   ")
    qtbot.keyClick(box.edit, Qt.Key.Key_Return)
    assert sent == []
    assert not button(box).isEnabled()


def test_while_answering_the_button_stops_and_enter_keeps_the_text(qtbot: QtBot, box: PromptBox) -> None:
    sent: list[str] = []
    box.submitted.connect(sent.append)
    box.present(True, "CPU")
    qtbot.keyClicks(box.edit, "next")
    qtbot.keyClick(box.edit, Qt.Key.Key_Return)
    assert (sent, box.text) == ([], "next")
    with qtbot.waitSignal(box.stop_requested):
        qtbot.mouseClick(button(box), Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(box.stop_requested):
        qtbot.keyClick(box.edit, Qt.Key.Key_Escape)


def test_a_draft_is_announced_after_a_pause_and_a_set_text_is_not(qtbot: QtBot, box: PromptBox) -> None:
    drafts: list[str] = []
    box.draft_changed.connect(drafts.append)
    box.set_text("from the store")
    qtbot.wait(400)
    assert drafts == []
    with qtbot.waitSignal(box.draft_changed):
        qtbot.keyClicks(box.edit, "!")
    assert drafts == ["from the store!"]
    qtbot.keyClicks(box.edit, "?")
    box.flush_draft()
    assert drafts[-1] == "from the store!?"


def test_the_box_grows_with_the_text_up_to_its_limit(qtbot: QtBot, box: PromptBox) -> None:
    one_line = box.edit.height()
    box.set_text("\n".join("line" for _ in range(4)))
    qtbot.waitUntil(lambda: box.edit.height() > one_line)
    box.set_text("\n".join("line" for _ in range(400)))
    qtbot.waitUntil(lambda: box.edit.height() >= 80)
    assert box.edit.height() <= max(80, box.window().height() * 0.4) + 1


def test_who_would_answer_is_cut_with_an_ellipsis_and_told_whole(qtbot: QtBot, box: PromptBox) -> None:
    long = "smollm2-135m-instruct · CPU, embedded starter model, somewhere in this house"
    box.present(False, long)
    box.resize(300, 120)
    label = box.findChild(ElidedLabel)
    assert isinstance(label, ElidedLabel)
    qtbot.waitUntil(lambda: label.text().endswith("…"))
    assert label.fontMetrics().horizontalAdvance(label.text()) <= label.width()
    assert (label.toolTip(), label.accessibleName()) == (long, long)
    box.resize(900, 120)
    qtbot.waitUntil(lambda: label.text() == long)
    assert label.toolTip() == ""
    box.present(False, "CPU")
    assert label.text() == "CPU"
    box.present(False, long)
    qtbot.waitUntil(lambda: label.text() == long)
