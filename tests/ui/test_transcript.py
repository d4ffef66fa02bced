"""The transcript widget: streaming, standing still, scrolling, and what its links do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QByteArray, QTimer, QUrl
from PySide6.QtGui import QTextCursor, QTextDocument
from PySide6.QtWidgets import QToolTip
from pytestqt.qtbot import QtBot

from arcdesk.core.chat import AnswerStats, Message, MessageState, Role
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.ui.theme import DARK
from arcdesk.ui.transcript import Transcript
from arcdesk.ui.transcript_section import XRAY_SIGN

STATS = AnswerStats(ttft_ms=135.2, decode_tokens_per_s=59.13, completion_tokens=8, device="B580")
PROBLEM = Problem(
    cause="kv_context_too_long",
    title="The context does not fit",
    detail="Room for 1312 tokens, 2048 asked for.",
    hint="Ask for less.",
    actions=(
        Action(kind=ActionKind.APPLY_SETTINGS, label="Use 1312"),
        Action(kind=ActionKind.SHOW_LOG, label="Show log"),
    ),
)


@pytest.fixture
def transcript(qtbot: QtBot) -> Transcript:
    widget = Transcript()
    qtbot.addWidget(widget)
    widget.resize(900, 600)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def user(number: int, text: str = "") -> Message:
    return Message(id=number, role=Role.USER, text=text or f"question {number}")


def answer(number: int, text: str = "") -> Message:
    return Message(id=number, role=Role.ASSISTANT, text=text or f"answer {number}", stats=STATS)


def talk(count: int) -> list[Message]:
    return [(user if number % 2 else answer)(number) for number in range(1, count + 1)]


def words(transcript: Transcript) -> str:
    return transcript.toPlainText().replace("\u2009", " ")


def active_timers(transcript: Transcript) -> list[QTimer]:
    return [timer for timer in transcript.findChildren(QTimer) if timer.isActive() and timer.interval() > 0]


def links(transcript: Transcript) -> dict[str, str]:
    """Words of each link and where it leads."""
    found = {}
    block = transcript.document().begin()
    while block.isValid():
        for run in block.textFormats():
            if run.format.anchorHref():
                found[block.text()[run.start : run.start + run.length]] = run.format.anchorHref()
        block = block.next()
    return found


def is_at_bottom(transcript: Transcript) -> bool:
    return transcript.verticalScrollBar().value() == transcript.verticalScrollBar().maximum()


# -- streaming ------------------------------------------------------------------------------------


def test_pieces_are_shown_together_after_one_frame(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.begin_answer(1)
    changes: list[int] = []
    transcript.document().contentsChange.connect(lambda at, gone, come: changes.append(come))
    for piece in ("Hel", "lo ", "**world**", "."):
        transcript.feed(1, piece)
    assert changes == []
    assert len(active_timers(transcript)) == 1
    qtbot.waitUntil(lambda: "Hello world." in words(transcript), timeout=2000)


def test_no_timer_is_active_while_nothing_arrives(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.show_messages(talk(6))
    transcript.begin_answer(7)
    transcript.feed(7, "text")
    qtbot.waitUntil(lambda: "text" in words(transcript), timeout=2000)
    assert active_timers(transcript) == []
    transcript.feed(7, " more")
    transcript.finish_answer(answer(7, "text more"))
    assert active_timers(transcript) == []


def test_a_hidden_transcript_waits_with_rendering(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.begin_answer(1)
    transcript.hide()
    before = transcript.document().revision()
    transcript.feed(1, "while hidden")
    transcript.append_message(user(2, "and this"))
    assert active_timers(transcript) == []
    assert transcript.document().revision() == before
    transcript.show()
    assert "while hidden" in words(transcript)
    assert "and this" in words(transcript)
    transcript.feed(1, ", then on")
    qtbot.waitUntil(lambda: "while hidden, then on" in words(transcript), timeout=2000)


def test_the_wait_is_told_until_the_first_token(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.begin_answer(1)
    transcript.set_waiting(1, "Waiting for the engine: loading weights…")
    qtbot.waitUntil(lambda: "loading weights" in words(transcript), timeout=2000)
    transcript.feed(1, "Here")
    qtbot.waitUntil(lambda: "Here" in words(transcript), timeout=2000)
    assert "loading weights" not in words(transcript)


def test_thinking_is_folded_until_it_is_opened(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.begin_answer(1)
    transcript.feed_thought(1, "secretly pondering")
    qtbot.waitUntil(lambda: "Thinking…" in words(transcript), timeout=2000)
    assert "pondering" not in words(transcript)
    transcript.anchorClicked.emit(QUrl(links(transcript)["Show"]))
    assert "secretly pondering" in words(transcript)
    transcript.feed(1, "The answer")
    transcript.finish_answer(replace(answer(1, "The answer"), thoughts="secretly pondering"))
    assert "Thinking…" not in words(transcript)
    assert "secretly pondering" in words(transcript), "what a person opened stays open"
    transcript.anchorClicked.emit(QUrl(links(transcript)["Hide"]))
    assert "pondering" not in words(transcript)
    assert "The answer" in words(transcript)


def test_a_thought_ends_the_wait_for_the_first_word(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.begin_answer(1)
    transcript.set_waiting(1, "Waiting for the first word…")
    qtbot.waitUntil(lambda: "first word" in words(transcript), timeout=2000)
    transcript.feed_thought(1, "Hm.")
    qtbot.waitUntil(lambda: "Thinking…" in words(transcript), timeout=2000)
    assert "first word" not in words(transcript)
    transcript.feed(1, "Here")
    qtbot.waitUntil(lambda: "Here" in words(transcript), timeout=2000)
    assert words(transcript).count("Here") == 1


def test_stored_thoughts_are_shown_folded_like_live_ones(transcript: Transcript) -> None:
    transcript.show_messages([user(1), replace(answer(2, "The answer"), thoughts="secretly pondering")])
    assert words(transcript).count("Thought  Show") == 1
    assert "pondering" not in words(transcript)
    transcript.anchorClicked.emit(QUrl(links(transcript)["Show"]))
    assert "secretly pondering" in words(transcript)
    transcript.set_palette_colors(DARK)
    assert "secretly pondering" in words(transcript), "a new look changes nothing"
    transcript.anchorClicked.emit(QUrl(links(transcript)["Hide"]))
    assert "pondering" not in words(transcript)
    assert "The answer" in words(transcript)


def test_an_answer_that_thinks_is_shown_from_where_it_is_and_goes_on(
    transcript: Transcript, qtbot: QtBot
) -> None:
    begun = Message(id=2, role=Role.ASSISTANT, text="", thoughts="Hm, ", state=MessageState.WAITING)
    transcript.show_messages([user(1), begun])
    transcript.anchorClicked.emit(QUrl(links(transcript)["Show"]))
    transcript.feed_thought(2, "France.")
    qtbot.waitUntil(lambda: "Hm, France." in words(transcript), timeout=2000)
    transcript.feed(2, "Paris")
    transcript.finish_answer(replace(answer(2, "Paris"), thoughts="Hm, France."))
    assert words(transcript).count("Hm, France.") == 1
    assert "Thinking…" not in words(transcript)


def test_a_selection_in_final_text_survives_streaming(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.begin_answer(1)
    transcript.feed(1, "First paragraph to select.\n\nSecond one\n\n")
    qtbot.waitUntil(lambda: "Second" in words(transcript), timeout=2000)
    found = transcript.document().find("paragraph to select")
    transcript.setTextCursor(found)
    transcript.feed(1, "- a\n- b\n\n| x |\n|---|\n| y |\n\n```\ncode\n```\nend")
    qtbot.waitUntil(lambda: "end" in words(transcript), timeout=2000)
    transcript.finish_answer(
        answer(
            1,
            "First paragraph to select.\n\nSecond one\n\n- a\n- b\n\n"
            "| x |\n|---|\n| y |\n\n```\ncode\n```\nend",
        )
    )
    assert transcript.textCursor().selectedText() == "paragraph to select"


def test_an_answer_of_20000_tokens_costs_the_same_at_its_end(transcript: Transcript) -> None:
    """Counted in changed characters, not in time: a frame rewrites its tail and no more."""
    from tests.bench.stream_gap import tokens

    transcript.begin_answer(1)
    changed: list[int] = []
    transcript.document().contentsChange.connect(lambda at, gone, come: changed.append(gone + come))
    source, text = tokens(), ""
    for _ in range(300):
        piece = "".join(next(source) for _ in range(67))
        text += piece
        transcript.feed(1, piece)
        transcript._flush()
    assert len(text) > 80_000
    assert max(changed) < 10_000
    transcript.finish_answer(answer(1, text))
    assert max(changed) < 10_000
    assert text.rstrip().split()[-1].strip("`*") in words(transcript)


@pytest.mark.parametrize(
    "unit",
    [
        "word ",
        "x",
        "- item\n",
        "1. item\n",
        "> quote\n",
        "```\n" + "x = 1\n" * 900 + "```\n",
        "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 900 + "\n",
        "- a\n  ```\n" + "  x = 1\n" * 900,
    ],
)
def test_text_without_an_end_of_block_stays_cheap(transcript: Transcript, unit: str) -> None:
    transcript.begin_answer(1)
    text = unit * (40_000 // len(unit))
    changed: list[int] = []
    transcript.document().contentsChange.connect(lambda at, gone, come: changed.append(gone + come))
    for start in range(0, len(text), 400):
        transcript.feed(1, text[start : start + 400])
        transcript._flush()
    assert max(changed) < 12_000


# -- the end of an answer -------------------------------------------------------------------------


def test_the_live_line_tells_the_figures(transcript: Transcript) -> None:
    transcript.show_messages([answer(1)])
    assert "TTFT 135 ms · 59.1 tok/s · 8 tok · B580" in words(transcript)
    assert "Why –?" not in words(transcript)


def test_an_unknown_figure_is_a_dash_with_a_reason(transcript: Transcript) -> None:
    stats = replace(STATS, decode_tokens_per_s=None, reason_unknown="No usage came.")
    transcript.show_messages([replace(answer(1), stats=stats)])
    assert "– tok/s" in words(transcript)
    block = transcript.document().find("TTFT").block()
    assert {run.format.toolTip() for run in block.textFormats()} >= {"No usage came."}
    assert "Why –?" in links(transcript)


def test_a_stopped_answer_keeps_its_text_and_says_so(transcript: Transcript) -> None:
    transcript.begin_answer(1)
    transcript.feed(1, "Half an ans")
    transcript.finish_answer(replace(answer(1, "Half an ans"), state=MessageState.STOPPED))
    assert "Half an ans" in words(transcript)
    assert "Stopped · TTFT" in words(transcript)


def test_a_failed_answer_shows_the_problem_with_its_ways_out(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.begin_answer(1)
    transcript.feed(1, "So far")
    failed = replace(answer(1, "So far"), state=MessageState.FAILED, problem=PROBLEM)
    transcript.finish_answer(failed)
    for part in ("So far", PROBLEM.title, PROBLEM.detail, PROBLEM.hint):
        assert part in words(transcript)
    with qtbot.waitSignal(transcript.action_requested) as caught:
        transcript.anchorClicked.emit(QUrl(links(transcript)["Show log"]))
    assert caught.args == [PROBLEM.actions[1]]


def test_a_reference_defined_at_the_end_becomes_a_link(transcript: Transcript) -> None:
    text = "See [the page][1].\n\nMore.\n\n[1]: https://example.org/page\n"
    transcript.begin_answer(1)
    transcript.feed(1, text)
    transcript.finish_answer(answer(1, text))
    assert links(transcript)["the page"] == "https://example.org/page"


# -- links and copying ----------------------------------------------------------------------------


def test_code_is_copied_without_our_words(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.show_messages([answer(1, "```py\na = 1\n\nb = 2\n```\n\nand\n\n```sh\nls\n```")])
    code_links = [href for href in _all_links(transcript) if href.startswith("arcdesk:code/")]
    copied: list[str] = []
    transcript.copy_requested.connect(copied.append)
    for href in code_links:
        transcript.anchorClicked.emit(QUrl(href))
    assert copied == ["a = 1\n\nb = 2", "ls"]


def _all_links(transcript: Transcript) -> list[str]:
    hrefs = []
    block = transcript.document().begin()
    while block.isValid():
        hrefs += [run.format.anchorHref() for run in block.textFormats() if run.format.anchorHref()]
        block = block.next()
    return hrefs


def test_a_message_is_copied_as_it_was_written(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.show_messages([answer(1, "Some **Markdown**")])
    with qtbot.waitSignal(transcript.copy_requested) as caught:
        transcript.anchorClicked.emit(QUrl(links(transcript)["Copy"]))
    assert caught.args == ["Some **Markdown**"]


def test_a_web_link_is_only_asked_for(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.show_messages([answer(1, "[x](https://example.org/a?b=c)")])
    with qtbot.waitSignal(transcript.link_requested) as caught:
        transcript.anchorClicked.emit(QUrl(links(transcript)["x"]))
    assert caught.args == ["https://example.org/a?b=c"]
    assert transcript.source().isEmpty()


def test_links_are_reached_with_the_keyboard(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.show_messages([answer(1, "[x](https://example.org/)")])
    transcript.setFocus()
    transcript.focusNextPrevChild(True)
    assert transcript.textCursor().selectedText() == "x"
    transcript.focusNextPrevChild(True)
    assert transcript.textCursor().selectedText() == XRAY_SIGN
    transcript.focusNextPrevChild(True)
    assert transcript.textCursor().selectedText() == "Copy"


def test_selected_text_leaves_as_plain_words(transcript: Transcript) -> None:
    transcript.show_messages(
        [user(1, "two\nlines"), answer(2, "- a\n- b\n\n```py\nx\n```\n\n| c | d |\n|---|---|\n| e | f |")]
    )
    transcript.selectAll()
    text = transcript.createMimeDataFromSelection().text()
    assert [line for line in text.split("\n") if line] == ["two", "lines", "- a", "- b", "x", "c\td", "e\tf"]


@pytest.mark.parametrize("address", ["file:///etc/hostname", "/etc/hostname", "http://127.0.0.1:9/x.png"])
def test_nothing_is_ever_loaded(transcript: Transcript, address: str) -> None:
    for kind in QTextDocument.ResourceType:
        assert transcript.loadResource(kind.value, QUrl(address)) == QByteArray()
        assert transcript.document().resource(kind.value, QUrl(address)) == QByteArray()


# -- scrolling and the window of messages ---------------------------------------------------------


def test_the_end_stays_in_view_for_who_is_there(transcript: Transcript) -> None:
    transcript.show_messages(talk(20))
    assert is_at_bottom(transcript)
    transcript.begin_answer(99)
    transcript.feed(99, "line\n\n" * 40)
    transcript._flush()
    assert is_at_bottom(transcript)


def test_who_reads_further_up_is_left_alone(transcript: Transcript) -> None:
    transcript.show_messages(talk(40))
    told: list[bool] = []
    transcript.at_latest_changed.connect(told.append)
    bar = transcript.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    place = bar.value()
    transcript.begin_answer(99)
    transcript.feed(99, "line\n\n" * 40)
    transcript._flush()
    assert bar.value() == place
    assert told == [False]
    transcript.jump_to_latest()
    assert is_at_bottom(transcript)
    assert transcript.is_at_latest


def test_a_long_session_lets_the_oldest_go(transcript: Transcript) -> None:
    for message in talk(150):
        transcript.append_message(message)
    assert "answer 150" in words(transcript)
    assert words(transcript).count("question") + words(transcript).count("answer") <= 120
    assert is_at_bottom(transcript)
    assert transcript.is_at_latest


@pytest.mark.qt_log_ignore("does not support raise")  # the offscreen platform says so of each tooltip
def test_why_tells_the_reason_to_eye_and_ear(transcript: Transcript) -> None:
    stats = replace(STATS, completion_tokens=None, reason_unknown="No usage came.")
    transcript.show_messages([replace(answer(1), stats=stats)])
    transcript.anchorClicked.emit(QUrl(links(transcript)["Why –?"]))
    assert QToolTip.text() == "No usage came."
    assert transcript.accessibleDescription() == "No usage came."


def test_a_reader_finds_the_place_again_after_hiding(transcript: Transcript) -> None:
    transcript.show_messages(talk(60))
    bar = transcript.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    place = bar.value()
    transcript.hide()
    transcript.append_message(user(99))
    transcript.show()
    assert bar.value() == place
    assert not transcript.is_at_latest


def test_a_long_conversation_is_never_laid_out_at_once(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.show_messages(talk(1000))
    assert words(transcript).count("question") == 30
    transcript.verticalScrollBar().setValue(0)
    qtbot.waitUntil(lambda: words(transcript).count("question") == 45, timeout=2000)
    assert "question 911" in words(transcript)
    assert transcript.verticalScrollBar().value() > 0


def test_older_messages_push_nothing_away_from_the_eye(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.show_messages(talk(300))
    transcript.verticalScrollBar().setValue(0)
    before = transcript.cursorRect(_place_of(transcript, "question 241")).top()
    qtbot.waitUntil(lambda: "question 211" in words(transcript), timeout=2000)
    assert abs(transcript.cursorRect(_place_of(transcript, "question 241")).top() - before) <= 2


def test_paging_all_the_way_up_and_down_keeps_the_window_small(transcript: Transcript, qtbot: QtBot) -> None:
    messages = talk(400)
    transcript.show_messages(messages)
    bar = transcript.verticalScrollBar()
    for _ in range(20):
        bar.setValue(0)
        transcript._turn_page()
    assert "question 1\n" in words(transcript)
    assert words(transcript).count("question") <= 60
    for _ in range(20):
        bar.setValue(bar.maximum())
        transcript._turn_page()
    assert "answer 400" in words(transcript)
    assert words(transcript).count("question") <= 60
    fresh = Transcript()
    qtbot.addWidget(fresh)
    fresh.resize(900, 600)
    fresh.show()
    fresh.show_messages(messages)
    assert words(transcript).endswith(words(fresh)[-500:])


def _place_of(transcript: Transcript, text: str) -> QTextCursor:
    return transcript.document().find(text)


# -- looks ----------------------------------------------------------------------------------------


def test_new_colours_keep_what_was_said(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.show_messages(talk(4))
    transcript.begin_answer(5)
    transcript.feed(5, "half")
    before = words(transcript)
    transcript.set_palette_colors(DARK)
    assert words(transcript).startswith(before.rstrip("\n"))
    transcript.feed(5, "way")
    qtbot.waitUntil(lambda: "halfway" in words(transcript), timeout=2000)
    image = transcript.viewport().grab().toImage()
    assert image.pixelColor(3, 3).name() == DARK.bg


def test_the_column_is_centred_and_bounded(transcript: Transcript) -> None:
    transcript.resize(1600, 600)
    assert 680 <= transcript.column_px <= 760
    left = transcript.viewport().mapTo(transcript, transcript.viewport().rect().topLeft()).x()
    right = transcript.width() - left - transcript.viewport().width()
    assert abs(left - right) <= transcript.verticalScrollBar().sizeHint().width() + 2
    transcript.resize(500, 600)
    assert transcript.column_px < 500


def test_a_bubble_follows_the_width_of_the_column(transcript: Transcript) -> None:
    transcript.show_messages([user(1, "short")])
    left = transcript.document().find("short").block().blockFormat().leftMargin()
    transcript.resize(500, 600)
    assert transcript.document().find("short").block().blockFormat().leftMargin() < left - 200


def test_it_has_a_name_for_the_screen_reader(transcript: Transcript) -> None:
    assert transcript.accessibleName() == "Conversation"
