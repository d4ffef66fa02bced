"""The engine service with real drivers: llama.cpp in a child process, servers on real sockets, no Docker."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psutil
import pytest

from arcdesk.app.parts import Parts, make_parts
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import DockerUnreachable, EngineError, NotFoundError, NotReadyError, UsageError
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.services.engine_service import EngineService, kind_of
from tests.fakes.openai_server import MODEL, OpenAIServer
from tests.unit.services.chat_rig import PATIENCE_S, until_state


class Rig:
    def __init__(self, engine: str, gguf_path: str) -> None:
        self.store, self.parts = Store(), make_parts()
        self.settings = Settings(engine=engine, gguf_path=gguf_path)
        self.service = EngineService(
            store=self.store,
            settings=self.settings,
            make_driver=self.parts.make_driver,
            runtime=self.parts.runtime,
        )

    @property
    def phase(self) -> EnginePhase:
        return self.store.state.engine.phase

    async def until(self, *phases: EnginePhase) -> None:
        await until_state(self.store, lambda state: state.engine.phase in phases)


@asynccontextmanager
async def open_engine(engine: str, gguf_path: str = "") -> AsyncIterator[Rig]:
    rig = Rig(engine, gguf_path)
    try:
        yield rig
    finally:
        await rig.service.aclose()
        await rig.parts.aclose()


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children()]


async def first_child() -> int:
    """The child's process id, as soon as there is one."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := children()):
            await asyncio.sleep(0.002)
    return found[0]


async def test_auto_is_the_embedded_engine_where_no_docker_answers() -> None:
    async with open_engine("auto") as rig:
        await rig.service.begin()
        assert rig.service.endpoint is None
        await rig.service.settle()
        assert (rig.store.state.engine.kind, rig.phase) == (EngineKind.EMBEDDED, EnginePhase.STOPPED)
        assert children() == []  # settled, not started
        await rig.service.start()
        engine = rig.store.state.engine
        assert (engine.phase, engine.device) == (EnginePhase.READY, "CPU")
        assert engine.place == "CPU, embedded starter model"
        endpoint = rig.service.endpoint
        assert endpoint is not None
        assert endpoint.base_url == engine.base_url
        await rig.parts.backend.probe(endpoint)
        assert await rig.service.wait_ready() == endpoint
        assert len(children()) == 1
    assert children() == []


async def test_a_killed_engine_has_failed_with_a_way_out_and_starts_again() -> None:
    async with open_engine("embedded") as rig:
        await rig.service.start()
        os.kill(children()[0], signal.SIGKILL)
        await rig.until(EnginePhase.FAILED)
        problem = rig.store.state.engine.problem
        assert problem is not None
        assert problem.title
        assert problem.actions
        assert rig.service.endpoint is None
        with pytest.raises(NotReadyError) as refused:
            await rig.service.wait_ready()
        assert refused.value.problem == problem
        await rig.service.start()
        assert rig.phase is EnginePhase.READY
        assert rig.store.state.engine.problem is None


async def test_a_child_killed_while_it_loads_is_a_failure_not_a_wait() -> None:
    async with open_engine("embedded") as rig:
        starting = asyncio.ensure_future(rig.service.start())
        os.kill(await first_child(), signal.SIGKILL)
        with pytest.raises(EngineError):
            await starting
        assert rig.phase is EnginePhase.FAILED
        assert rig.store.state.engine.problem is not None


async def test_a_child_killed_before_its_first_answer_is_a_failure_not_a_wait() -> None:
    def kill_when_loading(phase: EnginePhase) -> None:
        if phase is EnginePhase.LOADING:  # it listens, and nothing was asked yet
            os.kill(children()[0], signal.SIGKILL)

    async with open_engine("embedded") as rig:
        unsubscribe = rig.store.subscribe(lambda state: kill_when_loading(state.engine.phase))
        async with asyncio.timeout(PATIENCE_S / 2):  # it must not take READY_PATIENCE_S
            with pytest.raises(EngineError) as told:
                await rig.service.start()
        unsubscribe()
        engine = rig.store.state.engine
        assert (engine.phase, engine.problem) == (EnginePhase.FAILED, told.value.problem)
        assert "never answered" not in told.value.problem.title  # the child's end is the reason, not our wait


async def test_stop_ends_an_engine_that_is_still_starting() -> None:
    async with open_engine("embedded") as rig:
        starting = asyncio.ensure_future(rig.service.start())
        await first_child()
        assert rig.phase in (EnginePhase.STARTING, EnginePhase.LOADING)
        await rig.service.stop()
        assert rig.phase is EnginePhase.STOPPED
        assert children() == []
        with pytest.raises(NotReadyError):
            await starting


async def test_who_stops_waiting_does_not_stop_the_start() -> None:
    async with open_engine("embedded") as rig:
        impatient = asyncio.ensure_future(rig.service.start())
        patient = asyncio.ensure_future(rig.service.start())
        pid = await first_child()
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        await patient
        assert rig.phase is EnginePhase.READY
        assert children() == [pid]


async def test_closing_ends_an_engine_that_is_still_starting() -> None:
    async with open_engine("embedded") as rig:
        starting = asyncio.ensure_future(rig.service.start())
        await first_child()
    assert children() == []
    (error,) = await asyncio.gather(starting, return_exceptions=True)
    assert isinstance(error, NotReadyError)


async def test_others_wait_while_it_starts() -> None:
    async with open_engine("embedded") as rig:
        await rig.service.settle()
        starting = asyncio.ensure_future(rig.service.start())
        await rig.until(EnginePhase.STARTING)
        endpoint = await rig.service.wait_ready()
        await rig.parts.backend.probe(endpoint)
        await starting


async def test_restart_gives_a_new_child() -> None:
    async with open_engine("embedded") as rig:
        await rig.service.start()
        before = children()
        await rig.service.restart()
        assert rig.phase is EnginePhase.READY
        assert len(children()) == 1
        assert children() != before
        assert any("main" in line or "llama" in line for line in await rig.service.log_tail())


async def test_a_model_that_is_not_there_is_told(tmp_path: object) -> None:
    async with open_engine("embedded", f"{tmp_path}/none.gguf") as rig:
        with pytest.raises(NotFoundError) as told:
            await rig.service.start()
        assert rig.store.state.engine.problem == told.value.problem
        assert told.value.problem.actions


async def test_use_switches_and_ends_the_last_engine(server: OpenAIServer) -> None:
    async with open_engine("embedded") as rig:
        await rig.service.start()
        await rig.service.use(replace(rig.settings, engine=server.base_url))
        assert children() == []
        engine = rig.store.state.engine
        assert (engine.kind, engine.phase, engine.problem) == (EngineKind.REMOTE, EnginePhase.STOPPED, None)
        await rig.service.start()
        assert (rig.phase, rig.store.state.engine.model) == (EnginePhase.READY, MODEL)
        assert rig.service.settings.engine == server.base_url


async def test_use_while_the_last_engine_starts_leaves_no_word_of_it(server: OpenAIServer) -> None:
    async with open_engine("embedded") as rig:
        starting = asyncio.ensure_future(rig.service.start())
        await first_child()
        seen: list[EngineKind] = []
        unsubscribe = rig.store.subscribe(lambda state: seen.append(state.engine.kind))
        await rig.service.use(replace(rig.settings, engine=server.base_url))
        await asyncio.gather(starting, return_exceptions=True)
        await rig.service.start()
        unsubscribe()
        assert seen[0] is EngineKind.EMBEDDED
        assert set(seen[1:]) == {EngineKind.REMOTE}
        assert children() == []


@pytest.mark.parametrize("bad", ["http://", "http://[::1", "nonsense"])
async def test_use_of_a_bad_address_leaves_all_as_it_was(server: OpenAIServer, bad: str) -> None:
    async with open_engine(server.base_url) as rig:
        await rig.service.start()
        with pytest.raises(UsageError):
            await rig.service.use(replace(rig.settings, engine=bad))
        assert rig.phase is EnginePhase.READY
        assert (await rig.service.wait_ready()).model == MODEL
        assert rig.service.settings == rig.settings


async def test_a_container_without_docker_is_unavailable_with_a_reason() -> None:
    async with open_engine("container") as rig:
        with pytest.raises(DockerUnreachable) as told:
            await rig.service.start()
        assert told.value.exit_code == 4
        engine = rig.store.state.engine
        assert (engine.phase, engine.problem) == (EnginePhase.UNAVAILABLE, told.value.problem)
        with pytest.raises(DockerUnreachable):
            await rig.service.wait_ready()


async def test_the_engine_in_use_is_told_from_another() -> None:
    async with open_engine("embedded") as rig:
        assert await rig.service.serves("auto")
        assert await rig.service.serves("embedded")
        assert not await rig.service.serves("container")
        assert not await rig.service.serves("http://127.0.0.1:9")
    async with open_engine("http://127.0.0.1:9") as rig:
        assert await rig.service.serves("http://127.0.0.1:9/v1/")
        assert not await rig.service.serves("http://127.0.0.1:10")


async def test_wait_ready_says_why_when_nothing_is_under_way() -> None:
    async with open_engine("embedded") as rig:
        await rig.service.settle()
        with pytest.raises(NotReadyError) as refused:
            await rig.service.wait_ready()
        assert refused.value.problem.title == "The engine is not running"


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        ("auto", None),
        ("", None),
        ("container", EngineKind.CONTAINER),
        ("embedded", EngineKind.EMBEDDED),
        ("https://there", EngineKind.REMOTE),
    ],
)
def test_a_choice_names_a_kind(choice: str, kind: EngineKind | None) -> None:
    assert kind_of(choice) is kind


def test_an_unknown_choice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as refused:
        kind_of("dokcer")
    assert "container, embedded" in str(refused.value)


def test_making_the_parts_loads_no_library() -> None:
    parts = make_parts()
    assert isinstance(parts, Parts)
