"""Tells the versions of ArcDesk and of what it stands on, and whether they go together."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata

from arcdesk import __version__
from arcdesk.core.doctor import Area, Finding, Status, ok

LIBRARIES = (
    "PySide6-Essentials",
    "qasync",
    "httpx",
    "docker",
    "platformdirs",
    "tomlkit",
    "keyring",
    "dbus-fast",
    "xcffib",
    "xllamacpp",
)
# It loses references to None and True on Pythons whose None is mortal, and aborts.
BROKEN_PYSIDE, IMMORTAL_SINCE = "6.12.0", (3, 12)
SHOWN_VARIABLES = (
    "XDG_SESSION_TYPE",
    "XDG_CURRENT_DESKTOP",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "QT_QPA_PLATFORM",
    "QT_SCALE_FACTOR",
    "LANG",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
)


def versions() -> dict[str, object]:
    """All versions; of a library that is not installed None. Loads none of them; reads some small files."""
    return {
        "arcdesk": __version__,
        "python": sys.version.split()[0],
        "libraries": {name: _installed(name) for name in LIBRARIES},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "distribution": _distribution(),
        "environment": {name: os.environ[name] for name in SHOWN_VARIABLES if name in os.environ},
        "arcdesk_variables": sorted(name for name in os.environ if name.startswith("ARCDESK_")),
    }


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def version_findings(
    python: Sequence[int] = sys.version_info[:2], pyside: str | None = None
) -> list[Finding]:
    """Whether Python and PySide6 go together. Blocks shortly."""
    pyside = pyside or _installed("PySide6-Essentials")
    detail = (
        f"ArcDesk {__version__}, Python {'.'.join(map(str, python))}, PySide6 {pyside or 'not installed'}"
    )
    if pyside is None:
        return [_bad("PySide6 is missing", f"{detail}. Without it there are no windows.")]
    if pyside == BROKEN_PYSIDE and tuple(python) < IMMORTAL_SINCE:
        return [
            _bad(f"PySide6 {pyside} aborts on this Python", f"{detail}. It ends after some thousand calls.")
        ]
    return [ok("app.versions", Area.APP, "The versions go together", detail)]


def _bad(title: str, detail: str) -> Finding:
    return Finding(
        id="app.versions",
        area=Area.APP,
        status=Status.BAD,
        title=title,
        detail=detail,
        fix="Install another one into ArcDesk's environment.",
        command=f"{sys.executable} -m pip install 'PySide6-Essentials>=6.11.2,!={BROKEN_PYSIDE}'",
    )
