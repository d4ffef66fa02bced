"""Colours that can be read, style sheets that are whole, icons that take their colour."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from arcdesk.ui import resources, theme
from arcdesk.ui.theme import DARK, LIGHT, Palette, contrast

ICONS = sorted(path.stem for path in (resources.resource_dir() / "icons").glob("*.svg"))
GROUNDS = ("bg", "surface", "raised")
WORDS = ("text", "secondary", "accent", "ok", "warn", "error")
both = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])


@pytest.fixture
def undressed(qapp: QApplication) -> Iterator[QApplication]:
    """The application, without its clothes again afterwards."""
    before = qapp.palette()
    yield qapp
    qapp.setStyleSheet("")
    qapp.setPalette(before)


def test_contrast_agrees_with_the_published_extremes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == pytest.approx(1)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@both
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("word", WORDS)
def test_text_can_be_read_on_every_ground(palette: Palette, word: str, ground: str) -> None:
    colours = asdict(palette)
    assert contrast(colours[word], colours[ground]) >= 4.5


@both
def test_text_can_be_read_on_the_accent(palette: Palette) -> None:
    assert contrast(palette.on_accent, palette.accent) >= 4.5


@both
@pytest.mark.parametrize("ground", GROUNDS)
def test_outlines_are_seen_on_every_ground(palette: Palette, ground: str) -> None:
    assert contrast(palette.outline, asdict(palette)[ground]) >= 2.9


@both
def test_colours_are_lower_case_hex(palette: Palette) -> None:
    for field in fields(palette):
        colour = getattr(palette, field.name)
        assert QColor(colour).name() == colour


def test_palettes_know_which_one_is_dark() -> None:
    assert DARK.is_dark
    assert not LIGHT.is_dark


def test_a_choice_overrules_the_system(qapp: QApplication) -> None:
    assert theme.current_palette(qapp, "dark") is DARK
    assert theme.current_palette(qapp, "light") is LIGHT


def test_unknown_scheme_is_read_from_the_systems_window_colour(undressed: QApplication) -> None:
    before = theme.current_palette(undressed)
    theme.apply(undressed, LIGHT if before is DARK else DARK)
    assert theme.current_palette(undressed) is before, "our own palette was taken for the system's"


def test_follow_tells_the_palette_at_once(qapp: QApplication) -> None:
    seen: list[Palette] = []
    stop = theme.follow(qapp, "system", seen.append)
    stop()
    assert seen == [theme.current_palette(qapp)]


@both
def test_apply_colours_a_widget(undressed: QApplication, qtbot: QtBot, palette: Palette) -> None:
    theme.apply(undressed, palette)
    button = QPushButton("Ask")
    button.setProperty("role", "primary")
    qtbot.addWidget(button)
    button.resize(120, 40)
    picture = button.grab().toImage()
    assert picture.pixelColor(12, 20).name() == palette.accent
    assert undressed.palette().color(QPalette.ColorRole.Window).name() == palette.bg


@both
def test_style_sheet_has_no_token_left(palette: Palette) -> None:
    sheet = theme.style_sheet(palette)
    assert "@" not in sheet
    assert palette.accent in sheet


def test_style_sheets_come_in_the_order_of_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "qss"
    folder.mkdir()
    for name in ("10_last", "00_base", "01_next"):
        (folder / f"{name}.qss").write_text(f"/* {name} @bg */", encoding="utf-8")
    (folder / "draft.qss").write_text("/* not numbered */", encoding="utf-8")
    monkeypatch.setattr(resources, "resource_dir", lambda: tmp_path)
    assert theme.style_sheet(LIGHT).splitlines() == [
        f"/* {name} {LIGHT.bg} */" for name in ("00_base", "01_next", "10_last")
    ]


def test_a_misspelt_token_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="accnt"):
        theme.fill_tokens("color: @accnt;", LIGHT, tmp_path)


@both
def test_pictures_of_the_style_sheets_exist_in_the_palettes_colours(palette: Palette) -> None:
    pictures = {Path(name) for name in re.findall(r'url\("(.+?)"\)', theme.style_sheet(palette))}
    assert len(pictures) == 5
    for picture in pictures:
        wanted = palette.secondary if picture.name.startswith(("up", "down", "clear")) else palette.on_accent
        assert set(re.findall("#[0-9a-f]{6}", picture.read_text(encoding="utf-8"))) == {wanted}


@pytest.mark.parametrize("name", ICONS)
def test_icons_are_drawn_in_the_colour_asked_for(qapp: QApplication, name: str) -> None:
    for size in resources.ICON_SIZES_PX:
        assert strongest_colour(resources.icon(name, "#ff0000"), size) == "#ff0000"
        assert strongest_colour(resources.icon(name, "#00ff00"), size) == "#00ff00"


@pytest.mark.parametrize("name", ICONS)
def test_icons_are_our_line_style(name: str) -> None:
    source = (resources.resource_dir() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    assert 'stroke="currentColor"' in source
    assert 'stroke-width="1.5"' in source


def strongest_colour(icon: QIcon, size_px: int) -> str:
    picture = icon.pixmap(QSize(size_px, size_px), 1.0).toImage()
    assert picture.width() == size_px
    pixels = [picture.pixelColor(x, y) for y in range(size_px) for x in range(size_px)]
    strongest = max(pixels, key=lambda colour: colour.alpha())
    assert strongest.alpha() > 150
    return strongest.name()


def test_an_unknown_icon_is_an_error(qapp: QApplication) -> None:
    with pytest.raises(FileNotFoundError):
        resources.icon("no-such-icon", LIGHT.text)


def test_the_brief_set_of_icons_is_there() -> None:
    needed = "send stop start restart new-chat settings log copy search sidebar inspector warning trash mark"
    assert set(needed.split()) <= set(ICONS)


def test_a_palette_is_a_value() -> None:
    assert replace(LIGHT, bg=DARK.bg) != LIGHT
