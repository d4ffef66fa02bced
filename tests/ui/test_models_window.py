"""The models window by itself: what each state shows, the keys, names for the ear, foreign text as text."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QLineEdit,
    QListWidget,
    QProgressBar,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from arcdesk.core.errors import Problem
from arcdesk.core.hub import Download, DownloadPhase, HubModel
from arcdesk.core.models import Format, ModelEntry, Place, Trouble
from arcdesk.core.start_models import parse_start_models
from arcdesk.services.model_list import ModelListing
from arcdesk.ui import theme
from arcdesk.ui.models_detail import wishes_of
from arcdesk.ui.models_downloads import BUTTONS
from arcdesk.ui.models_view import Detail, HubSearch, ModelsView, Notice
from arcdesk.ui.models_window import ModelsWindow, dropped_paths
from arcdesk.ui.models_words import download_line, size_text
from arcdesk.ui.resources import resource_dir
from tests.shots_models import listing, scenes

pytestmark = pytest.mark.qt_log_ignore("does not support")
MODEL = ModelEntry(id="org/name", place=Place.CACHE, path="/c/models--org--name", format=Format.SAFETENSORS)

START = parse_start_models((resource_dir() / "models.toml").read_text(encoding="utf-8"))[0]


@pytest.fixture
def window(qtbot: QtBot) -> ModelsWindow:
    window = ModelsWindow()
    qtbot.addWidget(window)
    window.set_palette_colors(theme.DARK)
    window.show()
    return window


def listed(*entries: ModelEntry) -> ModelsView:
    return ModelsView(listing=ModelListing(entries=entries, is_known=True))


def shown_words(window: ModelsWindow) -> str:
    return "\n".join(label.text() for label in window.findChildren(QLabel) if label.isVisible())


def test_every_scene_is_drawn_in_both_themes_and_every_control_has_a_name(
    window: ModelsWindow, tmp_path: Path
) -> None:
    found = asyncio.run(listing(tmp_path))
    for palette in (theme.LIGHT, theme.DARK):
        window.set_palette_colors(palette)
        for view, subject, tab in scenes(found).values():
            window.pane.show_tab(tab)
            window.present(view)
            assert subject is None or window.choose(subject)
            assert not window.grab().isNull()
            for control in window.findChildren(QAbstractButton):
                is_inner = isinstance(control.parent(), QLineEdit)
                assert is_inner or control.accessibleName() or control.text()
            for kind in (QLineEdit, QListWidget, QProgressBar):
                named = [one for one in window.findChildren(kind) if one.isVisible()]
                assert all(one.accessibleName() for one in named)


def test_foreign_text_is_text(window: ModelsWindow) -> None:
    bad = "<b>bold</b><img src=x>"
    entry = replace(MODEL, id=bad, licence=bad, path=f"/{bad}")
    view = listed(entry)
    window.present(replace(view, detail=Detail(subject=entry), downloads=(Download(repo=bad),)))
    labels = [label for label in window.findChildren(QLabel) if "<" in label.text()]
    assert labels
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
    assert "<" not in "".join(window.pane.here.item(i).toolTip() for i in range(window.pane.here.count()))


def test_the_search_field_narrows_the_list_and_esc_widens_it(window: ModelsWindow) -> None:
    window.present(listed(MODEL, replace(MODEL, id="other/thing", path="/c/2")))
    QTest.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(window.pane.filter, "thing OTHER")
    assert [row.subject.id for row in window.pane.here.rows] == ["other/thing"]
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert len(window.pane.here.rows) == 2
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_what_is_chosen_stays_chosen_through_a_new_reading(window: ModelsWindow, qtbot: QtBot) -> None:
    second = replace(MODEL, id="z/z", path="/c/z")
    window.present(listed(MODEL, second))
    window.choose(second)
    window.present(listed(replace(MODEL, id="a/new", path="/c/a"), MODEL, replace(second, size_bytes=5)))
    chosen = window.pane.here.subject
    assert chosen is not None and chosen.id == "z/z"
    with qtbot.waitSignal(window.chosen) as told:
        window.present(listed(MODEL))
    assert told.args == [None]


@pytest.mark.parametrize(
    ("entry", "can", "can_not"),
    [
        (MODEL, {"use", "verify", "move", "delete", "folder", "copy"}, {"download"}),
        (replace(MODEL, is_served=True), {"verify", "copy"}, {"use", "move", "delete"}),
        (replace(MODEL, place=Place.SERVER), {"copy"}, {"use", "delete", "folder"}),
        (replace(MODEL, place=Place.STARTER), {"use", "folder"}, {"delete", "move"}),
        (replace(MODEL, troubles=(Trouble.MISSING_SHARDS,)), {"download", "delete"}, {"use"}),
        (replace(MODEL, troubles=(Trouble.NOT_YOURS,)), {"use"}, {"download"}),
    ],
)
def test_each_model_has_the_buttons_that_make_sense(
    entry: ModelEntry, can: set[str], can_not: set[str]
) -> None:
    wishes = wishes_of(Detail(subject=entry))
    assert can <= {wish for wish, is_on in wishes.items() if is_on}
    assert not can_not & {wish for wish, is_on in wishes.items() if is_on}


@pytest.mark.parametrize("phase", list(DownloadPhase))
def test_each_download_phase_has_words_and_its_buttons(window: ModelsWindow, phase: DownloadPhase) -> None:
    full = Problem(cause="x", title="The disk is full", hint="Free some space.")
    download = Download(repo="org/name", phase=phase, done_bytes=5, total_bytes=10, problem=full)
    window.present(ModelsView(downloads=(download,)))
    row = window.downloads.rows["org/name"]
    assert row.line.text() == download_line(download) != ""
    seen = {name for name, button in row.buttons.items() if button.isVisible()}
    assert seen == {name for name, phases in BUTTONS.items() if phase in phases}
    assert ("The disk is full" in row.line.text()) == (phase is DownloadPhase.FAILED)


def test_a_bar_moves_only_where_something_goes_on(window: ModelsWindow) -> None:
    for phase, is_busy in ((DownloadPhase.WAITING, False), (DownloadPhase.CHECKING, True)):
        window.present(ModelsView(downloads=(Download(repo="org/name", phase=phase),)))
        bar = window.downloads.rows["org/name"].bar
        assert bar.isVisible()
        assert (bar.maximum() == 0) is is_busy


def test_the_list_that_gets_the_keyboard_shows_what_it_chose(window: ModelsWindow) -> None:
    hits = (HubModel(id="a/one"), HubModel(id="a/two"))
    window.pane.show_tab(1)
    window.present(ModelsView(search=HubSearch(words="a", results=hits)))
    window.activateWindow()
    window.pane.words.setFocus()
    QTest.keyClick(window.pane.words, Qt.Key.Key_Down)
    assert window.pane.hub.subject == hits[0]
    assert [item.text() for item in window.pane.hub.selectedItems()] == ["a/one"]


def test_the_list_begins_at_its_top_once_it_was_read(window: ModelsWindow) -> None:
    chosen: list[object] = []
    window.chosen.connect(chosen.append)
    window.present(ModelsView(start=(START,)))
    assert chosen == [] and window.pane.here.rows == [], "the first row would be one of the last"
    window.present(replace(listed(MODEL), start=(START,)))
    assert chosen == [MODEL]
    window.pane.here.setCurrentRow(-1)
    window.present(replace(listed(MODEL, replace(MODEL, id="z/z", path="/z")), start=(START,)))
    assert window.pane.here.subject is None, "a choice is begun once"


def test_the_button_that_empties_a_field_is_drawn_in_its_middle(window: ModelsWindow) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    look = (app.styleSheet(), app.palette())
    theme.apply(app, theme.LIGHT)
    try:
        field = window.pane.filter
        field.setText("x")
        (button,) = field.findChildren(QToolButton)
        assert button.height() <= field.height() and button.width() <= 28
        assert abs(button.geometry().center().y() - field.rect().center().y()) <= 1
    finally:
        app.setStyleSheet(look[0])
        app.setPalette(look[1])


def test_a_stall_is_told(window: ModelsWindow) -> None:
    download = Download(repo="o/n", phase=DownloadPhase.RUNNING, bytes_per_s=0.0, stalled_s=40.0)
    assert "Nothing has come for 40" in download_line(download)


def test_hub_states(window: ModelsWindow) -> None:
    window.pane.show_tab(1)
    assert "Nothing is asked of the hub before" in shown_words(window)
    window.present(ModelsView(search=HubSearch(words="x", is_asking=True)))
    assert "Asking the hub…" in shown_words(window)
    window.present(ModelsView(search=HubSearch(words="x", results=())))
    assert "no model with these words" in shown_words(window)
    hit = HubModel(id="org/name", is_gated=True)
    window.present(replace(listed(MODEL), search=HubSearch(words="x", results=(hit,))))
    assert [row.mark for row in window.pane.hub.rows] == ["here"]


def test_ctrl_z_presses_undo_where_there_is_one(window: ModelsWindow, qtbot: QtBot) -> None:
    window.present(ModelsView(notice=Notice(text="Done.", buttons=(("undo", "Undo"),))))
    with qtbot.waitSignal(window.notice_button_pressed) as pressed:
        QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert pressed.args == ["undo"]


def test_folders_and_gguf_files_can_be_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.GGUF").write_bytes(b"GGUF")
    (tmp_path / "a.txt").write_text("no")
    data = QMimeData()
    paths = [tmp_path, tmp_path / "a.GGUF", tmp_path / "a.txt"]
    data.setUrls([*(QUrl.fromLocalFile(str(path)) for path in paths), QUrl("https://example.org/x.gguf")])
    assert dropped_paths(data) == [str(tmp_path), str(tmp_path / "a.GGUF")]


def test_the_window_begins_no_larger_than_the_screen(window: ModelsWindow) -> None:
    room = window.screen().availableSize()
    assert window.width() <= room.width() and window.height() <= room.height()


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, "–"),
        (0, "0\u202fbytes"),
        (2**30 - 1, "1.0\u202fGiB"),
        (5 * 2**20, "5\u202fMiB"),
        (-(2**31), "-2.0\u202fGiB"),
    ],
)
def test_sizes(size_bytes: int | None, text: str) -> None:
    assert size_text(size_bytes) == text
