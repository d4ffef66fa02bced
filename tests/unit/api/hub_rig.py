"""The hub's client with all that it needs, over the hub of this computer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from arcdesk.api.hub_caller import HubCaller
from arcdesk.api.hub_client import HubClient
from arcdesk.api.hub_download import HubDownload
from arcdesk.core.egress import Contact, host_of
from tests.rig.hub_server import HubServer, Repo

PATIENCE_S = 20.0


class StrictGate:
    """An EgressGate for which this computer is as far as any: so its names stand for hosts on the net."""

    def __init__(self) -> None:
        self.declared: list[str] = []
        self.contacts: list[Contact] = []

    def allows(self, host: str) -> bool:
        return host in self.declared

    def record(self, contact: Contact) -> None:
        self.contacts.append(contact)

    def declare_address(self, url: str) -> None:
        if (host := host_of(url)) not in self.declared:
            self.declared.append(host)


class Rig:
    """`client` and `files` over `hub`, with a cache folder of their own."""

    def __init__(self, hub: HubServer, cache: Path, *, silence_s: float = PATIENCE_S) -> None:
        self.hub = hub
        self.cache = cache
        self.gate = StrictGate()
        self.endpoint = hub.endpoint
        self.token: str | None = None
        self.is_offline = False
        self.caller = HubCaller(
            lambda: self.endpoint,
            self._token,
            self.gate,
            lambda: self.is_offline,
            transfer_silence_s=silence_s,
            call_silence_s=silence_s,
        )
        self.client = HubClient(self.caller)
        self.files = HubDownload(self.caller, lambda: cache)

    async def _token(self) -> str | None:
        return self.token

    def blob(self, data: bytes) -> Path:
        """Where a large file of this content is, once it is whole."""
        return self.cache / "models--org--model" / "blobs" / hashlib.sha256(data).hexdigest()

    def partial(self, data: bytes) -> Path:
        """Where it is before."""
        blob = self.blob(data)
        return blob.with_name(f"{blob.name}.incomplete")

    async def aclose(self) -> None:
        await self.client.aclose()


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes without a pattern, the same each time."""
    return hashlib.shake_128(seed.to_bytes(4, "big")).digest(size)


def model(**files: bytes) -> Repo:
    """A small model with these files besides; an underscore stands for the dot."""
    extra = {name.replace("_", "."): data for name, data in files.items()}
    return Repo(files={"config.json": b'{"model_type": "llama"}', **extra})


async def until(is_so: Callable[[], object]) -> None:
    """Wait for a fact."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)
