"""The file beside the keyring: names of what is in there, and the secrets that it could not take."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.secrets import MASK
from arcdesk.storage.paths import PRIVATE_FILE_MODE, data_dir, disk_errors, ensure_dir, free_name

FILE_NAME = "secrets.json"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the file holds: names of what is in the keyring, and secrets by name."""

    in_keyring: frozenset[str] = frozenset()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def with_secret(self, name: str, secret: str) -> Kept:
        """Also this one, here."""
        return replace(self, secrets={**self.secrets, name: secret})

    def with_keyring(self, name: str) -> Kept:
        """This one is in the keyring now, and no longer here."""
        return replace(self.without(name), in_keyring=self.in_keyring | {name})

    def without(self, name: str) -> Kept:
        """This one is nowhere."""
        secrets = {other: secret for other, secret in self.secrets.items() if other != name}
        return Kept(in_keyring=self.in_keyring - {name}, secrets=secrets)


class SecretFile:
    """Reads and writes it whole. The file is small: this may be done on the loop."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path or data_dir() / FILE_NAME

    def read(self) -> Kept:
        """What it holds; nothing if there is none. Raises ArcDeskError: unreadable, or of a newer ArcDesk."""
        path = self.path
        try:
            with disk_errors(path):
                text = path.read_text(encoding="utf-8")
                if path.stat().st_mode & 0o077:
                    path.chmod(PRIVATE_FILE_MODE)
        except ArcDeskError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return Kept()
            raise
        except UnicodeDecodeError:
            text = ""
        kept = _parsed(text)
        if kept is None:
            self._set_aside(path)
            return Kept()
        for secret in kept.secrets.values():
            MASK.remember(secret)
        return kept

    def write(self, kept: Kept) -> None:
        """Replace it in one step. Raises ArcDeskError."""
        path = self.path
        ensure_dir(path.parent)
        data = {
            "version": VERSION,
            "in_keyring": sorted(kept.in_keyring),
            "secrets": dict(sorted(kept.secrets.items())),
        }
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        with disk_errors(path):
            beside.unlink(missing_ok=True)
            with os.fdopen(
                os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE), "w"
            ) as out:
                out.write(json.dumps(data, indent=1))
                out.flush()
                os.fsync(out.fileno())
            beside.replace(path)

    def _set_aside(self, path: Path) -> None:
        kept = free_name(path.with_name(f"{path.name}.broken-{time.strftime('%Y-%m-%d')}"))
        with disk_errors(path):
            path.rename(kept)


def _parsed(text: str) -> Kept | None:
    """None for what is no such file. Raises ArcDeskError for one of a newer ArcDesk."""
    try:
        data: Any = json.loads(text)
        if data["version"] > VERSION:
            raise ArcDeskError(_newer())
        secrets = {str(name): str(secret) for name, secret in data["secrets"].items()}
        return Kept(in_keyring=frozenset(map(str, data["in_keyring"])), secrets=secrets)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _newer() -> Problem:
    return Problem(
        cause="secrets_newer",
        title="The keys were written by a newer ArcDesk",
        detail="This one does not understand the file, and leaves it as it is.",
        hint="Use the newer ArcDesk, or set the key in ARCDESK_API_KEY.",
    )
