"""The models window in the running app: list, choose, delete, move, verify, search, download."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.fit import Verdict
from arcdesk.core.hub import DownloadPhase
from arcdesk.core.models import ModelEntry, Place
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.storage import paths
from arcdesk.storage.settings_file import FILE_NAME
from arcdesk.ui import theme
from arcdesk.ui.theme import DARK, LIGHT
from tests.fakes.openai_server import OpenAIServer
from tests.model_cache_rig import QWEN_7B, TINY, put_model
from tests.rig.hub_server import Fault, HubServer, Repo
from tests.ui.app_rig import no_docker, open_app, server, until
from tests.ui.models_rig import Desk, found, opened
from tests.unit.api.hub_rig import noise

__all__ = ["no_docker", "server"]  # fixtures
pytestmark = pytest.mark.qt_log_ignore("does not support")  # the offscreen platform says so

TINY_ID, QWEN_ID = "TinyLlama/TinyLlama-1.1B-Chat-v1.0", "Qwen/Qwen2.5-7B-Instruct"
HUB_ID = "org/model"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as hub:
        config = json.dumps(QWEN_7B).encode()
        hub.repos[HUB_ID] = Repo(
            files={"config.json": config, "model.safetensors": noise(600_000)}, downloads=7000
        )
        hub.repos["org/gated"] = Repo(files={"config.json": config}, gated="manual")
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "hf"
    put_model(folder / "hub", TINY_ID, TINY, size_bytes=1 << 20)
    put_model(folder / "hub", QWEN_ID, QWEN_7B, size_bytes=2 << 20, shards=2)
    return folder


def kept() -> dict[str, Any]:
    return tomllib.loads((paths.config_dir() / FILE_NAME).read_text())


# looking


async def test_the_disk_s_models_and_the_start_list_are_shown(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        own = [row.subject for row in desk.rows if isinstance(row.subject, ModelEntry)]
        assert [entry.id for entry in own if entry.place is Place.CACHE] == [QWEN_ID, TINY_ID]
        assert desk.ids.count(QWEN_ID) == 1, "what is here is not in the start list, too"
        assert "Qwen/Qwen3-8B" in desk.ids
        await desk.choose(QWEN_ID)
        words = desk.words(desk.window.detail)
        for fact in (
            "28 layers, 28 heads",
            "32\u202f768 tokens",
            "apache-2.0",
            "Not measured yet",
            "Intel Arc B580",
        ):
            assert fact in words
        detail = desk.window.detail.detail
        assert detail is not None and detail.fit is not None
        assert detail.fit.cards[0].held_bytes == 400 << 20
        assert hub.seen == [], "nothing was asked of the hub"


async def test_another_format_is_reckoned_when_it_is_picked(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        await desk.choose(TINY_ID)
        first = desk.window.detail.detail
        desk.window.low_bit_requested.emit("fp16")
        await desk.settle()
        detail = desk.window.detail.detail
        assert detail is not None and detail.fit is not None and first is not None and first.fit is not None
        assert detail.fit.low_bit == "fp16" != first.fit.low_bit
        assert (detail.fit.weights_bytes or 0) > (first.fit.weights_bytes or 0)


async def test_without_a_card_it_says_so(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        desk.cards = ()
        await desk.choose(TINY_ID)
        detail = desk.window.detail.detail
        assert detail is not None and detail.fit is not None
        assert detail.fit.verdict is Verdict.UNKNOWN
        assert "No Intel card" in desk.words(desk.window.detail)


async def test_what_is_new_on_the_disk_comes_with_f5(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        await desk.choose(QWEN_ID)
        put_model(cache / "hub", "aaa/new", TINY)
        QTest.keyClick(desk.window, Qt.Key.Key_F5)
        await until(lambda: "aaa/new" in desk.ids, "the new model")
        await desk.settle()
        detail = desk.window.detail.detail
        assert detail is not None and detail.name == QWEN_ID, "the choice is kept"


async def test_a_window_that_nobody_sees_reads_nothing(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        desk.window.hide()
        put_model(cache / "hub", "aaa/new", TINY)
        desk.app.session.restart_engine()  # its end would be a reason to look again
        await desk.settle()
        assert "aaa/new" not in desk.ids
        desk.controller.show()
        await until(lambda: "aaa/new" in desk.ids, "the new model")


# choosing


async def test_use_sets_the_container_and_undo_takes_it_back(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        before = desk.app.session.settings
        await desk.choose(QWEN_ID)
        desk.click("Use this model")
        await desk.settle()
        container = desk.app.session.settings.container
        assert container.model_path == QWEN_ID
        assert container.served_model_name == "qwen2.5-7b-instruct"
        assert container.max_model_len == 8192 == container.max_num_batched_tokens
        assert kept()["container"]["model_path"] == QWEN_ID
        assert desk.app.session.engine.settings.container == container, "the engine has them"
        assert "is chosen" in desk.words(desk.window.notice)
        assert "2048 tokens → 8192 tokens" in desk.words(desk.window.notice)
        desk.click("Undo")
        await desk.settle()
        assert desk.app.session.settings == before
        assert kept()["container"]["model_path"] == before.container.model_path


async def test_enter_uses_the_chosen_model(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        await desk.choose(QWEN_ID)
        QTest.keyClick(desk.window.pane.here, Qt.Key.Key_Return)
        await until(lambda: desk.app.session.settings.container.model_path == QWEN_ID, "the choice")
        await desk.settle()


async def test_a_format_that_does_not_fit_is_replaced(hub: HubServer, cache: Path) -> None:
    put_model(cache / "hub", "aaa/big", QWEN_7B, size_bytes=int(15.2e9))
    async with opened(hub, cache, more='load_in_low_bit = "fp16"') as desk:
        await desk.choose("aaa/big")
        desk.click("Use this model")
        await desk.settle()
        container = desk.app.session.settings.container
        assert container.load_in_low_bit != "fp16"
        fit = await desk.controller._parts.fit.of_entry(
            _entry(desk, QWEN_ID), low_bit=container.load_in_low_bit
        )
        assert fit.verdict in (Verdict.FITS, Verdict.TIGHT)


async def test_a_running_engine_is_restarted_when_wanted(hub: HubServer, cache: Path, tmp_path: Path) -> None:
    """The real embedded engine, with another file of its own model."""
    starter = find_starter_model()
    assert starter is not None
    (tmp_path / "mine").mkdir()
    other = tmp_path / "mine" / "other.gguf"
    other.write_bytes(starter.read_bytes())
    async with opened(hub, cache, engine="embedded") as desk:
        session = desk.app.session
        await session.engine.start()
        await until(lambda: session.engine.snapshot.phase is EnginePhase.READY, "the engine")
        await until(lambda: desk.rows[0].mark == "in use", "the starter among what is served")
        desk.window.paths_dropped.emit([str(other)])
        await until(lambda: str(other) in desk.ids, "the dropped file")
        assert kept()["models"]["model_folders"] == str(tmp_path / "mine")
        await desk.choose(str(other))
        desk.click("Use this model")
        await desk.settle()
        assert "still runs smollm2" in desk.words(desk.window.notice)
        assert session.engine.snapshot.phase is EnginePhase.READY, "it was left alone"
        assert session.settings.gguf_path == str(other)
        desk.click("Restart now")
        await until(lambda: session.engine.snapshot.model == "other", "the other model")
        await until(lambda: _in_use(desk) == [str(other)], "it as the served one")
        await desk.settle()
        await session.engine.stop()


async def test_a_gguf_file_offers_the_embedded_engine(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache, engine=None, setting="container") as desk:
        starter = next(row.subject for row in desk.rows if _is_starter(row.subject))
        await desk.choose(starter.id)
        desk.click("Use this model")
        await desk.settle()
        assert "needs the embedded engine" in desk.words(desk.window.detail)
        assert desk.app.session.settings.engine == "container"
        desk.click("Use it with the embedded engine")
        await desk.settle()
        assert desk.app.session.settings.engine == "embedded"
        assert desk.app.state.engine.kind is EngineKind.EMBEDDED


async def test_pickled_weights_are_used_only_after_a_yes(hub: HubServer, cache: Path) -> None:
    put_model(cache / "hub", "aaa/pickled", TINY, ending="bin")
    async with opened(hub, cache) as desk:
        before = desk.app.session.settings
        await desk.choose("aaa/pickled")
        desk.click("Use this model")
        await desk.click_dialog("Cancel")
        assert desk.app.session.settings == before
        desk.click("Use this model")
        await desk.click_dialog("Use it")
        assert desk.app.session.settings.container.model_path == "aaa/pickled"


# files


async def test_delete_asks_frees_and_can_be_undone(hub: HubServer, cache: Path) -> None:
    folder = cache / "hub" / "models--Qwen--Qwen2.5-7B-Instruct"
    async with opened(hub, cache) as desk:
        await desk.choose(QWEN_ID)
        QTest.keyClick(desk.window.pane.here, Qt.Key.Key_Delete)
        await until(lambda: found(desk.window, "Delete"), "the question")
        assert "models--Qwen--Qwen2.5-7B-Instruct" in desk.words(), "what would go"
        await desk.click_dialog("Delete")
        await until(lambda: _entries(desk) == [TINY_ID], "the shorter list")
        assert not folder.exists()
        desk.click("Undo")
        await until(lambda: _entries(desk) == [QWEN_ID, TINY_ID], "the model again")
        assert (folder / "refs" / "main").exists()


async def test_a_model_on_its_way_is_not_deleted(hub: HubServer, cache: Path) -> None:
    hub.repos[QWEN_ID] = Repo(files={"config.json": b"{}", "model.safetensors": b"x" * 100_000})
    hub.fails("model.safetensors", Fault(stall_after=1000))
    async with opened(hub, cache) as desk:
        await desk.choose(QWEN_ID)
        await desk.downloads.start(QWEN_ID)
        await until(lambda: any(one.done_bytes for one in desk.downloads.list()), "the first bytes")
        QTest.keyClick(desk.window.pane.here, Qt.Key.Key_Delete)
        await desk.settle()
        buttons = desk.window.detail.buttons
        assert not buttons["delete"].isEnabled() and not buttons["move"].isEnabled()
        assert not found(desk.window, "Delete")
        await desk.downloads.cancel(QWEN_ID)
        hub.release()


async def test_the_space_can_be_freed_at_once(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        await desk.choose(QWEN_ID)
        desk.click("Delete…")
        await desk.click_dialog("Delete")
        desk.click("Free them now")
        await desk.settle()
        assert "are free again" in desk.words(desk.window.notice)
        left = [name for _, _, names in os.walk(cache) for name in names]
        assert len(left) == len(set(left)) and not [name for name in left if "00001-of-00002" in name]


async def test_no_means_no(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        await desk.choose(QWEN_ID)
        desk.click("Delete…")
        await desk.click_dialog("Cancel")
        assert _entries(desk) == [QWEN_ID, TINY_ID]


async def test_a_moved_model_is_found_in_its_new_place(hub: HubServer, cache: Path, tmp_path: Path) -> None:
    async with opened(hub, cache) as desk:
        await desk.choose(QWEN_ID)
        desk.controller._files.move(_entry(desk, QWEN_ID), tmp_path / "disk2")
        await desk.settle()
        await until(lambda: "disk2" in _entry(desk, QWEN_ID).path, "the new place")
        assert kept()["models"]["model_folders"] == str(tmp_path / "disk2")
        assert not (cache / "hub" / "models--Qwen--Qwen2.5-7B-Instruct").exists()


async def test_verify_finds_a_file_that_was_cut(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        await desk.choose(TINY_ID)
        desk.click("Verify")
        await desk.settle()
        assert "is whole" in desk.words(desk.window.notice), desk.words()
        weights = next((cache / "hub").glob("models--Tiny*/snapshots/*/model.safetensors")).resolve()
        os.truncate(weights, 1000)
        desk.click("Verify")
        await desk.settle()
        assert "model.safetensors" in desk.words(desk.window.detail)
        assert desk.window.work.isHidden()


# the hub


async def test_typing_asks_the_hub_and_fit_comes_before_download(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        desk.window.pane.show_tab(1)
        asked: list[str] = []
        desk.window.search_requested.connect(asked.append)
        QTest.keyClicks(desk.window.pane.words, "org")
        await until(lambda: desk.ids == [HUB_ID, "org/gated"], "the hits")
        assert asked == ["org"], "one question for three letters"
        assert [row.mark for row in desk.rows] == ["", "gated"]
        await desk.choose(HUB_ID)
        detail = desk.window.detail.detail
        assert detail is not None and detail.fit is not None and detail.repo is not None
        assert "Intel Arc B580" in desk.words(desk.window.detail)
        assert not hub.requests("model.safetensors"), "only config and sizes came"


async def test_a_hub_that_fails_says_why(hub: HubServer, cache: Path) -> None:
    for _ in range(10):
        hub.fails("/api/models", Fault(status=500))
    async with opened(hub, cache) as desk:
        desk.window.pane.show_tab(1)
        QTest.keyClicks(desk.window.pane.words, "org")
        QTest.keyClick(desk.window.pane.words, Qt.Key.Key_Return)
        await until(lambda: desk.controller._board.view.search.problem, "the refusal")
        assert desk.rows == []
        assert desk.controller._board.view.search.problem is not None


async def test_a_download_arrives_in_the_list_and_can_be_used(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        desk.controller.download(HUB_ID)
        await until(lambda: _phase(desk) is DownloadPhase.DONE, "the download")
        desk.window.pane.show_tab(0)
        await until(lambda: HUB_ID in _entries(desk), "it in the list")
        row = desk.window.downloads.rows[HUB_ID]
        await until(row.buttons["use"].isVisible, "its button")
        assert row.buttons["use"].isVisible() and not row.buttons["pause"].isVisible()
        row.buttons["use"].click()
        await until(lambda: desk.app.session.settings.container.model_path == HUB_ID, "the choice")
        assert desk.window.downloads.rows == {}, "its row has done its work"
        await desk.settle()


async def test_a_finished_download_can_be_dismissed(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        desk.controller.download(HUB_ID)
        await until(lambda: _phase(desk) is DownloadPhase.DONE, "the download")
        await desk.settle()
        desk.window.downloads.rows[HUB_ID].buttons["forget"].click()
        assert desk.window.downloads.rows == {}


async def test_what_the_hub_has_and_is_here_is_used_not_downloaded(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        desk.window.pane.show_tab(1)
        QTest.keyClicks(desk.window.pane.words, "org")
        QTest.keyClick(desk.window.pane.words, Qt.Key.Key_Return)
        await until(lambda: HUB_ID in desk.ids, "it on the hub")
        QTest.keyClick(desk.window.pane.words, Qt.Key.Key_Down)
        await desk.settle()
        assert [item.text() for item in desk.window.pane.hub.selectedItems()] == [HUB_ID], "it is marked"
        assert found(desk.window.detail, "Download") and not found(desk.window.detail, "Use this model")
        desk.click("Download")
        await until(lambda: found(desk.window.detail, "Use this model"), "the way on, once it is here")
        await desk.settle()
        assert not found(desk.window.detail, "Download")
        QTest.keyClick(desk.window.pane.hub, Qt.Key.Key_Return)
        await until(lambda: desk.app.session.settings.container.model_path == HUB_ID, "the choice")
        await desk.settle()


async def test_the_window_opens_at_the_top_of_the_list(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        detail = desk.window.detail.detail
        assert detail is not None and detail.subject == desk.rows[0].subject
        assert [item.text() for item in desk.window.pane.here.selectedItems()] == [desk.rows[0].title]


async def test_the_window_follows_the_system_s_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_app("http://127.0.0.1:9") as app:
        window = app.session.tools.models.window
        hints = app.session.app.styleHints()
        for scheme, palette in ((Qt.ColorScheme.Dark, DARK), (Qt.ColorScheme.Light, LIGHT)):
            # the offscreen platform has no scheme
            monkeypatch.setattr(theme, "_system_is_dark", lambda _, wanted=palette: wanted is DARK)
            hints.colorSchemeChanged.emit(scheme)
            assert window.detail._palette is palette


async def test_pause_resume_and_a_closed_window_ends_no_download(hub: HubServer, cache: Path) -> None:
    hub.fails("model.safetensors", Fault(pause_s=0.2, times=2))
    async with opened(hub, cache) as desk:
        desk.controller.download(HUB_ID)
        await until(lambda: _phase(desk) is DownloadPhase.RUNNING, "the download")
        row = desk.window.downloads.rows[HUB_ID]
        row.buttons["pause"].click()
        await until(lambda: _phase(desk) is DownloadPhase.PAUSED, "the pause")
        await until(row.buttons["resume"].isVisible, "the way on")
        row.buttons["resume"].click()
        desk.window.close()
        await until(lambda: _phase(desk) is DownloadPhase.DONE, "the rest, without a window")
        desk.controller.show()
        await until(desk.window.downloads.rows[HUB_ID].buttons["use"].isVisible, "that it is told")


async def test_a_model_named_from_elsewhere_is_turned_to(hub: HubServer, cache: Path) -> None:
    async with opened(hub, cache) as desk:
        desk.controller.show(TINY_ID)
        await desk.settle()
        detail = desk.window.detail.detail
        assert detail is not None and detail.name == TINY_ID
        desk.controller.show("org/model")
        await until(lambda: HUB_ID in desk.ids, "a search of the hub")
        await desk.settle()


async def test_a_start_model_asks_the_hub_only_when_told_to(hub: HubServer, cache: Path) -> None:
    hub.repos["Qwen/Qwen3-8B"] = Repo(
        files={"config.json": json.dumps(QWEN_7B).encode(), "model.safetensors": b"x" * 100}
    )
    async with opened(hub, cache) as desk:
        await desk.choose("Qwen/Qwen3-8B")
        assert hub.seen == []
        desk.click("See whether it fits")
        await until(lambda: hub.seen, "a question to the hub")
        await desk.settle()
        detail = desk.window.detail.detail
        assert detail is not None and detail.fit is not None
        assert detail.fit.cards


# the server


async def test_a_server_elsewhere_is_asked_and_its_models_are_not_ours(
    hub: HubServer, cache: Path, server: OpenAIServer
) -> None:
    async with opened(hub, cache, engine=server.base_url) as desk:
        await desk.app.session.engine.start()
        await until(lambda: desk.rows[0].subject.id == "tinyllama", "the server's model on top")
        await desk.choose("tinyllama")
        assert not found(desk.window, "Use this model") and not found(desk.window, "Delete…")
        desk.click("Copy id")
        assert QGuiApplication.clipboard().text() == "tinyllama"
        await desk.choose(QWEN_ID)
        desk.click("Use this model")
        await desk.settle()
        assert "needs the container" in desk.words(desk.window.detail)


def _entries(desk: Desk) -> list[str]:
    listed = desk.controller._board.view.listing.entries
    return [entry.id for entry in listed if entry.place is Place.CACHE]


def _entry(desk: Desk, model_id: str) -> ModelEntry:
    return next(entry for entry in desk.controller._board.view.listing.entries if entry.id == model_id)


def _in_use(desk: Desk) -> list[str]:
    return [row.subject.id for row in desk.rows if row.mark == "in use"]


def _is_starter(subject: object) -> bool:
    return isinstance(subject, ModelEntry) and subject.place is Place.STARTER


def _phase(desk: Desk) -> DownloadPhase | None:
    shown = {one.repo: one.phase for one in desk.controller._parts.downloads.list()}
    return shown.get(HUB_ID)
