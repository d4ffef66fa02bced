"""The waterfall's window, and how the transcript measures that words have reached the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from arcdesk.core.chat import AnswerStats, Message, MessageState, Role
from arcdesk.core.xray_answer import xray_of
from arcdesk.core.xray_record import XRayRecord
from arcdesk.ui.theme import DARK, LIGHT, contrast
from arcdesk.ui.transcript import Transcript
from arcdesk.ui.transcript_section import XRAY_SIGN
from arcdesk.ui.xray_plot import XRayPlot, _ticks
from arcdesk.ui.xray_window import XRayWindow
from arcdesk.ui.xray_words import as_text, rows
from tests.ui.xray_rig import bare_xray_window, xray_window

pytestmark = pytest.mark.qt_log_ignore("does not support")  # the offscreen platform says so

RECORD = XRayRecord(
    paint_ms=16.0, stall_ms=3.0, queue_ms=100.0, prefill_ms=300.0, decode_ms=1000.0, first_ms=400.0,
    whole_ms=1400.0, is_ours=True,
)  # fmt: skip
STATS = AnswerStats(
    ttft_ms=405.0, last_ms=1405.0, connect_ms=1.0, parse_ms=4.0, completion_tokens=51, chunks=51,
    model="TinyLlama", device="B580", xray=RECORD,
)  # fmt: skip


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[XRayWindow]:
    window = XRayWindow()
    window.present(STATS)
    window.fit()
    window.show()
    qtbot.waitExposed(window)
    yield window
    if isValid(window):
        window.close()
        QCoreApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete.value)


def labels(window: XRayWindow) -> str:
    return "\n".join(label.text() for label in window.findChildren(QLabel) if label.isVisible())


def words(stats: AnswerStats) -> str:
    return as_text(xray_of(stats), stats)


class TestWords:
    def test_all_parts_with_their_clocks_and_the_sum(self) -> None:
        lines = words(STATS).splitlines()
        assert lines[0] == "Latency X-ray: TinyLlama · B580 · 51 tok · TTFT 405 ms"
        assert [line.split() for line in lines[1:8]] == [
            ["Connect", "1.0", "ms", "(ours)"],
            ["Queue", "100", "ms", "(server)"],
            ["Prefill", "300", "ms", "(server)"],
            ["On", "the", "way", "4.0", "ms", "(ours)"],
            ["Decode", "996", "ms", "(ours)"],
            ["Our", "reading", "4.0", "ms", "(ours)"],
            ["Our", "drawing", "16", "ms", "(ours)"],
        ]
        assert "1421 ms of 1421 ms from the question to the screen (100 %)" in lines[8]
        assert "Both clocks agree" in lines[9]
        assert "hold-up of ArcDesk's loop meanwhile: 3.0 ms" in lines[10]

    def test_an_unknown_part_says_why(self) -> None:
        text = words(replace(STATS, xray=replace(RECORD, paint_ms=None)))
        assert "–  The answer was not on the screen." in text
        assert "to the last words" in text

    def test_a_connection_that_was_open_is_said(self) -> None:
        connect = rows(xray_of(replace(STATS, connect_ms=0.0)))[0]
        assert (connect.seconds, connect.about) == (0.0, "The connection was open already.")

    @pytest.mark.parametrize(
        ("stats", "why"),
        [
            (replace(STATS, ttft_ms=905.0, last_ms=1905.0), "No reason was found."),
            (replace(STATS, ttft_ms=905.0, last_ms=1905.0, via="px"), "The proxy px holds pieces back"),
            (
                replace(STATS, ttft_ms=905.0, last_ms=1905.0, xray=replace(RECORD, stall_ms=450.0)),
                "ArcDesk itself was held up for 450 ms.",
            ),
            (
                replace(STATS, ttft_ms=905.0, last_ms=1905.0, parse_ms=430.0),  # by its own reading
                "ArcDesk itself was held up for 430 ms.",
            ),
            (
                replace(STATS, ttft_ms=905.0, last_ms=1905.0, xray=replace(RECORD, is_local=False)),
                "on the network",
            ),
            (
                replace(STATS, ttft_ms=905.0, last_ms=1905.0, xray=replace(RECORD, had_company=True)),
                "worked on other requests as well",
            ),
            (
                replace(STATS, xray=replace(RECORD, first_ms=100.0, at_least=("first_ms",))),
                "the true time is longer",
            ),
        ],
    )
    def test_each_disagreement_has_its_reason_and_what_to_do(self, stats: AnswerStats, why: str) -> None:
        text = words(stats)
        assert why in text
        assert "! Up to the first token" in text
        assert "agree" not in text

    def test_clocks_that_were_not_compared_are_not_said_to_agree(self) -> None:
        alone = replace(RECORD, first_ms=None, decode_ms=None, whole_ms=None)
        bound = replace(alone, first_ms=400.0, at_least=("first_ms",))
        for record in (alone, bound):
            text = words(replace(STATS, xray=record))
            assert "agree" not in text
            assert "! " not in text

    def test_one_reason_is_said_once(self) -> None:
        text = words(replace(STATS, ttft_ms=1350.0, last_ms=1405.0))
        assert text.count("holds pieces back") == 1
        assert text.count("! ") == 2

    def test_an_answer_from_before_says_that_nothing_was_kept(self) -> None:
        old = AnswerStats(ttft_ms=405.0, decode_tokens_per_s=50.0, completion_tokens=51, chunks=51)
        text = words(old)
        assert "Nobody took the server's figures" in text
        assert "Decode" in text and "1000 ms" in text

    @pytest.mark.parametrize("whole_s", [0.0, 0.0004, 0.013, 0.9999, 1.0, 7.3, 59.0, 3600.0])
    def test_ticks_are_few_and_round(self, whole_s: float) -> None:
        ticks = _ticks(whole_s)
        assert ticks[0] == 0 and ticks[-1] <= whole_s * 1.000001
        assert len(ticks) <= 6


class TestWindow:
    def test_it_shows_what_it_copies(self, window: XRayWindow, qtbot: QtBot) -> None:
        shown = labels(window)
        assert "TinyLlama" in shown and "Both clocks agree" in shown
        (copy,) = [one for one in window.findChildren(QPushButton) if one.text() == "Copy as text"]
        with qtbot.waitSignal(window.copy_requested) as told:
            QTest.mouseClick(copy, Qt.MouseButton.LeftButton)
        assert told.args == [window.text] and "Prefill" in window.text

    def test_the_picture_can_be_heard(self, window: XRayWindow) -> None:
        plot = window.findChildren(XRayPlot)[0]
        assert plot.accessibleName()
        assert "Prefill 300\u2009ms server" in plot.accessibleDescription()
        assert plot.focusPolicy() & Qt.FocusPolicy.TabFocus

    def test_escape_closes_it(self, window: XRayWindow, qtbot: QtBot) -> None:
        with qtbot.waitSignal(window.destroyed):
            QTest.keyClick(window, Qt.Key.Key_Escape)

    def test_figures_that_come_later_replace_those_before(self, window: XRayWindow, qtbot: QtBot) -> None:
        window.present(replace(STATS, ttft_ms=905.0, last_ms=1905.0))
        qtbot.waitUntil(lambda: "No reason was found." in labels(window))
        window.present(STATS)
        assert "No reason was found." not in labels(window)

    @pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
    def test_the_bars_stand_out(self, window: XRayWindow, palette: object) -> None:
        assert palette in (LIGHT, DARK)
        colours = LIGHT if palette is LIGHT else DARK
        window.set_palette_colors(colours)
        image = window.plot.grab().toImage()
        assert contrast(colours.accent, colours.bg) >= 3
        assert _has(image, colours.accent)

    def test_all_of_it_fits_into_its_first_size(self, window: XRayWindow) -> None:
        inner = window._inner
        area = inner.parentWidget()
        assert area is not None
        assert inner.height() <= area.height()

    def test_it_is_usable_when_narrow(self, window: XRayWindow, qtbot: QtBot) -> None:
        window.resize(380, 300)
        qtbot.waitUntil(lambda: window.plot.width() < 380)
        axis = window.plot._axis()
        assert axis.width() >= 100 and axis.right() < window.plot.width()

    def test_the_samples_of_the_pictures_are_measured(self, qapp: QApplication) -> None:
        for make in (xray_window, bare_xray_window):
            shown = make(DARK)
            assert isinstance(shown, XRayWindow)
            assert "Decode" in shown.text
            shown.deleteLater()


def _has(image: QImage, colour: str) -> bool:
    points = ((x, y) for y in range(0, image.height(), 2) for x in range(0, image.width(), 2))
    return any(image.pixelColor(x, y).name() == colour for x, y in points)


class TestPainted:
    """The lag is that of a paint event which really drew the last words."""

    @pytest.fixture
    def transcript(self, qtbot: QtBot) -> Transcript:
        widget = Transcript()
        qtbot.addWidget(widget)
        widget.resize(700, 400)
        widget.show_messages([Message(id=7, role=Role.ASSISTANT, text="", state=MessageState.WAITING)])
        widget.show()
        qtbot.waitExposed(widget)
        return widget

    @pytest.fixture
    def told(self, transcript: Transcript) -> list[tuple[int, float]]:
        told: list[tuple[int, float]] = []
        transcript.answer_painted.connect(lambda key, lag_s: told.append((key, lag_s)))
        return told

    @staticmethod
    def closed(text: str) -> Message:
        return Message(id=7, role=Role.ASSISTANT, text=text, stats=STATS)

    def test_words_drawn_before_the_end_is_known(
        self, transcript: Transcript, told: list[tuple[int, float]], qtbot: QtBot
    ) -> None:
        transcript.feed(7, "Paris.")
        lag = transcript._lags[7]
        qtbot.waitUntil(lambda: lag.seconds is not None)
        assert told == []  # more may come
        seen = lag.seconds
        transcript.finish_answer(self.closed("Paris."))
        assert told == [(7, seen)]
        qtbot.wait(50)
        assert len(told) == 1 and not transcript._lags

    def test_words_drawn_after_it(
        self, transcript: Transcript, told: list[tuple[int, float]], qtbot: QtBot
    ) -> None:
        transcript.feed(7, "Paris.")
        transcript.finish_answer(self.closed("Paris."))
        assert told == []  # only a paint event can tell
        qtbot.waitUntil(lambda: bool(told))
        ((key, lag_s),) = told
        assert key == 7 and lag_s > 0

    def test_the_lag_is_of_the_last_piece(
        self, transcript: Transcript, told: list[tuple[int, float]], qtbot: QtBot
    ) -> None:
        transcript.feed(7, "Paris")
        lag = transcript._lags[7]
        qtbot.waitUntil(lambda: lag.seconds is not None)
        transcript.feed(7, " is it.")
        assert lag.seconds is None  # the screen is behind again
        transcript.finish_answer(self.closed("Paris is it."))
        qtbot.waitUntil(lambda: bool(told))

    def test_a_hidden_answer_tells_nothing(
        self, transcript: Transcript, told: list[tuple[int, float]], qtbot: QtBot
    ) -> None:
        transcript.hide()
        transcript.feed(7, "Paris.")
        transcript.finish_answer(self.closed("Paris."))
        transcript.show()
        qtbot.waitUntil(lambda: "Paris" in transcript.toPlainText())
        qtbot.wait(50)
        assert told == [] and not transcript._lags

    def test_one_that_ends_out_of_view_tells_nothing(
        self, transcript: Transcript, told: list[tuple[int, float]], qtbot: QtBot
    ) -> None:
        long = "word\n\n" * 200
        transcript.feed(7, long)
        qtbot.waitUntil(lambda: transcript.verticalScrollBar().maximum() > 1000)
        transcript.verticalScrollBar().setValue(0)
        qtbot.waitUntil(lambda: not transcript.follows)
        transcript.feed(7, "the end")
        qtbot.waitUntil(lambda: "the end" in transcript.toPlainText())
        transcript.finish_answer(self.closed(long + "the end"))
        transcript.repaint()
        assert told == []

    def test_another_conversation_forgets_it(
        self, transcript: Transcript, told: list[tuple[int, float]], qtbot: QtBot
    ) -> None:
        transcript.feed(7, "Paris.")
        transcript.show_messages([])
        transcript.finish_answer(self.closed("Paris."))
        qtbot.wait(50)
        assert told == []

    def test_a_message_without_a_first_token_has_no_sign(self, transcript: Transcript) -> None:
        transcript.show_messages([replace(self.closed("x"), stats=AnswerStats(completion_tokens=1))])
        assert XRAY_SIGN not in transcript.toPlainText()
        transcript.show_messages([self.closed("x")])
        assert XRAY_SIGN in transcript.toPlainText()


def test_ctrl_w_closes_the_window_like_any_other(window: XRayWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not isValid(window) or not window.isVisible())
