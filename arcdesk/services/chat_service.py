"""Asks questions, streams answers, and stores both as they happen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from arcdesk.core.chat import (
    AnswerFailed,
    AnswerFinished,
    AnswerStats,
    ChatRequest,
    Conversation,
    Message,
    MessageState,
    Role,
    ThoughtArrived,
    TokenArrived,
    conversation_to_send,
)
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import AnswerError, ArcDeskError, UsageError
from arcdesk.core.image import Image, refusal
from arcdesk.core.ports import ChatBackend, Endpoint
from arcdesk.core.quick import QuickHistoryRepo, QuickQuestion
from arcdesk.core.store import Store
from arcdesk.core.xray_record import XRayRecord
from arcdesk.services.answer_log import AnswerLog
from arcdesk.services.chat_listeners import ChatListener, ChatListeners
from arcdesk.services.chat_problems import busy, silent_end, unexpected
from arcdesk.services.engine_service import EngineService
from arcdesk.services.late_figures import LateFigures

log = logging.getLogger(__name__)

TITLE_LENGTH = 48
IMAGE_TITLE = "Image"  # of a conversation that begins with one, and no word


def title_of(text: str) -> str:
    """A conversation's first title: the first line of its first question."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


class ChatService:
    """Conversations and their answers. One answer at a time in each conversation."""

    def __init__(
        self,
        *,
        store: Store,
        history: QuickHistoryRepo,
        backend: ChatBackend,
        engine: EngineService,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._history = history
        self._backend = backend
        self._engine = engine
        self._now = now
        self._answers: dict[int, asyncio.Task[Message]] = {}
        self._records: dict[int, AnswerLog] = {}
        self._late = LateFigures()
        self._told = ChatListeners()

    def listen(self, listener: ChatListener) -> Callable[[], None]:
        """Tell `listener` of answers from now on; returns what ends it."""
        return self._told.listen(listener)

    # conversations

    async def open(self) -> None:
        """Load the list; what a crash left open is marked."""
        await self._history.mark_interrupted()
        await self._refresh_list()

    async def _refresh_list(self) -> None:
        self._store.update(conversations=tuple(await self._history.conversations()))

    def select(self, conversation_id: int) -> None:
        """Show this conversation; 0 is a chat not begun."""
        self._store.update(active_conversation=conversation_id)

    async def messages(self, conversation_id: int) -> list[Message]:
        """The messages, oldest first, a running answer with all of it so far; none for a chat not begun."""
        stored = await self._history.messages(conversation_id) if conversation_id else []
        record = self._records.get(conversation_id)  # no wait from here on: events would be missed or doubled
        if record is None:
            return stored
        return [
            replace(message, text=record.text, thoughts=record.thoughts)
            if message.id == record.message_id
            else message
            for message in stored
        ]

    async def rename(self, conversation_id: int, title: str) -> None:
        """Give a conversation another title; an empty one is ignored."""
        if title.strip():
            await self._history.rename(conversation_id, title.strip())
            await self._refresh_list()

    async def delete(self, conversation_id: int) -> None:
        """Remove a conversation (restorable); its answer is stopped first."""
        await self.stop(conversation_id)
        await self._history.delete(conversation_id)
        if self._store.state.active_conversation == conversation_id:
            self.select(0)
        await self._refresh_list()

    async def restore(self, conversation_id: int) -> None:
        """Undo a delete."""
        await self._history.restore(conversation_id)
        await self._refresh_list()
        self.select(conversation_id)

    async def save_draft(self, conversation_id: int, text: str) -> None:
        """Keep what stands in the prompt box."""
        await self._history.save_draft(conversation_id, text)

    async def draft(self, conversation_id: int) -> str:
        """What stood in the prompt box."""
        return await self._history.draft(conversation_id)

    # questions

    async def ask(self, text: str, conversation_id: int = 0) -> Message:
        """Store a question, stream its answer; returns the closed answer, whatever became of it.

        With conversation 0 a new conversation begins (and is selected, if none was). Raises AnswerError
        when the conversation has an answer on its way: the question is kept all the same.
        """
        drafted_in = conversation_id
        if not conversation_id:
            conversation: Conversation = await self._history.create(title_of(text))
            conversation_id = conversation.id
            if not self._store.state.active_conversation:
                self.select(conversation_id)
        await self._add_question(conversation_id, text)
        await self._history.save_draft(drafted_in, "")  # only now: it is stored as a question
        await self._refresh_list()
        return await self._answer(conversation_id)

    async def _add_question(self, conversation_id: int, text: str, images: tuple[Image, ...] = ()) -> None:
        question = Message(role=Role.USER, text=text, images=images, created_at=self._now())
        self._told.message(conversation_id, await self._history.add(conversation_id, question))

    async def ask_quick(
        self,
        text: str,
        conversation_id: int = 0,
        shown: str | None = None,
        on_begun: Callable[[int], None] | None = None,
        images: tuple[Image, ...] = (),
    ) -> Message:
        """Like `ask`, in a conversation that stays out of the list; with 0 a new one begins.

        `shown` is what was typed, where `text` says more (a preset, attached text): it is the title and
        comes back in `quick_history`. `on_begun` is told the conversation before its first message is.
        Raises UsageError, with nothing stored, when the images are too many or too large.
        """
        if (problem := refusal(images)) is not None:
            raise UsageError(problem)
        typed = text if shown is None else shown
        if not conversation_id:
            title = title_of(typed or text) or IMAGE_TITLE
            conversation_id = (await self._history.create(title, is_quick=True)).id
            self._told.mark_quick(conversation_id, True)
        if on_begun is not None:
            on_begun(conversation_id)
        await self._add_question(conversation_id, text, images)
        await self._history.note_quick(conversation_id, typed)
        return await self._answer(conversation_id)

    async def promote(self, conversation_id: int) -> None:
        """Move a quick conversation into the list, where it is one like all others."""
        await self._history.promote(conversation_id)
        self._told.mark_quick(conversation_id, False)
        await self._refresh_list()

    async def quick_history(self, limit: int) -> list[QuickQuestion]:
        """What was typed into the quick prompt, the newest first, each text once."""
        questions = await self._history.quick_questions(limit)
        for question in questions:
            self._told.mark_quick(question.conversation_id, not question.is_in_list)
        return questions

    async def ask_again(self, conversation_id: int) -> Message | None:
        """Ask the last question once more, as if there were no answer to it yet.

        A part of an answer stays where it is; one that failed before its first word gives way.
        """
        if conversation_id in self._answers:
            return None
        messages = await self._history.messages(conversation_id)
        last = messages[-1] if messages else None
        if last and last.role is Role.ASSISTANT and not (last.text or last.thoughts):
            await self._history.remove(last.id)
            self._told.removed(conversation_id)
        if conversation_id in self._answers or not any(message.role is Role.USER for message in messages):
            return None
        return await self._answer(conversation_id)

    async def is_unanswered(self, conversation_id: int) -> bool:
        """The last question has no answer, or one that failed before its first word."""
        messages = await self._history.messages(conversation_id)
        if not messages:
            return False
        last = messages[-1]
        return last.role is Role.USER or (last.state is MessageState.FAILED and not last.text)

    def waiting_message(self, conversation_id: int) -> int:
        """The id of an answer of which nothing has come yet, not even a thought; 0 if there is none."""
        record = self._records.get(conversation_id)
        return record.message_id if record and not record.has_text else 0

    async def stop(self, conversation_id: int) -> None:
        """Stop an answer: the request is closed, the text so far stays."""
        task = self._answers.get(conversation_id)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def flush(self) -> None:
        """Store the text of all answers on their way so far; they go on."""
        await asyncio.gather(*(record.flush() for record in tuple(self._records.values())))

    async def aclose(self) -> None:
        """Stop all answers and close the history."""
        for conversation_id in list(self._answers):
            await self.stop(conversation_id)
        await self._history.aclose()

    # one answer

    async def _answer(self, conversation_id: int) -> Message:
        if conversation_id in self._answers:
            raise AnswerError(busy())
        task = asyncio.ensure_future(self._run_answer(conversation_id))
        self._answers[conversation_id] = task
        self._store.update(answering=frozenset(self._answers))
        try:
            await asyncio.wait({task})
            return task.result()
        finally:
            if not task.done():  # the asker was cancelled: the answer goes with it
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            self._answers.pop(conversation_id, None)
            self._store.update(answering=frozenset(self._answers))

    async def _run_answer(self, conversation_id: int) -> Message:
        """From the answer's row to its closing, both of which a stop can't cut in two."""
        beginning = asyncio.ensure_future(self._begin_answer(conversation_id))
        was_stopped = await _to_the_end(beginning)
        messages, answer = beginning.result()
        closing: AnswerFinished | AnswerFailed | None = None
        if not was_stopped:
            try:
                endpoint = await self._reach_engine()
                closing = await self._stream(conversation_id, answer.id, endpoint, messages)
            except ArcDeskError as error:
                closing = AnswerFailed(error.problem, AnswerStats())
            except asyncio.CancelledError:
                closing = None  # the person stopped it
            except Exception as error:  # a mistake of ours must not leave a message that waits for ever
                log.exception("answer %s broke off", answer.id)
                closing = AnswerFailed(unexpected(error), AnswerStats())
        ending = asyncio.ensure_future(self._close_answer(conversation_id, answer, closing))
        await _to_the_end(ending)
        return ending.result()

    async def _begin_answer(self, conversation_id: int) -> tuple[tuple[Message, ...], Message]:
        """Store an empty answer; returns what is to be asked, and it."""
        messages = conversation_to_send(await self._history.messages(conversation_id))
        waiting = Message(role=Role.ASSISTANT, text="", state=MessageState.WAITING, created_at=self._now())
        answer = await self._history.add(conversation_id, waiting)
        self._records[conversation_id] = AnswerLog(self._history, answer.id)
        self._told.message(conversation_id, answer)
        return messages, answer

    async def _close_answer(
        self, conversation_id: int, answer: Message, closing: AnswerFinished | AnswerFailed | None
    ) -> Message:
        record = self._records[conversation_id]
        stats = closing.stats if closing else record.stats_so_far()
        problem = closing.problem if isinstance(closing, AnswerFailed) else None
        state = _state_after(closing)
        try:
            await record.flush()
        except Exception:  # a mistake of ours: the row must be closed all the same
            log.exception("what came of answer %s could not be written", answer.id)
        self._records.pop(conversation_id, None)
        unsaved = record.problem
        try:
            await self._history.finish(answer.id, state, stats, problem)
        except ArcDeskError as error:
            unsaved = unsaved or error.problem
        closed = replace(
            answer, text=record.text, thoughts=record.thoughts, state=state, stats=stats, problem=problem
        )
        self._after(conversation_id, closed)
        if unsaved is not None:
            self._store.update(notices=(*self._store.state.notices, unsaved))
        await self._refresh_list()
        return closed

    async def note_energy(self, conversation_id: int, answer: Message, energy_j: float) -> None:
        """What a closed answer cost was measured: keep it with its figures, tell who shows them."""
        await self._restate(conversation_id, answer, self._late.joined(answer, energy_j=energy_j))

    async def note_xray(self, conversation_id: int, answer: Message, record: XRayRecord) -> None:
        """Where a closed answer's time went is known: keep it with its figures, tell who shows them."""
        await self._restate(conversation_id, answer, self._late.joined(answer, xray=record))

    async def _restate(self, conversation_id: int, answer: Message, stats: AnswerStats) -> None:
        await self._history.restate(answer.id, stats)
        self._told.restated(conversation_id, replace(answer, stats=stats))

    async def _reach_engine(self) -> Endpoint:
        """The endpoint; an embedded engine is started for the question, a loading one is waited for."""
        await self._engine.until_free()
        driver = await self._engine.settle()
        await driver.first_look()
        if driver.endpoint is not None and self._engine.snapshot.phase is EnginePhase.READY:
            return driver.endpoint
        snapshot = self._engine.snapshot
        if snapshot.kind is not EngineKind.CONTAINER and snapshot.phase.can_start:
            await self._engine.start()
        return await self._engine.wait_ready()

    async def _stream(
        self,
        conversation_id: int,
        message_id: int,
        endpoint: Endpoint,
        messages: tuple[Message, ...],
    ) -> AnswerFinished | AnswerFailed:
        record = self._records[conversation_id]
        record.begin(endpoint)
        request = ChatRequest(messages=messages)
        tell = self._told.event
        async with contextlib.aclosing(self._backend.ask(endpoint, request)) as events:
            async for event in events:
                match event:
                    case TokenArrived():
                        record.add(event.text)
                        tell(conversation_id, message_id, event)
                    case ThoughtArrived():
                        record.add_thought(event.text)
                        tell(conversation_id, message_id, event)
                    case AnswerFinished() | AnswerFailed():
                        return event
        raise AnswerError(silent_end())

    def _after(self, conversation_id: int, closed: Message) -> None:
        self._told.message(conversation_id, closed)
        if closed.state is MessageState.DONE:
            self._store.update(last_answer=closed.stats)
        elif closed.state is MessageState.FAILED:
            self._engine.look()  # the engine may be gone: find out now
        log.info("answer %s: %s", closed.id, closed.state.value)


def _state_after(closing: AnswerFinished | AnswerFailed | None) -> MessageState:
    match closing:
        case AnswerFinished():
            return MessageState.DONE
        case AnswerFailed():
            return MessageState.FAILED
        case None:
            return MessageState.STOPPED


async def _to_the_end(task: asyncio.Task[Any]) -> bool:
    """Wait until `task` is done, also when cancelled meanwhile; returns whether that was so."""
    was_cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            was_cancelled = True
    return was_cancelled
