"""Talks to the desktop's keyring in a thread of its own: a locked one may wait for a person for ever."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")
Pick = Callable[[], "KeyringBackend | None"]

PATIENCE_S = 30.0  # the desktop may be asking for a password just now
LEAST_PRIORITY = 1  # keyring's own limit of what it recommends
_NO_KEYRINGS = ("keyring.backends.fail", "keyring.backends.null")
_WAYS_OUT = (
    Action(kind=ActionKind.RETRY, label="Try again"),
    Action(kind=ActionKind.KEEP_IN_FILE, label="Keep in a file instead"),
)


def pick_keyring() -> KeyringBackend | None:
    """The keyring to use now: what a person configured, else the best that is there. Blocks.

    Looked for anew each time, because one may be started later.
    """
    import keyring.backend
    import keyring.core

    backend = keyring.core.load_env() or keyring.core.load_config()
    if backend is None:
        keyring.backend.get_all_keyring()  # loads the kinds there are
        kinds = [
            kind
            for kind in keyring.backend.KeyringBackend.get_viable_backends()
            if kind.priority >= LEAST_PRIORITY and not kind.__module__.endswith(".chainer")
        ]
        backend = max(kinds, key=lambda kind: kind.priority)() if kinds else None
    return None if backend is None or type(backend).__module__ in _NO_KEYRINGS else backend


def name_of(backend: KeyringBackend | None) -> str:
    """As a person knows it; '' for none."""
    if backend is None:
        return ""
    names = {"SecretService": "Secret Service", "libsecret": "Secret Service", "kwallet": "KWallet"}
    return names.get(type(backend).__module__.rpartition(".")[2]) or str(backend.name)


@dataclass(eq=False, slots=True, kw_only=True)
class _Job:
    work: Callable[[KeyringBackend | None], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = field(default=None)

    def settle(self) -> None:
        if self.future.done():  # nobody had the patience
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class KeyringThread:
    """Runs work on the keyring, in order. The thread begins with the first call, and never keeps us alive.

    One that is stuck (its prompt is open) stays stuck: later calls wait behind it, each with its own
    patience, so that no prompts pile up; they go on as soon as the person has answered.
    """

    def __init__(self, *, pick: Pick = pick_keyring, patience_s: float = PATIENCE_S) -> None:
        self._pick = pick
        self._patience_s = patience_s
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[KeyringBackend | None], T]) -> T:
        """Do `work` with the keyring, None if there is none.

        Raises ArcDeskError with cause 'keyring_locked' or 'keyring_failed'.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work=work, loop=loop, future=future))
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="keyring", daemon=True)
            self._thread.start()
        try:
            async with asyncio.timeout(self._patience_s):
                return await future
        except TimeoutError as error:
            raise ArcDeskError(locked_problem(f"no answer in {self._patience_s:.0f} s")) from error

    def close(self) -> None:
        """End the thread once it is free; nobody waits for that."""
        if self._thread is not None:
            self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.future.done():  # given up before its turn: it must not be done later, unasked
                continue
            try:
                job.result = job.work(self._pick())
            except ArcDeskError as error:
                job.error = error
            except (
                Exception
            ) as error:  # keyrings raise what their libraries raise; each means: no keyring now
                job.error = ArcDeskError(_explained(error))
                job.error.__cause__ = error
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                job.loop.call_soon_threadsafe(job.settle)


def _explained(error: Exception) -> Problem:
    is_locked = "Locked" in type(error).__name__ or "PromptDismissed" in type(error).__name__
    evidence = f"{type(error).__name__}: {error}"
    return locked_problem(evidence) if is_locked else failed_problem(evidence)


def locked_problem(evidence: str = "") -> Problem:
    """The keyring waits to be unlocked, or was not."""
    return Problem(
        cause="keyring_locked",
        title="The keyring is locked",
        detail="It keeps ArcDesk's keys, and gives none until you unlock it.",
        hint="Unlock it, then try again.",
        evidence=evidence,
        actions=_WAYS_OUT,
    )


def failed_problem(evidence: str) -> Problem:
    """The keyring is there, but does not do as asked."""
    return Problem(
        cause="keyring_failed",
        title="The keyring doesn't answer as it should",
        detail="It keeps ArcDesk's keys.",
        hint="Try again, or keep the key in a file that only you can read.",
        evidence=evidence,
        actions=_WAYS_OUT,
    )
