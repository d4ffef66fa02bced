"""Fills the port ContainerRuntime with the Docker SDK, none of which leaves the engine package."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from arcdesk.core.egress import BY_DOCKER, Contact, EgressGate, Reason, host_of, is_local, registry_of
from arcdesk.core.engine_state import ContainerObservation
from arcdesk.core.errors import DockerUnreachable, NotFoundError
from arcdesk.core.gpu import ContainerFdinfo
from arcdesk.core.ports import ContainerEvent, LogLine, PullProgress
from arcdesk.core.settings import ContainerSettings, check_container
from arcdesk.engine import cache_owner, docker_start
from arcdesk.engine.container_key import read_key
from arcdesk.engine.container_spec import observation, spec_hash, was_made_from
from arcdesk.engine.docker_address import Address, addresses, reach
from arcdesk.engine.docker_connect import connect, first_reachable, translated
from arcdesk.engine.docker_gpu import GpuAsker
from arcdesk.engine.docker_peek import has_container
from arcdesk.engine.docker_reader import StreamReader, lines_of
from arcdesk.engine.docker_streams import StreamLink, ThreadStream
from arcdesk.services.threads import in_thread

if TYPE_CHECKING:
    from docker import DockerClient

    from arcdesk.core.bench_ports import ContainerFacts

T = TypeVar("T")

STOP_PATIENCE_S = 10  # of `docker stop`, between TERM and KILL
POLL_S = 0.2


class DockerRuntime:
    """A ContainerRuntime. Calls run in two threads of its own, each stream in one more.

    A call that has begun can't be cancelled, but it ends: the client gives up after its timeout.
    `host` is a stated choice (e.g. unix:///run/docker.sock); without it the usual places are tried.
    `hub_token` gives the token that a new container gets, None for none; `egress` is told of each contact.
    """

    def __init__(
        self,
        host: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        hub_token: Callable[[], Awaitable[str | None]] | None = None,
        egress: EgressGate | None = None,
    ) -> None:
        self._host = host
        self._hub_token = hub_token
        self._egress = egress
        self._keys: dict[str, str] = {}  # by container, each read once; written by the pool's threads
        self._environ = os.environ if environ is None else environ
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="docker")
        self._lock = threading.Lock()
        self._client: DockerClient | None = None
        self._address: Address | None = None
        self._reader = StreamReader(host, self._environ)
        self._streams: set[ThreadStream[Any]] = set()
        self._gpu_asker = GpuAsker()

    async def ping(self) -> str:
        """The engine's version. Raises DockerUnreachable."""
        return await self._call(lambda client: str(client.version()["Version"]))

    async def peek(self) -> bool:
        """There is a container of ours, asked without the SDK. Never raises."""
        places = addresses(self._host, self._environ)
        if len(places) == 1 and not is_local(host_of(places[0].host)):
            self._note(Reason.DOCKER, places[0].host)  # an engine elsewhere; the usual places are all here
        return await has_container(self._host, self._environ)

    async def find(self) -> ContainerObservation | None:
        """The container with our label: a running one, else the newest."""

        def look(client: DockerClient) -> ContainerObservation | None:
            ours = docker_start.inspect_ours(client)
            return self._observed(client, ours[0]) if ours else None

        return await self._call(look)

    async def has_image(self, image: str) -> bool:
        """The image is on this engine."""
        try:
            await self._call(lambda client: client.images.get(image))
        except NotFoundError:
            return False
        return True

    async def start(self, settings: ContainerSettings) -> ContainerObservation:
        """Adopt the running container made from these settings, else make and start a new one."""
        check_container(settings)
        ours = await self._call(docker_start.inspect_ours)
        spec = spec_hash(settings, environ=self._environ)
        for one in ours:
            if docker_start.is_running(one) and was_made_from(one, spec):
                return await self._adopt(one)
        await self._call(lambda client: docker_start.check_start(client, settings, ours))
        docker_start.prepare_folders(settings)
        token = await self._hub_token() if self._hub_token is not None else None
        for one in ours:
            await self._replace(one)
        return await self._call(lambda client: self._create(client, settings, token), settings)

    async def stop(self, container_id: str, *, grace_s: float) -> None:
        """Ask the server to end, wait `grace_s`, then `docker stop`. A gone container is fine."""
        if await self._call(lambda client: docker_start.term_server(client, container_id)):
            await self._wait_ended(container_id, grace_s)
        with suppress(NotFoundError):
            await self._call(lambda client: client.api.stop(container_id, timeout=STOP_PATIENCE_S))

    async def remove(self, container_id: str) -> None:
        """Remove it, running or not. A gone container is fine."""
        with suppress(NotFoundError):
            await self._call(lambda client: docker_start.remove(client, container_id))

    async def own_cache(self, settings: ContainerSettings) -> int:
        """Give what a container wrote into the model cache as root back to the person; how many entries.

        Cheap where all is theirs already: Docker is then not asked. Raises EngineError, NotFoundError.
        """
        if not await in_thread("docker-cache", lambda: cache_owner.is_foreign(settings)):
            return 0
        return await self._call(lambda client: cache_owner.own_cache(client, settings), settings)

    def events(self) -> AsyncGenerator[ContainerEvent, None]:
        """SUBSCRIBED, then the events of containers with our label."""
        return self._stream("docker-events", self._reader.events)

    def follow_log(self, container_id: str, *, since: float) -> AsyncGenerator[LogLine, None]:
        """Both outputs in Docker's order, until the container ends. One that is gone has no lines.

        With `since` as a container's `started_at` no line of that run is missing.
        """
        return self._stream("docker-log", lambda link: self._reader.log(container_id, since, link))

    async def log_tail(self, container_id: str, *, lines: int) -> list[LogLine]:
        """The last lines of the log. Raises NotFoundError."""

        def read(client: DockerClient) -> list[LogLine]:
            frames = client.api.logs(container_id, stream=True, follow=False, timestamps=True, tail=lines)
            return list(lines_of(frames))[-lines:]

        return await self._call(read)

    def pull(self, image: str) -> AsyncGenerator[PullProgress, None]:
        """Download an image. Raises NotFoundError or EngineError with the registry's reason."""
        return self._noted_pull(image)

    async def _noted_pull(self, image: str) -> AsyncGenerator[PullProgress, None]:
        done_bytes = 0
        try:
            steps = self._stream("docker-pull", lambda link: self._reader.pull(image, link))
            async with aclosing(steps):
                async for step in steps:
                    done_bytes = step.done_bytes or done_bytes
                    yield step
        finally:  # Docker contacts the registry, not we: it tells only what it has received
            self._note(Reason.IMAGE, f"//{registry_of(image)}", via=BY_DOCKER, bytes_in=done_bytes)

    async def container_fdinfo(self) -> tuple[ContainerFdinfo, ...]:
        """What running containers with a card tell of their DRM clients; not twice at a time."""
        return await self._call(self._gpu_asker.ask)

    async def container_facts(self) -> ContainerFacts | None:
        """What our running container was made from, without secrets; None if none runs."""
        from arcdesk.engine.docker_image import facts_of_ours  # only a benchmark wants it

        return await self._call(facts_of_ours)

    async def aclose(self) -> None:
        """End streams and pool. A call under way is left to its timeout, nobody waits for it."""
        await asyncio.gather(*(stream.aclose() for stream in tuple(self._streams)))
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._forget_client()

    # starting

    async def _adopt(self, inspected: Mapping[str, Any]) -> ContainerObservation:
        def adopt(client: DockerClient) -> ContainerObservation:
            if inspected["State"]["Paused"]:
                client.api.unpause(inspected["Id"])
            return self._observed(client, client.api.inspect_container(inspected["Id"]))

        return await self._call(adopt)

    def _create(
        self, client: DockerClient, settings: ContainerSettings, hub_token: str | None
    ) -> ContainerObservation:
        made = docker_start.create_and_start(client, self._where(), settings, self._environ, hub_token)
        self._keys = {made.container_id: made.api_key} if made.api_key else {}
        return made

    def _observed(self, client: DockerClient, inspected: Mapping[str, Any]) -> ContainerObservation:
        container_id = inspected["Id"]
        key = self._keys.get(container_id) or read_key(client, inspected)
        self._keys = {container_id: key} if key else {}
        return observation(inspected, key)

    async def _replace(self, inspected: Mapping[str, Any]) -> None:
        if docker_start.is_running(inspected):
            await self.stop(inspected["Id"], grace_s=STOP_PATIENCE_S)
        await self.remove(inspected["Id"])

    async def _wait_ended(self, container_id: str, patience_s: float) -> None:
        """Ask again and again, on the loop: a blocking wait would hold a thread of the pool."""
        deadline = time.monotonic() + patience_s
        with suppress(NotFoundError):
            while time.monotonic() < deadline:
                if not docker_start.is_running(
                    await self._call(lambda client: client.api.inspect_container(container_id))
                ):
                    return
                await asyncio.sleep(POLL_S)

    # calls, in a thread of the pool

    async def _call(self, work: Callable[[DockerClient], T], settings: ContainerSettings | None = None) -> T:
        def run() -> T:
            client = self._connected()
            try:
                with translated(self._where(), settings):
                    return work(client)
            except DockerUnreachable:
                self._forget_client()  # the next call looks for an engine anew
                raise

        try:
            return await asyncio.wrap_future(self._pool.submit(run))
        finally:
            self._note(Reason.DOCKER)

    def _connected(self) -> DockerClient:
        with self._lock:
            if self._client is not None and reach(self._where().host) is not None:
                self._forget_client()  # asked first: the SDK leaks a socket when it can't connect
            if self._client is None:
                self._address = first_reachable(self._host, self._environ)
                self._client = connect(self._address, self._environ)
            return self._client

    def _where(self) -> Address:
        return self._address or Address(host=self._host or "", source="The settings")

    def _note(self, reason: Reason, url: str = "", **more: Any) -> None:
        """Tell of a contact: with Docker, if no other is named. Its protocol is not counted in bytes."""
        url = url or (self._address.host if self._address is not None else "")
        if self._egress is not None and url:
            self._egress.record(Contact(host=host_of(url), reason=reason, **more))

    def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    # streams, each in a thread of its own

    async def _stream(
        self, name: str, produce: Callable[[StreamLink], Iterator[T]]
    ) -> AsyncGenerator[T, None]:
        self._note(Reason.DOCKER)
        stream = ThreadStream(name, produce)
        self._streams.add(stream)
        items = stream.items()
        try:
            async for item in items:
                yield item
        finally:
            self._streams.discard(stream)
            await items.aclose()
