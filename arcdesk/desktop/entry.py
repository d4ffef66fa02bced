"""Desktop entries as text: quoting, reading and filling in the command that starts ArcDesk."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAIN_GROUP = "Desktop Entry"
_RESERVED = re.compile(r"""[\s"'\\><~|&;$*?#()`]""")
_TO_ESCAPE = re.compile(r'["`$\\]')
_UNESCAPE = re.compile(r'\\(["`$\\])')
_WORD = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"]+))(?=\s|$)')

Entry = dict[str, dict[str, str]]  # group → key → value, escapes as they stand in the file


def own_command() -> list[str]:
    """The words that start this very ArcDesk from anywhere: its script, its AppImage, or its interpreter."""
    appimage = os.environ.get("APPIMAGE", "")
    if appimage and os.path.isabs(appimage) and "APPDIR" in os.environ:
        return [appimage]  # what runs now is inside a mount that goes with the process
    script = Path(sys.executable).with_name("arcdesk")
    if os.access(script, os.X_OK):
        return [str(script)]
    return [sys.executable, "-m", "arcdesk"]


def source_dir() -> str:
    """The folder that Python must be told of to find ArcDesk; empty where it is installed."""
    folder = Path(__file__).resolve().parents[2]
    return "" if folder.name in ("site-packages", "dist-packages") else str(folder)


def with_source(words: Sequence[str]) -> list[str]:
    """`words`, run so that a checkout that is not installed is found too."""
    folder = source_dir()
    return ["/usr/bin/env", f"PYTHONPATH={folder}", *words] if folder and len(words) > 1 else list(words)


def exec_value(words: Sequence[str]) -> str:
    """Words as the value of `Exec`: quoted as the Desktop Entry specification has it."""
    return " ".join(_exec_word(word) for word in words)


def _exec_word(word: str) -> str:
    word = word.replace("%", "%%")
    if word and not _RESERVED.search(word):
        return word
    quoted = '"' + _TO_ESCAPE.sub(lambda match: "\\" + match.group(), word) + '"'
    return string_value(quoted)


def string_value(text: str) -> str:
    """A text as the value of a key."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def exec_words(value: str) -> list[str]:
    """The words of an `Exec` value without its field codes. Raises ValueError for broken quoting."""
    words = [_UNESCAPE.sub(r"\1", word) for word in _split(plain_text(value))]
    return [word.replace("%%", "%") for word in words if not re.fullmatch(r"%[a-zA-Z]", word)]


def _split(text: str) -> Iterator[str]:
    """At blanks outside quotes; escapes stay as they are."""
    position = 0
    while match := _WORD.match(text, position):
        yield match["quoted"] if match["quoted"] is not None else match["bare"]
        position = match.end()
    if text[position:].strip():
        raise ValueError(f"broken quoting: {text}")


def plain_text(value: str) -> str:
    """The text that a value stands for."""
    known = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    return re.sub(r"\\(.)", lambda match: known.get(match.group(1), match.group()), value)


def service_exec(words: Sequence[str]) -> str:
    """Words as the `Exec` of a D-Bus service file: dbus-daemon splits it as a shell would."""
    return shlex.join(words)


def read_entry(text: str) -> Entry:
    """The groups of a desktop entry; what is no key is passed over, as desktops do."""
    groups: Entry = {}
    keys: dict[str, str] = {}
    for line in _lines(text):
        if line.startswith("[") and line.endswith("]"):
            keys = groups.setdefault(line[1:-1], {})
        elif "=" in line:
            key, _, value = line.partition("=")
            keys.setdefault(key.rstrip(), value.lstrip())
    return groups


def _lines(text: str) -> Iterator[str]:
    return (line for raw in text.splitlines() if (line := raw.strip()) and not line.startswith("#"))


def fill_command(template: str, command: Sequence[str]) -> str:
    """A shipped entry, whose `Exec` begins with the bare word `arcdesk`, for the ArcDesk at `command`."""
    own = exec_value(with_source(command))
    filled = re.sub(r"(?m)^Exec=arcdesk\b", lambda _: f"Exec={own}", template)
    return re.sub(r"(?m)^TryExec=arcdesk$", lambda _: f"TryExec={string_value(command[0])}", filled)


def is_true(entry: Mapping[str, str], key: str, default: bool = False) -> bool:
    """A boolean key; older files write 1 and 0."""
    value = entry.get(key, "").lower()
    return value in ("true", "1") if value in ("true", "false", "1", "0") else default
