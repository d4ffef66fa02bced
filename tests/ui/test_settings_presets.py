"""The editor of presets: add, change, refuse, remove, undo."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from arcdesk.core.preset_names import Presets
from arcdesk.ui.settings_presets import PresetsEditor

TWO: Presets = (("mail", "Write a mail about {text}"), ("haiku", "A haiku on {text}"))


class Desk:
    def __init__(self, editor: PresetsEditor) -> None:
        self.editor = editor
        self.kept: list[Presets] = []
        editor.changed.connect(self._on_changed)

    def _on_changed(self, presets: Presets) -> None:
        self.kept.append(presets)
        self.editor.present(presets)  # as the owner does

    def write(self, index: int, name: str | None = None, text: str | None = None) -> None:
        """Write over one or both, and leave the field."""
        row = self.editor.rows[index]
        for field, words in ((row.name, name), (row.text, text)):
            if words is not None:
                field.setFocus()
                field.selectAll()
                QTest.keyClicks(field, words) if words else QTest.keyClick(field, Qt.Key.Key_Delete)
        self.editor.add.setFocus()


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    editor = PresetsEditor(("fix", "translate"))
    qtbot.addWidget(editor)
    editor.present(TWO)
    editor.resize(600, 400)
    editor.show()
    editor.activateWindow()
    qtbot.waitUntil(editor.isActiveWindow)
    return Desk(editor)


def pairs(desk: Desk) -> Presets:
    return tuple(row.pair for row in desk.editor.rows)


def test_presets_are_shown_in_their_order(desk: Desk) -> None:
    assert pairs(desk) == TWO


def test_a_new_one_is_kept_when_it_is_whole(desk: Desk) -> None:
    desk.editor.add.click()
    assert desk.editor.rows[2].name.hasFocus()
    QTest.keyClicks(desk.editor.rows[2].name, "/rhyme")
    QTest.keyClick(desk.editor.rows[2].name, Qt.Key.Key_Tab)
    assert desk.kept == []
    assert "text" in desk.editor.rows[2].refusal
    assert desk.editor.rows[2].text.hasFocus()
    QTest.keyClicks(desk.editor.rows[2].text, "Rhyme: {text}")
    QTest.keyClick(desk.editor.rows[2].text, Qt.Key.Key_Tab)
    assert desk.kept == [(*TWO, ("rhyme", "Rhyme: {text}"))]
    assert desk.editor.rows[2].refusal == ""


def test_add_twice_gives_one_empty_row_which_is_never_kept(desk: Desk) -> None:
    desk.editor.add.click()
    desk.editor.add.click()
    desk.editor.add.setFocus()
    assert len(desk.editor.rows) == 3
    assert desk.kept == []


def test_a_change_is_kept_when_the_field_is_left(desk: Desk) -> None:
    desk.write(0, text="Write a letter")
    assert desk.kept == [(("mail", "Write a letter"), TWO[1])]


@pytest.mark.parametrize(
    ("name", "said"), [("a b", "letters"), ("", "needs a name"), ("HAIKU", "taken"), ("x" * 33, "longer")]
)
def test_a_bad_name_stays_with_its_reason_and_nothing_is_kept(desk: Desk, name: str, said: str) -> None:
    desk.write(0, name=name)
    refusals = [row.refusal for row in desk.editor.rows]
    assert any(said in refusal for refusal in refusals)
    assert desk.kept == []
    desk.editor.present(TWO)  # news of something else
    assert desk.editor.rows[0].name.text() == name
    desk.write(0, name="letter")
    assert desk.kept == [(("letter", TWO[0][1]), TWO[1])]
    assert [row.refusal for row in desk.editor.rows] == ["", ""]


def test_a_removed_one_comes_back_where_it_was(desk: Desk) -> None:
    desk.editor.rows[0].remove.click()
    assert desk.kept == [(TWO[1],)]
    assert desk.editor.undo.isVisible()
    assert desk.editor.undo.hasFocus()
    QTest.keyClick(desk.editor.undo, Qt.Key.Key_Space)
    assert desk.kept[-1] == TWO
    assert pairs(desk) == TWO
    assert not desk.editor.undo.isVisible()


def test_others_change_the_list(desk: Desk) -> None:
    desk.editor.present((TWO[1],))
    assert pairs(desk) == (TWO[1],)
    desk.editor.present(())
    assert desk.editor.rows == []
    assert desk.kept == []
