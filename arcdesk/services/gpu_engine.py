"""Ties the cards to the container engine: is the card used, what an answer and a waiting model cost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from arcdesk.core.chat import Message, MessageState
from arcdesk.core.energy import EnergyCounters
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Problem
from arcdesk.core.gpu import GpuSnapshot
from arcdesk.core.gpu_used_values import UsedVerdict
from arcdesk.core.ports import ChatBackend, Endpoint
from arcdesk.core.store import AppState, Store
from arcdesk.services.chat_listeners import ChatListener
from arcdesk.services.gpu_energy import AnswerEnergy, others_on
from arcdesk.services.gpu_idle import IdleMeter
from arcdesk.services.gpu_service import GpuService
from arcdesk.services.gpu_used import GpuUsedCheck, UsedWish

log = logging.getLogger(__name__)

IDLE_TOLD_EVERY = 10  # quiet looks


class GpuEngine:
    """Follows the engine in the store and the answers of the chat. Costs nothing while neither changes.

    `wish` is what the engine's settings say now, `endpoint` where it answers. `on_problem` is told of a
    card that is not, or only partly, used, `on_answer` of each answer's joules (conversation id, message).
    """

    def __init__(
        self,
        *,
        store: Store,
        gpu: GpuService,
        backend: ChatBackend,
        counters: EnergyCounters,
        wish: Callable[[], UsedWish],
        endpoint: Callable[[], Endpoint | None],
        on_problem: Callable[[Problem], None] = lambda _: None,
        on_answer: Callable[[int, Message, float], Coroutine[Any, Any, None]] | None = None,
        check: GpuUsedCheck | None = None,
    ) -> None:
        self._store = store
        self._gpu = gpu
        self._wish = wish
        self._endpoint = endpoint
        self._on_problem = on_problem
        self._on_answer = on_answer
        self._check = check or GpuUsedCheck(gpu, backend, is_asked=lambda: bool(store.state.answering))
        self._idle = IdleMeter(is_quiet=self._is_quiet, cards=self._cards)
        self._energy = AnswerEnergy(
            counters, cards=self._cards, idle_w=lambda: self._idle.cost.watts.value, others=self._others
        )
        self._phase: EnginePhase | None = None
        self._was_started = False  # we saw it on its way, and did not find it there
        self._waiting: set[int] = set()  # answers that wait for the engine
        self._tasks: set[asyncio.Task[None]] = set()
        self._checking: asyncio.Task[None] | None = None
        self._ends: list[Callable[[], None]] = []

    @property
    def listener(self) -> ChatListener:
        """For the chat service: hears when answers begin and end."""
        return ChatListener(on_message=self._on_message, hears_quick=True)

    def start(self) -> None:
        """Follow the store, and the looks that others cause."""
        self._ends = [self._store.subscribe(self._on_state), self._gpu.overhear(self._on_look)]

    async def aclose(self) -> None:
        """Let go."""
        for end in self._ends:
            end()
        self._ends = []
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._energy.aclose()

    def check_if_unknown(self) -> None:
        """Somebody looks: judge an engine that was found running, unless that was done."""
        if self._gpu.view.used is None and self._phase is EnginePhase.READY and self._is_ours:
            self._judge()

    # the engine

    @property
    def _is_ours(self) -> bool:
        return self._store.state.engine.kind is EngineKind.CONTAINER

    def _on_state(self, state: AppState) -> None:
        phase = state.engine.phase if state.engine.kind is EngineKind.CONTAINER else None
        if phase is self._phase:
            return
        before, self._phase = self._phase, phase
        if before is EnginePhase.READY:
            self._forget_run()
        match phase:
            case EnginePhase.STARTING:
                self._was_started = True
                self._forget_run()
                self._spawn(self._check.before_start(), "gpu-before-start")
            case EnginePhase.LOADING:
                self._was_started = True
                if before is EnginePhase.STARTING:
                    self._spawn(self._check.just_started(), "gpu-just-started")
            case EnginePhase.READY:
                self._on_ready()
            case _:
                self._was_started = False
                self._check.forget()

    def _on_ready(self) -> None:
        for message_id in self._waiting:
            self._energy.begin(message_id)
        self._waiting.clear()
        if self._was_started:
            self._was_started = False
            self._judge()

    def _judge(self) -> None:
        if self._checking is None or self._checking.done():
            self._checking = self._spawn(self._judge_now(self._store.state.engine), "gpu-used-check")

    async def _judge_now(self, engine: EngineSnapshot) -> None:
        endpoint = self._endpoint()
        if endpoint is None:
            return
        verdict = await self._check.at_ready(endpoint, wish=self._wish(), log_device=engine.device)
        if self._phase is not EnginePhase.READY:
            return  # of a run that has ended meanwhile
        self._gpu.note(used=verdict)
        if verdict.problem is not None:
            self._on_problem(verdict.problem)

    def _forget_run(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
            self._checking = None
        self._idle.forget()
        self._gpu.forget_run()

    # answers

    def _on_message(self, conversation_id: int, message: Message) -> None:
        if message.state is MessageState.WAITING:
            if self._phase is EnginePhase.READY:
                self._energy.begin(message.id)
            elif self._is_ours:
                self._waiting.add(message.id)
        elif not message.state.is_open:
            self._waiting.discard(message.id)
            if message.state is MessageState.FAILED:
                self._energy.drop(message.id)
            else:
                self._spawn(self._count(conversation_id, message), "gpu-answer-energy")

    async def _count(self, conversation_id: int, message: Message) -> None:
        used = await self._energy.end(message.id, message.stats)
        if used is None:
            return
        if self._phase is EnginePhase.READY:
            self._gpu.note(last_answer=used)
        if self._on_answer is not None and used.joules.value is not None:
            await self._on_answer(conversation_id, message, used.joules.value)

    # the cards of the engine

    def _cards(self) -> tuple[str, ...]:
        used: UsedVerdict | None = self._gpu.view.used
        return tuple(card.address for card in used.cards) if used is not None else ()

    def _others(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        return others_on(self._gpu.view.snapshot, addresses, self._wish().container)

    def _is_quiet(self) -> bool:
        is_checking = self._checking is not None and not self._checking.done()
        is_ready = self._phase is EnginePhase.READY
        return is_ready and not is_checking and not self._store.state.answering and not self._energy.is_busy

    def _on_look(self, snapshot: GpuSnapshot) -> None:
        if self._idle.take(snapshot):
            cost = self._idle.cost
            if cost.watts.is_known and cost.n % IDLE_TOLD_EVERY == 0:
                self._gpu.note(idle=cost)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s failed", task.get_name(), exc_info=task.exception())
