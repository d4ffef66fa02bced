"""The chat over a real Docker Engine: what a question finds before there is a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcdesk.core.chat import MessageState
from arcdesk.core.engine_state import EnginePhase
from arcdesk.core.errors import ActionKind
from arcdesk.core.settings import ContainerSettings
from arcdesk.services.chat_service import ChatService
from arcdesk.storage.history_db import HistoryDb
from tests.docker.engine_helpers import QUESTION, arcdesk_on, daemon, own_daemon, settings
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings"]  # fixtures
pytestmark = pytest.mark.docker


async def test_without_a_container_the_question_is_kept_and_start_is_offered(
    daemon: PrivateEngine, settings: ContainerSettings, tmp_path: Path
) -> None:
    async with arcdesk_on(daemon, settings) as desk:
        history = HistoryDb(tmp_path / "history.db")
        chat = ChatService(store=desk.store, history=history, backend=desk.parts.backend, engine=desk.service)
        try:
            await chat.open()
            answer = await chat.ask(QUESTION)
            assert desk.now.phase is EnginePhase.ABSENT
            assert answer.state is MessageState.FAILED
            assert answer.problem is not None
            assert answer.problem.cause == "not_ready"
            assert [a.kind for a in answer.problem.actions] == [ActionKind.START, ActionKind.USE_EMBEDDED]
            asked, failed = await history.messages(1)
            assert (asked.text, failed.problem) == (QUESTION, answer.problem)
            assert await chat.is_unanswered(1)
        finally:
            await chat.aclose()
