"""The icon that our windows and dialogs have, with and without an installed one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from arcdesk.core.ident import APP_ID
from arcdesk.ui import theme
from arcdesk.ui.app_icon import SIZES_PX, app_icon, shipped_icon

TILE, INSTALLED = "#2b57e0", "#ff0000"
INDEX = """[Icon Theme]
Name=Hicolor
Comment=The one that all others inherit from
Directories=48x48/apps

[48x48/apps]
Size=48
Type=Fixed
"""


@pytest.fixture
def themes(qapp: QApplication, tmp_path: Path) -> Iterator[Path]:
    """The only folder in which Qt looks for icon themes; `hicolor` is in use, and empty."""
    before, name = QIcon.themeSearchPaths(), QIcon.themeName()
    (tmp_path / "hicolor").mkdir()
    (tmp_path / "hicolor/index.theme").write_text(INDEX, encoding="utf-8")
    QIcon.setThemeSearchPaths([str(tmp_path)])
    QIcon.setThemeName("hicolor")
    yield tmp_path
    QIcon.setThemeSearchPaths(before)
    QIcon.setThemeName(name)


@pytest.fixture
def undressed(qapp: QApplication) -> Iterator[QApplication]:
    """The application as it starts: without clothes, and so again afterwards."""
    before = qapp.palette()
    qapp.setProperty("arcdeskFusionIsSet", None)
    qapp.setWindowIcon(QIcon())
    yield qapp
    qapp.setWindowIcon(QIcon())
    qapp.setStyleSheet("")
    qapp.setPalette(before)


def put_into_theme(themes: Path) -> None:
    """Install a picture under our id that no other place has."""
    picture = QImage(48, 48, QImage.Format.Format_ARGB32)
    picture.fill(QColor(INSTALLED))
    folder = themes / "hicolor/48x48/apps"
    folder.mkdir(parents=True)
    assert picture.save(str(folder / f"{APP_ID}.png"))


def colour_below_the_top_edge(icon: QIcon, size_px: int) -> str:
    picture = icon.pixmap(QSize(size_px, size_px), 1.0).toImage()
    assert picture.width() == size_px
    return picture.pixelColor(size_px // 2, max(1, size_px // 12)).name()


@pytest.mark.parametrize("size", SIZES_PX)
def test_the_shipped_icon_is_drawn_for_each_size(qapp: QApplication, size: int) -> None:
    icon = shipped_icon()
    assert {wide.width() for wide in icon.availableSizes()} == set(SIZES_PX)
    assert colour_below_the_top_edge(icon, size) == TILE
    assert icon.pixmap(QSize(size, size), 1.0).toImage().pixelColor(0, 0).alpha() < 255, "a round corner"


def test_without_an_installed_icon_ours_is_taken(themes: Path) -> None:
    icon = app_icon()
    assert icon.name() == ""
    assert colour_below_the_top_edge(icon, 48) == TILE


def test_an_installed_icon_goes_first_and_carries_its_name(themes: Path) -> None:
    put_into_theme(themes)
    icon = app_icon()
    assert icon.name() == APP_ID
    assert colour_below_the_top_edge(icon, 48) == INSTALLED


@pytest.mark.parametrize(("is_installed", "colour"), [(False, TILE), (True, INSTALLED)])
def test_a_dialog_that_sets_no_icon_has_ours(
    undressed: QApplication, qtbot: QtBot, themes: Path, is_installed: bool, colour: str
) -> None:
    if is_installed:
        put_into_theme(themes)
    early, late = QDialog(), QDialog()
    qtbot.addWidget(early)
    qtbot.addWidget(late)
    assert early.windowIcon().isNull()
    theme.apply(undressed, theme.LIGHT)
    theme.apply(undressed, theme.DARK)
    for dialog in (early, late):
        assert colour_below_the_top_edge(dialog.windowIcon(), 48) == colour
