"""The app on the bus, with a real session on Qt's loop, a real server to ask and real notifications."""

from __future__ import annotations

import ast
import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest

from tests.desktop.bus_rig import NAME, Caller, bare_bus, until
from tests.desktop.driver import arcdesk
from tests.desktop.test_notifications import Dunst, bubble, start_dunst
from tests.desktop.tray_program import TrayProgram, tray_program
from tests.fakes.openai_server import ANSWER, Cut, OpenAIServer
from tests.rig.desktop import Desktop
from tests.rig.desktop_tools import child, wait_for

pytestmark = pytest.mark.desktop

OURS = f"{NAME}1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The program, its engine, and others on the bus."""

    program: TrayProgram
    server: OpenAIServer
    caller: Caller

    async def says(self, line: str) -> None:
        await until(lambda: line in self.program.said, f"'{line}' among {self.program.said}")


@asynccontextmanager
async def arcdesk_on(desktop: Desktop) -> AsyncIterator[Running]:
    """The program gets the bus' address by hand: nothing else of it may use this bus."""
    address = desktop.env["DBUS_SESSION_BUS_ADDRESS"]
    homes = {name: os.environ[name] for name in os.environ if name.startswith("XDG_")}  # of this test alone
    apart = replace(desktop, env=desktop.env | homes | {"DBUS_SESSION_BUS_ADDRESS": "disabled:"})
    loop = asyncio.get_running_loop()
    async with OpenAIServer() as server:
        seat = tray_program(apart, server.base_url, address, module="dbus_child")
        # its start waits for a line in a blocking way; the server must answer meanwhile
        program = await loop.run_in_executor(None, seat.__enter__)
        try:
            yield Running(program=program, server=server, caller=Caller(env=desktop.env))
        finally:
            await loop.run_in_executor(None, seat.__exit__, None, None, None)


async def test_ask_status_and_commands_reach_the_engine(session_bus: Desktop) -> None:
    async with arcdesk_on(session_bus) as running:
        assert "library loaded: False" in running.program.said, "D-Bus is not loaded before it is wanted"
        said = await running.caller.gdbus(f"{OURS}.Ask", "What is the capital of France?")
        assert ast.literal_eval(said.out) == ("".join(ANSWER),)
        status = json.loads(ast.literal_eval((await running.caller.gdbus(f"{OURS}.Status")).out)[0])
        assert status["engine"]["phase"] == "ready"
        assert status["app"] == {"running": True}
        assert (await running.caller.gdbus(f"{OURS}.Stop")).out == "()"
        status = json.loads(ast.literal_eval((await running.caller.gdbus(f"{OURS}.Status")).out)[0])
        assert status["engine"]["phase"] == "stopped"


async def test_ask_tells_why_there_is_no_answer(session_bus: Desktop) -> None:
    async with arcdesk_on(session_bus) as running:
        running.server.script(Cut.CLOSE)
        running.server.script(Cut.CLOSE)
        said = await running.caller.gdbus(f"{OURS}.Ask", "why?")
        assert said.code != 0
        assert f"{OURS}.Error." in said.err


async def test_a_caller_that_leaves_closes_its_request(session_bus: Desktop) -> None:
    async with arcdesk_on(session_bus) as running:
        running.server.token_delay_s = 30
        call = ["gdbus", "call", "--session", "--dest", NAME, "--object-path", "/org/arcdesk/ArcDesk"]
        async with running.caller.started(*call, "--method", f"{OURS}.Ask", "slowly?") as process:
            await until(lambda: running.server.chats_in_progress, "the question at the server")
            process.kill()
            await until(lambda: running.server.chats_given_up, "the end of the request")


async def test_the_desktop_can_activate_search_and_quit(session_bus: Desktop) -> None:
    async with arcdesk_on(session_bus) as running:
        application, caller = "org.freedesktop.Application", running.caller
        await caller.gdbus(f"{application}.Activate", "{'activation-token': <'way-1'>}")
        await running.says("chat 0 'way-1'")
        await caller.gdbus(f"{OURS}.PresentAsk", "how tall is it?")
        await running.says("quick 'how tall is it?' ''")
        running.program.tell("ask")
        await running.says("answered done")
        path = "/org/arcdesk/ArcDesk/SearchProvider"
        search = "org.gnome.Shell.SearchProvider2.GetInitialResultSet"
        said = await caller.gdbus(search, "['capital']", path=path)
        (found,) = ast.literal_eval(said.out)
        await caller.gdbus(
            "org.gnome.Shell.SearchProvider2.ActivateResult", found[0], "[]", "uint32 0", path=path
        )
        await running.says(f"chat {found[0].removeprefix('chat:')} ''")
        await caller.gdbus(f"{application}.ActivateAction", "quit", "@av []", "@a{sv} {}")
        await running.says("ended")


async def test_an_answer_that_nobody_saw_is_notified_and_its_click_opens_the_chat(
    session_bus: Desktop,
) -> None:
    with start_dunst(session_bus):
        dunst = Dunst(session_bus)
        async with arcdesk_on(session_bus) as running:
            running.program.tell("ask")
            await running.says("answered done")
            await until(lambda: dunst.count("displayed") == 1, "the notification")
            place = wait_for(lambda: bubble(session_bus, "Dunst"), "it on the screen")
            session_bus.click(*place.center)
            await running.says("perform open_chat 1 ''")
            running.program.tell("quick")
            await until(lambda: dunst.count("displayed") == 1, "the next notification")
            place = wait_for(lambda: bubble(session_bus, "Dunst"), "it on the screen")
            session_bus.click(*place.center)
            await running.says("perform open_quick  ''")


async def test_where_no_notifications_are_the_tray_is_asked(
    session_bus: Desktop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with bare_bus(tmp_path_factory.mktemp("bus")) as address:
        alone = replace(session_bus, env=session_bus.env | {"DBUS_SESSION_BUS_ADDRESS": address})
        async with arcdesk_on(alone) as running:
            running.program.tell("ask")
            await running.says(f"balloon What is the capital of France? {''.join(ANSWER)}")


async def test_on_the_bus_and_idle_it_sleeps(session_bus: Desktop) -> None:
    async with arcdesk_on(session_bus) as running:
        said = await running.caller.gdbus(f"{OURS}.Ask", "What is the capital of France?")
        assert said.code == 0
        await asyncio.sleep(1.5)
        before = running.program.wake_ups()
        await asyncio.sleep(2)
        assert running.program.wake_ups() - before <= 2


# the program as it is started


T = TypeVar("T")


async def beside(work: Callable[[], T]) -> T:
    """What waits for the program, in a thread: the server in this process has to answer it meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def test_a_person_who_looks_elsewhere_is_told_of_the_answer_and_comes_back(
    session_bus: Desktop,
) -> None:
    other = ["xmessage", "-geometry", "+20+20", "another program"]
    with start_dunst(session_bus), arcdesk(session_bus) as app, child(other, session_bus.env):
        dunst = Dunst(session_bus)
        async with OpenAIServer(token_delay_s=0.3) as server:
            app.start("--engine", server.base_url)
            window = await beside(app.wait_for_window)
            await beside(lambda: app.ask("What is the capital of France?"))
            found = ["--onlyvisible", "--class", "xmessage"]
            elsewhere = wait_for(lambda: session_bus.find_windows(*found), "another window")
            session_bus.xdotool("windowactivate", elsewhere[-1])
            await until(lambda: app.active_window() in elsewhere, "the focus elsewhere")
            await until(lambda: dunst.count("displayed") == 1, "the notification")
            place = wait_for(lambda: bubble(session_bus, "Dunst"), "it on the screen")
            session_bus.click(*place.center)
            await until(lambda: app.active_window() == window, "the way back")
            await beside(lambda: app.wait_for_answer())
            assert dunst.count("displayed") == 0


async def test_the_program_in_the_tray_is_called_over_the_bus(session_bus: Desktop) -> None:
    caller = Caller(env=session_bus.env)
    with arcdesk(session_bus) as app:
        async with OpenAIServer() as server:
            app.start("--background", "--engine", server.base_url)
            await until(lambda: session_bus.has_name(NAME), "our name on the bus")
            said = await caller.gdbus(f"{OURS}.Ask", "What is the capital of France?")
            assert ast.literal_eval(said.out) == ("".join(ANSWER),)
            assert app.messages() == [], "asked by a program: kept nowhere"
            told = await beside(lambda: app.run("status", "--json"))
            status = await caller.gdbus(f"{OURS}.Status")
            assert json.loads(ast.literal_eval(status.out)[0]) == json.loads(told.stdout)
            assert (await caller.gdbus("org.freedesktop.Application.Activate", "@a{sv} {}")).code == 0
            await beside(app.wait_for_window)
            call = "org.freedesktop.Application.ActivateAction"
            assert (await caller.gdbus(call, "quit", "@av []", "@a{sv} {}")).code == 0
            await beside(app.assert_ended_in_order)
