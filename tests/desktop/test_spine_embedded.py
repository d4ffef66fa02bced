"""ArcDesk without Docker as a person meets it: real window, real keys, real clicks, the embedded engine."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Iterator

import pytest

from arcdesk.storage.history_db import HistoryDb
from tests.desktop.driver import CLOSE_WINDOW, ArcDesk, arcdesk, choose_in_tray_menu, click_tray_icon
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import wait_for

pytestmark = pytest.mark.desktop

QUESTION = "What is the capital of France?"
LONG_QUESTION = "Write a long story about a ship, a storm and an island."
CHILD_GONE_S = 2.0


@pytest.fixture
def app(x_display: Desktop) -> Iterator[ArcDesk]:
    """ArcDesk with an empty home and no Docker to be reached; not started yet."""
    with arcdesk(x_display) as program:
        yield program


def start_with_window(app: ArcDesk, *options: str) -> int:
    """Start it; the id of its window, which has the keyboard."""
    app.start(*options)
    return app.wait_for_window()


def open_first_chat(app: ArcDesk) -> None:
    """Choose the newest conversation by keys; the title of the window tells that it is shown."""
    app.key("ctrl+f", "Tab", "Down", "Return")
    wait_for(lambda: app.windows("— ArcDesk$"), "a conversation in the window")


def test_the_first_start_ends_in_a_working_chat(app: ArcDesk, xembed_tray: TrayHost) -> None:
    start_with_window(app)
    engine = app.wait_for_phase("ready")
    assert (engine["kind"], engine["device"], engine["error"]) == ("embedded", "CPU", None)

    app.ask(QUESTION)
    answer = app.wait_for_answer()
    assert (answer.state, answer.problem) == ("done", {})
    assert "Paris" in answer.text
    assert answer.stats["chunks"] > 1, "an answer in one piece is not streamed"
    assert 0 < answer.stats["ttft_ms"] < answer.stats["total_ms"]
    wait_for(lambda: app.windows("^What is the capital.*ArcDesk$"), "the chat's name in the title")
    shown = app.shown_text()
    assert (shown.count(QUESTION), shown.count(answer.text)) == (1, 1)

    choose_in_tray_menu(xembed_tray, "Up", "Return")
    app.assert_ended_in_order()


def test_shift_enter_breaks_the_line_and_sends_nothing(app: ArcDesk, xembed_tray: TrayHost) -> None:
    start_with_window(app)
    app.type("Say one word")
    app.key("shift+Return")
    app.type("and no more")
    wait_for(lambda: app.drafts() == ["Say one word\nand no more"], "both lines as a draft")
    assert app.messages() == []

    app.key("Return")
    wait_for(lambda: app.questions() == ["Say one word\nand no more"], "one question of two lines")
    assert app.wait_for_answer().text
    wait_for(lambda: app.drafts() == [], "the draft to be forgotten")


def test_a_crash_loses_neither_draft_nor_half_an_answer(app: ArcDesk, xembed_tray: TrayHost) -> None:
    start_with_window(app)
    app.wait_for_phase("ready")
    app.ask(LONG_QUESTION)
    half = app.wait_for_stream()
    app.type("And then")  # the prompt is free while the answer comes
    wait_for(lambda: app.drafts() == ["And then"], "the draft on disk")
    assert len(app.processes()) > 1, "the engine is a process of its own"
    app.kill()
    wait_for(lambda: not app.processes(), "the engine to end with ArcDesk", CHILD_GONE_S)

    start_with_window(app)
    answer = app.wait_for_answer()
    assert answer.text.startswith(half.text)
    assert (answer.state, answer.problem["cause"]) == ("failed", "interrupted")
    assert app.drafts() == ["And then"]
    app.wait_for_phase("ready")
    open_first_chat(app)
    app.key("Return")
    wait_for(lambda: app.questions()[-1:] == ["And then"], "the draft, back in the prompt, to be sent")
    app.terminate()
    app.assert_ended_in_order()


def test_closing_hides_to_the_tray_and_a_click_or_a_second_start_brings_it_back(
    app: ArcDesk, xembed_tray: TrayHost
) -> None:
    start_with_window(app)
    xembed_tray.wait_for_icon()
    app.key(CLOSE_WINDOW)
    app.wait_until_hidden()
    assert app.status(), "it goes on in the tray"

    click_tray_icon(xembed_tray)
    app.wait_for_window()
    app.key(CLOSE_WINDOW)
    app.wait_until_hidden()

    second = app.run()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    app.wait_for_window()
    choose_in_tray_menu(xembed_tray, "Up", "Return")
    app.assert_ended_in_order()


def test_in_the_background_only_the_icon_is_seen(app: ArcDesk, xembed_tray: TrayHost) -> None:
    app.start("--background")
    xembed_tray.wait_for_icon()
    wait_for(app.status, "an answer from the app")
    assert app.windows() == []
    app.terminate()
    app.assert_ended_in_order()


def test_without_a_tray_the_window_is_shown_and_closing_it_asks(app: ArcDesk) -> None:
    app.start("--background")
    wait_for(app.status, "an answer from the app")
    window = app.wait_for_window(timeout_s=30)  # ArcDesk gives a panel ten seconds to come
    app.key(CLOSE_WINDOW)
    dialog = app.wait_for_window("Quit ArcDesk\\?$")
    assert window in app.windows(), "the window stays while it asks"

    app.desktop.key("Escape")
    wait_for(lambda: dialog not in app.windows("Quit ArcDesk\\?$"), "the question to go")
    app.wait_for_window()
    app.key(CLOSE_WINDOW)
    app.wait_for_window("Quit ArcDesk\\?$")
    app.desktop.key("Return")
    app.assert_ended_in_order()


def test_a_termination_in_mid_answer_is_clean_and_keeps_the_text(app: ArcDesk, xembed_tray: TrayHost) -> None:
    start_with_window(app)
    app.wait_for_phase("ready")
    app.ask(LONG_QUESTION)
    half = app.wait_for_stream()
    app.terminate()
    app.assert_ended_in_order()
    answer = app.wait_for_answer()
    assert (answer.state, answer.text.startswith(half.text)) == ("stopped", True)


def test_escape_stops_the_answer_and_the_engine_goes_on(app: ArcDesk, xembed_tray: TrayHost) -> None:
    start_with_window(app)
    app.wait_for_phase("ready")
    app.ask(LONG_QUESTION)
    half = app.wait_for_stream()
    app.key("Escape")
    answer = app.wait_for_answer()
    assert (answer.state, answer.text.startswith(half.text)) == ("stopped", True)
    assert "completion_tokens" not in answer.stats, "the server never told, so it is not known"

    app.ask(QUESTION)
    assert app.wait_for_answer(2).state == "done"
    assert app.status()["phase"] == "ready"


def test_an_answer_is_shown_whole_and_once_after_a_look_at_another_chat(
    app: ArcDesk, xembed_tray: TrayHost
) -> None:
    start_with_window(app)
    app.wait_for_phase("ready")
    app.ask(LONG_QUESTION)
    app.wait_for_stream()
    app.key("ctrl+n")
    wait_for(lambda: app.windows("^ArcDesk$"), "an empty chat")
    open_first_chat(app)
    app.wait_for_stream(least_characters=400)
    app.key("Escape")
    answer = app.wait_for_answer()
    shown = app.shown_text()
    assert words(shown).count(words(answer.text)) == 1


def words(text: str) -> str:
    """The text without its line breaks and gaps."""
    return " ".join(text.split())


def test_what_is_typed_before_the_history_is_open_stays(app: ArcDesk, xembed_tray: TrayHost) -> None:
    asyncio.run(make_history(app))
    with contextlib.closing(sqlite3.connect(app.history_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # a slow disk: opening the file waits for this
        start_with_window(app)
        app.type("typed early")
        other.execute("ROLLBACK")
    wait_for(lambda: is_joined(app.drafts()), "both as one draft")
    app.key("Return")
    wait_for(lambda: is_joined(app.questions()), "both as one question")


def is_joined(texts: list[str]) -> bool:
    """One text: the stored draft, then what was typed."""
    return len(texts) == 1 and bool(re.fullmatch(r"kept from before\s*typed early", texts[0]))


async def make_history(app: ArcDesk) -> None:
    """A file with a draft of a chat not begun."""
    app.history_file.parent.mkdir()
    history = HistoryDb(app.history_file)
    await history.save_draft(0, "kept from before")
    await history.aclose()


def test_a_history_of_a_newer_arcdesk_is_told_and_left_alone(app: ArcDesk, xembed_tray: TrayHost) -> None:
    app.history_file.parent.mkdir()
    with contextlib.closing(sqlite3.connect(app.history_file)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = app.history_file.read_bytes()
    start_with_window(app)
    app.wait_for_phase("ready")
    wait_for(lambda: "A newer ArcDesk wrote the conversations file" in app.stderr, "the problem told")
    app.terminate()
    app.assert_ended_in_order()
    assert app.history_file.read_bytes() == before


def test_a_wrong_engine_is_told_and_not_fatal(x_display: Desktop, xembed_tray: TrayHost) -> None:
    with arcdesk(x_display, ARCDESK_ENGINE="banana") as app:
        start_with_window(app)
        assert app.wait_for_phase("ready")["kind"] == "embedded"
        assert "'banana' is no engine" in app.stderr
        app.terminate()
        app.assert_ended_in_order()
