"""An ArcDesk without windows on a Docker Engine of its own: what the tests of the container engine share.

An engine of its own, because the container with our label is the truth: on a shared one, two tests (or a
person's ArcDesk) would take each other's container.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import docker as sdk
import pytest

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.app.parts import Parts
from arcdesk.core.chat import ChatEvent, ChatRequest, Message, Role, TokenArrived
from arcdesk.core.engine_state import EnginePhase, EngineSnapshot
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.core.store import AppState, Store
from arcdesk.engine.container_key import KEY_FILE, give_secrets, image_start
from arcdesk.engine.container_spec import NOTHING, container_spec
from arcdesk.engine.docker_runtime import DockerRuntime
from arcdesk.services.egress import EgressLedger
from arcdesk.services.engine_service import EngineService
from arcdesk.storage.egress_db import EgressDb
from arcdesk.storage.secrets import SecretStore
from tests.docker.runtime_rig import free_port
from tests.rig.docker_engine import DockerEngine
from tests.rig.errors import RigUnavailable
from tests.rig.private_engine import PrivateEngine, private_engine

MODEL_DIR = "/llm/models/SmolLM2-135M-Instruct"
FAULT = "/llm/models/fault-"
PATIENCE_S = 90.0  # for what takes 2 s on an idle machine
QUESTION = "What is the capital of France?"
LONG_QUESTION = "Write a long story about a river. Do not stop before a thousand words."

_numbers = itertools.count(1)
_engine_key: pytest.StashKey[PrivateEngine] = pytest.StashKey()


@pytest.fixture(scope="session")
def own_daemon(
    request: pytest.FixtureRequest, docker_engine: DockerEngine, llama_image: str, tiny_image: str
) -> PrivateEngine:
    """A daemon with the images that nobody else uses; one for all modules that import this fixture."""
    stash = request.config.stash  # a fixture that several modules import is made once for each of them
    if _engine_key not in stash:
        stack = ExitStack()
        try:
            request.session.addfinalizer(stack.close)
            folder = stack.enter_context(TemporaryDirectory(prefix="arcdesk-test-"))
            daemon = stack.enter_context(private_engine(Path(folder)))
            for image in (llama_image, tiny_image):
                daemon.load_image(docker_engine, image)
        except RigUnavailable as error:
            if os.environ.get("CI") == "true":
                pytest.fail(error.reason)
            pytest.skip(error.reason)
        stash[_engine_key] = daemon
    return stash[_engine_key]


@pytest.fixture
def daemon(own_daemon: PrivateEngine) -> Iterator[PrivateEngine]:
    """That daemon, running at the start, and without any container at the end."""
    yield own_daemon
    if own_daemon.daemon.pid is None:
        own_daemon.start()
    containers = own_daemon.engine.docker("ps", "--all", "--quiet").split()
    if containers:
        own_daemon.engine.docker("rm", "--force", *containers)


@pytest.fixture
def settings(llama_image: str, tmp_path: Path) -> ContainerSettings:
    """A container of the fast stand-in, with a free port and a name of its own."""
    return ContainerSettings(
        image=llama_image,
        name=f"arcdesk-test-{os.getpid()}-{next(_numbers)}",
        host_port=free_port(),
        model_path=MODEL_DIR,
        served_model_name="smol",
        hf_cache_dir=str(tmp_path / "hf-cache"),
        device="",
        shm_size="64m",
    )


@dataclass(slots=True, kw_only=True)
class Desk:
    """One run of ArcDesk: the engine service over the real adapters, and every state that it went through."""

    store: Store
    parts: Parts
    service: EngineService
    states: list[EngineSnapshot] = field(default_factory=list)

    @property
    def now(self) -> EngineSnapshot:
        return self.store.state.engine

    @property
    def phases(self) -> list[EnginePhase]:
        """Each phase once per visit."""
        return [phase for phase, _ in itertools.groupby(state.phase for state in self.states)]

    @property
    def endpoint(self) -> Endpoint:
        endpoint = self.service.endpoint
        assert endpoint is not None, f"nothing answers: {self.now}"
        return endpoint

    def hear(self, state: AppState) -> None:
        self.states.append(state.engine)

    def forget(self) -> None:
        """Only what comes from now on counts."""
        self.states[:] = [self.now]

    async def until(self, *phases: EnginePhase, patience_s: float = PATIENCE_S) -> EngineSnapshot:
        """Waits for one of the phases, and that nothing newer contradicts it."""
        await self.until_true(lambda: self.now.phase in phases, f"{phases}", patience_s=patience_s)
        return self.now

    async def until_true(
        self, condition: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S
    ) -> None:
        changed = asyncio.Event()
        unsubscribe = self.store.subscribe(lambda _: changed.set())
        try:
            async with asyncio.timeout(patience_s):
                while not condition():
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            raise AssertionError(f"waited for {what}; was {self.phases}, is {self.now}") from None
        finally:
            unsubscribe()

    async def start(self) -> EngineSnapshot:
        """Starts and waits until it answers."""
        await self.service.start()
        await asyncio.wait_for(self.service.wait_ready(), PATIENCE_S)
        return self.now

    async def ask(self, question: str = QUESTION, *, max_tokens: int = 24) -> list[ChatEvent]:
        """All events of one answer."""
        return [event async for event in self.answer(question, max_tokens=max_tokens)]

    async def answer(self, question: str, *, max_tokens: int) -> AsyncIterator[ChatEvent]:
        messages = (
            Message(role=Role.SYSTEM, text="You are a helpful assistant."),
            Message(role=Role.USER, text=question),
        )
        request = ChatRequest(messages=messages, temperature=0, max_tokens=max_tokens)
        async with aclosing(self.parts.backend.ask(self.endpoint, request)) as events:
            async for event in events:
                yield event


@asynccontextmanager
async def arcdesk_on(
    daemon: PrivateEngine, settings: ContainerSettings, *, backend: OpenAIClient | None = None
) -> AsyncIterator[Desk]:
    """ArcDesk on that daemon, watching. Afterwards no task and no thread of it is left."""
    others = asyncio.all_tasks()
    threads = set(threading.enumerate())
    store = Store()
    ledger = EgressLedger(EgressDb)
    parts = Parts(
        runtime=DockerRuntime(daemon.host, environ={}, egress=ledger),
        backend=backend or OpenAIClient(egress=ledger),
        secrets=SecretStore(environ={}),
        ledger=ledger,
    )
    service = EngineService(
        store=store,
        settings=Settings(engine="container", container=settings),
        make_driver=parts.make_driver,
        runtime=parts.runtime,
    )
    desk = Desk(store=store, parts=parts, service=service)
    store.subscribe(desk.hear)
    await service.begin()
    try:
        yield desk
    finally:
        await service.aclose()
        await parts.aclose()
    left = [task for task in asyncio.all_tasks() - others if not task.done()]
    assert not left, f"tasks left behind: {left}"
    for thread in set(threading.enumerate()) - threads:
        if thread.name.startswith("docker"):
            await asyncio.get_running_loop().run_in_executor(None, thread.join, 5.0)
            assert not thread.is_alive(), f"thread left behind: {thread.name}"


async def docker(daemon: PrivateEngine, *arguments: str) -> str:
    """Runs the docker command, as a person beside ArcDesk would; returns what it prints."""
    process = await asyncio.create_subprocess_exec(
        "docker",
        "-H",
        daemon.host,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed, complaint = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, f"docker {' '.join(arguments)}: {complaint.decode()}"
    return printed.decode().strip()


@contextmanager
def made_beside(
    daemon: PrivateEngine,
    settings: ContainerSettings,
    *,
    environment: Mapping[str, str] = NOTHING,
    **options: Any,
) -> Iterator[str]:
    """A container as ArcDesk makes it, with some more options; made, but not started. Gives its id."""
    client = sdk.DockerClient(base_url=daemon.host)
    try:
        image = image_start(client, settings.image)
        spec = container_spec(settings, command=image.command)
        spec["mounts"] = []
        spec["environment"] |= environment
        container_id = str(client.containers.create(**spec, **options).id)
        give_secrets(client, container_id, {KEY_FILE: "made-beside"}, image.user)
        yield container_id
    finally:
        client.close()


async def our_containers(daemon: PrivateEngine) -> list[str]:
    """The ids of all containers with our label."""
    return (
        await docker(daemon, "ps", "-aq", "--no-trunc", "--filter", "label=io.arcdesk.role=engine")
    ).split()


async def the_container(daemon: PrivateEngine) -> str:
    """The id of the only container with our label."""
    (container_id,) = await our_containers(daemon)
    return container_id


async def inspected(daemon: PrivateEngine, container_id: str, template: str) -> str:
    """One field of `docker inspect`."""
    return await docker(daemon, "inspect", "--format", template, container_id)


async def in_thread(work: Callable[[], None]) -> None:
    """Runs what blocks (a daemon's start or stop) while the loop goes on."""
    await asyncio.get_running_loop().run_in_executor(None, work)


def text_of(events: list[ChatEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TokenArrived))


def with_fault(settings: ContainerSettings, name: str) -> ContainerSettings:
    return replace(settings, model_path=FAULT + name)
