"""The settings window under a person's hands: real widgets, keys, and what comes out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import Problem
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.core.settings_source import Source, SourceKind
from arcdesk.core.settings_table import SETTINGS
from arcdesk.ui import theme
from arcdesk.ui.settings_row import SettingRow
from arcdesk.ui.settings_window import SettingsWindow

pytestmark = pytest.mark.qt_log_ignore("does not support raise")
DEFAULTS = Settings()


def sources(**changed: Source) -> Mapping[str, Source]:
    """All from the defaults; `changed` has ids with '__' for the dot."""
    plain = {info.id: Source(base=info.value_in(DEFAULTS)) for info in SETTINGS}
    return plain | {name.replace("__", "."): source for name, source in changed.items()}


class Desk:
    """The window, and what it asked for."""

    def __init__(self, window: SettingsWindow) -> None:
        self.window = window
        self.settings = DEFAULTS
        self.wishes: list[tuple[str, str, object]] = []
        self.resets: list[tuple[str, str]] = []
        window.changed.connect(lambda *wish: self.wishes.append(wish))
        window.reset.connect(lambda *which: self.resets.append(which))

    def present(self, settings: Settings | None = None, running: EngineKind | None = None) -> None:
        self.settings = settings or self.settings
        self.window.present(self.settings, sources(), running)

    def row(self, setting: str) -> SettingRow:
        return next(row for row in self.window.book.rows if row.info.id == setting)

    def line(self, setting: str) -> QLineEdit:
        field = self.row(setting).editor.field
        assert isinstance(field, QLineEdit)
        return field

    def write(self, setting: str, text: str, *, end: Qt.Key | None = Qt.Key.Key_Return) -> None:
        """Turn to the field, write over what is there, and press Enter."""
        self.window.show_page(self.row(setting).info.page)
        line = self.line(setting)
        line.setFocus()
        line.selectAll()
        QTest.keyClicks(line, text) if text else QTest.keyClick(line, Qt.Key.Key_Delete)
        if end is not None:
            QTest.keyClick(line, end)

    def said(self, row: SettingRow) -> str:
        """All words of a row that can be seen."""
        return "\n".join(label.text() for label in row.findChildren(QLabel) if label.isVisible())


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication) -> Iterator[Desk]:
    look = (qapp.styleSheet(), qapp.palette())
    theme.apply(qapp, theme.LIGHT)
    window = SettingsWindow(("fix", "translate"))
    window.set_palette_colors(theme.LIGHT)
    qtbot.addWidget(window)
    desk = Desk(window)
    desk.present()
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield desk
    qapp.setStyleSheet(look[0])
    qapp.setPalette(look[1])


def seen(desk: Desk) -> set[str]:
    """The ids of the settings that can be seen now."""
    return {row.info.id for row in desk.window.book.rows if row.isVisible()}


def pages_listed(desk: Desk) -> list[str]:
    pages = desk.window.book.list
    return [pages.item(i).text() for i in range(pages.count()) if not pages.item(i).isHidden()]


# the table and its controls


def test_every_setting_has_one_row_on_its_page(desk: Desk) -> None:
    assert [row.info for row in desk.window.book.rows] == sorted(
        SETTINGS, key=lambda info: list(desk.window.book.pages).index(info.page)
    )
    for name in desk.window.book.pages:
        desk.window.show_page(name)
        assert seen(desk) == {info.id for info in SETTINGS if info.page == name}
        assert desk.window.book.page == name


def test_every_control_of_the_window_has_a_name_for_the_screen_reader(desk: Desk) -> None:
    desk.present(replace(DEFAULTS, presets=(("mail", "Write a mail"),), theme="dark"))
    kinds = (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QListWidget)
    controls = [child for kind in kinds for child in desk.window.findChildren(kind)]
    assert len(controls) > 40
    nameless = []
    for control in controls:
        parent = control.parentWidget()
        if isinstance(parent, QComboBox) or "qt_" in control.objectName():
            continue  # a part that Qt made for itself
        if isinstance(control, QToolButton) and isinstance(parent, QLineEdit):
            continue  # the cross that clears a field
        face = QAccessible.queryAccessibleInterface(control)
        if not face.text(QAccessible.Text.Name).strip():
            nameless.append(control)
    assert nameless == []


def test_the_explanation_is_read_to_who_can_not_see_it(desk: Desk) -> None:
    for row in desk.window.book.rows:
        assert row.info.why in row.editor.field.accessibleDescription()


def test_a_switch_emits_at_once(desk: Desk) -> None:
    box = desk.row("general.stay_in_tray").editor.field
    assert isinstance(box, QCheckBox)
    assert box.isChecked()
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Space)
    assert desk.wishes == [("general", "stay_in_tray", False)]


def test_a_switch_turned_twice_before_anybody_answers_is_two_wishes(desk: Desk) -> None:
    box = desk.row("general.stay_in_tray").editor.field
    assert isinstance(box, QCheckBox)
    box.click()
    box.click()
    assert [value for _, _, value in desk.wishes] == [False, True]


def test_enter_and_leaving_the_field_is_one_wish(desk: Desk) -> None:
    desk.write("container.host_port", "9001")
    QTest.keyClick(desk.line("container.host_port"), Qt.Key.Key_Tab)
    assert desk.wishes == [("container", "host_port", 9001)]


def test_a_choice_emits_its_value(desk: Desk) -> None:
    box = desk.row("general.theme").editor.field
    assert isinstance(box, QComboBox)
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert desk.wishes == [("general", "theme", "light")]


def test_the_wheel_over_a_choice_changes_nothing(desk: Desk) -> None:
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent

    box = desk.row("general.theme").editor.field
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, event)
    assert desk.wishes == []


def test_a_number_is_a_wish_when_enter_is_pressed(desk: Desk) -> None:
    desk.write("container.host_port", "9 001")
    assert desk.wishes == [("container", "host_port", 9001)]
    desk.present(replace(DEFAULTS, container=replace(ContainerSettings(), host_port=9001)))
    assert desk.line("container.host_port").text() == "9001"


def test_arrow_keys_step_a_number(desk: Desk) -> None:
    desk.window.show_page("container")
    line = desk.line("container.max_num_seqs")
    line.setFocus()
    QTest.keyClick(line, Qt.Key.Key_Up)
    QTest.keyClick(line, Qt.Key.Key_Up)
    QTest.keyClick(line, Qt.Key.Key_Down)
    assert desk.wishes == []
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert desk.wishes == [("container", "max_num_seqs", 9)]


def test_leaving_a_field_is_a_wish_and_leaving_it_as_it_is_is_none(desk: Desk) -> None:
    desk.write("container.served_model_name", "mine", end=Qt.Key.Key_Tab)
    assert desk.wishes == [("container", "served_model_name", "mine")]
    desk.present(replace(DEFAULTS, container=replace(ContainerSettings(), served_model_name="mine")))
    desk.write("container.served_model_name", "mine", end=Qt.Key.Key_Tab)
    assert len(desk.wishes) == 1


def test_closing_the_window_keeps_what_was_written(desk: Desk) -> None:
    desk.write("container.served_model_name", "mine", end=None)
    desk.window.close()
    assert desk.wishes == [("container", "served_model_name", "mine")]


def test_a_value_from_a_file_that_is_in_no_list_is_shown_and_refused(desk: Desk) -> None:
    desk.present(replace(DEFAULTS, container=replace(ContainerSettings(), load_in_low_bit="int4")))
    row = desk.row("container.load_in_low_bit")
    box = row.editor.field
    assert isinstance(box, QComboBox)
    assert box.currentText() == "int4"
    desk.window.show_page("container")
    assert "one of the list" in desk.said(row)
    desk.present(DEFAULTS)
    assert box.findText("int4") < 0
    assert "one of the list" not in desk.said(row)


# what can't be kept


@pytest.mark.parametrize(
    ("setting", "text", "said"),
    [
        ("container.host_port", "80", "between 1\u202f024 and 65\u202f535"),
        ("container.host_port", "many", "whole number"),
        ("container.host_port", "", "whole number"),
        ("container.max_model_len", "1.5", "whole number"),
        ("container.model_path", "my model", "a space"),
        ("container.shm_size", "much", "such as 16g"),
        ("quick.hotkey", "Ctrl+Alt+Nowhere", "Nowhere"),
        ("quick.hotkey", "A", "Ctrl"),
    ],
)
def test_a_bad_value_stays_with_its_reason_and_is_no_wish(
    desk: Desk, setting: str, text: str, said: str
) -> None:
    desk.write(setting, text)
    row = desk.row(setting)
    assert desk.wishes == []
    assert desk.line(setting).text() == text
    assert said in desk.said(row)
    assert said in desk.line(setting).accessibleDescription()
    desk.present()  # something else changed
    assert desk.line(setting).text() == text
    assert said in desk.said(row)


def test_a_refusal_goes_when_the_value_is_mended(desk: Desk) -> None:
    desk.write("container.host_port", "80")
    row = desk.row("container.host_port")
    line = desk.line("container.host_port")
    QTest.keyClicks(line, "80")
    assert "between" not in desk.said(row), "while it is being mended, nobody complains"
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert desk.wishes == [("container", "host_port", 8080)]


def test_escape_takes_back_what_was_written_and_leaves_the_window_open(desk: Desk) -> None:
    desk.write("container.host_port", "80")
    QTest.keyClick(desk.line("container.host_port"), Qt.Key.Key_Escape)
    assert desk.window.isVisible()
    assert desk.line("container.host_port").text() == "8001"
    assert "between" not in desk.said(desk.row("container.host_port"))
    QTest.keyClick(desk.line("container.host_port"), Qt.Key.Key_Escape)
    assert not desk.window.isVisible()
    assert desk.wishes == []


def test_what_the_owner_refused_is_said_beside_it(desk: Desk) -> None:
    desk.window.show_page("engine")
    desk.window.refuse("engine", "engine", "Nobody is there.")
    assert "Nobody is there." in desk.said(desk.row("engine.engine"))


# an engine of one's own


def test_the_field_for_an_address_opens_with_the_last_choice(desk: Desk) -> None:
    desk.window.show_page("engine")
    row = desk.row("engine.engine")
    box = row.editor.field
    assert isinstance(box, QComboBox)
    line = row.editor.findChild(QLineEdit)
    assert line is not None
    assert not line.isVisible()
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_End)
    assert line.isVisible()
    assert line.hasFocus()
    assert desk.wishes == []
    desk.present()
    assert line.isVisible(), "news must not close it"
    QTest.keyClicks(line, "nowhere")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert desk.wishes == []
    assert "http://127.0.0.1:8000/v1" in desk.said(row)
    line.selectAll()
    QTest.keyClicks(line, "http://127.0.0.1:9000")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert desk.wishes == [("engine", "engine", "http://127.0.0.1:9000")]
    desk.present(replace(DEFAULTS, engine="http://127.0.0.1:9000"))
    assert line.text() == "http://127.0.0.1:9000"
    QTest.keyClick(box, Qt.Key.Key_Home)
    assert desk.wishes[-1] == ("engine", "engine", "auto")
    desk.present(DEFAULTS)
    assert not line.isVisible()


def test_escape_closes_the_field_for_an_address(desk: Desk) -> None:
    desk.window.show_page("engine")
    box = desk.row("engine.engine").editor.field
    assert isinstance(box, QComboBox)
    QTest.keyClick(box, Qt.Key.Key_End)
    line = desk.row("engine.engine").editor.findChild(QLineEdit)
    assert line is not None
    QTest.keyClicks(line, "http")
    QTest.keyClick(line, Qt.Key.Key_Escape)
    assert not line.isVisible()
    assert box.currentText() == "Automatic"
    assert desk.wishes == []


# default, source, effect


def reset_button(row: SettingRow) -> QToolButton:
    return next(b for b in row.findChildren(QToolButton) if b.accessibleName().startswith("Reset"))


def test_a_changed_setting_is_marked_and_can_be_reset(desk: Desk) -> None:
    row = desk.row("general.theme")
    assert not reset_button(row).isVisible()
    desk.present(replace(DEFAULTS, theme="dark"))
    assert row.is_changed
    assert "●" in desk.said(row)
    button = reset_button(row)
    assert button.toolTip() == "Back to: Like the system"
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert desk.resets == [("general", "theme")]
    assert row.editor.field.hasFocus()
    desk.present(DEFAULTS)
    assert not button.isVisible()
    assert "●" not in desk.said(row)


def test_reset_of_a_refused_text_brings_the_setting_back(desk: Desk) -> None:
    desk.write("container.host_port", "80")
    reset_button(desk.row("container.host_port")).click()
    assert desk.line("container.host_port").text() == "8001"
    assert desk.resets == []


@pytest.mark.parametrize(
    ("kind", "name"), [(SourceKind.VARIABLE, "ARCDESK_THEME"), (SourceKind.FLAG, "--set general.theme")]
)
def test_a_value_fixed_from_elsewhere_is_shown_with_the_reason_and_locked(
    desk: Desk, kind: SourceKind, name: str
) -> None:
    source = Source(kind=kind, name=name, base="system")
    desk.window.present(replace(DEFAULTS, theme="dark"), sources(general__theme=source), None)
    row = desk.row("general.theme")
    assert not row.editor.field.isEnabled()
    assert not reset_button(row).isVisible()
    assert name in desk.said(row)
    assert name in row.editor.field.accessibleDescription()
    desk.present(DEFAULTS)
    assert row.editor.field.isEnabled()


def test_the_administrators_value_is_the_default_here(desk: Desk) -> None:
    source = Source(kind=SourceKind.SYSTEM, name="/etc/xdg/arcdesk/config.toml", base="dark")
    desk.window.present(replace(DEFAULTS, theme="dark"), sources(general__theme=source), None)
    row = desk.row("general.theme")
    assert row.editor.field.isEnabled()
    assert not row.is_changed
    assert "/etc/xdg/arcdesk/config.toml" in desk.said(row)


def bar_is_seen(desk: Desk) -> bool:
    return desk.window.restart.isVisible()


def test_the_bar_tells_of_what_waits_for_the_engine(desk: Desk, qtbot: QtBot) -> None:
    other = replace(DEFAULTS, container=replace(ContainerSettings(), max_num_seqs=4))
    desk.window.show_page("container")
    desk.present(other)
    assert not bar_is_seen(desk), "no engine runs"
    desk.present(other, EngineKind.CONTAINER)
    assert not bar_is_seen(desk), "it was started with these"
    desk.present(DEFAULTS, EngineKind.CONTAINER)
    assert bar_is_seen(desk)
    assert "when the engine restarts" in desk.said(desk.row("container.max_num_seqs"))
    with qtbot.waitSignal(desk.window.restart_requested):
        desk.window.restart.click()
    desk.present(other, EngineKind.CONTAINER)
    assert not bar_is_seen(desk), "it is as it was again"
    desk.present(DEFAULTS, EngineKind.CONTAINER)
    desk.present(DEFAULTS, None)
    assert not bar_is_seen(desk), "the engine ended"


@pytest.mark.parametrize("running", [EngineKind.EMBEDDED, EngineKind.REMOTE])
def test_an_engine_that_does_not_read_a_setting_need_not_restart(desk: Desk, running: EngineKind) -> None:
    desk.present(DEFAULTS, running)
    desk.present(replace(DEFAULTS, container=replace(ContainerSettings(), max_num_seqs=4)), running)
    assert not bar_is_seen(desk)
    desk.present(replace(DEFAULTS, gguf_path="/m/other.gguf"), running)
    assert bar_is_seen(desk) == (running is EngineKind.EMBEDDED)


def test_limits_that_do_not_go_together_are_told_with_the_number_that_works(desk: Desk, qtbot: QtBot) -> None:
    desk.window.show_page("container")
    limits = desk.window.limits
    assert not desk.window.limits.isVisible()
    desk.present(replace(DEFAULTS, container=replace(ContainerSettings(), max_model_len=8192)))
    assert desk.window.limits.isVisible()
    qtbot.waitUntil(lambda: limits.findChildren(QAbstractButton)[0].isVisible())
    (button,) = limits.findChildren(QAbstractButton)
    assert button.text() == "Use 8192"
    button.click()
    assert desk.wishes == [("container", "max_num_batched_tokens", 8192)]


def test_a_problem_with_the_file_stands_on_top_until_it_is_dismissed(desk: Desk, qtbot: QtBot) -> None:
    desk.window.present_problem(Problem(cause="settings_broken", title="The file has a mistake"))
    assert desk.window.problem.isVisible()
    (button,) = desk.window.problem.findChildren(QAbstractButton)
    with qtbot.waitSignal(desk.window.problem_dismissed):
        button.click()
    desk.window.present_problem(None)
    assert not desk.window.problem.isVisible()


# search


def type_search(desk: Desk, text: str) -> None:
    QTest.keyClick(desk.window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert desk.window.book.search.hasFocus()
    QTest.keyClicks(desk.window.book.search, text)


def test_search_goes_over_all_pages(desk: Desk) -> None:
    type_search(desk, "tray")
    assert seen(desk) == {"general.stay_in_tray", "general.confirmed_close_without_tray"}
    assert pages_listed(desk) == ["General"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("minutes wants", {"general.notify_ready"}),  # of the explanation, in any order
        ("HOST_PORT", {"container.host_port"}),  # the key in the file
        ("nf3", {"container.load_in_low_bit"}),  # a choice
        (
            "notifications",
            {"general.notify_ready", "general.notify_failed", "general.notify_answer"},
        ),  # a page
    ],
)
def test_search_finds_by_title_explanation_key_choice_and_page(
    desk: Desk, words: str, found: set[str]
) -> None:
    type_search(desk, words)
    assert seen(desk) == found


def test_what_was_found_is_highlighted(desk: Desk) -> None:
    type_search(desk, "tray")
    assert f"background:{theme.LIGHT.accent}" in desk.said(desk.row("general.stay_in_tray"))
    desk.window.book.search.clear()
    assert "background" not in desk.said(desk.row("general.stay_in_tray"))


def test_a_key_that_was_found_is_shown(desk: Desk) -> None:
    type_search(desk, "notify_re")
    assert "notify_re</span>ady" in desk.said(desk.row("general.notify_ready"))


@pytest.mark.parametrize("words", ["<b>", "&amp;", ".*", "((", "\\"])
def test_signs_in_a_search_are_signs(desk: Desk, words: str) -> None:
    type_search(desk, words)
    assert seen(desk) == set()


def test_no_result_is_said_and_escape_clears_first_then_closes(desk: Desk) -> None:
    type_search(desk, "zebra")
    assert seen(desk) == set()
    assert any(label.text().startswith("No setting") for label in visible(desk, QLabel))
    QTest.keyClick(desk.window.book.search, Qt.Key.Key_Escape)
    assert desk.window.book.search.text() == ""
    assert desk.window.isVisible()
    assert seen(desk)
    QTest.keyClick(desk.window.book.search, Qt.Key.Key_Escape)
    assert not desk.window.isVisible()


def visible(desk: Desk, kind: type[QLabel]) -> list[QLabel]:
    return [widget for widget in desk.window.findChildren(kind) if widget.isVisible()]


def test_a_found_setting_can_be_changed_where_it_is_found(desk: Desk) -> None:
    type_search(desk, "shared memory")
    QTest.keyClick(desk.window.book.search, Qt.Key.Key_Tab)
    QTest.keyClick(desk.window.book.list, Qt.Key.Key_Tab)
    line = desk.line("container.shm_size")
    assert line.hasFocus()
    line.selectAll()
    QTest.keyClicks(line, "8g")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert desk.wishes == [("container", "shm_size", "8g")]


# pages


def test_pages_turn_by_keys(desk: Desk) -> None:
    book = desk.window.book
    book.list.setFocus()
    QTest.keyClick(book.list, Qt.Key.Key_Down)
    assert book.page == "engine"
    QTest.keyClick(desk.window, Qt.Key.Key_PageUp, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(desk.window, Qt.Key.Key_PageUp, Qt.KeyboardModifier.ControlModifier)
    assert book.page == "about"
    QTest.keyClick(desk.window, Qt.Key.Key_PageDown, Qt.KeyboardModifier.ControlModifier)
    assert book.page == "general"


def test_tab_goes_down_the_page(desk: Desk) -> None:
    desk.window.show_page("engine")
    desk.window.book.focus_search()
    order: list[str] = []
    for _ in range(6):
        focused = desk.window.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, Qt.Key.Key_Tab)
        now = desk.window.focusWidget()
        assert now is not None
        order.append(now.accessibleName())
    assert order == [
        "Pages",
        "Engine",
        "Model of the embedded engine",
        "Model of the embedded engine: Choose a file…",
        "Start the engine with ArcDesk",
        "Stop the container when ArcDesk quits",
    ]


def test_other_parts_bring_pages_and_sections(desk: Desk) -> None:
    ledger, recorder = QLabel("Nothing left this computer"), QLabel("Press a key")
    desk.window.add_page("Privacy", "page-privacy", ledger, "egress ledger key")
    desk.window.add_to_page("quick", recorder, in_place_of="quick.hotkey", search_words="hotkey shortcut")
    assert pages_listed(desk)[-2:] == ["Privacy", "About"]
    desk.window.show_page("privacy")
    assert ledger.isVisible()
    desk.window.show_page("quick")
    assert recorder.isVisible()
    assert "quick.hotkey" not in seen(desk)
    desk.present()
    type_search(desk, "egress")
    assert ledger.isVisible()
    assert pages_listed(desk) == ["Privacy"]
    desk.window.book.search.clear()
    type_search(desk, "shortcut")
    assert recorder.isVisible()
    assert not ledger.isVisible()


def test_an_unknown_page_is_no_place_to_go(desk: Desk) -> None:
    desk.window.show_page("nowhere")
    assert desk.window.book.page == "general"
    with pytest.raises(KeyError):
        desk.window.add_to_page("nowhere", QLabel())


def test_about_names_the_versions_and_the_file(desk: Desk, qtbot: QtBot) -> None:
    from arcdesk import __version__

    desk.window.about.set_file("/home/x/config.toml")
    desk.window.show_page("about")
    words = "\n".join(label.text() for label in visible(desk, QLabel))
    assert __version__ in words
    assert "/home/x/config.toml" in words
    with qtbot.waitSignal(desk.window.open_file_requested):
        desk.window.about.open_file.click()


def test_nothing_is_cut_off_at_the_smallest_size(desk: Desk) -> None:
    desk.window.resize(desk.window.minimumSize())
    for name in ("general", "engine", "container", "quick", "notifications", "about"):
        desk.window.show_page(name)
        QApplication.processEvents()
        page = desk.window.book.pages[name]
        right = page.mapTo(desk.window, page.rect().topRight()).x()
        assert right <= desk.window.width(), name
        for child in page.findChildren(QWidget):
            if child.isVisible() and isinstance(child, QLineEdit | QComboBox | QAbstractButton):
                edge = child.mapTo(desk.window, child.rect().topRight()).x()
                assert edge <= desk.window.width(), (name, child.accessibleName())


def test_no_words_are_cut_off_in_a_small_window(desk: Desk, qtbot: QtBot) -> None:
    fixed = sources(general__theme=Source(kind=SourceKind.FLAG, name="--set general.theme=dark"))
    desk.window.present(DEFAULTS, fixed, EngineKind.CONTAINER)
    desk.window.resize(640, 480)
    for name in desk.window.book.pages:
        desk.window.show_page(name)
        qtbot.wait(20)
        for row in desk.window.book.rows:
            for label in row.findChildren(QLabel):
                if label.isVisible() and label.wordWrap():
                    assert label.height() >= label.heightForWidth(label.width()), label.text()
