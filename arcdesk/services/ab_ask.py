"""Asks one question of a comparison, and notices when what should answer is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from arcdesk.core.ab_report import AbAnswer
from arcdesk.core.chat import AnswerFailed, AnswerFinished, ChatRequest, ThoughtArrived, TokenArrived
from arcdesk.core.errors import Problem
from arcdesk.core.ports import ChatBackend, Endpoint
from arcdesk.core.store import Store

TOLD_PATIENCE_S = 10.0  # until the engine's driver says why nothing answers
NO_ANSWER = "The answer ended without an end."


class Died(Exception):
    """What answered is gone. `answer` is what it gave so far, `problem` what the request said of it."""

    def __init__(self, answer: AbAnswer, problem: Problem | None) -> None:
        super().__init__(answer.error)
        self.answer = answer
        self.problem = problem


class Asker:
    """Streams answers while `is_broken` says no; it is asked with every change of the store.

    `look` has the engine's driver find out why nothing answers.
    """

    def __init__(
        self,
        backend: ChatBackend,
        *,
        is_broken: Callable[[], bool],
        look: Callable[[], None],
        store: Store,
    ) -> None:
        self._backend = backend
        self._look = look
        self._is_broken = is_broken
        self._store = store

    async def ask(
        self, endpoint: Endpoint, request: ChatRequest, on_text: Callable[[str], None] = lambda _: None
    ) -> AbAnswer:
        """The answer, also one with an error while the server lives on. Raises Died."""
        stream = _Stream(on_text)
        asking = asyncio.ensure_future(stream.read(self._backend, endpoint, request))
        breaking = asyncio.ensure_future(self._broken())
        try:
            await asyncio.wait({asking, breaking}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise Died(stream.answer("It ended in the middle of the answer."), None)
            asking.result()
            failed = stream.closing if isinstance(stream.closing, AnswerFailed) else None
            if failed is not None and not await self._backend.is_healthy(endpoint):
                self._look()
                await asyncio.wait({breaking}, timeout=TOLD_PATIENCE_S)
                raise Died(stream.answer(failed.problem.title), failed.problem)
            return stream.answer()
        finally:
            for task in (asking, breaking):
                task.cancel()
            await asyncio.gather(asking, breaking, return_exceptions=True)

    async def _broken(self) -> None:
        changed = asyncio.Event()
        unsubscribe = self._store.subscribe(lambda _: changed.set())
        try:
            while not self._is_broken():
                changed.clear()
                await changed.wait()
        finally:
            unsubscribe()


class _Stream:
    """Collects one answer."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self._words: list[str] = []
        self._thoughts: list[str] = []
        self.closing: AnswerFinished | AnswerFailed | None = None

    async def read(self, backend: ChatBackend, endpoint: Endpoint, request: ChatRequest) -> None:
        async with contextlib.aclosing(backend.ask(endpoint, request)) as events:
            async for event in events:
                match event:
                    case TokenArrived():
                        self._words.append(event.text)
                        self._on_text(event.text)
                    case ThoughtArrived():
                        self._thoughts.append(event.text)
                    case AnswerFinished() | AnswerFailed():
                        self.closing = event

    def answer(self, error: str = "") -> AbAnswer:
        """What came; `error` says why it is not whole, where the stream itself does not."""
        closing = self.closing
        stats = closing.stats if closing is not None else None
        if isinstance(closing, AnswerFailed):
            error = error or closing.problem.title
        return AbAnswer(
            text="".join(self._words).strip(),
            thoughts="".join(self._thoughts).strip(),
            ttft_ms=stats.ttft_ms if stats else None,
            decode_tokens_per_s=stats.decode_tokens_per_s if stats else None,
            total_ms=stats.total_ms if stats else None,
            tokens=stats.completion_tokens if stats else None,
            error=error or ("" if closing is not None else NO_ANSWER),
        )
