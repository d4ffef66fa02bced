"""Opens ArcDesk at log-in, or not: the truth is one file, and only the person's wish changes it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from arcdesk.core.autostart_state import OFF, AutostartKind, AutostartState
from arcdesk.core.ident import APP_ID, APP_NAME
from arcdesk.desktop import desktop_files as files
from arcdesk.desktop.entry import (
    MAIN_GROUP,
    exec_value,
    exec_words,
    is_true,
    own_command,
    plain_text,
    read_entry,
    string_value,
    with_source,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path("autostart", f"{APP_ID}.desktop")
BACKGROUND = "--background"
_HIDDEN = f"[{MAIN_GROUP}]\nType=Application\nName={APP_NAME}\nHidden=true\n"


def state() -> AutostartState:
    """Read from the file system, each time anew. Raises ArcDeskError without any home."""
    for path, by_system in _places():
        text = files.read_text(path)
        if text is not None:
            return _judge(read_entry(text).get(MAIN_GROUP, {}), by_system)
    return OFF


def turn_on() -> None:
    """Open this ArcDesk at log-in, in the tray. Raises ArcDeskError when the file can't be written."""
    path = _own_file()
    with files.told("ArcDesk can't be opened at log-in", path):
        files.write_file(path, _content(own_command()).encode())


def turn_off() -> None:
    """No longer; a package's file for everyone is overruled by the person's. Raises ArcDeskError."""
    path = _own_file()
    with files.told("Opening ArcDesk at log-in can't be turned off", path):
        if any(os.path.exists(place) for place, by_system in _places() if by_system):
            files.write_file(path, _HIDDEN.encode())
        else:
            files.remove_file(path)


def _own_file() -> Path:
    return files.config_home() / FILE


def _places() -> Iterator[tuple[Path, bool]]:
    yield _own_file(), False
    for folder in files.config_dirs():
        yield folder / FILE, True


def _judge(entry: dict[str, str], by_system: bool) -> AutostartState:
    if is_true(entry, "Hidden") or not is_true(entry, "X-GNOME-Autostart-enabled", default=True):
        return AutostartState(kind=AutostartKind.DISABLED, by_system=by_system)
    try:
        words = exec_words(entry.get("Exec", ""))
    except ValueError:
        words = []
    program = _program(words)
    if not program or not _is_there(plain_text(entry.get("TryExec", "")) or program):
        return AutostartState(kind=AutostartKind.GONE, program=program, by_system=by_system)
    if by_system or _is_ours(words):
        return AutostartState(kind=AutostartKind.ON, by_system=by_system)
    return AutostartState(kind=AutostartKind.ELSEWHERE, program=program)


def _program(words: list[str]) -> str:
    """The first word that is no wrapping by `env`."""
    rest = list(words)
    if rest and os.path.basename(rest[0]) == "env":
        rest = rest[1:]
        while rest and "=" in rest[0]:
            rest = rest[1:]
    return rest[0] if rest else ""


def _is_there(program: str) -> bool:
    return shutil.which(program) is not None


def _is_ours(words: list[str]) -> bool:
    """The same program, perhaps by another name for it or with other options."""
    own = own_command()
    found = shutil.which(_program(words)) or ""
    if len(own) > 1:  # an interpreter: many programs are links to the same one, so its path decides
        return os.path.normpath(found) == os.path.normpath(own[0]) and "arcdesk" in words
    try:
        return os.path.samefile(found, own[0])
    except OSError:
        return False


def _content(command: list[str]) -> str:
    words = [*with_source(command), BACKGROUND]
    lines = {
        "Type": "Application",
        "Name": APP_NAME,
        "Comment": "Opens ArcDesk in the tray when you log in",
        "Icon": APP_ID,
        "Exec": exec_value(words),
        "TryExec": string_value(command[0]),
        "Terminal": "false",
        "StartupNotify": "false",
        "X-GNOME-Autostart-enabled": "true",
        "X-KDE-autostart-after": "panel",
    }
    return f"[{MAIN_GROUP}]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())
