"""Names and writes the files by which a desktop knows a program: atomically, and undone as a whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from arcdesk.core.errors import ArcDeskError, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_MODE = 0o644


def data_home() -> Path:
    """Where the person's own desktop files are: XDG_DATA_HOME. Raises ArcDeskError without any home."""
    return _base("XDG_DATA_HOME", ".local/share")


def config_home() -> Path:
    """Where the person's own settings are: XDG_CONFIG_HOME. Raises ArcDeskError without any home."""
    return _base("XDG_CONFIG_HOME", ".config")


def data_dirs() -> list[Path]:
    """Where the system's desktop files are, the most important first."""
    return _dirs("XDG_DATA_DIRS", "/usr/local/share:/usr/share")


def config_dirs() -> list[Path]:
    """Where the system's settings are, the most important first."""
    return _dirs("XDG_CONFIG_DIRS", "/etc/xdg")


def _base(variable: str, below_home: str) -> Path:
    base = os.environ.get(variable, "")
    if os.path.isabs(base):  # the specification has relative ones ignored
        return Path(base)
    home = _home()
    if not home:
        raise ArcDeskError(
            Problem(
                cause="no_home",
                title="ArcDesk does not know your home folder",
                detail=f"Neither {variable} nor HOME is set.",
                hint="Set HOME, then try again.",
            )
        )
    return Path(home, below_home)


def _home() -> str:
    """HOME, else what the system's list of users says; empty when neither knows."""
    home = os.environ.get("HOME", "")
    if os.path.isabs(home):  # Python would make "/" of an empty one
        return home
    import pwd

    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""
    return home if os.path.isabs(home) else ""


def _dirs(variable: str, default: str) -> list[Path]:
    words = (os.environ.get(variable) or default).split(":")
    return [Path(word) for word in words if os.path.isabs(word)]


def read_text(path: Path) -> str | None:
    """The text of a file; None when it is missing or can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


@contextlib.contextmanager
def told(what: str, path: Path) -> Iterator[None]:
    """Turn an OSError into an ArcDeskError that begins with `what`."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise ArcDeskError(
            Problem(
                cause="desktop_unwritable",
                title=what,
                detail=f"{path} can't be changed. The system says: {reason}.",
                hint="Free some space, or give yourself the right to write there.",
                evidence=str(error),
            )
        ) from error


def write_file(path: Path, content: bytes) -> None:
    """Write the whole file or nothing; a link stays a link. Raises OSError."""
    target = path.resolve() if path.is_symlink() else path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), FILE_MODE)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def remove_file(path: Path) -> None:
    """Remove the file if it is there. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
