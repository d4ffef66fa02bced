"""Doctor, support bundle and reports in the running program: real checks, real files."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QListWidget, QPushButton
from shiboken6 import isValid

from arcdesk.app.doctor_controller import DoctorController
from arcdesk.core.doctor import Area, Status, ok
from arcdesk.services.doctor import Check
from arcdesk.storage import paths
from arcdesk.storage.log_file import start_logging, stop_logging
from arcdesk.ui.bundle_dialog import BundleDialog
from arcdesk.ui.doctor_window import DoctorWindow
from arcdesk.ui.report_window import ReportWindow
from tests.fakes.openai_server import ANSWER, MODEL, OpenAIServer
from tests.ui.app_rig import App, no_docker, open_app, server, until

__all__ = ["no_docker", "server"]  # fixtures
pytestmark = pytest.mark.qt_log_ignore("does not support raise")


def one(app: App, kind: type) -> list:  # type: ignore[type-arg]
    return [found for found in QGuiApplication.instance().topLevelWidgets() if isinstance(found, kind)]  # type: ignore[union-attr]


def press(window: object, text: str) -> None:
    (found,) = [button for button in window.findChildren(QPushButton) if button.text() == text]  # type: ignore[attr-defined]
    found.click()


async def test_the_doctor_examines_and_can_look_again(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        await app.session.engine.start()
        more = [Check(id="hotkey", area=Area.DESKTOP, title="Hotkey", run=_hotkey)]
        doctor = DoctorController(app.session, more_checks=lambda: more)
        doctor.open()
        (window,) = one(app, DoctorWindow)
        doctor.open()
        assert one(app, DoctorWindow) == [window]  # the same
        await until(lambda: "Looking" not in window.summary_text and window.rows, "all findings")
        found = {row.finding.id: row.finding for row in window.rows}
        assert found["docker.socket"].status is Status.WARN  # not wanted: the engine is elsewhere
        assert MODEL in found["network.engine"].detail
        assert found["hotkey.live"].status is Status.OK
        assert {row.finding.area for row in window.rows} == set(Area)
        before = window.rows[0]
        press(window, "Run again")
        await until(lambda: window.rows and not isValid(before), "fresh findings")
        await until(lambda: "Looking" not in window.summary_text, "all findings again")
        doctor.close()
        await until(lambda: not isValid(window), "the window to go")


async def _hotkey() -> tuple:  # type: ignore[type-arg]
    return (ok("hotkey.live", Area.DESKTOP, "The hotkey works"),)


async def test_closing_the_window_ends_the_examination(server: OpenAIServer) -> None:
    async with open_app(server.base_url) as app:
        doctor = DoctorController(app.session)
        doctor.open()
        (window,) = one(app, DoctorWindow)
        window.close()
        await until(lambda: app.is_idle, "the examination to end")


async def test_the_bundle_is_shown_byte_for_byte_and_saved_as_ticked(
    server: OpenAIServer, tmp_path: Path
) -> None:
    async with open_app(server.base_url) as app:
        log = paths.ensure_dir(paths.state_dir() / "log") / "arcdesk.log"
        log.write_bytes(b"one\r\ntwo\x00 \xff \xc2\xa0HF_TOKEN=hf_AbCdEf123456\n")
        app.ask("a question that stays here")
        await app.until_answered()
        doctor = DoctorController(app.session)
        doctor.open_bundle(app.window)
        dialog = (await _child(app, BundleDialog))[0]
        assert not dialog.ticked_names()  # nothing to save yet
        await until(dialog.ticked_names, "the files")
        shown = {}
        for name in dialog.ticked_names():
            dialog.show_file(name)
            shown[name] = dialog.shown_text
        dialog.tick("engine.log", on=False)
        press(dialog, "Save…")
        await until(lambda: dialog.findChildren(QFileDialog), "the question where to")
        path = tmp_path / "help.zip"
        dialog.findChildren(QFileDialog)[0].fileSelected.emit(str(path))
        await until(path.exists, "the bundle")
        with zipfile.ZipFile(path) as bundle:
            packed = {name: bundle.read(name) for name in bundle.namelist()}
        assert set(packed) == set(shown) - {"engine.log"}
        for name, data in packed.items():
            assert data == shown[name].encode(), name
        everything = b"".join(packed.values())
        assert b"AbCdEf" not in everything and b"a question that stays here" not in everything
        assert packed["arcdesk.log"].decode() == "one\ntwo \ufffd  HF_TOKEN=[secret]\n"
        await until(lambda: app.is_idle, "the end of the saving")
        doctor.close()


async def test_neither_questions_nor_answers_are_logged(server: OpenAIServer) -> None:
    root = logging.getLogger()
    level = root.level
    log_file = start_logging(verbose=True)
    try:
        root.setLevel(logging.DEBUG)
        log_file.setLevel(logging.DEBUG)
        async with open_app(server.base_url) as app:
            app.ask("my very own question")
            await app.until_answered()
            assert "".join(ANSWER) in app.words
            logging.getLogger("arcdesk.test").info("the log works")
    finally:
        stop_logging(log_file)
        root.setLevel(level)
    text = log_file.path.read_text()
    assert "the log works" in text
    for word in ("my very own question", "capital", "France", "Paris"):
        assert word not in text


async def _child(app: App, kind: type) -> list:  # type: ignore[type-arg]
    await until(lambda: app.window.findChildren(kind), f"a {kind.__name__}")
    return list(app.window.findChildren(kind))


async def test_a_bundle_that_can_not_be_saved_says_why(server: OpenAIServer, tmp_path: Path) -> None:
    async with open_app(server.base_url) as app:
        doctor = DoctorController(app.session)
        doctor.open_bundle(app.window)
        dialog = (await _child(app, BundleDialog))[0]
        await until(dialog.ticked_names, "the files")
        for name in dialog.ticked_names():
            dialog.tick(name, on=False)
        (save,) = [button for button in dialog.findChildren(QPushButton) if button.text() == "Save…"]
        assert not save.isEnabled()
        dialog.findChildren(QListWidget)[0].item(0).setCheckState(Qt.CheckState.Checked)
        press(dialog, "Save…")
        await until(lambda: dialog.findChildren(QFileDialog), "the question where to")
        dialog.findChildren(QFileDialog)[0].fileSelected.emit(str(tmp_path / "none" / "help.zip"))
        await until(lambda: "could not be saved" in dialog.said, "the reason")
        doctor.close()


async def test_a_report_is_shown_and_can_be_copied(server: OpenAIServer, tmp_path: Path) -> None:
    report = tmp_path / "report-1.txt"
    report.write_text("Fatal Python error")
    async with open_app(server.base_url) as app:
        doctor = DoctorController(app.session)
        doctor.show_report(report, app.window)
        window = (await _child(app, ReportWindow))[0]
        press(window, "Copy all")
        assert QGuiApplication.clipboard().text() == "Fatal Python error"
        report.unlink()
        doctor.close()
        doctor.show_report(report, app.window)
        await until(
            lambda: [one for one in app.window.findChildren(ReportWindow) if one.isVisible()], "another"
        )
        (window,) = [one for one in app.window.findChildren(ReportWindow) if one.isVisible()]
        assert "can't be read" in window.text.toPlainText()
        doctor.close()
