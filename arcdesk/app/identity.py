"""Knows whose computer this is, so that reports can be cleaned of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from arcdesk.core.redact import Redactor

LEAST_NAME_PART = 3
_SECRET_ENDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD")


def redactor(secrets: Iterable[str] = (), environ: Mapping[str, str] | None = None) -> Redactor:
    """A Redactor for this person on this computer. `secrets` are known beside those of the environment."""
    environ = os.environ if environ is None else environ
    from_environ = [value for name, value in environ.items() if name.upper().endswith(_SECRET_ENDS)]
    return Redactor(
        user_names=tuple(dict.fromkeys(_user_names(environ))),
        homes=tuple(dict.fromkeys(_homes(environ))),
        host_names=tuple(dict.fromkeys(_host_names(environ))),
        secrets=tuple(dict.fromkeys((*secrets, *from_environ))),
    )


def _user_names(environ: Mapping[str, str]) -> Iterable[str]:
    for variable in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"):
        yield environ.get(variable, "")
    try:
        import pwd

        entry = pwd.getpwuid(os.getuid())
    except (ImportError, KeyError):  # Windows; a number without a name
        return
    yield entry.pw_name
    full_name = entry.pw_gecos.partition(",")[0]
    yield full_name
    yield from (part for part in full_name.split() if len(part) >= LEAST_NAME_PART)


def _homes(environ: Mapping[str, str]) -> Iterable[str]:
    for home in (environ.get("HOME", ""), os.path.expanduser("~")):
        if home and home not in ("/", "/root", "/nonexistent"):
            yield home
            yield str(Path(home).resolve())


def _host_names(environ: Mapping[str, str]) -> Iterable[str]:
    yield environ.get("HOSTNAME", "")
    yield socket.gethostname()
