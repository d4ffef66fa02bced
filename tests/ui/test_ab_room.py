"""The pages of a comparison where room is short, and models that share a name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.settings import Settings
from arcdesk.ui import theme
from arcdesk.ui.ab_side_form import SideForm
from arcdesk.ui.ab_view import ModelOffer, Pair
from arcdesk.ui.ab_window import AbWindow
from tests.ui.ab_rig import ab_running_window, ab_setup_window


@pytest.fixture(autouse=True)
def dressed() -> Iterator[None]:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    look = (application.styleSheet(), application.palette())
    theme.apply(application, theme.LIGHT)
    yield
    application.setStyleSheet(look[0])
    application.setPalette(look[1])


def gguf(path: str, label: str = "qwen-q4") -> ModelOffer:
    return ModelOffer(label=label, kind=EngineKind.EMBEDDED, values=(("gguf_path", path),))


def weights(models_dir: str, model_path: str = "/llm/models/Qwen", cache: str = "/cache") -> ModelOffer:
    values = (("model_path", model_path), ("models_dir", models_dir), ("hf_cache_dir", cache))
    return ModelOffer(label="Qwen", kind=EngineKind.CONTAINER, values=values)


@pytest.fixture
def form(qtbot: QtBot) -> SideForm:
    made = SideForm()
    qtbot.addWidget(made)
    return made


@pytest.mark.parametrize("width", [900, 760, 720, 690, 660, 600, 480])
def test_the_sides_turn_when_the_window_is_made_narrower(qtbot: QtBot, width: int) -> None:
    window = ab_setup_window(theme.LIGHT)
    qtbot.addWidget(window)
    assert isinstance(window, AbWindow)
    window.resize(980, 780)
    window.show()
    QApplication.processEvents()
    (pair,) = window.setup.findChildren(Pair)
    assert not pair.is_stacked
    window.resize(width, 700)
    QApplication.processEvents()
    b = window.setup.b
    assert b.mapTo(window, b.rect().topRight()).x() < window.width()
    assert b.width() >= b.minimumSizeHint().width()
    window.resize(980, 780)
    QApplication.processEvents()
    assert not pair.is_stacked
    window.close()


@pytest.mark.parametrize("height", [420, 470, 520, 720])
def test_the_lines_of_a_start_keep_their_height(qtbot: QtBot, height: int) -> None:
    window = ab_running_window(theme.LIGHT)
    qtbot.addWidget(window)
    assert isinstance(window, AbWindow)
    window.resize(480, height)
    window.show()
    QApplication.processEvents()
    timeline = window.running.sides["b"].timeline
    assert timeline.isVisible() and not window.running.sides["b"].text.isVisible()
    lines = [each for each in timeline.findChildren(QLabel) if each.isVisible() and each.text()]
    assert len(lines) > 5
    for line in lines:
        assert line.height() >= line.fontMetrics().height(), (line.text(), height)
    text = window.running.sides["a"].text
    assert text.isVisible() and text.height() >= 3 * text.fontMetrics().lineSpacing()
    scroll = window.running._scroll
    assert (scroll.verticalScrollBar().maximum() > 0) == (height == 420)
    window.close()


def test_two_files_with_one_name_can_both_be_chosen(form: SideForm) -> None:
    form.set_settings(Settings(), EngineKind.EMBEDDED)
    form.set_offers((gguf("/a/qwen-q4.gguf"), gguf("/b/qwen-q4.gguf"), gguf("/a/other.gguf", "other")))
    texts = [form.gguf.itemText(place) for place in range(form.gguf.count())]
    assert texts == ["/a/qwen-q4.gguf", "/b/qwen-q4.gguf", "other"]
    for place, path in enumerate(("/a/qwen-q4.gguf", "/b/qwen-q4.gguf", "/a/other.gguf")):
        form.gguf.setCurrentIndex(place)
        form.gguf.activated.emit(place)
        assert form.gguf_path == path
        form.show_file("/elsewhere.gguf")
        form.show_file(path)
        assert form.gguf_path == path


def test_two_folders_with_one_model_can_both_be_chosen(form: SideForm) -> None:
    form.set_settings(Settings(), EngineKind.CONTAINER)
    form.set_offers((weights("/a"), weights("/b"), weights("/b", "/llm/models/Small")))
    texts = [form.model.itemText(place) for place in range(form.model.count())]
    assert texts == ["/llm/models/Qwen (/a)", "/llm/models/Qwen (/b)", "/llm/models/Small"]
    for place, folder in enumerate(("/a", "/b", "/b")):
        form.model.setCurrentIndex(place)
        form.model.activated.emit(place)
        values = dict(form.values)
        assert values["model_path"] == ("/llm/models/Small" if place == 2 else "/llm/models/Qwen")
        assert (values["models_dir"], values["hf_cache_dir"]) == (folder, "/cache")
        assert values["served_model_name"] == ("small" if place == 2 else "qwen")


def test_what_is_chosen_stays_although_a_namesake_comes(form: SideForm) -> None:
    form.set_settings(Settings(), EngineKind.CONTAINER)
    form.set_offers((weights("/b"), gguf("/b/qwen-q4.gguf")))
    for box in (form.model, form.gguf):
        box.setCurrentIndex(0)
        box.activated.emit(0)
    assert form.model.currentText() == "/llm/models/Qwen" and form.gguf.currentText() == "qwen-q4"
    form.set_offers((weights("/a"), weights("/b"), gguf("/a/qwen-q4.gguf"), gguf("/b/qwen-q4.gguf")))
    assert dict(form.values)["models_dir"] == "/b"
    assert form.gguf_path == "/b/qwen-q4.gguf"
