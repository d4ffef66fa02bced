"""The live figures in the whole program: heard, shown, remembered, exported, and nothing asked unseen."""

from __future__ import annotations

import asyncio
import csv
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from arcdesk.app.live_parts import LiveParts
from arcdesk.core.errors import ActionKind, ArcDeskError
from arcdesk.core.live_stats import LiveKey, Source
from arcdesk.ui.live_dock import LiveDock
from tests.fakes.live_server import LiveServer
from tests.ui.app_rig import App, no_docker, open_app, until
from tests.ui.live_rig import dock_of, strip_of

__all__ = ["no_docker"]

pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)  # the offscreen platform says so


@pytest_asyncio.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with LiveServer() as server:
        yield server


@pytest_asyncio.fixture
async def app(server: LiveServer) -> AsyncIterator[App]:
    async with open_app(server.base_url) as app:
        app.window.resize(1180, 760)
        await until(lambda: app.session._live is not None and app.session._live._strip, "the strip")
        await until(lambda: strip_of(app).is_seen, "the strip in sight")
        yield app


async def ask(app: App, text: str = "What is the capital of France?") -> None:
    app.ask(text)
    await app.until_answered()


async def open_panel(app: App) -> LiveDock:
    app.session.open_live()
    await until(lambda: (dock := dock_of(app)) is not None and dock.panel.is_seen, "the panel")
    dock = dock_of(app)
    assert dock is not None
    return dock


def tooltip(app: App) -> str:
    return app.session.tray._state_line.text()


async def quiet(app: App, server: LiveServer) -> int:
    """How often the server has been asked, once what an answer asks for has come."""
    await until(lambda: app.is_idle and not server.chats_in_progress, "the end of the answer")
    asked = -1
    while asked != server.times_asked:
        asked = server.times_asked
        await asyncio.sleep(0.8)  # an X-ray asks within a few tenths of a second after its answer
    return asked


async def test_nothing_is_asked_while_nothing_shows_it(app: App, server: LiveServer) -> None:
    server.gate = asyncio.Event()
    app.ask("What is the capital of France?")
    await until(lambda: app.session.live.service.our_view.is_streaming, "the first half")
    assert strip_of(app).is_seen
    asked = server.times_asked
    points = len(app.session.live.service.our_view.points)
    await until(lambda: len(app.session.live.service.our_view.points) >= points + 2, "two tellings")
    assert server.times_asked == asked  # the strip shows what we hear ourselves
    server.gate.set()
    await app.until_answered()
    asked = await quiet(app, server)
    assert not app.session.live.service.is_watched
    dock = await open_panel(app)
    await until(lambda: server.times_asked >= asked + 3, "looks at the server")
    dock.leave()
    assert not app.session.live.service.is_watched
    await asyncio.sleep(0.1)  # the one under way
    asked = server.times_asked
    await asyncio.sleep(1.5)
    assert server.times_asked == asked


async def test_a_hidden_or_minimised_window_asks_nothing(app: App, server: LiveServer) -> None:
    await ask(app)
    await open_panel(app)
    service = app.session.live.service
    await until(lambda: service.is_watched, "the watch")
    app.window.hide()
    await until(lambda: not service.is_watched, "the end of the watch")
    app.window.show()
    await until(lambda: service.is_watched, "the watch again")
    app.window.showMinimized()
    await until(lambda: not service.is_watched, "the end of the watch once more")
    app.window.showNormal()
    await until(lambda: service.is_watched, "the watch once more")


async def test_strip_and_panel_show_what_was_measured(app: App, server: LiveServer) -> None:
    strip = strip_of(app)
    assert "no answer yet" in strip.accessibleName()
    small = strip.sizeHint().height()
    await ask(app)
    stats = (await app.chat.messages(app.state.active_conversation))[-1].stats
    assert stats is not None
    assert stats.decode_tokens_per_s is not None
    assert float(strip.rate_text) == pytest.approx(stats.decode_tokens_per_s, abs=0.6)
    assert "1" in strip.head
    assert strip.sizeHint().height() > small
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton)
    await until(lambda: (dock := dock_of(app)) is not None and dock.panel.is_seen, "the panel")
    await until(app.window.prompt.edit.hasFocus, "the keyboard in the prompt")
    dock = dock_of(app)
    assert dock is not None
    service = app.session.live.service
    await until(lambda: service.view[LiveKey.TTFT_P50_MS].reason != "", "the server's figures")
    await ask(app, "And of Italy?")
    await until(lambda: service.view[LiveKey.TTFT_P50_MS].n, "the answer in the server's figures")
    ours = dock.panel.sections[Source.OURS]
    first = next(line for line in ours.lines if line.spec.title == "First token")
    assert first.texts[-1] == "2"
    assert float(first.texts[0]) >= server.prefill_s * 1000
    theirs = dock.panel.sections[Source.SERVER]
    running = next(line for line in theirs.lines if line.spec.title == "Running")
    assert running.texts == ("0",)
    assert "vllm:num_requests_running" in running.about_at(0)


async def test_the_tooltip_tells_the_last_rate_until_the_engine_is_another(
    app: App, server: LiveServer
) -> None:
    assert "tok/s" not in tooltip(app)
    await ask(app)
    stats = (await app.chat.messages(app.state.active_conversation))[-1].stats
    assert stats is not None
    assert stats.decode_tokens_per_s is not None
    assert tooltip(app).endswith(f" · {stats.decode_tokens_per_s:.0f} tok/s")
    async with LiveServer() as other:
        await app.session.apply(replace(app.session.settings, engine=other.base_url))
        assert "tok/s" not in tooltip(app)
        server.gate = None
        await ask(app, "And of Italy?")
        assert tooltip(app).endswith(" tok/s")


async def test_the_tooltip_tells_the_rate_of_now_while_an_answer_stalls(app: App, server: LiveServer) -> None:
    server.gate = asyncio.Event()
    app.ask("What is the capital of France?")
    await until(lambda: "tok/s" in tooltip(app), "a rate in the middle of the answer")
    assert tooltip(app).startswith("Answering · ")
    fast = tooltip(app)
    await until(lambda: tooltip(app) != fast, "a rate that sinks")
    server.gate.set()
    await app.until_answered()


async def test_the_key_opens_the_panel_and_closes_it(app: App, server: LiveServer) -> None:
    window = app.window
    window.activateWindow()
    await until(window.isActiveWindow, "the active window")
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(window, Qt.Key.Key_L, keys)
    await until(lambda: (dock := dock_of(app)) is not None and dock.isVisible(), "the panel")
    dock = dock_of(app)
    assert dock is not None
    assert app.window.prompt.edit.hasFocus()  # what is typed next is a question
    QTest.keyClick(window, Qt.Key.Key_F6)
    await until(lambda: dock.panel.has_focus, "the keyboard in it")
    QTest.keyClick(window, Qt.Key.Key_F6)
    assert app.window.prompt.edit.hasFocus()
    QTest.keyClick(window, Qt.Key.Key_F6)
    QTest.keyClick(dock.panel.ask, Qt.Key.Key_Escape)
    assert app.window.prompt.edit.hasFocus()
    assert dock.isVisible()
    QTest.keyClick(window, Qt.Key.Key_L, keys)
    assert not dock.isVisible()
    assert app.window.prompt.edit.hasFocus()


async def test_an_empty_panel_says_what_to_do(server: LiveServer) -> None:
    server.has_metrics = False
    async with open_app(server.base_url) as app:
        dock = await open_panel(app)
        await until(lambda: dock.panel.is_empty, "the page that teaches")
        QTest.mouseClick(dock.panel.ask, Qt.MouseButton.LeftButton)
        assert app.window.prompt.edit.hasFocus()
        await ask(app)
        await until(lambda: not dock.panel.is_empty, "figures")
        theirs = dock.panel.sections[Source.SERVER]
        await until(lambda: "tells no figures" in theirs.note.text(), "why the server's are missing")


async def test_a_server_that_begins_anew_is_said(app: App, server: LiveServer) -> None:
    await ask(app)
    dock = await open_panel(app)
    service = app.session.live.service
    await until(lambda: service.view[LiveKey.TOKENS_PER_S].value is not None, "figures of the server")
    server.counts.restart(started_at=1.8e9)
    theirs = dock.panel.sections[Source.SERVER]
    await until(lambda: "began anew" in theirs.note.text(), "that it began anew")


async def test_the_panel_is_found_where_it_was_left(server: LiveServer) -> None:
    async with open_app(server.base_url) as app:
        app.window.resize(1180, 760)
        dock = await open_panel(app)
        dock.place(Qt.DockWidgetArea.BottomDockWidgetArea)
    async with open_app(server.base_url) as app:
        await until(lambda: (dock := dock_of(app)) is not None and dock.isVisible(), "the panel again")
        again = dock_of(app)
        assert again is not None
        assert app.window.dockWidgetArea(again) == Qt.DockWidgetArea.BottomDockWidgetArea
        assert app.window.prompt.edit.hasFocus()  # who opens the chat wants to write
        again.setFloating(True)
    async with open_app(server.base_url) as app:
        await until(lambda: (dock := dock_of(app)) is not None and dock.isVisible(), "the floating panel")
        floating = dock_of(app)
        assert floating is not None
        assert floating.isFloating()
        app.window.hide()
        assert not floating.isVisible()
        app.window.show()
        await until(floating.isVisible, "the floating panel with its window")
        floating.leave()
    async with open_app(server.base_url) as app:
        await until(lambda: app.session._live is not None and app.session._live._strip, "the strip")
        await until(lambda: app.is_idle, "all that follows a window")
        assert dock_of(app) is None  # closed: not even made


async def test_the_inspector_makes_way_for_the_panel_and_comes_back(app: App) -> None:
    assert app.window.engine_card.isVisible()
    dock = await open_panel(app)
    await until(lambda: not app.window.engine_card.isVisible(), "room for the chat")
    dock.leave()
    await until(app.window.engine_card.isVisible, "the inspector again")


async def test_in_a_narrow_window_it_goes_below_the_chat_and_back(app: App) -> None:
    app.window.resize(1180, 760)
    dock = await open_panel(app)
    assert app.window.dockWidgetArea(dock) == Qt.DockWidgetArea.RightDockWidgetArea
    app.window.resize(640, 760)
    assert app.window.dockWidgetArea(dock) == Qt.DockWidgetArea.BottomDockWidgetArea
    assert dock.isVisible()
    app.window.resize(1180, 760)
    assert app.window.dockWidgetArea(dock) == Qt.DockWidgetArea.RightDockWidgetArea
    assert dock.isVisible()


async def test_figures_are_copied_and_saved(app: App, server: LiveServer, tmp_path: Path) -> None:
    await ask(app)
    dock = await open_panel(app)
    service = app.session.live.service
    await until(lambda: service.view[LiveKey.TOKENS_PER_S_MINUTE].value is not None, "figures")
    dock.menu.actions()[0].trigger()
    copied = QApplication.clipboard().text()
    assert "ArcDesk, on its own answers" in copied
    assert "[vllm:num_requests_running]" in copied
    controller = app.session.live._panel
    assert controller is not None
    path = tmp_path / "live.csv"
    await controller.save(path)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len(rows) >= 2
    assert float(rows[-1]["ours_ttft_p50_ms"]) >= server.prefill_s * 1000
    assert str(path) in dock.panel.said
    with pytest.raises(ArcDeskError, match="could not be saved"):
        await controller.save(tmp_path / "no such folder" / "live.csv")


async def test_other_colours_reach_strip_and_panel(app: App) -> None:
    dock = await open_panel(app)
    app.session.take(replace(app.session.settings, theme="dark"))
    assert dock.panel.sections[Source.OURS].lines[0]._palette.is_dark
    assert strip_of(app)._palette.is_dark


# the page for Prometheus


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url)


async def test_the_page_comes_and_goes_with_its_setting(app: App, server: LiveServer) -> None:
    await ask(app)
    live: LiveParts = app.session.live
    port = free_port()
    app.session.take(replace(app.session.settings, live_export=True, live_export_port=port))
    await until(lambda: live.page_url, "the page")
    answer = await get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    assert "arcdesk_ours_ttft_p50_seconds 0." in answer.text
    assert "arcdesk_server_requests_running 0.0" in answer.text
    other = free_port()
    app.session.take(replace(app.session.settings, live_export_port=other))
    await until(lambda: str(other) in live.page_url, "the page at another port")
    assert (await get(live.page_url)).status_code == 200
    with pytest.raises(httpx.ConnectError):
        await get(f"http://127.0.0.1:{port}/metrics")
    app.session.take(replace(app.session.settings, live_export=False))
    await until(lambda: not live.page_url, "the page to go")
    with pytest.raises(httpx.ConnectError):
        await get(f"http://127.0.0.1:{other}/metrics")


async def test_a_taken_port_names_its_owner_and_offers_another(app: App, server: LiveServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        app.session.take(replace(app.session.settings, live_export=True, live_export_port=port))
        await until(lambda: app.state.notices, "a notice")
        notice = app.state.notices[-1]
        assert notice.title == f"Port {port} is taken"
        assert "(process " in notice.detail
        (action,) = notice.actions
        assert action.kind is ActionKind.USE_EXPORT_PORT
        assert app.session.live.page_url == ""
        app.session.live.use_port(int(action.target))
        await until(lambda: app.session.live.page_url, "the page at the other port")
        assert f":{action.target}/" in app.session.live.page_url
        assert app.session.settings.live_export_port == int(action.target)
        assert (await get(app.session.live.page_url)).status_code == 200


async def test_a_page_that_was_on_is_there_after_the_next_start(server: LiveServer) -> None:
    port = free_port()
    async with open_app(server.base_url) as app:
        app.session.take(replace(app.session.settings, live_export=True, live_export_port=port))
        await until(lambda: app.session._live is not None and app.session.live.page_url, "the page")
    with pytest.raises(httpx.ConnectError):  # it went with the program
        await get(f"http://127.0.0.1:{port}/metrics")
    async with open_app(server.base_url) as app:
        await until(lambda: app.session._live is not None and app.session.live.page_url, "the page again")
        assert (await get(app.session.live.page_url)).status_code == 200
        app.session.take(replace(app.session.settings, live_export=False))
