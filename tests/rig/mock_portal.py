"""A desktop portal with GlobalShortcuts and Screenshot as specified, for a session bus without a desktop.

It keeps the rules that real ones have: `Registry.Register` comes first and only once per connection, its id
must be the name of an installed .desktop file, and from 1.21 on a session needs an app id. Requests answer
by a `Response` signal, sessions bind once. Signals go to the owner of a session only.

It says what happens on stdout, a line each, and takes orders on stdin:
  press [TOKEN] · release · repeat N · burst N · trigger TEXT · close · allow · deny
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

NAME = "org.freedesktop.portal.Desktop"
PATH = "/org/freedesktop/portal/desktop"
SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
SCREENSHOT = "org.freedesktop.portal.Screenshot"
REGISTRY = "org.freedesktop.host.portal.Registry"
PROPERTIES = "org.freedesktop.DBus.Properties"
NOT_ALLOWED = "org.freedesktop.portal.Error.NotAllowed"
FAILED = "org.freedesktop.portal.Error.Failed"
CODES = {"ok": 0, "cancel": 1, "other": 2, "no-trigger": 0}


class Refusal(Exception):
    """An error answer."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


@dataclass
class Session:
    """One session: who made it, what it bound."""

    owner: str
    path: str
    shortcuts: list[Any] | None = None


@dataclass
class Portal:
    """All state of the mock. `apps` holds what each connection is known as."""

    bus: MessageBus
    options: argparse.Namespace
    apps: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    requests: dict[str, Callable[[int], None]] = field(default_factory=dict)
    clock_ms: int = 1000

    # calls

    def handle(self, message: Message) -> Message | bool | None:
        """Answer a method call."""
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        try:
            return self._answer(message)
        except Refusal as refusal:
            say(f"refused {message.member}: {refusal}")
            return Message.new_error(message, refusal.name, str(refusal))

    def _answer(self, message: Message) -> Message | bool | None:
        path = message.path or ""
        match message.interface, message.member:
            case (i, "Register") if i == REGISTRY and "registry" not in self.options.without:
                return self._register(message)
            case (i, "Get") if i == PROPERTIES and message.body[0] == SHORTCUTS:
                if self.options.silent:
                    return True
                return self._version(message)
            case (i, m) if i == SHORTCUTS and "shortcuts" not in self.options.without:
                return self._shortcuts(message, str(m))
            case (i, "Screenshot") if i == SCREENSHOT and "screenshot" not in self.options.without:
                return self._screenshot(message)
            case ("org.freedesktop.portal.Session", "Close"):
                self._own(message.sender, path)
                del self.sessions[path]
                say("session closed by the app")
                return Message.new_method_return(message)
            case ("org.freedesktop.portal.Request", "Close"):
                self.requests.pop(path, None)
                say("request closed by the app")
                return Message.new_method_return(message)
            case (i, m) if (i or "").startswith(("org.freedesktop.portal.", "org.freedesktop.host.")):
                self._know(message.sender)
                text = f"No such interface “{i}” on object at path {path}"
                raise Refusal("org.freedesktop.DBus.Error.UnknownMethod", text)
        return None

    def _register(self, message: Message) -> Message:
        app_id, _ = message.body
        if message.sender in self.apps:
            reason = "Connection already associated with an application ID"
        elif not is_installed(app_id):
            reason = f"App info not found for '{app_id}'"
            self.apps[message.sender or ""] = ""
        else:
            self.apps[message.sender or ""] = app_id
            say(f"registered {app_id}")
            return Message.new_method_return(message)
        raise Refusal(FAILED, f"Could not register app ID: {reason}")

    def _version(self, message: Message) -> Message:
        if "shortcuts" in self.options.without:
            text = f"No such interface “{SHORTCUTS}”"
            raise Refusal("org.freedesktop.DBus.Error.InvalidArgs", text)
        return Message.new_method_return(message, "v", [Variant("u", self.options.version)])

    def _know(self, sender: str | None) -> str:
        """What a connection is known as; the first call settles it."""
        return self.apps.setdefault(sender or "", "")

    def _screenshot(self, message: Message) -> Message:
        """An app without an id may ask as well; the person then chooses in the desktop's dialog."""
        self._know(message.sender)
        parent, options = message.body
        if self.options.answer == "refuse":
            raise Refusal(NOT_ALLOWED, "Pictures are switched off by the administrator")
        is_interactive = "interactive" in options and options["interactive"].value
        say(f"screenshot parent={parent!r} interactive={is_interactive}")
        return self._request(message, options, lambda: {"uri": Variant("s", self.options.picture)})

    def _shortcuts(self, message: Message, member: str) -> Message:
        app_id = self._know(message.sender)
        match member:
            case "CreateSession":
                if not app_id and not self.options.before_1_21:
                    raise Refusal(NOT_ALLOWED, "An app id is required")
                if self.options.answer == "refuse":
                    raise Refusal(NOT_ALLOWED, "Shortcuts are switched off by the administrator")
                return self._create(message)
            case "BindShortcuts":
                return self._bind(message)
            case "ListShortcuts":
                session = self._own(message.sender, message.body[0])
                return self._request(message, message.body[1], lambda: _listed(session))
            case "ConfigureShortcuts" if self.options.version >= 2:
                self._own(message.sender, message.body[0])
                say("configure")
                return Message.new_method_return(message)
        raise Refusal("org.freedesktop.DBus.Error.UnknownMethod", f"No such method “{member}”")

    def _own(self, sender: str | None, path: str) -> Session:
        session = self.sessions.get(path)
        if session is None or session.owner != sender:
            raise Refusal("org.freedesktop.DBus.Error.AccessDenied", "Invalid session")
        return session

    def _create(self, message: Message) -> Message:
        (options,) = message.body
        token = options["session_handle_token"].value
        path = f"{PATH}/session/{escape(message.sender)}/{token}"

        def made() -> dict[str, Variant]:
            self.sessions[path] = Session(owner=message.sender or "", path=path)
            return {"session_handle": Variant("s", path)}

        return self._request(message, options, made, is_asked=False)

    def _bind(self, message: Message) -> Message:
        handle, wished, _parent, options = message.body
        session = self._own(message.sender, handle)
        if session.shortcuts is not None:
            raise Refusal(FAILED, "Session already bound shortcuts")
        session.shortcuts = []

        def bound() -> dict[str, Variant]:
            session.shortcuts = [self._granted(*one) for one in wished]
            say(f"bound {' '.join(one[1]['preferred_trigger'].value for one in wished)}")
            return _listed(session)

        return self._request(message, options, bound)

    def _granted(self, name: str, wish: dict[str, Variant]) -> list[Any]:
        trigger = "" if self.options.answer == "no-trigger" else f"Press {wish['preferred_trigger'].value}"
        described = {"description": wish["description"], "trigger_description": Variant("s", trigger)}
        return [name, described]

    def _request(
        self,
        message: Message,
        options: dict[str, Variant],
        results: Callable[[], dict[str, Variant]],
        *,
        is_asked: bool = True,
    ) -> Message:
        """Return a request's path; its response comes after it, at once or when the person has decided."""
        token = options["handle_token"].value
        path = f"{PATH}/request/{escape(message.sender)}/{token}"

        def respond(code: int) -> None:
            if self.requests.pop(path, None) is not None:
                found = results() if code == 0 else {}
                self._emit(
                    message.sender, "org.freedesktop.portal.Request", "Response", path, "ua{sv}", code, found
                )

        self.requests[path] = respond
        if is_asked and self.options.answer == "wait":
            say("dialog")
        else:
            code = CODES.get(self.options.answer, 0) if is_asked else 0
            asyncio.get_running_loop().call_soon(respond, code)
        return Message.new_method_return(message, "o", [path])

    # signals

    def _emit(
        self, to: str | None, interface: str, member: str, path: str, signature: str, *body: Any
    ) -> None:
        message = Message.new_signal(path, interface, member, signature, list(body))
        message.destination = to
        self.bus.send(message)

    def _tell_sessions(self, member: str, signature: str, *rest: Any) -> None:
        for session in self.sessions.values():
            if session.shortcuts:
                self._emit(session.owner, SHORTCUTS, member, PATH, signature, session.path, *rest)

    def press(self, token: str = "") -> None:
        """The person presses the key."""
        self.clock_ms += 10
        options = {"activation_token": Variant("s", token)} if token else {}
        self._tell_sessions("Activated", "osta{sv}", "quick", self.clock_ms, options)

    def release(self) -> None:
        """The person lets the key go."""
        self._tell_sessions("Deactivated", "osta{sv}", "quick", self.clock_ms, {})

    async def obey(self, order: str) -> None:
        """One line from stdin."""
        verb, _, rest = order.partition(" ")
        match verb:
            case "press":
                self.press(rest)
            case "release":
                self.release()
            case "repeat":
                for _ in range(int(rest)):
                    self.press()
            case "burst":
                for number in range(int(rest)):
                    self.press(f"token-{number}")
                    self.release()
                    await asyncio.sleep(
                        0.008
                    )  # 100 in a second; dbus-fast loses its bus when a socket is full
            case "trigger":
                changed = [["quick", {"trigger_description": Variant("s", rest)}]]
                self._tell_sessions("ShortcutsChanged", "oa(sa{sv})", changed)
            case "close":
                for session in tuple(self.sessions.values()):
                    self._emit(
                        session.owner, "org.freedesktop.portal.Session", "Closed", session.path, "a{sv}", {}
                    )
                    del self.sessions[session.path]
            case "allow" | "deny":
                for respond in tuple(self.requests.values()):
                    respond(0 if verb == "allow" else 1)
        say(f"done {verb}")


def _listed(session: Session) -> dict[str, Variant]:
    return {"shortcuts": Variant("a(sa{sv})", session.shortcuts or [])}


def escape(name: str | None) -> str:
    """A unique name as part of an object path."""
    return (name or "").removeprefix(":").replace(".", "_")


def is_installed(app_id: str) -> bool:
    """There is a .desktop file of this name where the desktop looks for them."""
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    folders = [home, *(os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")]
    return any(Path(folder, "applications", f"{app_id}.desktop").is_file() for folder in folders if folder)


def say(line: str) -> None:
    """Tell the test."""
    print(line, flush=True)


async def main(options: argparse.Namespace) -> None:
    """Serve until stdin ends or the bus goes."""
    bus = await MessageBus().connect()
    portal = Portal(bus=bus, options=options)
    bus.add_message_handler(portal.handle)
    await bus.request_name(NAME)
    say("ready")
    if options.pid_file:  # started by the bus: nobody talks to us
        with options.pid_file.open("a", encoding="utf-8") as file:
            print(os.getpid(), file=file)
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await portal.obey(line.decode().strip())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer", default="ok", choices=[*CODES, "refuse", "wait"])
    parser.add_argument("--version", type=int, default=2)
    parser.add_argument("--without", nargs="*", default=[], choices=["shortcuts", "registry", "screenshot"])
    parser.add_argument("--picture", default="", help="the URI of each screenshot")
    parser.add_argument("--silent", action="store_true", help="never answer")
    parser.add_argument("--before-1-21", action="store_true", help="an app id is not required")
    parser.add_argument("--pid-file", type=Path, help="a file for our process id, instead of orders on stdin")
    asyncio.run(main(parser.parse_args()))
