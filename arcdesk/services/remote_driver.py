"""Drives an engine that runs elsewhere: any OpenAI-compatible server, watched only while it is used."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlsplit

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.errors import Action, ActionKind, ArcDeskError, NotReadyError, Problem, UsageError
from arcdesk.core.ports import ChatBackend, Endpoint

_TRY_AGAIN = Action(kind=ActionKind.START, label="Try again")


def endpoint_of_url(url: str, api_key: str | None) -> Endpoint:
    """The endpoint behind a URL that a person typed; '/v1' may be left out. Raises UsageError."""
    try:
        parts = urlsplit(url.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that stays open
        is_address = False
    if not is_address or "@" in parts.netloc or parts.query:
        raise UsageError(_no_address(url))
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    base = f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v1') else path + '/v1'}"
    return Endpoint(base_url=base, model="", api_key=api_key, engine=EngineKind.REMOTE.value)


def _no_address(url: str) -> Problem:
    shown = re.sub(r"//[^/]*@", "//…@", url)  # a password must not reach a terminal's history or a log
    has_login = shown != url
    return Problem(
        cause="bad_setting",
        title=f"'{shown}' is no server address",
        detail="A name or password has no place in it." if has_login else "It can't be understood.",
        hint="An address looks like http://127.0.0.1:8000/v1; a key goes into Settings, Privacy.",
    )


class RemoteDriver:
    """An EngineDriver for a server that ArcDesk neither starts nor ends: Start connects, Stop lets go."""

    def __init__(
        self,
        *,
        backend: ChatBackend,
        url: str,
        report: Callable[[EngineSnapshot], None],
        find_key: Callable[[], Awaitable[str | None]] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`find_key` gives the key at each connect, and may raise ArcDeskError; None: there is no key."""
        self._find_key = find_key
        self._backend = backend
        self._target = endpoint_of_url(url, None)
        self._endpoint: Endpoint | None = None
        self._report_to = report
        self._now = now
        self._looked = asyncio.Event()
        self._checking: asyncio.Task[None] | None = None
        self._snapshot = EngineSnapshot(
            kind=EngineKind.REMOTE,
            phase=EnginePhase.STOPPED,
            profile="OpenAI-compatible server",
            base_url=self._target.base_url,
            place=urlsplit(self._target.base_url).netloc,
            since=now(),
        )

    @property
    def snapshot(self) -> EngineSnapshot:
        """The engine now, as last reported."""
        return self._snapshot

    @property
    def endpoint(self) -> Endpoint | None:
        """Where to ask; None until the server named its models."""
        return self._endpoint

    async def run(self) -> None:
        """Look when somebody looks, never else."""
        while True:
            await self._looked.wait()
            self._looked.clear()
            if self._snapshot.phase is not EnginePhase.STOPPED:
                await self._check()

    async def start(self) -> None:
        """Connect: ask for the models."""
        self._go(EnginePhase.STARTING)
        await self._check()
        if self._snapshot.problem is not None:
            raise NotReadyError(self._snapshot.problem)

    async def _check(self) -> None:
        """Ask for the models; `stop` ends the asking, and then its answer no longer counts."""
        if self._checking is None:
            self._checking = asyncio.ensure_future(self._ask_models())
        checking = self._checking
        await asyncio.wait({checking})
        if self._checking is checking:
            self._checking = None
        if not checking.cancelled():
            checking.result()

    async def _ask_models(self) -> None:
        try:
            self._target = replace(self._target, api_key=await self._key())
            models = await self._backend.list_models(self._target)
            if not models:
                raise NotReadyError(_no_models(self._target.base_url))
        except ArcDeskError as error:
            self._endpoint = None
            self._go(EnginePhase.FAILED, problem=error.problem)
            return
        self._endpoint = replace(self._target, model=models[0])
        self._go(EnginePhase.READY, model=models[0])

    async def _key(self) -> str | None:
        try:
            return await self._find_key() if self._find_key is not None else None
        except ArcDeskError as error:  # a locked keyring: what can be done here is to try again
            raise NotReadyError(replace(error.problem, actions=(_TRY_AGAIN,))) from error

    async def stop(self) -> None:
        """Let go of the server; it goes on."""
        await self.aclose()
        self._endpoint = None
        self._go(EnginePhase.STOPPED)

    async def look_once(self) -> None:
        """Ask for the models once."""
        await self._check()

    async def first_look(self) -> None:
        """Its state is known without looking."""

    def look(self) -> None:
        """Check now."""
        self._looked.set()

    async def log_tail(self, lines: int) -> list[str]:
        """A server elsewhere shows no log."""
        return []

    def _go(self, phase: EnginePhase, **changes: object) -> None:
        changes.setdefault("problem", None)
        since = self._snapshot.since if phase is self._snapshot.phase else self._now()
        self._report(replace(self._snapshot, phase=phase, since=since, **changes))  # type: ignore[arg-type]

    def _report(self, snapshot: EngineSnapshot) -> None:
        self._snapshot = snapshot
        self._report_to(snapshot)

    async def aclose(self) -> None:
        """End a question that is under way."""
        checking, self._checking = self._checking, None
        if checking is not None:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)


def _no_models(url: str) -> Problem:
    return Problem(
        cause="model_unknown",
        title="The server has no model",
        detail=f"{url} answers, but its list of models is empty.",
        hint="Load a model there, then try again.",
        actions=(_TRY_AGAIN,),
    )
