"""ArcDesk's D-Bus service on a real bus, called by other programs."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from arcdesk.core.errors import NotReadyError, Problem
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_service import DbusService, NameState
from arcdesk.desktop.search_provider import Titled
from tests.desktop.bus_rig import NAME, PATH, Caller, bare_bus, nothing_left, until
from tests.rig.desktop import Desktop

pytestmark = pytest.mark.desktop

OURS = f"{NAME}1"
APPLICATION = "org.freedesktop.Application"
GNOME = "org.gnome.Shell.SearchProvider2"
NOT_READY = Problem(cause="not_ready", title="The engine is stopped", hint="Start it.")


class App:
    """The app behind the service: does what it is told, notes it, and can be slow or refuse."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.refusal: Problem | None = None
        self.answer = "Paris."
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = 0

    async def ask(self, text: str) -> str:
        self.done.append(("ask", text))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.refusal is not None:
            raise NotReadyError(self.refusal)
        return self.answer

    async def start_engine(self) -> None:
        if self.refusal is not None:
            raise NotReadyError(self.refusal)
        self.done.append(("start",))

    async def stop_engine(self) -> None:
        self.done.append(("stop",))

    async def restart_engine(self) -> None:
        self.done.append(("restart",))

    async def status(self) -> dict[str, Any]:
        return {"engine": {"phase": "ready", "model": "Größe"}, "app": {"running": True}}

    async def conversations(self) -> Sequence[Titled]:
        return [Titled(id=7, title="Capital of France"), Titled(id=8, title="Haiku")]

    def present_quick(self, text: str, token: str) -> None:
        self.done.append(("quick", text, token))

    def open_chat(self, token: str, conversation_id: int = 0) -> None:
        self.done.append(("chat", token, conversation_id))

    def quit(self) -> None:
        self.done.append(("quit",))


class Served:
    """The service on a bus, with the app behind it and other programs before it."""

    def __init__(self, address: str, env: dict[str, str]) -> None:
        self.app = App()
        self.bus = SessionBus(address, pauses_s=(0.05,) * 600)
        self.problems: list[Problem] = []
        self.service = DbusService(self.bus, self.app, on_problem=self.problems.append)
        self.caller = Caller(env=env | {"DBUS_SESSION_BUS_ADDRESS": address})

    @property
    def running(self) -> int:
        assert self.service._exporter is not None
        return len(self.service._exporter._running)


@asynccontextmanager
async def serve(address: str, env: dict[str, str]) -> AsyncIterator[Served]:
    with nothing_left():
        served = Served(address, env)
        await served.service.start()
        try:
            yield served
        finally:
            await served.service.aclose()
            await served.bus.aclose()


def on(desktop: Desktop) -> AbstractAsyncContextManager[Served]:
    return serve(desktop.env["DBUS_SESSION_BUS_ADDRESS"], desktop.env)


async def test_ask_gives_the_answer(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        served.app.answer = "Paris – 'the' \"capital\" of\nFrance 🇫🇷"
        said = await served.caller.gdbus(f"{OURS}.Ask", "What's the capital?")
        assert ast.literal_eval(said.out) == (served.app.answer,)
        assert served.app.done == [("ask", "What's the capital?")]


async def test_a_long_answer_and_one_that_the_bus_would_not_take(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        served.app.answer = "word " * 1_000_000
        said = await served.caller.gdbus(f"{OURS}.Ask", "Tell me all")
        assert ast.literal_eval(said.out) == (served.app.answer,)
        served.app.answer = "half \ud83d and nul \0 end"  # either would end our connection
        said = await served.caller.gdbus(f"{OURS}.Ask", "And now?")
        assert ast.literal_eval(said.out) == ("half ? and nul � end",)


async def test_an_error_is_a_dbus_error_with_the_sentence(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        served.app.refusal = NOT_READY
        for method, arguments in ((f"{OURS}.Ask", ["why?"]), (f"{OURS}.Start", [])):
            said = await served.caller.gdbus(method, *arguments)
            assert said.code != 0
            assert f"{OURS}.Error.NotReady" in said.err
            assert "The engine is stopped. Start it." in said.err


async def test_two_questions_at_once_are_both_answered(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        served.app.gate.clear()
        calls = [asyncio.ensure_future(served.caller.gdbus(f"{OURS}.Ask", text)) for text in ("a", "b")]
        await until(lambda: len(served.app.done) == 2, "both questions")
        assert "ready" in (await served.caller.gdbus(f"{OURS}.Status")).out  # nothing waits for an answer
        served.app.gate.set()
        assert [said.out for said in await asyncio.gather(*calls)] == ["('Paris.',)"] * 2


async def test_a_caller_that_leaves_takes_its_question_along(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        served.app.gate.clear()
        call = ["gdbus", "call", "--session", "--dest", NAME, "--object-path", PATH]
        async with served.caller.started(*call, "--method", f"{OURS}.Ask", "for ever?") as process:
            await until(lambda: served.app.done, "the question")
            assert not served.app.cancelled
            process.kill()
            await until(lambda: served.app.cancelled, "the end of the question")
        await until(lambda: not served.running, "the call's end")
        await until(lambda: set(served.bus._rules) == {_own_rule()}, "no one to be watched")


def _own_rule() -> str:
    from arcdesk.desktop.dbus_values import owner_rule

    return owner_rule(NAME)


async def test_texts_that_are_refused(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        said = await served.caller.gdbus(f"{OURS}.Ask", " \n ")
        assert "InvalidArgs" in said.err
        assert "The question is empty." in said.err
        client = SessionBus(served.caller.env["DBUS_SESSION_BUS_ADDRESS"])
        with pytest.raises(Exception, match="LimitsExceeded: The text is longer than 1 MiB"):
            await client.call(NAME, PATH, OURS, "Ask", "s", "é" * (1 << 19) + "x")
        assert await client.call(NAME, PATH, OURS, "Ask", "s", "é" * (1 << 19)) == ["Paris."]
        await client.aclose()
        assert len(served.app.done) == 1


async def test_commands_and_status(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        for method in ("Start", "Stop"):
            assert (await served.caller.gdbus(f"{OURS}.{method}")).out == "()"
        assert (await served.caller.gdbus(f"{OURS}.PresentAsk")).out == "()"
        assert (await served.caller.gdbus(f"{OURS}.PresentAsk", "translate this")).out == "()"
        assert served.app.done == [("start",), ("stop",), ("quick", "", ""), ("quick", "translate this", "")]
        said = await served.caller.gdbus(f"{OURS}.Status")
        assert json.loads(ast.literal_eval(said.out)[0]) == await served.app.status()


async def test_the_desktop_activates_us_with_its_token(session_bus: Desktop) -> None:
    """What a launcher does with a `.desktop` file whose DBusActivatable is true."""
    async with on(session_bus) as served:
        wayland, x11 = "{'activation-token': <'way-1'>}", "{'desktop-startup-id': <'x-2'>}"
        await served.caller.gdbus(f"{APPLICATION}.Activate", wayland)
        await served.caller.gdbus(f"{APPLICATION}.Open", "['file:///tmp/a']", x11)
        call = f"{APPLICATION}.ActivateAction"
        await served.caller.gdbus(call, "quick", "[<'how tall?'>]", wayland)
        await served.caller.gdbus(call, "quick", "@av []", "@a{sv} {}")
        for name in ("start", "stop", "restart", "chat", "quit"):
            assert (await served.caller.gdbus(call, name, "@av []", "@a{sv} {}")).code == 0, name
        assert served.app.done == [
            ("chat", "way-1", 0),
            ("chat", "x-2", 0),
            ("quick", "how tall?", "way-1"),
            ("quick", "", ""),
            ("start",),
            ("stop",),
            ("restart",),
            ("chat", "", 0),
            ("quit",),
        ]
        said = await served.caller.gdbus(call, "explode", "@av []", "@a{sv} {}")
        assert "Known actions are quick, chat, start" in said.err


async def test_a_call_without_an_interface_and_without_a_reply(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        send = ["dbus-send", "--session", f"--dest={NAME}", "--type=method_call", PATH, f"{OURS}.Start"]
        assert (await served.caller.run(*send)).code == 0
        await until(lambda: served.app.done == [("start",)], "the start")


async def test_wrong_calls_are_told_what_is_wrong(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        busctl = ["busctl", "--user", "call", NAME, PATH, OURS]
        said = await served.caller.run(*busctl, "Ask", "i", "5")
        assert "Ask takes (s), not (i)." in said.err
        said = await served.caller.run(*busctl, "Explode")
        assert "There is no method Explode here." in said.err
        said = await served.caller.gdbus(f"{OURS}.Ask", "x", path="/org/arcdesk")
        assert said.code != 0
        assert served.app.done == []


async def test_a_mistake_of_ours_neither_hangs_the_caller_nor_tells_it_our_insides(
    session_bus: Desktop, caplog: pytest.LogCaptureFixture
) -> None:
    async with on(session_bus) as served:
        served.app.answer = None  # type: ignore[assignment]
        said = await served.caller.gdbus(f"{OURS}.Ask", "why?")
        assert "ArcDesk made a mistake" in said.err
        assert "Traceback" not in said.err
    assert "the D-Bus method Ask failed" in caplog.text


async def test_introspection_is_what_tools_and_bindings_expect(session_bus: Desktop) -> None:
    async with on(session_bus) as served:
        said = await served.caller.run(
            "gdbus", "introspect", "--session", "--dest", NAME, "--object-path", PATH, "--xml"
        )
        root = ElementTree.fromstring(said.out)
        methods = {
            (interface.get("name"), method.get("name")): [
                (argument.get("direction"), argument.get("type")) for argument in method
            ]
            for interface in root.iter("interface")
            for method in interface.iter("method")
        }
        assert methods[OURS, "Ask"] == [("in", "s"), ("out", "s")]
        assert methods[OURS, "Status"] == [("out", "s")]
        assert methods[APPLICATION, "ActivateAction"] == [("in", "s"), ("in", "av"), ("in", "a{sv}")]
        said = await served.caller.run("busctl", "--user", "tree", NAME)
        assert f"{PATH}/SearchProvider" in said.out
        said = await served.caller.run("busctl", "--user", "introspect", NAME, PATH, OURS)
        assert ".Ask" in said.out
        properties = "org.freedesktop.DBus.Properties.GetAll"
        assert (await served.caller.gdbus(properties, APPLICATION)).out == "(@a{sv} {},)"
        assert (await served.caller.gdbus("org.freedesktop.DBus.Peer.Ping")).out == "()"


async def test_gnome_search_offers_the_question_and_finds_conversations(session_bus: Desktop) -> None:
    async with on(session_bus) as served:

        async def call(method: str, *arguments: str) -> str:
            return (
                await served.caller.gdbus(f"{GNOME}.{method}", *arguments, path=f"{PATH}/SearchProvider")
            ).out

        found = "(['chat:7', 'ask:france capital'],)"
        assert await call("GetInitialResultSet", "['france', 'capital']") == found
        assert await call("GetSubsearchResultSet", "['chat:7']", "['france', 'capital']") == found
        metas = await call("GetResultMetas", "['chat:7', 'ask:france capital', 'chat:99']")
        assert "'name': <'Ask ArcDesk: france capital'>" in metas
        assert "'name': <'Capital of France'>" in metas
        assert metas.count("'gicon': <'org.arcdesk.ArcDesk'>") == 2
        await call("ActivateResult", "chat:7", "['france']", "uint32 1")
        await call("ActivateResult", "ask:france capital", "['france']", "uint32 1")
        await call("LaunchSearch", "['how', 'tall']", "uint32 1")
        assert served.app.done == [
            ("chat", "", 7),
            ("quick", "france capital", ""),
            ("quick", "how tall", ""),
        ]


async def test_krunner_gets_the_same_results(session_bus: Desktop) -> None:
    async with on(session_bus) as served:

        async def call(method: str, *arguments: str) -> str:
            return (
                await served.caller.gdbus(f"org.kde.krunner1.{method}", *arguments, path=f"{PATH}/Runner")
            ).out

        assert await call("Actions") == "(@a(sss) [],)"
        matches = await call("Match", "haiku")
        assert "('chat:8', 'Haiku', 'org.arcdesk.ArcDesk', 30, 0.7" in matches.replace(
            "0.69999999999999996", "0.7"
        )
        assert await call("Match", "x") == "(@a(sssida{sv}) [],)"
        await call("Run", "chat:8", "")
        assert served.app.done == [("chat", "", 8)]


async def test_a_name_that_another_program_has_is_told_and_taken_when_free(session_bus: Desktop) -> None:
    address = session_bus.env["DBUS_SESSION_BUS_ADDRESS"]
    other = SessionBus(address)
    assert await other.call_daemon("RequestName", "su", NAME, 0) == [1]
    async with on(session_bus) as served:
        assert served.service.name_state is NameState.TAKEN
        (problem,) = served.problems
        assert f"(process {os.getpid()})" in problem.detail
        assert served.bus.is_connected  # everything else works on
        await other.aclose()
        await until(lambda: served.service.name_state is NameState.OURS, "the name")
        assert (await served.caller.gdbus(f"{OURS}.Ask", "well?")).out == "('Paris.',)"


async def test_a_bus_that_ends_is_survived_and_its_successor_found(
    session_bus: Desktop, tmp_path: Path
) -> None:
    with ExitStack() as first_life:
        address = first_life.enter_context(bare_bus(tmp_path))
        async with serve(address, session_bus.env) as served:
            assert served.service.name_state is NameState.OURS
            served.app.gate.clear()
            call = asyncio.ensure_future(served.caller.gdbus(f"{OURS}.Ask", "still there?"))
            await until(lambda: served.app.done, "the question")
            first_life.close()
            await until(lambda: served.service.name_state is NameState.NO_BUS, "the end of the bus")
            await until(lambda: served.app.cancelled, "the end of a question that nobody can hear")
            assert (await call).code != 0
            assert served.bus.why_unavailable
            with bare_bus(tmp_path):
                await until(lambda: served.service.name_state is NameState.OURS, "the name on the new bus")
                served.app.gate.set()
                assert (await served.caller.gdbus(f"{OURS}.Ask", "and now?")).out == "('Paris.',)"


async def test_after_the_tries_to_come_back_the_next_wish_does_it(tmp_path: Path) -> None:
    with ExitStack() as first_life:
        bus = SessionBus(first_life.enter_context(bare_bus(tmp_path)), pauses_s=(0.01,))
        service = DbusService(bus, App())
        await service.start()
        first_life.close()
        await until(lambda: bus._returning is not None and bus._returning.done(), "the last try")
        assert service.name_state is NameState.NO_BUS
        with bare_bus(tmp_path):
            assert (await bus.call_daemon("GetId"))[0]
            await until(lambda: service.name_state is NameState.OURS, "the name")
            await service.aclose()
            await bus.aclose()


@pytest.mark.parametrize("address", ["unix:path=/nonexistent/bus", "disabled:", "nonsense", "tcp:host=x"])
async def test_without_a_bus_the_app_works_on(address: str) -> None:
    bus = SessionBus(address, pauses_s=())
    service = DbusService(bus, App())
    await service.start()
    assert service.name_state is NameState.NO_BUS
    assert bus.why_unavailable
    await service.aclose()
    await bus.aclose()


async def test_no_address_means_the_users_own_bus_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    bus = SessionBus(pauses_s=())
    service = DbusService(bus, App())
    await service.start()
    assert "DBUS_SESSION_BUS_ADDRESS" in bus.why_unavailable
    with bare_bus(tmp_path):  # what systemd offers at this very place
        await bus.connect()
        await until(lambda: service.name_state is NameState.OURS, "the name")
        await service.aclose()
        await bus.aclose()


async def test_a_bus_that_accepts_and_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arcdesk.desktop.dbus_bus.CONNECT_PATIENCE_S", 0.2)
    mute = socket.socket(socket.AF_UNIX)
    mute.bind(str(tmp_path / "bus"))
    mute.listen()
    bus = SessionBus(f"unix:path={tmp_path}/bus", pauses_s=())
    service = DbusService(bus, App())
    await service.start()
    assert service.name_state is NameState.NO_BUS
    assert bus.why_unavailable == "it does not answer"
    await service.aclose()
    await bus.aclose()
    mute.close()
