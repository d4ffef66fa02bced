"""ArcDesk on the session bus: what other programs and the desktop itself can ask of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from arcdesk.core.errors import Problem
from arcdesk.core.ident import APP_ID
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_object import (
    INVALID_ARGS,
    LIMITS_EXCEEDED,
    CallRefused,
    Exported,
    Exporter,
    Method,
)
from arcdesk.desktop.dbus_values import BusError, BusUnavailable, clean, owner_change, owner_rule
from arcdesk.desktop.search_provider import SearchActions, search_objects

if TYPE_CHECKING:
    from dbus_fast import Message

log = logging.getLogger(__name__)

APP_PATH = "/" + APP_ID.replace(".", "/")
APPLICATION = "org.freedesktop.Application"
OURS = f"{APP_ID}1"
TEXT_LIMIT_BYTES = 1 << 20
ACTIONS = ("quick", "chat", "start", "stop", "restart", "quit")
_DO_NOT_QUEUE = 4
_OWNER, _EXISTS, _ALREADY_OWNER = 1, 3, 4  # the bus' answers to RequestName


class DbusActions(SearchActions, Protocol):
    """What the app does for callers. All may raise ArcDeskError; the caller gets its sentence.

    `token` is an activation token of the desktop, '' without one.
    """

    async def ask(self, text: str) -> str:
        """The whole answer to a question. Cancelled when the caller leaves."""
        ...

    async def start_engine(self) -> None:
        """Start the engine; returns when it is under way."""
        ...

    async def stop_engine(self) -> None:
        """Stop the engine; returns when it has ended."""
        ...

    async def restart_engine(self) -> None:
        """Stop, then start."""
        ...

    async def status(self) -> dict[str, Any]:
        """What `arcdesk status --json` prints."""
        ...

    def quit(self) -> None:
        """End the app."""
        ...


class NameState(Enum):
    """Whether other programs find us by our name."""

    NOT_ASKED = "not asked"
    OURS = "ours"
    TAKEN = "taken"  # by another program: ours works on without it
    NO_BUS = "no bus"


class DbusService:
    """Owns our name on the bus and answers there. Works on in silence where there is no bus."""

    def __init__(
        self, bus: SessionBus, actions: DbusActions, *, on_problem: Callable[[Problem], None] = lambda _: None
    ) -> None:
        self._bus = bus
        self._actions = actions
        self._on_problem = on_problem
        self._exporter: Exporter | None = None
        self._ends: list[Callable[[], None]] = []
        self.name_state = NameState.NOT_ASKED
        self.taken_by = ""  # the program that has our name, as far as it is known

    async def start(self) -> None:
        """Take the name and answer; again on each new connection. Raises nothing where there is no bus."""
        self._exporter = Exporter(self._bus, [self._application(), *search_objects(self._actions)])
        self._ends = [self._bus.add_handler(self._on_message)]
        self._bus.on_lost.append(self._on_lost)
        try:
            await self._bus.watch(owner_rule(APP_ID))
            await self._take_name()
        except (BusUnavailable, BusError, TimeoutError) as error:
            self.name_state = NameState.NO_BUS
            log.info("not on the session bus: %s", error)
        self._ends.append(self._bus.on_connected(self._take_name))

    async def aclose(self) -> None:
        """Give the name back and cancel what runs."""
        for end in self._ends:
            end()
        if self._ends:
            await self._bus.unwatch(owner_rule(APP_ID))
        self._ends = []
        if self._on_lost in self._bus.on_lost:
            self._bus.on_lost.remove(self._on_lost)
        if self._exporter is not None:
            await self._exporter.aclose()
        if self.name_state is NameState.OURS and self._bus.is_connected:
            try:
                await self._bus.call_daemon("ReleaseName", "s", APP_ID)
            except (BusUnavailable, BusError, TimeoutError) as error:
                log.debug("the name was not given back: %s", error)
        self.name_state = NameState.NOT_ASKED

    # the name

    async def _take_name(self) -> None:
        try:
            (answer,) = await self._bus.call_daemon("RequestName", "su", APP_ID, _DO_NOT_QUEUE)
        except BusError as error:  # a sandbox that does not let us have it
            self._tell_taken(f"The session bus refused it: {error.text}.")
            return
        except (BusUnavailable, TimeoutError) as error:
            self.name_state = NameState.NO_BUS
            log.info("the name was not taken: %s", error)
            return
        if answer in (_OWNER, _ALREADY_OWNER):
            self.name_state, self.taken_by = NameState.OURS, ""
            return
        self.taken_by = await self._who_has_it()
        self._tell_taken(f"{self.taken_by or 'Another program'} has the name {APP_ID} on this session's bus.")

    def _tell_taken(self, detail: str) -> None:
        was_taken, self.name_state = self.name_state is NameState.TAKEN, NameState.TAKEN
        if not was_taken:
            self._on_problem(
                Problem(
                    cause="dbus_name_taken",
                    title="Other programs can't reach this ArcDesk",
                    detail=detail,
                    hint="Everything else works. End the other program: ArcDesk takes the name then.",
                )
            )

    async def _who_has_it(self) -> str:
        try:
            (pid,) = await self._bus.call_daemon("GetConnectionUnixProcessID", "s", APP_ID)
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
        except (BusUnavailable, BusError, TimeoutError, OSError):
            return ""
        return f"{name} (process {pid})"

    def _on_message(self, message: Message) -> bool:
        change = owner_change(message)
        if (
            change is not None
            and change[0] == APP_ID
            and not change[2]
            and self.name_state is NameState.TAKEN
        ):
            self._bus.spawn(self._take_name())  # whoever had it has left
        return False

    def _on_lost(self) -> None:
        self.name_state = NameState.NO_BUS

    # the object

    def _application(self) -> Exported:
        platform = ("platform_data", "a{sv}")
        application = (
            Method(name="Activate", takes=(platform,), run=self._activate),
            Method(name="Open", takes=(("uris", "as"), platform), run=self._open),
            Method(
                name="ActivateAction",
                takes=(("action_name", "s"), ("parameter", "av"), platform),
                run=self._activate_action,
            ),
        )
        text = ("text", "s")
        ours = (
            Method(name="Ask", takes=(text,), gives=(("answer", "s"),), run=self._ask, is_long=True),
            Method(name="PresentAsk", run=self._present_ask),
            Method(name="PresentAsk", takes=(text,), run=self._present_ask),
            Method(name="Start", run=self._start),
            Method(name="Stop", run=self._stop),
            Method(name="Status", gives=(("json", "s"),), run=self._status),
        )
        return Exported(path=APP_PATH, interfaces={APPLICATION: application, OURS: ours})

    async def _activate(self, platform: dict[str, Any]) -> tuple[()]:
        self._actions.open_chat(token_of(platform))
        return ()

    async def _open(self, _uris: list[str], platform: dict[str, Any]) -> tuple[()]:
        return await self._activate(platform)  # there is nothing yet that ArcDesk opens by its address

    async def _activate_action(self, name: str, parameter: list[Any], platform: dict[str, Any]) -> tuple[()]:
        actions, token = self._actions, token_of(platform)
        match name:
            case "quick":
                text = parameter[0] if parameter and isinstance(parameter[0], str) else ""
                actions.present_quick(_checked(text, may_be_empty=True), token)
            case "chat":
                actions.open_chat(token)
            case "start":
                await actions.start_engine()
            case "stop":
                await actions.stop_engine()
            case "restart":
                await actions.restart_engine()
            case "quit":
                actions.quit()
            case _:
                raise CallRefused(INVALID_ARGS, f"Known actions are {', '.join(ACTIONS)}.")
        return ()

    async def _ask(self, text: str) -> tuple[str]:
        return (clean(await self._actions.ask(_checked(text))),)

    async def _present_ask(self, text: str = "") -> tuple[()]:
        self._actions.present_quick(_checked(text, may_be_empty=True), "")
        return ()

    async def _start(self) -> tuple[()]:
        await self._actions.start_engine()
        return ()

    async def _stop(self) -> tuple[()]:
        await self._actions.stop_engine()
        return ()

    async def _status(self) -> tuple[str]:
        return (clean(json.dumps(await self._actions.status(), ensure_ascii=False)),)


def token_of(platform: dict[str, Any]) -> str:
    """The activation token that a launcher sends along: Wayland's, or X11's startup id."""
    for key in ("activation-token", "desktop-startup-id"):
        value = platform.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def _checked(text: str, *, may_be_empty: bool = False) -> str:
    if len(text.encode("utf-8", "replace")) > TEXT_LIMIT_BYTES:
        raise CallRefused(LIMITS_EXCEEDED, "The text is longer than 1 MiB.")
    if not may_be_empty and not text.strip():
        raise CallRefused(INVALID_ARGS, "The question is empty.")
    return text
