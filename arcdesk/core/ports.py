"""What the services need of the outside world. Each adapter fills one of these."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from arcdesk.core.chat import AnswerStats, ChatEvent, ChatRequest, Conversation, Message, MessageState
from arcdesk.core.engine_state import ContainerObservation, EngineSnapshot, LoadProgress
from arcdesk.core.errors import Problem
from arcdesk.core.settings import ContainerSettings, Settings

if TYPE_CHECKING:  # each start loads this module: it stays light
    from arcdesk.core.models import ServedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An OpenAI-compatible server that can be asked. `base_url` ends in /v1, without a slash behind."""

    base_url: str
    model: str
    api_key: str | None = None
    engine: str = ""  # 'container', 'embedded' or 'remote'
    device: str | None = None

    @property
    def root_url(self) -> str:
        """The server's root, where /health is."""
        return self.base_url.removesuffix("/v1")

    def __repr__(self) -> str:  # the key must not reach a log
        return f"Endpoint({self.base_url!r}, {self.model!r})"


class ContainerEventKind(Enum):
    """What Docker tells about our container."""

    SUBSCRIBED = "subscribed"  # not Docker's: comes once, first, when nothing is missed any more
    CREATED = "create"
    STARTED = "start"
    SIGNALLED = "kill"  # `signal` says which; a `docker stop` sends 15 first
    DIED = "die"
    OOM = "oom"
    REMOVED = "destroy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEvent:
    """One Docker event about a container that carries our label. `at` is Unix seconds."""

    kind: ContainerEventKind
    container_id: str
    at: float
    signal: int | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a container's log, without its line end; `at` is Docker's own time, Unix seconds."""

    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """How far a download of an image is, over all layers known so far, in bytes; None while unknown."""

    done_bytes: int | None
    total_bytes: int | None
    line: str = ""


class ContainerRuntime(Protocol):
    """Docker, as far as ArcDesk needs it. Every call may raise DockerUnreachable."""

    async def ping(self) -> str:
        """The engine's version. Raises DockerUnreachable with the reason and the way out."""
        ...

    async def peek(self) -> bool:
        """There is a container of ours: asked as cheaply as can be, without loading the SDK.

        False as well when no engine answers. For start-up, while nothing has been used yet.
        """
        ...

    async def find(self) -> ContainerObservation | None:
        """The container with our label (the running one, else the newest), or None."""
        ...

    async def has_image(self, image: str) -> bool:
        """The image is on this engine."""
        ...

    async def start(self, settings: ContainerSettings) -> ContainerObservation:
        """Create the container and start it; a left-over of ours is replaced, a running one adopted.

        Raises EngineError / NotFoundError with cause, sentence and action: docker_image, docker_device,
        docker_port (with the owner), docker_name, bad_setting …
        """
        ...

    async def stop(self, container_id: str, *, grace_s: float) -> None:
        """End the server gracefully (TERM to the server inside, wait, then `docker stop`)."""
        ...

    async def remove(self, container_id: str) -> None:
        """Remove the container; that it is gone already is fine."""
        ...

    async def own_cache(self, settings: ContainerSettings) -> int:
        """Give what a container wrote into the model cache as root back to the person; how many entries.

        Docker is asked only where something belongs to somebody else. Raises EngineError, NotFoundError.
        """
        ...

    def events(self) -> AsyncGenerator[ContainerEvent, None]:
        """Events about our containers. The first item is always SUBSCRIBED: whoever looks at each item
        has subscribed first and looked second, and misses nothing. Raises DockerUnreachable when the
        engine goes away; closing the iterator ends the subscription."""
        ...

    def follow_log(self, container_id: str, *, since: float) -> AsyncGenerator[LogLine, None]:
        """The log from a second before `since` (Unix seconds, 0: all), then what comes; ends with the
        container. The second, because Docker dates a container's start later than its first lines."""
        ...

    async def log_tail(self, container_id: str, *, lines: int) -> list[LogLine]:
        """The last lines of the log."""
        ...

    def pull(self, image: str) -> AsyncGenerator[PullProgress, None]:
        """Download an image; closing the iterator cancels."""
        ...

    async def aclose(self) -> None:
        """Close connections and end threads, within a second."""
        ...


class LogReader(Protocol):
    """Reads a start-up log line by line."""

    @property
    def progress(self) -> LoadProgress | None:
        """The furthest step so far."""
        ...

    @property
    def problem(self) -> Problem | None:
        """The root cause found so far, None if nothing fatal was seen."""
        ...

    @property
    def device(self) -> str | None:
        """What the engine says it runs on ('XPU', 'CPU'), None while it has not said."""
        ...

    @property
    def is_startup_complete(self) -> bool:
        """The server said that it is up (for display only: /health is the truth)."""
        ...

    def feed(self, line: str, at: float) -> None:
        """Take one line; `at` is Unix seconds."""
        ...

    def conclude(self) -> Problem | None:
        """The cause once the run has ended: suspicions that a healthy start shows as well count now."""
        ...


class EmbeddedServer(Protocol):
    """The CPU engine in a child process."""

    async def start(self, gguf_path: str) -> Endpoint:
        """Start it with a GGUF file; '' is the starter model. Returns when the port listens.

        Raises NotFoundError (no such model, no starter installed) or EngineError (it ended; why).
        """
        ...

    async def wait_ended(self) -> Problem | None:
        """Wait until the child is gone; None if `stop` ended it."""
        ...

    async def stop(self) -> None:
        """End the child and wait for it. Fine when there is none."""
        ...

    def log_lines(self) -> list[str]:
        """The last lines that it wrote."""
        ...


class EngineDriver(Protocol):
    """One kind of engine under the engine service. Reports snapshots; raises ArcDeskError from commands."""

    @property
    def snapshot(self) -> EngineSnapshot:
        """The engine now, as last reported."""
        ...

    @property
    def endpoint(self) -> Endpoint | None:
        """Where to ask, None while nothing answers."""
        ...

    async def run(self) -> None:
        """Watch the engine until cancelled."""
        ...

    async def start(self) -> None:
        """Bring it to READY's way; returns when it is under way, not when it is ready."""
        ...

    async def stop(self) -> None:
        """End it; returns when it has ended."""
        ...

    async def look_once(self) -> None:
        """Report where it is now, without watching it. Raises ArcDeskError."""
        ...

    async def first_look(self) -> None:
        """Return when its state is known and not only assumed. `run` must be running."""
        ...

    def look(self) -> None:
        """Somebody looks now (a window opened, an answer failed): check at once, then as events tell."""
        ...

    async def log_tail(self, lines: int) -> list[str]:
        """The last lines of its log."""
        ...

    async def aclose(self) -> None:
        """Let go of it. A container stays as it is; an embedded engine ends."""
        ...


class ChatBackend(Protocol):
    """Talks to an OpenAI-compatible server."""

    async def is_healthy(self, endpoint: Endpoint) -> bool:
        """/health says 200 (or, where a server has none, /v1/models answers). Never raises for 'not yet'."""
        ...

    async def list_models(self, endpoint: Endpoint) -> list[str]:
        """The served names. Raises AnswerError."""
        ...

    async def served_models(self, endpoint: Endpoint) -> list[ServedModel]:
        """The lines of /v1/models. Raises AnswerError."""
        ...

    async def probe(self, endpoint: Endpoint) -> None:
        """Have one token generated. Raises AnswerError with the reason."""
        ...

    def ask(self, endpoint: Endpoint, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Stream an answer. Ends with exactly one AnswerFinished or AnswerFailed; never raises
        ArcDeskError. Closing the iterator (`aclose`) closes the request at once."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class HistoryRepo(Protocol):
    """Keeps conversations. Whatever a call returned from survives `kill -9`."""

    async def conversations(self) -> list[Conversation]:
        """All of them, the most recently changed first."""
        ...

    async def create(self, title: str) -> Conversation:
        """A new, empty conversation."""
        ...

    async def rename(self, conversation_id: int, title: str) -> None:
        """Give it another title."""
        ...

    async def delete(self, conversation_id: int) -> None:
        """Remove it with its messages (kept aside so that `restore` can bring it back)."""
        ...

    async def restore(self, conversation_id: int) -> None:
        """Undo a delete."""
        ...

    async def messages(self, conversation_id: int) -> list[Message]:
        """Its messages, oldest first."""
        ...

    async def add(self, conversation_id: int, message: Message) -> Message:
        """Store a message; returns it with its id."""
        ...

    async def append(self, message_id: int, text: str) -> None:
        """Add text to the end of a message."""
        ...

    async def append_thought(self, message_id: int, text: str) -> None:
        """Add text to the end of a message's thoughts."""
        ...

    async def remove(self, message_id: int) -> None:
        """Delete one message (an answer that failed before its first word, when it is asked again)."""
        ...

    async def finish(
        self, message_id: int, state: MessageState, stats: AnswerStats | None, problem: Problem | None
    ) -> None:
        """Close a message: its text is as appended so far."""
        ...

    async def restate(self, message_id: int, stats: AnswerStats) -> None:
        """Give a closed message other figures: one was measured after its end."""
        ...

    async def save_draft(self, conversation_id: int, text: str) -> None:
        """Keep what stands in the prompt box. Conversation 0 is the box of a chat not begun."""
        ...

    async def draft(self, conversation_id: int) -> str:
        """What stood in the prompt box."""
        ...

    async def mark_interrupted(self) -> int:
        """At start-up: messages left open by a crash become FAILED (cause "interrupted"); how many."""
        ...

    async def aclose(self) -> None:
        """Write what waits and close the file."""
        ...


class SettingsRepo(Protocol):
    """Keeps the settings."""

    def load(self) -> Settings:
        """Settings from file and environment; a broken file gives defaults and a problem in `problems`."""
        ...

    def save(self, settings: Settings) -> None:
        """Write what differs from the defaults; unknown keys and comments stay. Raises ArcDeskError."""
        ...

    @property
    def problems(self) -> Sequence[Problem]:
        """What was wrong at the last load, for people."""
        ...
