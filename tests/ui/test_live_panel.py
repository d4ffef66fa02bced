"""The live panel's parts: what is unknown says why, what is a bound says so, and it fits its place."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QBoxLayout, QToolTip
from pytestqt.qtbot import QtBot

from arcdesk.api.metrics_text import read_metrics
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Problem
from arcdesk.core.live_server import AT_ITS_END, ServerWindow
from arcdesk.core.live_stats import LiveFigure, LiveHistory, LiveKey, LiveView, OurView, Source, unknown
from arcdesk.core.metrics_names import Generation
from arcdesk.core.points import Point
from arcdesk.core.store import AppState
from arcdesk.ui import theme
from arcdesk.ui.live_lines import LineSpec, LiveLine
from arcdesk.ui.live_panel import LivePanel
from arcdesk.ui.live_strip import LiveStrip
from arcdesk.ui.live_words import WORDS, about, figures_text, milliseconds, number, rate, sentence, value_text
from arcdesk.ui.phase_words import rate_text, tooltip
from arcdesk.ui.theme import contrast
from tests.unit.core.metrics_rig import CountingServer, sample
from tests.unit.core.metrics_rig import text as metrics_text

pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)  # the offscreen platform says so

THIN = "\u202f"
Key = LiveKey


def view_of(figures: Mapping[LiveKey, LiveFigure], **more: object) -> LiveView:
    history = LiveHistory()
    history.add(99.0, figures)
    history.add(100.0, figures)
    return LiveView(at=100.0, figures=figures, history=history, **more)  # type: ignore[arg-type]


def busy_server() -> dict[LiveKey, LiveFigure]:
    """What a server tells that has answered twice between two looks."""
    server, window = CountingServer(), ServerWindow()
    window.add(server.sample(0.0))
    server.finish(queue_s=0.1, prefill_s=0.2, gaps_s=[0.02] * 50)
    server.finish(queue_s=0.0, prefill_s=9.0, gaps_s=[0.03] * 50)  # above the highest bucket of TTFT
    server.waiting, server.kv_use = 2, 0.42
    window.add(server.sample(10.0))
    return window.figures()


@pytest.fixture
def panel(qtbot: QtBot) -> LivePanel:
    made = LivePanel()
    qtbot.addWidget(made)
    made.set_palette_colors(theme.LIGHT)
    made.resize(320, 700)
    made.show()
    return made


class TestWords:
    @pytest.mark.parametrize(
        ("value", "said"),
        [(0.0, "0"), (0.04, "0.0"), (8.44, "8.4"), (9.97, "10"), (84.4, "84"), (1203.4, f"1{THIN}203")],
    )
    def test_numbers_are_as_exact_as_they_are_read(self, value: float, said: str) -> None:
        assert number(value) == said

    def test_units(self) -> None:
        assert rate(84.2) == f"84{THIN}tok/s"
        assert milliseconds(131.4) == f"131{THIN}ms"
        assert milliseconds(12_345.0) == f"12.3{THIN}s"

    def test_each_figure_has_its_words(self) -> None:
        assert set(WORDS) == set(LiveKey)

    def test_a_bound_and_an_estimate_say_so(self) -> None:
        bound = LiveFigure(value=2560.0, n=9, metric="vllm:x_seconds", is_at_least=True)
        assert value_text(Key.TTFT_P50_MS, bound) == f"≥{THIN}2{THIN}560{THIN}ms"
        assert "the truth lies above" in about(bound)
        estimate = LiveFigure(value=84.0, is_estimate=True)
        assert value_text(Key.OUR_TOKENS_PER_S, estimate) == f"≈{THIN}84{THIN}tok/s"
        assert "pieces" in about(estimate)

    def test_unknown_tells_its_reason_to_the_screen_reader(self) -> None:
        figure = LiveFigure(reason="This server does not tell it.")
        assert sentence(Key.KV_USE, figure) == "KV cache in use: – (This server does not tell it)"

    def test_all_figures_as_text_name_their_source(self) -> None:
        text = figures_text(view_of(busy_server()))
        ours, theirs = text.split("\n\n")
        assert ours.startswith("ArcDesk, on its own answers\n")
        assert theirs.startswith("The server's /metrics, all requests\n")
        assert "Requests waiting: 2  [vllm:num_requests_waiting]" in theirs
        assert "Time to first token, p95: ≥ 5 000 ms, n = 2" in theirs
        problem = Problem(cause="x", title="This server tells no figures", hint="Ask it.")
        assert "This server tells no figures. Ask it." in figures_text(view_of({}, problem=problem))

    def test_the_tooltip_of_the_tray_leaves_out_what_is_unknown(self) -> None:
        engine = EngineSnapshot(
            kind=EngineKind.CONTAINER, phase=EnginePhase.READY, model="TinyLlama 1.1B (int4)", device="B580"
        )
        state = AppState(engine=engine)
        assert tooltip(state, rate_text(84.2)) == "Ready · TinyLlama 1.1B (int4) · B580 · 84 tok/s"
        assert tooltip(state, rate_text(None)) == "Ready · TinyLlama 1.1B (int4) · B580"
        assert rate_text(8.44, is_estimate=True) == "≈ 8.4 tok/s"
        loading = EngineSnapshot(phase=EnginePhase.LOADING, model="TinyLlama")
        assert "tok/s" not in tooltip(AppState(engine=loading), rate_text(84.2))


class TestLine:
    def test_each_column_tells_its_own_reason_on_hover(self, qtbot: QtBot) -> None:
        line = LiveLine(LineSpec("First token", (Key.TTFT_P50_MS, Key.TTFT_P95_MS), 3))
        qtbot.addWidget(line)
        line.resize(280, 24)
        line.present(
            [
                LiveFigure(value=131.0, n=14, metric="vllm:time_to_first_token_seconds"),
                LiveFigure(n=14, reason="Not told."),
            ]
        )
        assert line.texts == ("131", "–", "", "14")
        assert "vllm:time_to_first_token_seconds" in line.about_at(10.0)
        assert "Not told." in line.about_at(279.0)
        assert "131" in line.accessibleName()
        assert "(Not told)" in line.accessibleName()
        line.show()
        QApplication.sendEvent(line, QHelpEvent(QHelpEvent.Type.ToolTip, QPoint(279, 5), QPoint(279, 5)))
        assert "Not told." in QToolTip.text()
        QToolTip.hideText()

    def test_what_is_shown_already_is_not_painted_again(self, qtbot: QtBot) -> None:
        line = LiveLine(LineSpec("Running", (Key.RUNNING,)))
        qtbot.addWidget(line)
        line.present([LiveFigure(value=1.0)])
        with qtbot.waitExposed(line):
            line.show()
        qtbot.waitUntil(lambda: line.paints > 0)
        qtbot.wait(50)
        painted = line.paints
        line.present([LiveFigure(value=1.0)])
        line.present([LiveFigure(value=1.0, n=3)])
        qtbot.wait(50)
        assert line.paints == painted
        line.present([LiveFigure(value=2.0)])
        qtbot.waitUntil(lambda: line.paints > painted)


class TestPanel:
    def test_nothing_known_teaches_one_thing(self, panel: LivePanel, qtbot: QtBot) -> None:
        panel.present(LiveView())
        assert panel.is_empty
        with qtbot.waitSignal(panel.ask_requested, timeout=1000):
            panel.ask.click()

    def test_the_servers_figures_are_shown_with_their_names(self, panel: LivePanel) -> None:
        panel.present(view_of(busy_server()))
        theirs = panel.sections[Source.SERVER]
        texts = {line.spec.title: line.texts for line in theirs.lines}
        assert texts["Waiting"] == ("2",)
        assert texts["First token"][1:] == (f"≥{THIN}5{THIN}000", f"≥{THIN}5{THIN}000", "2")
        assert texts["Gaps"][-1] == "100"
        assert theirs.plots[Key.KV_USE].curve.now_text == f"42{THIN}%"
        assert theirs.note.isHidden()
        ours = panel.sections[Source.OURS]
        assert "Ask something" in ours.note.text()
        assert "(" in ours.plots[Key.OUR_TOKENS_PER_S].accessibleName()  # the reason

    def test_requests_that_are_swapped_out_stand_beside_those_that_wait(self, panel: LivePanel) -> None:
        line = next(one for one in panel.sections[Source.SERVER].lines if one.spec.title == "Waiting")
        page = metrics_text("vllm-0.8.3")
        for swapped, shown in ((0, "2"), (1, "2 · swapped out 1")):
            window = ServerWindow()
            now = page.replace(
                '_swapped{model_name="tinyllama"} 0', f'_swapped{{model_name="tinyllama"}} {swapped}'
            )
            window.add(read_metrics(now, 0.0))
            panel.present(view_of(window.figures()))
            assert line.texts == (shown,)
            assert ("swapped out" in line.accessibleName()) == bool(swapped)
            assert ("vllm:num_requests_swapped" in line.about_at(0)) == bool(swapped)
            assert f"Requests swapped out: {swapped}  [" in figures_text(view_of(window.figures()))
        panel.present(view_of(busy_server()))  # V1 has no such thing
        assert line.texts == ("2",) and "swapped" not in line.accessibleName()

    def test_llama_cpp_counts_at_its_end_so_a_minute_is_plotted(self, panel: LivePanel) -> None:
        window = ServerWindow()
        window.add(sample("llama.cpp"))
        window.add(sample("llama.cpp", at=2.0))
        figures = window.figures() | {Key.TOKENS_PER_S_MINUTE: LiveFigure(value=31.0)}
        assert figures[Key.TOKENS_PER_S].reason == AT_ITS_END
        panel.present(view_of(figures, generation=Generation.LLAMA_CPP))
        curve = panel.sections[Source.SERVER].plots[Key.TOKENS_PER_S].curve
        assert (curve.title, curve.now_text) == ("Last minute", f"31{THIN}tok/s")
        theirs = panel.sections[Source.SERVER]
        assert not next(line for line in theirs.lines if line.spec.title == "Last minute").isVisible()
        assert not theirs.plots[Key.KV_USE].isVisible()  # it does not tell it: no empty frame
        assert theirs.plots[Key.TOKENS_PER_S].isVisible()

    def test_without_a_server_its_place_says_why(self, panel: LivePanel) -> None:
        figures = unknown((key for key in LiveKey if key.source is Source.SERVER), "No engine answers now.")
        figures[Key.OUR_TTFT_P50_MS] = LiveFigure(value=131.0, n=1)
        panel.present(view_of(figures))
        theirs = panel.sections[Source.SERVER]
        assert theirs.note.text() == "No engine answers now."
        assert not any(line.isVisible() for line in theirs.lines)

    def test_a_restart_is_said_with_its_time(self, panel: LivePanel) -> None:
        panel.present(view_of(busy_server()))
        panel.present(view_of(busy_server(), restarts=1))
        note = panel.sections[Source.SERVER].note.text()
        assert note.startswith("The server began anew at ")
        panel.present(view_of(busy_server()))  # watched anew
        assert panel.sections[Source.SERVER].note.isHidden()

    @pytest.mark.parametrize(("width", "direction"), [(320, "TopToBottom"), (1180, "LeftToRight")])
    def test_sources_stand_side_by_side_where_there_is_room(
        self, panel: LivePanel, qtbot: QtBot, width: int, direction: str
    ) -> None:
        panel.resize(width, 300)
        panel.present(view_of(busy_server()))
        qtbot.waitUntil(lambda: panel._sides.direction() is getattr(QBoxLayout.Direction, direction))
        for section in panel.sections.values():
            assert section.width() <= width

    def test_no_line_is_cut_off_in_the_narrowest_panel(self, panel: LivePanel, qtbot: QtBot) -> None:
        panel.resize(panel.minimumWidth(), 400)
        panel.present(view_of(busy_server()))
        qtbot.wait(50)
        for section in panel.sections.values():
            for line in section.lines:
                assert line.mapTo(panel, QPoint(line.width(), 0)).x() <= panel.width()
                first = line._fonts.width(line.texts[0])
                assert line._fonts.width(line.spec.title) + first < line.width()


class TestStrip:
    def test_it_shows_the_rate_of_now_and_then_that_of_the_answer(self, qtbot: QtBot) -> None:
        strip = LiveStrip()
        qtbot.addWidget(strip)
        strip.resize(240, 90)
        strip.show()
        figures = {
            Key.OUR_TOKENS_PER_S: LiveFigure(value=84.0, n=100),
            Key.OUR_TTFT_P50_MS: LiveFigure(value=131.0, n=14),
            Key.OUR_ITL_P50_MS: LiveFigure(value=12.0, n=1203),
        }
        points = (Point(1.0, 80.0), Point(2.0, 84.0))
        strip.present(OurView(at=2.0, figures=figures, is_streaming=True, points=points))
        assert (strip.rate_text, strip.head) == ("84", f"n{THIN}={THIN}14")
        ended = {**figures, Key.OUR_TOKENS_PER_S: LiveFigure(reason="No answer is on its way.")}
        quarter_past_nine = time.mktime((2026, 11, 21, 21, 15, 0, 0, 0, -1))
        strip.present(
            OurView(at=3.0, figures=ended, last_tokens_per_s=82.6, points=points, ended_at=quarter_past_nine)
        )
        assert strip.rate_text == "83"
        assert strip.head == f"21:15 · n{THIN}={THIN}14"  # until when, however late it is shown
        assert "last answer: 83" in strip.accessibleName()

    @pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
    def test_its_line_is_seen_on_its_ground(self, palette: theme.Palette) -> None:
        assert contrast(palette.accent, palette.bg) >= 3
