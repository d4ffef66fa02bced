"""What is secret: names, where a secret is kept, and how it is kept out of texts that others may read."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from enum import Enum
from typing import Protocol
from urllib.parse import quote, urlsplit

from arcdesk.core.errors import Problem

HUB_TOKEN = "hf_token"  # noqa: S105  (a name)
REMOTE_PREFIX = "remote:"
SHORTEST_MASKED = 4  # characters; masking a shorter text would tear words apart
MASKED = "…"


def remote_key(url: str) -> str:
    """The name of the key for the server at `url`: its origin counts, not its path. Never raises."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:  # no address: whoever connects will say so
        return REMOTE_PREFIX
    return f"{REMOTE_PREFIX}{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}"


class KeptIn(Enum):
    """Where a secret is."""

    NOWHERE = "nowhere"
    KEYRING = "keyring"
    FILE = "file"
    VARIABLE = "variable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretState:
    """What may be told of one secret. `place` names the keyring, the variable or the file."""

    name: str
    kept_in: KeptIn = KeptIn.NOWHERE
    place: str = ""

    @property
    def is_set(self) -> bool:
        """There is a secret."""
        return self.kept_in is not KeptIn.NOWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsView:
    """All that may be told of the secrets. `notice`: why they are in a file, or can't be had now."""

    secrets: tuple[SecretState, ...] = ()
    keyring: str = ""  # the keyring's name; '' if there is none
    notice: Problem | None = None

    @property
    def can_move(self) -> bool:
        """There is a keyring, and secrets that are still in the file."""
        return bool(self.keyring) and any(one.kept_in is KeptIn.FILE for one in self.secrets)


class SecretRepo(Protocol):
    """Keeps secrets. Every call may raise ArcDeskError, with cause 'keyring_locked' if a keyring is."""

    async def get(self, name: str) -> str | None:
        """The secret, or None. The environment overrules what is kept."""
        ...

    async def put(self, name: str, secret: str) -> None:
        """Keep it, in place of an older one."""
        ...

    async def remove(self, name: str) -> None:
        """Forget it. That it is not there is fine."""
        ...

    async def view(self, names: tuple[str, ...]) -> SecretsView:
        """Where these secrets and all others that are kept are; reads none of them."""
        ...

    async def move_to_keyring(self) -> None:
        """Take what is in the file into the keyring."""
        ...

    def use_file(self) -> None:
        """From now on, and as long as this runs, new secrets go into the file."""
        ...


class Mask:
    """Knows the secrets of this run, and takes them out of texts. May be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shapes: tuple[str, ...] = ()  # replaced whole, longest first

    def remember(self, secret: str) -> None:
        """This text must not be shown, nor the shapes that JSON and addresses give it."""
        secret = secret.strip()
        if len(secret) < SHORTEST_MASKED:
            return
        shapes = {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}
        with self._lock:
            self._shapes = tuple(sorted({*self._shapes, *shapes}, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text without them."""
        for shape in self._shapes:
            if shape in text:
                text = text.replace(shape, MASKED)
        return text


MASK = Mask()


def mask(text: str) -> str:
    """The text without any secret that this run has seen."""
    return MASK(text)
