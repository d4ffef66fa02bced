"""Reads Docker's streams, each with a client of its own; runs in the threads of docker_streams."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arcdesk.core.errors import DockerUnreachable
from arcdesk.core.ports import ContainerEvent, LogLine, PullProgress
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.container_spec import ROLE_FILTER
from arcdesk.engine.docker_address import Address, reach
from arcdesk.engine.docker_connect import connect, first_reachable, lost_problem, refusal, translated
from arcdesk.engine.docker_streams import (
    EVENT_NAMES,
    LogJoiner,
    PullMeter,
    StreamLink,
    parse_event,
    subscribed,
)

if TYPE_CHECKING:
    from docker import DockerClient

REREAD_S = 0.001  # before the last line: a time as a float is a little off
START_SLACK_S = 1.0  # Docker notes the start of a container later than its first lines


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A connection for one stream, with all answers that came over it."""

    client: DockerClient
    address: Address
    answers: list[Any] = field(default_factory=list)

    def check_alive(self) -> None:
        """A stream of an engine that died ends like any other. Raises DockerUnreachable."""
        error = reach(self.address.host)
        if error is not None:
            raise DockerUnreachable(lost_problem(self.address, error))


@dataclass(slots=True)
class _LastSeen:
    """The latest time of a line, and how many lines bear it."""

    at: float = 0.0
    count: int = 0

    def note(self, line: LogLine) -> LogLine:
        if line.at > self.at:
            self.at, self.count = line.at, 0
        self.count += line.at == self.at
        return line

    def skips(self, line: LogLine) -> bool:
        """`line`, read once more from the start of that time, was seen."""
        if line.at > self.at:
            return False
        self.count -= line.at == self.at
        return line.at < self.at or self.count >= 0


def _missed(
    client: DockerClient, container_id: str, seen: _LastSeen, options: dict[str, Any]
) -> Iterator[LogLine]:
    """What a followed log left out: Docker may end it before the last lines of a container that died."""
    from docker.errors import APIError

    since = {"since": seen.at - REREAD_S} if seen.at else options
    try:
        frames: Any = client.api.logs(container_id, stream=True, follow=False, timestamps=True, **since)
    except APIError as error:
        if error.status_code in (404, 409):
            return
        raise
    yield from (line for line in lines_of(frames) if not seen.skips(line))


class StreamReader:
    """The blocking half of the streams: generators that end when their container or link does."""

    def __init__(self, host: str | None, environ: Mapping[str, str]) -> None:
        self._host = host
        self._environ = environ

    def events(self, link: StreamLink) -> Iterator[ContainerEvent]:
        """SUBSCRIBED, then events about containers with our label, until the link is closed."""
        with self._opened() as line:
            began_at = time.time()
            # Docker answers a moment before it listens: with `since` it tells afterwards what fell between.
            since: Any = f"{began_at:.6f}"  # Docker knows fractions, the type stubs don't
            filters = {"type": "container", "label": ROLE_FILTER, "event": list(EVENT_NAMES)}
            stream: Any = line.client.api.events(since=since, filters=filters, decode=True)
            link.attach(stream)
            yield subscribed(began_at)
            yield from filter(None, map(parse_event, stream))
            if not link.is_closed:
                error = ConnectionError("the stream of events ended")
                raise DockerUnreachable(lost_problem(line.address, error))

    def log(self, container_id: str, since: float, link: StreamLink) -> Iterator[LogLine]:
        """The log from shortly before `since` (Unix seconds, 0: all) until the container ends."""
        from docker.errors import APIError

        with self._opened() as line:
            options: dict[str, Any] = {"since": since - START_SLACK_S} if since > START_SLACK_S else {}
            try:
                stream = line.client.api.logs(
                    container_id, stream=True, follow=True, timestamps=True, **options
                )
            except APIError as error:
                if error.status_code in (404, 409):  # gone, or being removed
                    return
                raise
            link.attach(stream)
            seen = _LastSeen()
            yield from map(seen.note, lines_of(stream))
            if not link.is_closed:
                line.check_alive()
                yield from _missed(line.client, container_id, seen, options)

    def pull(self, image: str, link: StreamLink) -> Iterator[PullProgress]:
        """Download an image; closing the link cancels."""
        from docker.types import CancellableStream

        meter, settings = PullMeter(), ContainerSettings(image=image)
        with self._opened(settings) as line:
            messages = line.client.api.pull(image, stream=True, decode=True)
            # The SDK gives no way to end a pull; the answer behind it does.
            stream = CancellableStream(messages, line.answers[-1])
            link.attach(stream)
            for message in stream:
                if "error" in message:
                    raise refusal(message["error"], settings)
                yield meter.feed(message)
            if not link.is_closed:
                line.check_alive()
                line.client.images.get(image)  # a download that broke off ends like one that is done

    @contextmanager
    def _opened(self, settings: ContainerSettings | None = None) -> Iterator[_Line]:
        """A client for one stream: closing it disturbs nobody else."""
        address = first_reachable(self._host, self._environ)
        client = connect(address, self._environ)
        line = _Line(client=client, address=address)
        client.api.hooks["response"].append(lambda answer, *_, **__: line.answers.append(answer))
        try:
            with translated(address, settings):
                yield line
        finally:
            for answer in line.answers:
                answer.close()  # the SDK's own close leaves the file behind the socket open
            client.close()


def lines_of(frames: Iterator[bytes]) -> Iterator[LogLine]:
    """The lines of a log that Docker sends in frames."""
    joiner = LogJoiner()
    for frame in frames:
        yield from joiner.feed(frame)
    yield from joiner.flush()
