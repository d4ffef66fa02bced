"""Where the engine is in its life, as a value, and the one pure function that decides it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from arcdesk.core.errors import Action, ActionKind, Problem


class EngineKind(Enum):
    """Where answers come from."""

    CONTAINER = "container"
    EMBEDDED = "embedded"
    REMOTE = "remote"


class EnginePhase(Enum):
    """The engine's life. READY means that a request was answered, not that a port is open."""

    UNAVAILABLE = "unavailable"
    ABSENT = "absent"
    STOPPED = "stopped"
    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"

    @property
    def is_transitional(self) -> bool:
        """On its way to another phase by itself."""
        return self in (EnginePhase.STARTING, EnginePhase.LOADING, EnginePhase.STOPPING)

    @property
    def can_start(self) -> bool:
        """Start makes sense now."""
        return self in (
            EnginePhase.ABSENT,
            EnginePhase.STOPPED,
            EnginePhase.FAILED,
            EnginePhase.UNAVAILABLE,
        )

    @property
    def can_stop(self) -> bool:
        """There is something to stop."""
        return self in (
            EnginePhase.STARTING,
            EnginePhase.LOADING,
            EnginePhase.READY,
            EnginePhase.FAILED,  # its container may live on and hold the card's memory
        )


class LoadStep(Enum):
    """Steps of a start, in order. A server that skips one simply never reports it."""

    IMAGE = "image"
    CONTAINER = "container"
    IMPORT = "import"
    CONFIG = "config"
    WEIGHTS = "weights"
    CONVERT = "convert"
    KV_CACHE = "kv_cache"
    HTTP = "http"
    WARM_UP = "warm_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProgress:
    """How far a start is. `done`/`total` count the step's own units (shards, bytes), None if it has none."""

    step: LoadStep
    done: int | None = None
    total: int | None = None
    line: str = ""
    started_at: float = 0.0  # Unix seconds of the step's first sign
    finished: tuple[tuple[LoadStep, float], ...] = ()  # earlier steps with their seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSnapshot:
    """All that a person is shown of the engine at one moment. Holds no secret."""

    kind: EngineKind = EngineKind.CONTAINER
    phase: EnginePhase = EnginePhase.ABSENT
    profile: str = ""
    model: str | None = None  # the name that requests use
    base_url: str | None = None  # e.g. http://127.0.0.1:8001/v1
    device: str | None = None  # as the engine itself reports it; None = not told yet
    place: str = ""  # 'container arcdesk-engine', 'this computer, CPU', a host
    progress: LoadProgress | None = None
    problem: Problem | None = None
    since: float = 0.0  # Unix seconds at which the phase began


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerObservation:
    """What Docker says of our container: one `inspect`, as values. `status` is Docker's own word."""

    container_id: str
    name: str
    image: str
    status: str
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0
    host_port: int | None = None
    model_path: str | None = None
    served_model: str | None = None
    api_key: str | None = None

    @property
    def is_running(self) -> bool:
        """The container has a process."""
        return self.status in ("running", "paused", "restarting")

    @property
    def has_ended(self) -> bool:
        """The container ran and its process is gone."""
        return self.status in ("exited", "dead")

    def __repr__(self) -> str:  # the key must not reach a log
        return f"ContainerObservation({self.name!r}, {self.status!r}, exit_code={self.exit_code})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything known at one moment about a container engine: the four sources together.

    `container` from Docker (None: there is none), `log_problem` and `progress` from the log,
    `is_answering` from a real request, `stopped_by_us` from our own memory and Docker's events.
    """

    container: ContainerObservation | None
    unreachable: Problem | None = None
    progress: LoadProgress | None = None
    log_problem: Problem | None = None
    is_answering: bool = False
    stopped_by_us: bool = False
    device: str | None = None


STOP_CODES = frozenset({0, 137, 143})


def observe(old: EngineSnapshot, seen: Seen, now: float) -> EngineSnapshot:
    """Decide the engine's phase from what was seen. Pure; `now` is Unix seconds.

    A late sighting never overwrites STOPPING (it ends only when the container has), and a fatal log line
    counts at once even while the container still runs: the server may need 100 s to notice itself.
    """
    phase, problem = _decide(old, seen)
    container = seen.container
    fresh = replace(
        old,
        phase=phase,
        problem=problem,
        progress=_progress(old, seen) if phase in (EnginePhase.STARTING, EnginePhase.LOADING) else None,
        model=(container.served_model if container else None) or old.model,
        device=seen.device or (old.device if phase is old.phase else None),
    )
    return fresh if phase is old.phase else replace(fresh, since=now)


def _progress(old: EngineSnapshot, seen: Seen) -> LoadProgress | None:
    """The log's progress; before its first line, what was known before."""
    return seen.progress or old.progress


def _decide(old: EngineSnapshot, seen: Seen) -> tuple[EnginePhase, Problem | None]:
    container = seen.container
    if seen.unreachable is not None:
        return EnginePhase.UNAVAILABLE, seen.unreachable
    if container is None or container.status == "removing":
        return _without_container(old, seen)
    if container.has_ended:
        return _after_end(old, seen, container)
    if old.phase is EnginePhase.STOPPING:
        return EnginePhase.STOPPING, None
    if not container.is_running:  # created, not started: a start that was refused or is under way
        if old.phase in (EnginePhase.STARTING, EnginePhase.FAILED):
            return old.phase, old.problem
        return EnginePhase.STOPPED, None
    if seen.is_answering:
        return EnginePhase.READY, None
    if seen.log_problem is not None:
        return EnginePhase.FAILED, seen.log_problem
    return EnginePhase.LOADING, None


def _without_container(old: EngineSnapshot, seen: Seen) -> tuple[EnginePhase, Problem | None]:
    match old.phase:
        case EnginePhase.STARTING | EnginePhase.FAILED:
            return old.phase, old.problem
        case EnginePhase.STOPPING | EnginePhase.STOPPED:
            return EnginePhase.STOPPED, None
        case EnginePhase.READY | EnginePhase.LOADING:
            if seen.stopped_by_us:
                return EnginePhase.STOPPED, None
            return EnginePhase.FAILED, removed_problem()
        case _:
            return EnginePhase.ABSENT, None


def _after_end(
    old: EngineSnapshot, seen: Seen, container: ContainerObservation
) -> tuple[EnginePhase, Problem | None]:
    if old.phase is EnginePhase.STOPPING or seen.stopped_by_us:
        return EnginePhase.STOPPED, None
    if seen.log_problem is not None and not container.oom_killed:
        return EnginePhase.FAILED, seen.log_problem
    was_watched = old.phase in (EnginePhase.STARTING, EnginePhase.LOADING, EnginePhase.READY)
    if container.exit_code in STOP_CODES and not container.oom_killed and not was_watched:
        # Found ended at start-up with no sign of trouble: that is how a stop looks (bash as PID 1
        # never hears SIGTERM, so even a proper `docker stop` ends in 137).
        return (old.phase, old.problem) if old.phase is EnginePhase.FAILED else (EnginePhase.STOPPED, None)
    return EnginePhase.FAILED, exit_problem(container)


_RESTART = Action(kind=ActionKind.START, label="Start again")
_SHOW_LOG = Action(kind=ActionKind.SHOW_LOG, label="Show log")

_EXIT_MEANINGS: dict[int, tuple[str, str, str]] = {
    0: ("engine_dead", "The server ended by itself", "It gave no error (exit code 0)."),
    1: ("engine_dead", "The server stopped with an error", "Its log has the reason (exit code 1)."),
    2: ("bad_argument", "The server refused its settings", "An option was not understood (exit code 2)."),
    126: ("bad_argument", "The image could not run its start script", "Exit code 126."),
    127: ("bad_argument", "The image has no start script", "Exit code 127: a command was not found."),
    134: ("gpu_driver_abort", "The graphics driver aborted the server", "Exit code 134 (SIGABRT)."),
    135: (
        "bus_error",
        "The server hit a bus error",
        "Exit code 135: usually Resizable BAR is off in the BIOS.",
    ),
    137: ("killed", "The container was killed from outside", "Exit code 137, and ArcDesk did not stop it."),
    139: ("segfault", "The server crashed", "Exit code 139 (segmentation fault)."),
    143: ("killed", "The container was ended from outside", "Exit code 143, and ArcDesk did not stop it."),
}


def exit_problem(container: ContainerObservation) -> Problem:
    """Explain an exit that the log did not explain."""
    if container.oom_killed:
        return Problem(
            cause="host_oom",
            title="The computer ran out of memory",
            detail="The kernel ended the server: models are loaded whole into RAM before the card gets them.",
            hint="Close other programs, add swap, or choose a smaller model.",
            actions=(_RESTART, _SHOW_LOG),
        )
    code = container.exit_code
    cause, title, detail = _EXIT_MEANINGS.get(
        code if code is not None else -1,
        ("engine_dead", "The server stopped unexpectedly", f"Exit code {code}."),
    )
    if container.error:
        detail = f"{detail} Docker says: {container.error}"
    return Problem(
        cause=cause,
        title=title,
        detail=detail,
        hint="Start it again, or read the log.",
        actions=(_RESTART, _SHOW_LOG),
    )


def removed_problem() -> Problem:
    """The container vanished while it was in use."""
    return Problem(
        cause="killed",
        title="The container was removed from outside",
        detail="It ran a moment ago and is gone now; ArcDesk did not remove it.",
        hint="Start it again.",
        actions=(_RESTART,),
    )
