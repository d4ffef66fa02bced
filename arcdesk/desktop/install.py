"""Puts ArcDesk into the applications menu of this person, and takes it out again."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from enum import Enum
from pathlib import Path

from arcdesk.core.ident import APP_ID
from arcdesk.desktop import desktop_files as files
from arcdesk.desktop.entry import fill_command, own_command, service_exec, with_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger(__name__)

ENTRY = Path("applications", f"{APP_ID}.desktop")
SERVICE = Path("dbus-1", "services", f"{APP_ID}.service")
METAINFO = Path("metainfo", f"{APP_ID}.metainfo.xml")
SEARCH = Path("gnome-shell", "search-providers", f"{APP_ID}.search-provider.ini")
ICONS = Path("icons", "hicolor")
_ACTIVATABLE = "DBusActivatable=true\n"
RELOAD_PATIENCE_S = 2.0


class Presence(Enum):
    """How this person's desktop knows ArcDesk."""

    ABSENT = "absent"
    CURRENT = "current"  # what we would write now
    OUTDATED = "outdated"  # of another version, or of an ArcDesk at another place
    BY_SYSTEM = "by the system"  # a package has put it there for everyone

    @property
    def is_installed(self) -> bool:
        """The desktop can start some ArcDesk."""
        return self is not Presence.ABSENT


def presence() -> Presence:
    """Looked up in the file system, each time anew. Raises ArcDeskError without any home."""
    own = files.read_text(files.data_home() / ENTRY)
    if own is None:
        by_system = any(os.path.exists(folder / ENTRY) for folder in files.data_dirs())
        return Presence.BY_SYSTEM if by_system else Presence.ABSENT
    return Presence.CURRENT if _is_current(files.data_home(), _wanted()) else Presence.OUTDATED


def is_installed() -> bool:
    """Some desktop entry of ours is where desktops look: the portals' rule for an app id."""
    return presence().is_installed


def is_current() -> bool:
    """The installed files are those of this version and start this ArcDesk, or a package cares for them."""
    return presence() in (Presence.CURRENT, Presence.BY_SYSTEM)


def install() -> list[Path]:
    """Write all files; returns what was written. Raises ArcDeskError, and then nothing half remains."""
    base, wanted = files.data_home(), _wanted()
    written: list[Path] = []
    fresh = {path for path in wanted if not os.path.exists(base / path)}
    try:
        with files.told("ArcDesk could not be put into the applications menu", base):
            for path, content in wanted.items():  # the entry comes last: it promises the others
                files.write_file(base / path, content)
                written.append(base / path)
    except BaseException:
        for path in written:
            if path.relative_to(base) in fresh:
                with contextlib.suppress(OSError):
                    path.unlink()
        raise
    _announce(base)
    return written


def uninstall() -> list[Path]:
    """Remove this person's files; returns what was removed. Raises ArcDeskError."""
    base = files.data_home()
    found = [base / path for path in _possible(base) if os.path.lexists(base / path)]
    with files.told("ArcDesk could not be taken out of the applications menu", base):
        for path in found:
            files.remove_file(path)
    if found:
        _announce(base)
    return found


def _wanted() -> dict[Path, bytes]:
    """Path below the data folder → content."""
    shipped, command = resource_dir(), own_command()
    entry = (shipped / "desktop" / ENTRY.name).read_text(encoding="utf-8")
    result = {ICONS / path: (shipped / ICONS / path).read_bytes() for path in _icons(shipped)}
    result[METAINFO] = (shipped / "desktop" / METAINFO.name).read_bytes()
    if serves_dbus():
        result[SERVICE] = _service(shipped, command).encode()
        result[SEARCH] = (shipped / "desktop" / SEARCH.name).read_bytes()
    else:
        entry = entry.replace(_ACTIVATABLE, "")
    result[ENTRY] = fill_command(entry, command).encode()
    return result


def serves_dbus() -> bool:
    """This ArcDesk can own its name on the bus; else a launcher that asked there would wait in vain."""
    return importlib.util.find_spec("arcdesk.desktop.dbus_service") is not None


def _service(shipped: Path, command: list[str]) -> str:
    template = (shipped / "desktop" / SERVICE.name).read_text(encoding="utf-8")
    return template.replace("Exec=arcdesk", f"Exec={service_exec(with_source(command))}")


def _icons(shipped: Path) -> Iterator[Path]:
    folder = shipped / ICONS
    return (path.relative_to(folder) for path in sorted(folder.rglob(f"{APP_ID}*")) if path.is_file())


def _is_current(base: Path, wanted: Mapping[Path, bytes]) -> bool:
    for path, content in wanted.items():
        try:
            if (base / path).read_bytes() != content:
                return False
        except OSError:
            return False
    return True


def _possible(base: Path) -> Iterator[Path]:
    """All that any version of ours may have written."""
    yield from (ENTRY, SERVICE, METAINFO, SEARCH)
    for path in sorted((base / ICONS).glob(f"*/apps/{APP_ID}*")):
        yield path.relative_to(base)


def resource_dir() -> Path:
    """The folder with `desktop/` and `icons/`: in the package when installed, beside it in a checkout.

    Raises FileNotFoundError when the installation lacks both.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "resources", package.parent / "resources"):
        if (folder / "desktop").is_dir():
            return folder
    raise FileNotFoundError(f"ArcDesk's desktop files are missing beside {package}: install it again")


def _announce(base: Path) -> None:
    """Let caches know: a touched theme folder makes icon caches stale, the bus reads its services again."""
    with contextlib.suppress(OSError):
        os.utime(base / ICONS)
    _reload_bus()


def _reload_bus() -> None:
    """A bus daemon does not watch a folder that was missing at its start."""
    if not (os.environ.get("DBUS_SESSION_BUS_ADDRESS") or os.environ.get("XDG_RUNTIME_DIR")):
        return
    import asyncio
    import threading

    def work() -> None:
        try:
            asyncio.run(asyncio.wait_for(_ask_to_reload(), RELOAD_PATIENCE_S))
        except Exception as error:  # no bus, a broken one, no library: the next log-in reads them anyway
            log.info("the session bus was not told of its new service: %s", error)

    thread = threading.Thread(target=work, name="arcdesk-reload-bus", daemon=True)
    thread.start()  # of its own: a loop may run in this one
    thread.join(RELOAD_PATIENCE_S + 1)


async def _ask_to_reload() -> None:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

    bus = await MessageBus().connect()
    try:
        name = "org.freedesktop.DBus"
        await bus.call(
            Message(destination=name, path="/org/freedesktop/DBus", interface=name, member="ReloadConfig")
        )
    finally:
        bus.disconnect()
