"""Latency X-rays for tests and pictures: measured by the real client against a server of known delays."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QApplication, QWidget

from arcdesk.api.metrics_client import MetricsClient
from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import (
    AnswerFailed,
    AnswerFinished,
    AnswerStats,
    ChatRequest,
    Message,
    MessageState,
    Role,
)
from arcdesk.core.ports import Endpoint
from arcdesk.core.xray_answer import record_of
from arcdesk.services.live_xray import LiveXRay
from arcdesk.ui.theme import LIGHT, Palette
from arcdesk.ui.transcript import Transcript
from arcdesk.ui.xray_window import XRayWindow
from tests.rig.metered_sse import MeteredServer

PATIENCE_S = 30.0


async def measured(server: MeteredServer, *, paint_lag_s: float | None) -> AnswerStats:
    """The figures of one answer of this server, with what is kept for its X-ray."""
    backend, metrics = OpenAIClient(), MetricsClient()
    xrays = LiveXRay(metrics, lambda: None)
    endpoint = Endpoint(base_url=server.base_url, model="TinyLlama 1.1B", device="B580")
    question = ChatRequest(messages=(Message(role=Role.USER, text="How long?"),))
    try:
        stats = AnswerStats()
        for _ in range(2):  # the first one loads what the client needs
            before = xrays.begin(endpoint)
            async for event in backend.ask(endpoint, question):
                if isinstance(event, AnswerFinished | AnswerFailed):
                    stats = event.stats
            told = await xrays.times(before, stats.completion_tokens)
        record = record_of(told, paint_lag_s=paint_lag_s, stall_s=None, is_local=True)
        return replace(stats, xray=record)
    finally:
        await xrays.aclose()
        await backend.aclose()
        await metrics.aclose()


def measured_aside(make: Callable[[], MeteredServer], *, paint_lag_s: float | None) -> AnswerStats:
    """The same on a loop of its own, for callers that have none."""
    found: list[AnswerStats] = []

    async def one() -> None:
        async with make() as server:
            found.append(await measured(server, paint_lag_s=paint_lag_s))

    thread = threading.Thread(target=lambda: asyncio.run(one()), name="measure-an-answer")
    thread.start()
    thread.join(PATIENCE_S)
    return found[0]


def painted_lag() -> float | None:
    """How long a real transcript takes to draw the last words of an answer here."""
    lags: list[float] = []
    transcript = Transcript()
    transcript.resize(700, 400)
    transcript.answer_painted.connect(lambda _, lag_s: lags.append(lag_s))
    transcript.show_messages([Message(id=1, role=Role.ASSISTANT, text="", state=MessageState.STREAMING)])
    transcript.show()
    QApplication.processEvents()
    transcript.feed(1, "The capital of France is Paris.")
    end = time.monotonic() + PATIENCE_S
    is_over = False
    while not lags and time.monotonic() < end:
        QApplication.processEvents()
        if not is_over and not transcript.document().isEmpty() and "Paris" in transcript.toPlainText():
            is_over = True
            transcript.finish_answer(
                Message(id=1, role=Role.ASSISTANT, text="The capital of France is Paris.")
            )
    transcript.close()
    transcript.deleteLater()
    return lags[0] if lags else None


def xray_window(palette: Palette = LIGHT, *, is_held_back: bool = False) -> QWidget:
    """The window over a measured answer; `is_held_back`: something on the way kept its pieces."""

    def make() -> MeteredServer:
        return MeteredServer(queue_s=0.045, prefill_s=0.118, gaps_s=[0.0165] * 24, is_held_back=is_held_back)

    window = XRayWindow()
    window.present(measured_aside(make, paint_lag_s=painted_lag()))
    window.set_palette_colors(palette)
    window.fit()
    return window


def bare_xray_window(palette: Palette = LIGHT) -> QWidget:
    """The window over an answer of a server that tells nothing."""
    window = XRayWindow()
    window.present(
        measured_aside(lambda: MeteredServer(has_metrics=False, gaps_s=[0.016] * 20), paint_lag_s=None)
    )
    window.set_palette_colors(palette)
    window.fit()
    return window
