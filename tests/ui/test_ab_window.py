"""The pages of a comparison: what is marked, what fits, what keys and screen readers find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from arcdesk.app.ab_files import read_prompts
from arcdesk.core.ab_progress import AbStage
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import UsageError
from arcdesk.core.settings import Settings
from arcdesk.ui import theme
from arcdesk.ui.ab_side_form import SideForm
from arcdesk.ui.ab_texts import TextCard
from arcdesk.ui.ab_view import ModelOffer
from arcdesk.ui.ab_window import AbWindow
from tests.ui.ab_rig import ab_running_window, ab_setup_window, ab_vote_window, ab_window, sample

PICTURES = (ab_setup_window, ab_running_window, ab_vote_window, ab_window)
CONTROLS = (QAbstractButton, QComboBox, QLineEdit, QAbstractSpinBox, QPlainTextEdit, QTextEdit)


def marked(card: TextCard) -> list[str]:
    """The words with a ground of their own."""
    cursor = QTextCursor(card.text.document())
    found: dict[int, str] = {}
    begin = -1
    for at, letter in enumerate(card.text.toPlainText()):
        cursor.setPosition(at + 1)
        is_marked = cursor.charFormat().fontUnderline()
        if is_marked:
            begin = begin if begin >= 0 else at
            found[begin] = found.get(begin, "") + letter
        else:
            begin = -1
    return list(found.values())


def test_the_words_that_differ_are_marked(qtbot: QtBot) -> None:
    window = ab_window(theme.LIGHT)
    qtbot.addWidget(window)
    assert isinstance(window, AbWindow)
    texts = window.results.texts
    assert marked(texts.left) == ["could not agree, so a new city was built."]
    assert marked(texts.right) == ["It was chosen because", "were rivals."]


def test_a_blind_vote_marks_nothing_and_counts_each_key_once(qtbot: QtBot) -> None:
    window = ab_vote_window(theme.LIGHT)
    qtbot.addWidget(window)
    assert isinstance(window, AbWindow)
    window.show()
    vote = window.vote
    assert marked(vote.texts.left) == marked(vote.texts.right) == []
    votes: list[tuple[int, object]] = []
    vote.voted.connect(lambda number, choice: votes.append((number, choice)))
    with qtbot.waitSignal(vote.ended):
        for key in (Qt.Key.Key_0, Qt.Key.Key_5, Qt.Key.Key_1, Qt.Key.Key_2):
            QTest.keyClick(vote, key)
    assert [number for number, _ in votes] == [0, 1, 2]
    QTest.keyClick(vote, Qt.Key.Key_1)
    assert len(votes) == 3


@pytest.mark.parametrize("make", PICTURES)
@pytest.mark.parametrize("size", [(980, 780), (480, 420)])
def test_nothing_is_cut_off_at_the_side(
    qtbot: QtBot, make: Callable[[theme.Palette], QWidget], size: tuple[int, int]
) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    look = (application.styleSheet(), application.palette())
    theme.apply(application, theme.DARK)
    window = make(theme.DARK)
    qtbot.addWidget(window)
    window.resize(*size)
    window.show()
    QApplication.processEvents()
    for widget in window.findChildren(QWidget):
        if widget.isVisible() and isinstance(widget, (QLabel, *CONTROLS)):
            right = widget.mapTo(window, widget.rect().topRight()).x()
            assert right <= window.width(), (widget, getattr(widget, "text", str)())
        if isinstance(widget, QAbstractButton) and widget.isVisible():
            assert widget.width() >= widget.minimumSizeHint().width(), widget.text()
    window.close()
    application.setStyleSheet(look[0])
    application.setPalette(look[1])


@pytest.mark.parametrize("make", PICTURES)
def test_every_control_has_a_name(qtbot: QtBot, make: Callable[[theme.Palette], QWidget]) -> None:
    window = make(theme.LIGHT)
    qtbot.addWidget(window)
    window.show()
    checked = 0
    for widget in window.findChildren(QWidget):
        if not isinstance(widget, CONTROLS) or not widget.isVisible():
            continue
        if isinstance(widget.parent(), (QComboBox, QAbstractSpinBox)):
            continue  # the inner part of one that has a name
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        assert widget.accessibleName() or text, widget
        checked += 1
    assert checked
    window.close()


def test_the_form_marks_what_differs_and_follows_the_context(qtbot: QtBot) -> None:
    form = SideForm()
    qtbot.addWidget(form)
    form.set_settings(Settings(), EngineKind.CONTAINER)
    heard: list[bool] = []
    form.changed.connect(lambda: heard.append(True))
    form.numbers["max_model_len"].setValue(8192)
    assert heard
    values = dict(form.values)
    assert (values["max_model_len"], values["max_num_batched_tokens"]) == (8192, 8192)
    assert values["served_model_name"] == "tinyllama"
    form.model.setEditText("Qwen/Qwen2.5-7B-Instruct")
    assert dict(form.values)["served_model_name"] == "qwen2.5-7b-instruct"
    form.mark(frozenset({"max_model_len"}))
    roles = {name: made.property("role") for name, made in form._labels.items()}
    assert roles["max_model_len"] == "changed" and roles["image"] == "secondary"


def test_an_offered_model_brings_its_settings_along(qtbot: QtBot) -> None:
    form = SideForm()
    qtbot.addWidget(form)
    form.set_settings(Settings(), EngineKind.CONTAINER)
    values = (
        ("model_path", "/llm/models/Qwen"),
        ("load_in_low_bit", "fp8"),
        ("max_model_len", 1024),
        ("models_dir", "/data/models"),
    )
    starter = ModelOffer(label="starter model", kind=EngineKind.EMBEDDED, values=(("gguf_path", ""),))
    offer = ModelOffer(label="Qwen", kind=EngineKind.CONTAINER, values=values)
    form.set_offers((offer, starter))
    assert form.model.currentText() == Settings().container.model_path  # what was chosen stays
    form.model.setCurrentIndex(0)
    form.model.activated.emit(0)
    assert dict(form.values).items() >= dict(values).items()
    form.kind_box.setCurrentIndex(1)
    assert (form.kind, dict(form.values)) == (EngineKind.EMBEDDED, {"gguf_path": ""})
    assert form.gguf.currentText() == "starter model"
    form.show_file("/data/other.gguf")
    assert dict(form.values) == {"gguf_path": "/data/other.gguf"}


def test_only_the_rows_of_the_chosen_engine_are_seen(qtbot: QtBot) -> None:
    form = SideForm()
    qtbot.addWidget(form)
    form.set_settings(Settings(), EngineKind.CONTAINER)
    form.show()
    assert form.model.isVisible() and not form.gguf.isVisible() and not form.address.isVisible()
    form.kind_box.setCurrentIndex(2)
    assert form.address.isVisible() and not form.model.isVisible()


def test_the_sample_for_pictures_really_ran() -> None:
    outcome, progress = sample().outcome, sample().progress
    assert outcome.is_whole
    assert {each.stage for each in progress} == set(AbStage)
    rates = [each.decode_tokens_per_s for each in outcome.test.a.answers if each]
    assert len(rates) == 3 and all(rate and rate > 10 for rate in rates)


async def test_prompts_of_files(tmp_path: Path) -> None:
    lines, blocks, talks = tmp_path / "lines.txt", tmp_path / "blocks.md", tmp_path / "talks.json"
    lines.write_text("one\ntwo\n")
    blocks.write_text("one\nmore\n\ntwo\n")
    talks.write_text('[{"conversations": [{"from": "human", "value": "Hi"}]}]')
    assert await read_prompts(lines) == ("one", "two")
    assert await read_prompts(blocks) == ("one\nmore", "two")
    assert await read_prompts(talks) == ("Hi",)
    with pytest.raises(UsageError, match="can't be read"):
        await read_prompts(tmp_path / "none.txt")
