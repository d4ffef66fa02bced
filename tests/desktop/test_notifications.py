"""Notifications on real servers, dunst and xfce4-notifyd: shown, replaced, pressed, held back, lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_object import Exported, Exporter, Method
from arcdesk.desktop.do_not_disturb import is_on
from arcdesk.desktop.note import DEFAULT_KEY, Note, Pixels, plain_line
from arcdesk.desktop.notifications import SERVER, SERVER_PATH, NotificationService
from tests.desktop.bus_rig import Caller, bare_bus, nothing_left, until
from tests.rig.desktop import Desktop
from tests.rig.desktop_tools import Rect, child, need, run, wait_for

pytestmark = pytest.mark.desktop

XFCE = "/usr/lib/x86_64-linux-gnu/xfce4/notifyd/xfce4-notifyd"
DUNSTRC = "[global]\nmouse_left_click = do_action, close_current\nmarkup = full\nwidth = 400\n"
BLUE = (0x2B, 0x57, 0xE0)
NASTY = 'Paris <b>is</b> <img src="file:///etc/passwd"> a <a href="http://evil">link</a> & more'
ANSWER = Note(
    topic="answer:1",
    title="Capital <i>of</i> France",
    body=NASTY,
    buttons=((DEFAULT_KEY, "Open chat"), ("copy", "Copy answer")),
)


def tile() -> Pixels:
    return Pixels(width=32, height=32, stride=128, rgba=bytes([*BLUE, 255]) * 1024)


class Notes:
    """The service, and what it told."""

    def __init__(self, address: str) -> None:
        self.bus = SessionBus(address, pauses_s=(0.05,) * 600)
        self.service = NotificationService(self.bus, pixels=tile)
        self.pressed: list[tuple[str, str, str]] = []
        self.closed: list[str] = []
        self.not_shown: list[str] = []
        self.service.on_pressed = lambda note, key, token: self.pressed.append((note.topic, key, token))
        self.service.on_closed = lambda note: self.closed.append(note.topic)
        self.service.fallback = lambda note: self.not_shown.append(note.topic)

    async def show(self, *notes: Note) -> None:
        for note in notes:
            self.service.show(note)
        await self.service.settled()

    @property
    def is_listening(self) -> bool:
        return bool(self.bus._rules)


@asynccontextmanager
async def notes_on(desktop_or_address: Desktop | str) -> AsyncIterator[Notes]:
    is_address = isinstance(desktop_or_address, str)
    address = desktop_or_address if is_address else desktop_or_address.env["DBUS_SESSION_BUS_ADDRESS"]  # type: ignore[union-attr]
    with nothing_left():
        notes = Notes(str(address))
        try:
            yield notes
        finally:
            await notes.service.aclose()
            await notes.bus.aclose()


class Dunst:
    """A running dunst and its remote control."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    def tell(self, *words: str) -> str:
        return run(["dunstctl", *words], self._desktop.env)

    def count(self, kind: str) -> int:
        return int(self.tell("count", kind) or 0)

    def history(self) -> list[dict[str, str]]:
        """What it showed, the newest first, as it laid it out."""
        found = json.loads(self.tell("history"))["data"][0]
        return [{key: str(value["data"]) for key, value in entry.items()} for entry in found]


@contextmanager
def server(desktop: Desktop, *command: str) -> Iterator[None]:
    with child(command, desktop.env):
        wait_for(lambda: desktop.has_name(SERVER), f"{command[0]} on the bus", 20)
        yield
    wait_for(lambda: not desktop.has_name(SERVER), "the server's end")


def start_dunst(desktop: Desktop) -> AbstractContextManager[None]:
    need("dunst", "dunstctl")
    folder = Path(desktop.env["XDG_CONFIG_HOME"], "dunst")
    folder.mkdir(exist_ok=True)
    (folder / "dunstrc").write_text(DUNSTRC, encoding="utf-8")
    return server(desktop, "dunst")


@pytest.fixture
def dunst(session_bus: Desktop) -> Iterator[Dunst]:
    with start_dunst(session_bus):
        yield Dunst(session_bus)


@pytest.fixture
def xfce(session_bus: Desktop) -> Iterator[Desktop]:
    need(XFCE, "xfconf-query")
    with server(session_bus, XFCE):
        yield session_bus


def bubble(desktop: Desktop, window_class: str) -> Rect | None:
    """Where the notification is on the screen, None while there is none."""
    places = [
        desktop.geometry(window) for window in desktop.find_windows("--onlyvisible", "--class", window_class)
    ]
    return next((place for place in places if place.width > 100), None)


# dunst


async def test_a_click_on_the_note_opens(dunst: Dunst, session_bus: Desktop) -> None:
    async with notes_on(session_bus) as notes:
        await notes.show(ANSWER)
        assert dunst.count("displayed") == 1
        place = wait_for(lambda: bubble(session_bus, "Dunst"), "the note on the screen")
        session_bus.click(*place.center)
        await until(lambda: notes.pressed == [("answer:1", DEFAULT_KEY, "")], "the click")
        await until(lambda: notes.closed == ["answer:1"], "the note's end")
        await until(lambda: not notes.is_listening, "nobody to listen")


async def test_foreign_text_is_shown_as_text(dunst: Dunst, session_bus: Desktop) -> None:
    async with notes_on(session_bus) as notes:
        await notes.show(ANSWER)
        dunst.tell("close-all")
        await until(dunst.history, "the note in dunst's history")
        (entry,) = dunst.history()
        layout = entry["message"]  # as dunst hands it to its text engine
        assert "&lt;img src=" in layout
        assert "&lt;a href=" in layout
        assert "<i>" not in layout
        assert "<img" not in layout
        assert entry["appname"] == "ArcDesk"


async def test_one_topic_has_one_note(dunst: Dunst, session_bus: Desktop) -> None:
    async with notes_on(session_bus) as notes:
        first = Note(topic="engine", title="The engine is ready")
        await notes.show(first, Note(topic="engine", title="The server crashed"), ANSWER)
        assert dunst.count("displayed") == 2
        assert notes.service.topics == {"engine", "answer:1"}
        notes.service.withdraw("engine")
        notes.service.withdraw("never shown")
        await notes.service.settled()
        assert dunst.count("displayed") == 1
        assert notes.is_listening
    assert dunst.count("displayed") == 0, "their buttons would do nothing any more"


async def test_a_note_that_is_out_of_date_before_it_is_shown(dunst: Dunst, session_bus: Desktop) -> None:
    async with notes_on(session_bus) as notes:
        notes.service.show(ANSWER)
        notes.service.withdraw("answer:1")
        await notes.service.settled()
        assert dunst.count("displayed") == 0
        assert not notes.is_listening


async def test_do_not_disturb_holds_notes_back_and_drops_what_can_not_wait(
    dunst: Dunst, session_bus: Desktop
) -> None:
    async with notes_on(session_bus) as notes:
        assert not await is_on(notes.bus)
        dunst.tell("set-paused", "true")
        assert await is_on(notes.bus)
        await notes.show(Note(topic="engine", title="The engine is ready", can_wait=False), ANSWER)
        assert (dunst.count("displayed"), dunst.count("waiting")) == (0, 1)
        assert notes.not_shown == []  # and nothing goes around it
        dunst.tell("set-paused", "false")
        await until(lambda: dunst.count("displayed") == 1, "the note that could wait")


async def test_a_server_that_restarts_is_asked_anew(session_bus: Desktop) -> None:
    dunst = Dunst(session_bus)
    async with notes_on(session_bus) as notes:
        with start_dunst(session_bus):
            await notes.show(ANSWER)
        await until(lambda: not notes.service.topics, "the end of what it showed")
        await until(lambda: not notes.is_listening, "nobody to listen")
        with start_dunst(session_bus):
            await notes.show(ANSWER)
            assert dunst.count("displayed") == 1
            place = wait_for(lambda: bubble(session_bus, "Dunst"), "the note on the screen")
            session_bus.click(*place.center)
            await until(lambda: notes.pressed == [("answer:1", DEFAULT_KEY, "")], "the click")


async def test_another_programs_notes_are_none_of_ours(dunst: Dunst, session_bus: Desktop) -> None:
    async with notes_on(session_bus) as notes:
        await notes.show(Note(topic="engine", title="ours"))
        caller = Caller(env=session_bus.env)
        assert (
            await caller.run("notify-send", "--action=default=Open", "theirs", "--expire-time=200")
        ).code == 0
        assert (notes.closed, notes.pressed) == ([], [])


# xfce4-notifyd


async def test_a_real_button_does_what_it_says(xfce: Desktop) -> None:
    async with notes_on(xfce) as notes:
        await notes.show(ANSWER)
        place = wait_for(lambda: _at_rest(xfce), "the note on the screen")
        picture = xfce.picture(place)
        seen = {picture.pixel(x, y) for x in range(0, 60, 2) for y in range(0, 60, 2)}
        assert BLUE in seen, "our picture, as no icon theme here knows it"
        xfce.click(place.x + place.width - 60, place.y + place.height - 30)  # the last button
        await until(lambda: notes.pressed == [("answer:1", "copy", "")], "the click")


_last: list[Rect] = []


def _at_rest(desktop: Desktop) -> Rect | None:
    """Where the note is, once it is drawn and does not move any more."""
    place = bubble(desktop, "xfce4-notifyd")
    before = list(_last)
    _last[:] = [place] if place else []
    if place is None or before != _last:
        return None
    whole = Rect(x=0, y=0, width=place.width, height=place.height)
    return place if desktop.picture(place).drawn_on(whole) else None


async def test_xfces_own_switch_is_seen(xfce: Desktop) -> None:
    async with notes_on(xfce) as notes:
        switch = [
            "xfconf-query",
            "-c",
            "xfce4-notifyd",
            "-p",
            "/do-not-disturb",
            "--create",
            "-t",
            "bool",
            "-s",
        ]
        caller = Caller(env=xfce.env)
        assert not await is_on(notes.bus)
        assert (await caller.run(*switch, "true")).code == 0
        assert await is_on(notes.bus)
        await notes.show(Note(topic="engine", title="The engine is ready", can_wait=False))
        assert not notes.service.topics
        assert (await caller.run(*switch, "false")).code == 0


# no server, no bus


async def test_without_a_server_the_fallback_gets_the_note(tmp_path: Path) -> None:
    with bare_bus(tmp_path) as address:
        async with notes_on(address) as notes:
            await notes.show(ANSWER)
            assert notes.not_shown == ["answer:1"]
            assert not notes.is_listening


async def test_without_a_bus_the_fallback_gets_the_note() -> None:
    async with notes_on("unix:path=/nonexistent/bus") as notes:
        await notes.show(ANSWER, ANSWER)
        assert notes.not_shown == ["answer:1", "answer:1"]


async def test_a_bus_that_ends_takes_the_notes_along_and_the_next_one_works(tmp_path: Path) -> None:
    with ExitStack() as first_life:
        async with notes_on(first_life.enter_context(bare_bus(tmp_path))) as notes:
            async with plain_server(notes.bus._address) as seen:
                await notes.show(ANSWER)
                assert len(seen.shown) == 1
                first_life.close()
                await until(lambda: not notes.service.topics, "the end of what was shown")
            await notes.show(ANSWER)
            assert notes.not_shown == ["answer:1"]
            with bare_bus(tmp_path):
                async with plain_server(notes.bus._address) as seen:
                    await notes.show(ANSWER)
                    assert len(seen.shown) == 1
                    assert notes.not_shown == ["answer:1"]


# servers that can less, or more, than those two


class PlainServer:
    """A notification server after the specification that can show a title and a body, no more."""

    def __init__(self, bus: SessionBus) -> None:
        self.bus = bus
        self.shown: list[list[Any]] = []
        self.capabilities = ["body"]
        self.asked = 0
        text = ("text", "s")
        notify = (("app", "s"), ("replaces", "u"), ("icon", "s"), text, ("body", "s"), ("actions", "as"))
        interface = (
            Method(name="GetCapabilities", gives=(("all", "as"),), run=self._capabilities),
            Method(
                name="Notify",
                takes=(*notify, ("hints", "a{sv}"), ("expires", "i")),
                gives=(("id", "u"),),
                run=self._notify,
            ),
            Method(name="CloseNotification", takes=(("id", "u"),), run=self._close),
        )
        self.exporter = Exporter(bus, [Exported(path=SERVER_PATH, interfaces={SERVER: interface})])

    async def _capabilities(self) -> tuple[list[str]]:
        self.asked += 1
        return (self.capabilities,)

    async def _notify(self, *values: Any) -> tuple[int]:
        self.shown.append(list(values))
        return (values[1] or len(self.shown),)

    async def _close(self, key: int) -> tuple[()]:
        self.emit("NotificationClosed", "uu", key, 3)
        return ()

    def emit(self, member: str, signature: str, *body: Any) -> None:
        from dbus_fast import Message

        self.bus.send(Message.new_signal(SERVER_PATH, SERVER, member, signature, list(body)))


@asynccontextmanager
async def plain_server(address: str) -> AsyncIterator[PlainServer]:
    bus = SessionBus(address, pauses_s=())
    server = PlainServer(bus)
    assert await bus.call_daemon("RequestName", "su", SERVER, 0) == [1]
    try:
        yield server
    finally:
        await server.exporter.aclose()
        await bus.aclose()


async def test_a_server_without_markup_and_buttons_gets_neither(tmp_path: Path) -> None:
    with bare_bus(tmp_path) as address:
        async with plain_server(address) as seen, notes_on(address) as notes:
            await notes.show(ANSWER)
            app, replaces, icon, title, body, actions, hints, expires = seen.shown[0]
            assert (app, replaces, icon, expires) == ("ArcDesk", 0, "org.arcdesk.ArcDesk", -1)
            assert (title, body) == ("Capital <i>of</i> France", NASTY), "entities would be seen"
            assert actions == []
            assert hints["desktop-entry"] == "org.arcdesk.ArcDesk"
            assert hints["urgency"] == 1


async def test_capabilities_are_asked_once_while_notes_are_shown(tmp_path: Path) -> None:
    with bare_bus(tmp_path) as address:
        async with plain_server(address) as seen, notes_on(address) as notes:
            await notes.show(ANSWER, ANSWER, Note(topic="engine", title="x"))
            assert seen.asked == 1
            assert [values[1] for values in seen.shown] == [0, 1, 0], "the second takes the first one's place"


async def test_the_activation_token_comes_with_the_button(tmp_path: Path) -> None:
    with bare_bus(tmp_path) as address:
        async with plain_server(address) as seen, notes_on(address) as notes:
            seen.capabilities = ["body", "actions"]
            await notes.show(ANSWER)
            assert seen.shown[0][5] == ["default", "Open chat", "copy", "Copy answer"]
            seen.emit("ActivationToken", "us", 1, "way-7")
            seen.emit("ActionInvoked", "us", 1, "copy")
            await until(lambda: notes.pressed == [("answer:1", "copy", "way-7")], "the button")
            seen.emit("ActionInvoked", "us", 99, "copy")  # another program's note
            seen.emit("NotificationClosed", "uu", 1, 2)
            await until(lambda: notes.closed == ["answer:1"], "the note's end")
            assert len(notes.pressed) == 1


async def test_nobody_else_presses_our_buttons(tmp_path: Path) -> None:
    """A program that is not the server may send the same signal, even to us alone."""
    with bare_bus(tmp_path) as address:
        async with plain_server(address) as seen, notes_on(address) as notes:
            seen.capabilities = ["actions"]
            await notes.show(ANSWER)
            stranger = Caller(env={"DBUS_SESSION_BUS_ADDRESS": address, "PATH": "/usr/bin"})
            goal = ["--session", "--object-path", SERVER_PATH, "--signal", f"{SERVER}.ActionInvoked"]
            sent = await stranger.run(
                "gdbus", "emit", "--dest", notes.bus.unique_name, *goal, "uint32 1", "copy"
            )
            assert sent.code == 0
            seen.emit("ActionInvoked", "us", 1, "default")
            await until(lambda: notes.pressed, "the true button")
            assert notes.pressed == [("answer:1", "default", "")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\n\ntwo\tthree", "one two three"),
        ("a\u202eb\u200b\x07c", "a b c"),
        ("👩\u200d💻 ok", "👩\u200d💻 ok"),
        ("x" * 30, "x" * 19 + "…"),
        ("\ud83d!", "!"),
        ("", ""),
    ],
)
def test_foreign_text_is_one_tame_line(text: str, line: str) -> None:
    assert plain_line(text, 20) == line
