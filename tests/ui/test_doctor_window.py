"""The doctor's window: findings stream in, each told by shape, word and text, with its way out."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from arcdesk.core.doctor import Area, Finding, Status, ok
from arcdesk.core.errors import Action, ActionKind
from arcdesk.ui import theme
from arcdesk.ui.doctor_window import DoctorWindow, Examination, as_text
from arcdesk.ui.finding_row import ICONS, FindingRow

pytestmark = pytest.mark.qt_log_ignore("does not support raise")

BROKEN = Finding(
    id="docker.socket",
    area=Area.DOCKER,
    status=Status.BAD,
    title="Docker is not running",
    detail="Nothing listens.",
    fix="Start it.",
    command="sudo systemctl start docker",
)
FINE = ok("disk.space", Area.DISK, "There is space", "74\u202fGB")


@pytest.fixture
def window(qtbot: QtBot) -> DoctorWindow:
    window = DoctorWindow()
    qtbot.addWidget(window)
    window.set_palette_colors(theme.DARK)
    window.show()
    return window


def texts(row: FindingRow) -> list[str]:
    return [label.text() for label in row.findChildren(QLabel) if label.text()]


def button(window: DoctorWindow | FindingRow, text: str) -> QPushButton:
    (found,) = [one for one in window.findChildren(QPushButton) if one.text() == text]
    return found


def test_an_examination_streams_in(window: DoctorWindow) -> None:
    window.present(Examination(open_areas=frozenset(Area)))
    assert window.summary_text == "Looking…"
    assert not button(window, "Run again").isEnabled()
    window.present(Examination(findings=(FINE,), open_areas=frozenset({Area.DOCKER})))
    first = window.rows[0]
    window.present(Examination(findings=(FINE, BROKEN), open_areas=frozenset({Area.CARDS})))
    assert window.summary_text == "Looking… 1 problem so far"
    assert [row.finding for row in window.rows] == [BROKEN, FINE]  # by area, not by time
    assert window.rows[1] is first  # what stands already stays
    window.present(Examination(findings=(FINE, BROKEN)))
    assert window.summary_text == "1 problem"
    assert button(window, "Run again").isEnabled()
    said = [label.text() for label in window.findChildren(QLabel) if label.isVisible()]
    assert "Looking…" not in said
    assert "Graphics cards" not in said  # nothing was found of them


def test_a_second_examination_replaces_the_first(window: DoctorWindow) -> None:
    window.present(Examination(findings=(BROKEN, FINE)))
    window.present(Examination(open_areas=frozenset(Area)))
    assert window.rows == []
    mended = ok("docker.socket", Area.DOCKER, "Docker answers")
    window.present(Examination(findings=(mended, FINE)))
    assert [row.finding for row in window.rows] == [mended, FINE]


@pytest.mark.parametrize("status", list(Status))
def test_each_status_has_a_shape_a_word_and_a_name_for_the_ear(status: Status, qtbot: QtBot) -> None:
    row = FindingRow(Finding(id="x", area=Area.APP, status=status, title="T", detail="D."), theme.LIGHT)
    qtbot.addWidget(row)
    words = {Status.OK: "OK", Status.WARN: "Warning", Status.BAD: "Problem", Status.UNKNOWN: "Unknown"}
    assert words[status] in texts(row)
    assert row.accessibleName() == f"{words[status]}. T. D"
    assert len(set(ICONS.values())) == len(Status)
    signs = [label for label in row.findChildren(QLabel) if not label.pixmap().isNull()]
    assert len(signs) == 1


def test_a_fix_has_its_command_and_a_button_that_copies_it(window: DoctorWindow, qtbot: QtBot) -> None:
    window.present(Examination(findings=(BROKEN,)))
    (row,) = window.rows
    assert {"Docker is not running", "Nothing listens.", "Start it."} <= set(texts(row))
    assert row.findChildren(QLineEdit)[0].text() == BROKEN.command
    with qtbot.waitSignal(window.copy_requested) as copied:
        button(row, "Copy").click()
    assert copied.args == [BROKEN.command]


def test_a_finding_can_have_an_action(window: DoctorWindow, qtbot: QtBot) -> None:
    action = Action(kind=ActionKind.USE_EMBEDDED, label="Use the embedded engine")
    finding = Finding(id="x", area=Area.DOCKER, status=Status.WARN, title="T", action=action)
    window.present(Examination(findings=(finding,)))
    with qtbot.waitSignal(window.action_requested) as wanted:
        button(window, "Use the embedded engine").click()
    assert wanted.args == [action]


def test_the_whole_can_be_copied_as_text(window: DoctorWindow, qtbot: QtBot) -> None:
    window.present(Examination(findings=(BROKEN, FINE)))
    with qtbot.waitSignal(window.copy_requested) as copied:
        button(window, "Copy as text").click()
    (text,) = copied.args
    assert text == as_text((BROKEN, FINE))
    assert "[bad] docker.socket: Docker is not running | Nothing listens. | Start it. | sudo" in text


def test_what_is_in_a_finding_is_text_and_no_markup(window: DoctorWindow) -> None:
    window.present(Examination(findings=(ok("x", Area.APP, "<b>bold</b>", "<img src=x>"),)))
    formats = {label.textFormat().name for label in window.rows[0].findChildren(QLabel) if label.text()}
    assert formats == {"PlainText"}


def test_a_long_detail_is_seen_whole(window: DoctorWindow, qtbot: QtBot) -> None:
    window.present(Examination(findings=(ok("x", Area.APP, "T", "some words " * 80),)))
    (row,) = window.rows
    qtbot.waitUntil(lambda: row.height() >= row.heightForWidth(row.width()) > 100)


def test_every_control_has_a_name(window: DoctorWindow) -> None:
    window.present(Examination(findings=(BROKEN,)))
    for control in window.findChildren(QPushButton):
        assert control.accessibleName() or control.text()
    for line in window.findChildren(QLineEdit):
        assert line.accessibleName()
