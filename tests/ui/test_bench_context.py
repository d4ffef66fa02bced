"""The benchmark's form before the real embedded engine: it knows how much that one's context holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtTest import QTest

from arcdesk.core.engine_state import EnginePhase
from tests.rig.paced_server import PacedServer
from tests.ui.app_rig import no_docker as no_docker
from tests.ui.app_rig import open_app, until
from tests.ui.bench_rig import PLAN, Desk

pytestmark = pytest.mark.qt_log_ignore("does not support")  # the offscreen platform says so


async def test_more_than_the_embedded_engines_context_is_warned_of() -> None:
    async with open_app("embedded") as app:
        desk = Desk(app, PacedServer())
        engine = app.session.engine
        await engine.start()
        await until(lambda: engine.snapshot.phase is EnginePhase.READY, "the engine")
        assert engine.endpoint is not None
        (served,) = await app.session.parts.backend.served_models(engine.endpoint)
        context = served.max_model_len
        assert context is not None
        await desk.open(replace(PLAN, input_tokens=context - 9, output_tokens=10))
        warning = desk.window.start.warning
        await until(warning.isVisible, "the warning")
        assert f"this model's context holds {context:,}." in warning.text().replace("\u202f", ",")
        line = desk.window.form.output_tokens.line
        line.selectAll()
        QTest.keyClicks(line, "9")
        await until(lambda: not warning.isVisible(), "room for it")
        await engine.stop()
        await until(lambda: app.is_idle, "all that follows")
