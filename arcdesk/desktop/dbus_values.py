"""What is said on D-Bus, as Python values: errors, typed values, addresses. Loads no library by itself."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbus_fast import Message

DAEMON = "org.freedesktop.DBus"
DAEMON_PATH = "/org/freedesktop/DBus"


class BusUnavailable(Exception):
    """There is no session bus to talk to; the text says why."""


class BusError(Exception):
    """The other side of the bus answered with an error. `name` is D-Bus' name for its kind."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text

    @property
    def is_nobody_there(self) -> bool:
        """No program offers this service, and none could be started for it."""
        return self.name.startswith((f"{DAEMON}.Error.ServiceUnknown", f"{DAEMON}.Error.NameHasNoOwner")) or (
            self.name.startswith(f"{DAEMON}.Error.Spawn.")
        )


def owner_rule(name: str) -> str:
    """The match rule for 'this name comes, changes hands, goes'."""
    return (
        f"type='signal',sender='{DAEMON}',path='{DAEMON_PATH}',interface='{DAEMON}'"
        f",member='NameOwnerChanged',arg0='{name}'"
    )


def owner_change(message: Message) -> tuple[str, str, str] | None:
    """Name, old owner and new owner ('' for nobody), when a message tells of that."""
    if message.member != "NameOwnerChanged" or message.sender != DAEMON or message.signature != "sss":
        return None
    name, old, new = message.body
    return name, old, new


def variant(signature: str, value: Any) -> Any:
    """A value with its type, as D-Bus dictionaries hold them."""
    from dbus_fast import Variant

    return Variant(signature, value)


def plain(value: Any) -> Any:
    """A received value without its D-Bus type."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return plain(value.value) if hasattr(value, "signature") and hasattr(value, "value") else value


def clean(text: str) -> str:
    """A text that D-Bus takes: it ends a connection over a NUL or half a character."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")


def find_address() -> str:
    """Where the session bus is. Raises BusUnavailable when nothing says it."""
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if address:
        return address
    socket = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}", "bus")
    if not socket.exists():
        raise BusUnavailable("this session has no bus (DBUS_SESSION_BUS_ADDRESS is not set)")
    return f"unix:path={socket}"


async def load_library() -> None:
    """Import dbus_fast in a thread of its own: it takes long enough to be seen in a moving picture."""
    if "dbus_fast.aio" in sys.modules:
        return
    loop = asyncio.get_running_loop()
    loaded = asyncio.Event()

    def load() -> None:
        with contextlib.suppress(ImportError):  # the import that follows says so
            importlib.import_module("dbus_fast.aio")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(loaded.set)

    threading.Thread(target=load, name="import-dbus", daemon=True).start()
    await loaded.wait()
