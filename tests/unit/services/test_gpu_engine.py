"""From the engine's phases and the chat's messages to what is shown beside the cards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import AnswerStats, Message, MessageState, Role
from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Problem
from arcdesk.core.gpu_used_values import UsedState
from arcdesk.core.ports import Endpoint
from arcdesk.core.store import Store
from arcdesk.services import gpu_idle
from arcdesk.services.gpu_engine import GpuEngine
from arcdesk.services.gpu_service import GpuService
from arcdesk.services.gpu_used import GpuUsedCheck, UsedWish
from tests.fakes.openai_server import MODEL, OpenAIServer
from tests.unit.services.gpu_rig import ScriptedCounters, ScriptedReader, gpu_threads, one, reading, until

GIB = 1 << 30
EMPTY = reading(vram_used_bytes=GIB, power_w=30.0)
FULL = reading(vram_used_bytes=9 * GIB, power_w=30.0)
STATS = AnswerStats(completion_tokens=10)


@dataclass(eq=False)
class Seat:
    store: Store
    reader: ScriptedReader
    gpu: GpuService
    counters: ScriptedCounters
    engine: GpuEngine
    problems: list[Problem] = field(default_factory=list)

    def phase(self, phase: EnginePhase, kind: EngineKind = EngineKind.CONTAINER, device: str = "XPU") -> None:
        self.store.update(engine=EngineSnapshot(kind=kind, phase=phase, device=device))

    async def start(self) -> None:
        """A whole start, as the container driver reports it; the model fills the card meanwhile."""
        looks = self.reader.looks
        self.phase(EnginePhase.STARTING)
        await until(lambda: self.reader.looks > looks)
        self.reader.cards = (FULL,)
        self.phase(EnginePhase.LOADING)
        self.phase(EnginePhase.READY)

    def message(self, message_id: int, state: MessageState, stats: AnswerStats | None = None) -> None:
        """As the chat service tells of it."""
        self.engine.listener.on_message(
            1, Message(id=message_id, role=Role.ASSISTANT, text="", state=state, stats=stats)
        )


@pytest_asyncio.fixture
async def seat(server: OpenAIServer) -> AsyncIterator[Seat]:
    store, backend = Store(), OpenAIClient()
    reader = ScriptedReader(cards=(EMPTY,))
    gpu = GpuService(reader, interval_s=0.01)
    counters = ScriptedCounters([one(10, 1000), one(14, 1600)])
    endpoint = Endpoint(base_url=server.base_url, model=MODEL, engine="container")
    problems: list[Problem] = []
    engine = GpuEngine(
        store=store,
        gpu=gpu,
        backend=backend,
        counters=counters,
        wish=lambda: UsedWish(container="arcdesk-engine", devices=("/dev/dri",)),
        endpoint=lambda: endpoint if store.state.engine.phase is EnginePhase.READY else None,
        on_problem=problems.append,
        check=GpuUsedCheck(gpu, backend, quiet_s=0.0, look_every_s=0.01),
    )
    engine.start()
    yield Seat(store, reader, gpu, counters, engine, problems)
    await engine.aclose()
    await gpu.aclose()
    await backend.aclose()
    await until(lambda: gpu_threads() == [])
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})  # the fake hears of the ends last


async def test_after_a_start_the_card_is_judged(seat: Seat) -> None:
    await seat.start()
    await until(lambda: seat.gpu.view.used is not None)

    assert seat.gpu.view.used is not None
    assert seat.gpu.view.used.state is UsedState.USED
    assert seat.problems == []


async def test_a_card_that_is_not_used_is_a_problem(seat: Seat) -> None:
    seat.phase(EnginePhase.STARTING)
    await until(lambda: seat.reader.looks == 1)
    seat.phase(EnginePhase.LOADING)
    seat.phase(EnginePhase.READY)
    await until(lambda: seat.gpu.view.used is not None)

    assert [problem.cause for problem in seat.problems] == ["gpu_not_used"]


async def test_an_engine_that_was_found_running_is_left_alone_until_somebody_looks(
    seat: Seat, server: OpenAIServer
) -> None:
    seat.phase(EnginePhase.READY)
    await asyncio.sleep(0.05)
    assert seat.reader.looks == 0 and server.requests == []

    seat.engine.check_if_unknown()
    seat.engine.check_if_unknown()
    await until(lambda: seat.gpu.view.used is not None)

    assert len([request for request in server.requests if request.method == "POST"]) == 1
    seat.engine.check_if_unknown()
    await asyncio.sleep(0.05)
    assert len([request for request in server.requests if request.method == "POST"]) == 1


@pytest.mark.parametrize("kind", [EngineKind.EMBEDDED, EngineKind.REMOTE])
async def test_other_engines_have_no_card(seat: Seat, kind: EngineKind) -> None:
    for phase in (EnginePhase.STARTING, EnginePhase.LOADING, EnginePhase.READY):
        seat.phase(phase, kind)
    seat.message(1, MessageState.WAITING)
    seat.message(1, MessageState.DONE, STATS)
    seat.engine.check_if_unknown()
    await asyncio.sleep(0.05)

    assert seat.reader.looks == 0
    assert seat.counters.reads == 0


async def test_a_stopped_engine_takes_its_verdict_with_it(seat: Seat) -> None:
    await seat.start()
    await until(lambda: seat.gpu.view.used is not None)

    seat.phase(EnginePhase.STOPPING)

    assert seat.gpu.view.used is None


async def test_an_engine_that_ends_during_the_test_question_gets_no_verdict(
    seat: Seat, server: OpenAIServer
) -> None:
    server.token_delay_s = 1000.0
    await seat.start()
    await server.until(lambda server: server.chats_in_progress == 1, 60)

    seat.phase(EnginePhase.FAILED)

    await server.until(lambda server: server.chats_in_progress == 0, 60)
    assert seat.gpu.view.used is None and seat.problems == []


async def test_an_answer_is_measured_from_question_to_end(seat: Seat) -> None:
    seat.phase(EnginePhase.READY)
    seat.message(7, MessageState.WAITING)
    await until(lambda: seat.counters.reads == 1)
    seat.message(7, MessageState.DONE, STATS)
    await until(lambda: seat.gpu.view.last_answer is not None)

    used = seat.gpu.view.last_answer
    assert used is not None
    assert used.joules.value == pytest.approx(600)
    assert used.joules_per_token.value == pytest.approx(60)


async def test_the_time_in_which_the_engine_loads_is_no_part_of_the_answer(seat: Seat) -> None:
    seat.phase(EnginePhase.LOADING)
    seat.message(7, MessageState.WAITING)
    await asyncio.sleep(0.05)
    assert seat.counters.reads == 0

    seat.phase(EnginePhase.READY)

    await until(lambda: seat.counters.reads == 1)
    seat.message(7, MessageState.STOPPED, STATS)
    await until(lambda: seat.gpu.view.last_answer is not None)


async def test_a_failed_answer_is_not_counted(seat: Seat) -> None:
    seat.phase(EnginePhase.READY)
    seat.message(7, MessageState.WAITING)
    seat.message(7, MessageState.FAILED, STATS)
    await until(lambda: gpu_threads() == [])

    assert seat.gpu.view.last_answer is None


async def test_what_waiting_costs_is_told_once_enough_was_seen(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_idle, "QUIET_FOR_S", 0.0)
    await seat.start()
    await until(lambda: seat.gpu.view.used is not None)
    end = seat.gpu.watch(lambda view: None)
    await until(lambda: seat.gpu.view.idle is not None)
    end()

    idle = seat.gpu.view.idle
    assert idle is not None
    assert idle.watts.value == 30.0
    assert idle.n >= 10
    assert idle.wh_per_day == pytest.approx(720.0)


async def test_an_answer_under_way_is_not_quiet(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_idle, "QUIET_FOR_S", 0.0)
    await seat.start()
    await until(lambda: seat.gpu.view.used is not None)
    seat.store.update(answering=frozenset({1}))
    seat.reader.cards = (replace(FULL, power_w=reading(power_w=180.0).power_w),)
    looks = seat.reader.looks
    end = seat.gpu.watch(lambda view: None)
    await until(lambda: seat.reader.looks > looks + 25)
    assert seat.gpu.view.idle is None
    end()
