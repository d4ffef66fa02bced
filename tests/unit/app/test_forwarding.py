"""The command line beside a running app: what is forwarded, how quickly, and what when the app fails."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from arcdesk.app.engine_commands import EngineCommands
from arcdesk.app.parts import make_parts
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.desktop.instance_server import InstanceLock, InstanceServer
from arcdesk.services.engine_service import EngineService
from tests.fakes.openai_server import ANSWER, MODEL, OpenAIServer
from tests.unit.app.command import PATIENCE_S, finish, run, started, until_it_waits

Json = dict[str, Any]
HEAVY = ("PySide6", "shiboken6", "qasync", "httpx", "docker", "asyncio", "logging", "platformdirs", "tomlkit")


@dataclass(eq=False)
class App:
    """An app without a window: the real socket, the real commands, the real engine service."""

    commands: EngineCommands
    engine: EngineService
    requests: list[Json] = field(default_factory=list)
    endpoint_answer: Json | None = None
    is_elsewhere: bool = False
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: Json, progress: Callable[[Json], None]) -> Json:
        self.requests.append(request)
        self.came.set()
        if self.is_elsewhere:
            return {"elsewhere": True}
        if request["command"] != "endpoint":
            return await self.commands.handle(request, progress)
        if self.endpoint_answer is None:
            await asyncio.Event().wait()
        assert self.endpoint_answer is not None
        return self.endpoint_answer


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest_asyncio.fixture
async def app(server: OpenAIServer) -> AsyncIterator[App]:
    store, parts = Store(), make_parts()
    engine = EngineService(
        store=store,
        settings=Settings(engine=server.base_url),
        make_driver=parts.make_driver,
        runtime=parts.runtime,
    )
    app = App(EngineCommands(store=store, engine=engine, is_app_running=True), engine)
    lock = InstanceLock.take()
    assert lock is not None
    listening = InstanceServer(app.handle)
    await listening.start()
    await engine.settle()
    yield app
    await listening.aclose()
    lock.release()
    await engine.aclose()
    await parts.aclose()


async def test_status_comes_from_the_app(app: App, server: OpenAIServer) -> None:
    done = await run("status", "--json")
    assert (done.code, done.err) == (0, "")
    status = json.loads(done.out)
    assert status["app"] == {"running": True}
    assert (status["engine"]["phase"], status["engine"]["base_url"]) == ("stopped", server.base_url)
    assert app.requests == [{"command": "status", "engine": None}]
    assert server.requests == []


@pytest.mark.parametrize("command", ["status", "start", "stop", "restart", "logs"])
async def test_a_forwarded_command_imports_nothing_heavy(app: App, command: str) -> None:
    done = await run(command, program=(sys.executable, "-X", "importtime", "-m", "arcdesk"))
    assert done.code == (5 if command == "logs" else 0)  # a server elsewhere shows no log
    assert [request["command"] for request in app.requests] == [command]
    lines = [line for line in done.err.splitlines() if line.startswith("import time:")]
    modules = {line.rpartition("|")[2].strip() for line in lines}
    assert "arcdesk.app.cli_forward" in modules
    assert {module for module in modules if module.split(".")[0] in HEAVY} == set()


async def test_start_shows_its_steps_on_standard_error(app: App) -> None:
    done = await run("start")
    assert done.code == 0
    assert done.out.startswith(f"Ready · {MODEL}")
    assert "Starting …" in done.err.splitlines()
    assert app.requests == [{"command": "start", "engine": None, "wait": True}]
    assert (await run("stop")).out.startswith("Stopped")
    assert (await run("start", "--no-wait")).code == 0
    assert app.requests[-1]["wait"] is False
    assert (await run("restart", "--json")).code == 0


async def test_a_failed_start_brings_its_exit_code_along(app: App, server: OpenAIServer) -> None:
    server.api_key = "sk-test"
    done = await run("start", "--json")
    assert done.code == 3
    assert "API key" in done.err
    assert json.loads(done.out)["engine"]["error"]["cause"] == "unauthorized"


async def test_logs_that_are_not_there_are_an_error_and_no_data(app: App) -> None:
    done = await run("logs", "--json", "-n", "7")
    assert (done.code, done.out) == (5, "")
    assert "There is no log" in done.err
    assert app.requests[-1]["lines"] == 7


async def test_a_command_for_another_engine_is_not_the_apps(app: App) -> None:
    app.is_elsewhere = True
    done = await run("stop", "--engine", "container")
    assert (done.code, app.requests[-1]["engine"]) == (4, "container")  # done here, where Docker is not


async def test_another_engine_is_looked_at_without_the_app(app: App) -> None:
    done = await run("status", "--json", "--engine", "embedded")
    assert json.loads(done.out)["engine"]["kind"] == "embedded"
    assert app.requests == []


async def test_ask_uses_the_engine_of_the_app(app: App, server: OpenAIServer) -> None:
    app.endpoint_answer = {
        "endpoint": {
            "base_url": server.base_url,
            "model": MODEL,
            "api_key": None,
            "engine": "container",
            "device": "XPU",
        }
    }
    done = await run("ask", "--json", "Why?")
    answer = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert answer["text"] == "".join(ANSWER)
    assert (answer["engine"], answer["device"]) == ("container", "XPU")


async def test_ask_says_why_the_engine_of_the_app_is_not_ready(app: App) -> None:
    problem = {"cause": "not_ready", "title": "The engine is not running", "hint": "Start it."}
    app.endpoint_answer = {"problem": problem, "exit_code": 3}
    done = await run("ask", "Why?")
    assert (done.code, done.out) == (3, "")
    app.endpoint_answer = {"problem": problem, "exit_code": 4}
    assert (await run("ask", "Why?")).code == 4
    assert "arcdesk: The engine is not running. Start it." in done.err


async def test_ctrl_c_does_not_wait_for_an_app_that_loads(app: App) -> None:
    async with started("ask", "Why?") as process:
        await asyncio.wait_for(app.came.wait(), PATIENCE_S)  # it never answers
        await until_it_waits(process, "7", "45", "271")  # poll, recvfrom, ppoll
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):  # the app would have half a minute
            done = await finish(process)
    assert (done.code, done.out) == (130, "")
    assert "Traceback" not in done.err


async def test_an_app_that_goes_away_in_the_middle_is_told() -> None:
    under_way = asyncio.Event()

    async def load_for_ever(_request: Json, progress: Callable[[Json], None]) -> Json:
        progress({"text": "Loading …"})
        under_way.set()
        await asyncio.Event().wait()
        return {}

    lock = InstanceLock.take()
    assert lock is not None
    listening = InstanceServer(load_for_ever)
    await listening.start()
    async with started("start") as process:
        await asyncio.wait_for(under_way.wait(), PATIENCE_S)
        await listening.aclose()
        done = await finish(process)
    lock.release()
    assert (done.code, done.out) == (1, "")
    first, second = done.err.splitlines()
    assert first == "Loading …"
    assert second.startswith("The running ArcDesk went away")


async def test_a_command_that_breaks_in_the_app_is_told_here() -> None:
    async def break_down(_request: Json, _progress: Callable[[Json], None]) -> Json:
        raise KeyError("oh")

    lock = InstanceLock.take()
    assert lock is not None
    listening = InstanceServer(break_down)
    await listening.start()
    done = await run("stop")
    await listening.aclose()
    lock.release()
    assert (done.code, done.out) == (1, "")
    assert "KeyError" in done.err
