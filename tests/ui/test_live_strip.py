"""The live strip's picture: nothing is cut off, and a steady rate is no underline."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QPainter
from pytestqt.qtbot import QtBot

from arcdesk.core.live_stats import LiveFigure, OurView
from arcdesk.core.live_stats import LiveKey as Key
from arcdesk.core.points import Point
from arcdesk.ui import theme
from arcdesk.ui.live_strip import LINE_GAP_PX, LiveStrip

THIN = "\u202f"


@pytest.mark.parametrize("p95", [1081.0, 14081.0])
def test_nothing_is_cut_off_where_the_inspector_is_narrowest(
    p95: float, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    strip = LiveStrip()
    qtbot.addWidget(strip)
    fonts = strip._fonts
    narrow = 2 * 6 + sum(map(fonts.width, ("tok/s—", "p50", "p95", f"{THIN}ms"))) + 8
    strip.resize(round(narrow + 2 * fonts.width(f"0{THIN}000") + 6), 90)
    figures = {
        key: LiveFigure(value=value, n=2)
        for key, value in ((Key.OUR_TTFT_P50_MS, 617.0), (Key.OUR_TTFT_P95_MS, p95))
    }
    drawn: list[tuple[str, float]] = []
    draw = fonts.draw

    def look(
        painter: QPainter, kind: str, left: float, top: float, text: str, *, right: float | None = None
    ) -> None:
        drawn.append((text, left + fonts.width(text) if right is None else right))
        draw(painter, kind, left, top, text, right=right)

    monkeypatch.setattr(fonts, "draw", look)
    strip.present(OurView(at=3.0, figures=figures, ended_at=5.0))
    strip.grab()
    assert max(right for _, right in drawn) <= strip.width() - 6
    texts = [text for text, _ in drawn]
    assert (f"{THIN}s" in texts) == (p95 > 10_000)
    if p95 > 10_000:
        assert {"0.6", "14.1"} <= set(texts)


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_a_steady_rate_has_an_area_below_its_line(palette: theme.Palette, qtbot: QtBot) -> None:
    strip = LiveStrip()
    qtbot.addWidget(strip)
    strip.set_palette_colors(palette)
    strip.resize(240, 90)
    points = tuple(Point(float(second), 12.0) for second in range(30))
    strip.present(OurView(at=30.0, points=points))
    low = round(6 + 2 * strip._step - LINE_GAP_PX - 4)
    picture = strip.grab().toImage()
    assert picture.pixelColor(200, low) != picture.pixelColor(1, low)
