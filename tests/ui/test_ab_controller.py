"""A comparison in the running program: real session, real client, servers of this computer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from arcdesk.core.ab_report import count_votes
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.services.ab_run import AbRun
from arcdesk.storage import paths
from arcdesk.storage.settings_file import FILE_NAME
from tests.fakes.openai_server import OpenAIServer
from tests.ui.ab_rig import AbApp, ab_opened, give
from tests.ui.app_rig import no_docker, server, until

__all__ = ["no_docker", "server"]  # fixtures
pytestmark = pytest.mark.qt_log_ignore("does not support raise", extend=True)  # the offscreen platform

PROMPTS = "What is the capital of France?\n\nSay hello."


async def set_up(ab: AbApp, other: OpenAIServer, *, prompts: str = PROMPTS) -> None:
    """B becomes the other server."""
    setup = ab.window.setup
    setup.form.kind_box.setCurrentIndex(2)
    setup.form.address.setText(other.base_url)
    setup.prompts.setPlainText(prompts)
    await until(setup.start.isEnabled, f"a plan that can be run: {setup.cost.text()}")


async def run(ab: AbApp) -> None:
    """To its results."""
    ab.click("Compare")
    await ab.until_page(ab.window.results, "the results")
    await until(lambda: ab.app.is_idle, "the end of it")


def kept_settings() -> str:
    file = paths.config_dir() / FILE_NAME
    return file.read_text() if file.exists() else ""


async def test_two_servers_are_compared_and_the_settings_stay(server: OpenAIServer) -> None:
    async with OpenAIServer() as other, ab_opened(server.base_url) as ab:
        give(server, "It is Paris.", "Hello there.")
        give(other, "It is Paris, of course.", "Hello there.")
        before = ab.app.session.settings
        await set_up(ab, other)
        await run(ab)

        results = ab.window.results
        words = ab.words(results)
        assert "Time to first token, ms" in words and "0 of 2" in words
        assert results.texts.left.text.toPlainText() == "It is Paris."
        assert results.texts.right.text.toPlainText() == "It is Paris, of course."
        assert not results.before.isEnabled()
        ab.click("Next")
        assert results.prompt.text() == "Say hello."
        assert results.texts.right.text.toPlainText() == "Hello there."
        assert ab.app.session.settings is before and other.base_url not in kept_settings()
        engine = ab.app.session.engine
        assert engine.settings is before and engine.snapshot.base_url == server.base_url
        assert ab.app.state.conversations == ()  # nothing of it is in the chats


async def test_a_plan_that_makes_no_sense_can_not_be_started(server: OpenAIServer) -> None:
    async with OpenAIServer() as other, ab_opened(server.base_url) as ab:
        setup = ab.window.setup
        assert not setup.start.isEnabled()
        assert "same" in setup.cost.text()
        setup.form.address.setText("ftp://nowhere")
        assert "address" in setup.cost.text()
        setup.form.address.setText(other.base_url)
        assert setup.start.isEnabled()
        setup.prompts.setPlainText(" \n\n ")
        assert (setup.cost.text(), setup.start.isEnabled()) == ("There is no prompt.", False)
        assert setup.count.text() == "0 prompts"


async def test_a_blind_vote_comes_before_names_and_figures(server: OpenAIServer) -> None:
    async with OpenAIServer() as other, ab_opened(server.base_url) as ab:
        give(server, "good", "good")
        give(other, "bad", "bad")
        await set_up(ab, other)
        ab.window.setup.is_blind.setChecked(True)
        ab.click("Compare")
        vote = ab.window.vote
        await ab.until_page(vote, "the vote")

        seen = ab.words(vote) + vote.texts.left.figures.text()
        for name in (server.base_url, other.base_url, "tok/s"):
            assert name not in seen
        for number in range(2):
            is_left = vote.texts.left.text.toPlainText() == "good"
            assert vote.number == number
            where = vote.texts.left.text if number else vote  # the keys vote from the texts as well
            QTest.keyClick(where, Qt.Key.Key_1 if is_left else Qt.Key.Key_2)
        await ab.until_page(ab.window.results, "the results")
        assert ab.controller._outcomes is not None
        outcome = ab.controller._outcomes.outcome
        assert outcome is not None
        votes = count_votes(outcome.test)
        assert (votes.a, votes.b, votes.ties) == (2, 0, 0)
        assert "2 for A, 0 for B" in ab.window.results.votes.text()
        assert "may well be chance" in ab.window.results.votes.text()


async def test_the_text_is_seen_while_it_comes_and_a_cancel_keeps_what_came(server: OpenAIServer) -> None:
    async with OpenAIServer() as other, ab_opened(server.base_url) as ab:
        give(server, "one two three", "four")
        gate = asyncio.Event()
        other.script(*[b"HTTP/1.1 200 OK\r\n"], gate)  # it never answers the warm-up
        await set_up(ab, other)
        ab.click("Compare")
        running = ab.window.running
        await until(lambda: running.sides["a"].text.toPlainText() == "four", "the text of A")
        await until(lambda: running.sides["b"].state.text().startswith("A first"), "B's warm-up")
        assert running.sides["a"].state.text() == "Done: 2 answers"
        QTest.keyClick(ab.window, Qt.Key.Key_Escape)
        await ab.until_page(ab.window.results, "the results")
        gate.set()

        assert "cancelled" in ab.words(ab.window.results)
        assert "2 not asked" in ab.words(ab.window.results)
        keep = ab.window.results.keep
        assert keep["a"].isEnabled() and not keep["b"].isEnabled()
        assert keep["b"].toolTip() == "B answered nothing"
        assert ab.app.session.engine.snapshot.base_url == server.base_url


async def test_b_can_be_kept_and_a_taken_back(server: OpenAIServer) -> None:
    async with OpenAIServer() as other, ab_opened(server.base_url) as ab:
        await set_up(ab, other, prompts="Say hello.")
        await run(ab)
        session = ab.app.session
        ab.click("Keep B")
        await until(lambda: "B is kept" in ab.window.results.said.text(), "B to be kept")
        assert session.settings.engine == other.base_url
        assert other.base_url in kept_settings()
        await until(lambda: session.engine.snapshot.phase is EnginePhase.READY, "B's engine")
        ab.click("Keep B")
        await until(lambda: "B stays" in ab.window.results.said.text(), "nothing to do")
        ab.click("Keep A")
        await until(lambda: "A is kept" in ab.window.results.said.text(), "A to be kept")
        assert session.settings.engine == server.base_url


async def test_the_report_is_copied_and_saved(server: OpenAIServer, tmp_path: Path) -> None:
    async with OpenAIServer() as other, ab_opened(server.base_url) as ab:
        await set_up(ab, other, prompts="Say hello.")
        await run(ab)
        ab.click("Copy report")
        report = QGuiApplication.clipboard().text()
        assert report.startswith("# ") and "## Figures" in report and "Say hello." in report
        ab.click("Save report…")
        (chooser,) = ab.window.findChildren(QFileDialog)
        chooser.fileSelected.emit(str(tmp_path / "report.md"))
        chooser.close()
        await until(lambda: "Saved as" in ab.window.results.said.text(), "the file")
        assert (tmp_path / "report.md").read_text() == report


async def test_a_question_asked_meanwhile_waits_and_goes_to_the_own_engine(server: OpenAIServer) -> None:
    async with OpenAIServer() as other, ab_opened(server.base_url) as ab:
        gate = asyncio.Event()
        give(server, "Hello.")
        other.script(b"HTTP/1.1 200 OK\r\n", gate)
        await set_up(ab, other, prompts="Say hello.")
        ab.click("Compare")
        await until(lambda: ab.window.running.sides["b"].state.text().startswith("A first"), "B's warm-up")
        asked = len(server.requests)
        ab.app.ask("What is the capital of France?")
        await until(lambda: ab.app.state.notices, "a word about it")
        assert ab.app.state.notices[-1].cause == "ab_question_waits"
        assert ab.app.session.engine.is_lent
        ab.click("Cancel")
        await ab.until_page(ab.window.results, "the results")
        gate.set()
        await ab.app.until_answered()
        assert ab.app.state.notices == ()
        assert "Paris" in ab.app.words
        questions = [each for each in server.requests[asked:] if each.method == "POST"]
        assert len(questions) == 1
        assert sum(each.method == "POST" for each in other.requests) == 1  # B was never asked it


async def test_closing_the_window_lets_it_go_on_and_quitting_ends_it(server: OpenAIServer) -> None:
    async with OpenAIServer() as other:
        gate = asyncio.Event()
        async with ab_opened(server.base_url) as ab:
            other.script(b"HTTP/1.1 200 OK\r\n", gate)
            await set_up(ab, other, prompts="Say hello.")
            ab.click("Compare")
            running = ab.window.running
            await until(lambda: running.sides["b"].state.text().startswith("A first"), "B's warm-up")
            ab.window.close()
            assert isinstance(ab.controller._run, AbRun)
            ab.controller.open()
            assert ab.window.isVisible() and ab.window.pages.currentWidget() is running
            session = ab.app.session
        gate.set()
        assert not ab.controller.is_running
        assert session.engine.settings is session.settings
        assert other.base_url not in kept_settings()


async def test_b_that_does_not_start_is_told_and_a_s_answers_are_kept(server: OpenAIServer) -> None:
    async with ab_opened(server.base_url) as ab:
        gone = await OpenAIServer().__aenter__()
        await set_up(ab, gone, prompts="Say hello.")
        give(server, "Hello there.", first_s=0.3)
        before, phase = ab.app.session.settings, ab.app.state.engine.phase
        ab.click("Compare")
        await until(lambda: [each for each in server.requests if each.method == "POST"], "a question to A")
        await gone.__aexit__()  # it was there when it was looked for
        await ab.until_page(ab.window.results, "the results")
        await until(lambda: ab.app.is_idle, "the end of it")

        results = ab.window.results
        assert results.problem.isVisible() and results.problem.problem is not None
        assert results.problem.problem.title.startswith("B: ")
        assert results.problem.problem.actions == ()
        assert results.texts.left.text.toPlainText() == "Hello there."
        assert "1 not asked" in ab.words(results)
        assert not results.vote.isVisible()  # there is nothing to choose from
        assert ab.app.session.engine.settings is before
        assert ab.app.state.engine.phase is phase


async def test_the_form_knows_the_models_of_the_embedded_engine(tmp_path: Path) -> None:
    model = tmp_path / "other.gguf"
    async with ab_opened("embedded") as ab:
        setup = ab.window.setup
        assert setup.form.kind is EngineKind.EMBEDDED and setup.a.title.text() == "starter model"
        assert [offer.label for offer in ab.controller._offers] == ["starter model"]
        ab.app.session.stop_engine()
        await until(lambda: ab.app.state.engine.phase is EnginePhase.STOPPED, "the engine to stop")
        setup.form.show_file(str(model))
        await until(setup.start.isEnabled, "a plan that can be run")
        assert "started for it and stopped afterwards" in setup.cost.text()
        assert setup.b.title.text() == "other"
