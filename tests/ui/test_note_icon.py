"""The picture that goes along with a notification."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from arcdesk.app.note_icon import SIZE_PX, note_icon


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where icons of one person are installed; nowhere else are any."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "system"))
    return tmp_path / "home"


def test_the_mark_on_a_tile_for_a_server_without_our_icon(qtbot: QtBot, data_home: Path) -> None:
    picture = note_icon()
    assert picture is not None
    assert (picture.width, picture.height) == (SIZE_PX, SIZE_PX)
    assert len(picture.rgba) == picture.stride * picture.height
    image = QImage(picture.rgba, SIZE_PX, SIZE_PX, picture.stride, QImage.Format.Format_RGBA8888)
    colours = [image.pixelColor(x, y) for x in range(SIZE_PX) for y in range(SIZE_PX)]
    assert image.pixelColor(0, 0).alpha() == 0, "round corners"
    assert image.pixelColor(SIZE_PX // 2, 2) == QColor("#2b57e0")
    white = sum(colour == QColor("#ffffff") for colour in colours)
    assert 30 < white < SIZE_PX * SIZE_PX / 4, "the mark's strokes"


@pytest.mark.parametrize(
    "place", ["48x48/apps/org.arcdesk.ArcDesk.png", "scalable/apps/org.arcdesk.ArcDesk.svg"]
)
def test_an_installed_icon_goes_by_its_name(qtbot: QtBot, data_home: Path, place: str) -> None:
    icon = data_home / "icons/hicolor" / place
    icon.parent.mkdir(parents=True)
    icon.touch()
    assert note_icon() is None
