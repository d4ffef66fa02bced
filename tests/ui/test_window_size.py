"""A window never begins larger than the screen it is on."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from arcdesk.ui.main_window import MainWindow
from arcdesk.ui.window_size import begin_at


@pytest.mark.parametrize(("wanted", "is_cut"), [(QSize(300, 200), False), (QSize(30_000, 20_000), True)])
def test_a_window_keeps_to_its_screen(qtbot: QtBot, wanted: QSize, is_cut: bool) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    begin_at(window, wanted.width(), wanted.height())
    room = window.screen().availableSize()
    assert window.width() < room.width()
    assert window.height() < room.height()
    assert (window.size() != wanted) == is_cut


def test_the_chat_fits_the_smallest_screen(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    room = window.screen().availableSize()
    assert room.width() < 1180  # the offscreen platform's own: 800 x 800
    assert window.width() <= room.width()
