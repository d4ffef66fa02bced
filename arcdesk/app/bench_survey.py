"""Finds out on what a benchmark is made: image, settings, driver, kernel, cards, load."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from arcdesk import __version__
from arcdesk.core.bench import Surroundings
from arcdesk.core.bench_ports import ContainerFacts
from arcdesk.core.egress import host_of, is_local
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.ports import Endpoint
from arcdesk.services.threads import in_thread

if TYPE_CHECKING:
    from arcdesk.app.bench_machine import Machine
    from arcdesk.app.parts import Parts
    from arcdesk.core.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

PATIENCE_S = 10.0  # of each question
CONTAINER, EMBEDDED = "container", "embedded"


class Surveyed(Protocol):
    """What is needed of a session."""

    @property
    def parts(self) -> Parts:
        """The adapters."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        ...


class Survey:
    """A Surveyor. Each look is a fresh one; `look` stands in for this computer."""

    def __init__(self, session: Surveyed, *, look: Callable[[], Machine] | None = None) -> None:
        self._session = session
        self._look = look or _this_machine

    async def survey(self, endpoint: Endpoint) -> Surroundings:
        """Now. Raises nothing: what can't be learned stays unknown."""
        about = Surroundings(
            model=endpoint.model,
            engine=endpoint.engine,
            base_url=endpoint.base_url,
            host_load=_host_load(),
            arcdesk=__version__,
        )
        if not is_local(host_of(endpoint.base_url)):
            return replace(about, image=await self._server(endpoint))  # of its computer nothing is known
        machine = await _known(in_thread("bench-machine", self._look))
        about = replace(about, kernel=machine.kernel if machine else "")
        if endpoint.engine == EMBEDDED:
            settings = await _known(in_thread("bench-model", lambda: self._model_file(endpoint))) or ()
            processor = (("processor", machine.processor),) if machine and machine.processor else ()
            return replace(about, image=_llama_version(), settings=(*settings, *processor))
        if machine is not None:
            about = replace(about, driver=machine.driver, cards=machine.cards)
        if endpoint.engine != CONTAINER:
            return replace(about, image=await self._server(endpoint))
        facts = await _known(self._container()) or ContainerFacts()
        return replace(about, image=facts.image, image_digest=facts.image_digest, settings=facts.settings)

    async def _container(self) -> ContainerFacts | None:
        from arcdesk.engine.docker_runtime import DockerRuntime

        runtime = self._session.parts.runtime
        return await runtime.container_facts() if isinstance(runtime, DockerRuntime) else None

    async def _server(self, endpoint: Endpoint) -> str:
        from arcdesk.api.server_version import server_version

        gate = self._session.parts.ledger
        return await _known(server_version(endpoint, egress=gate)) or ""

    def _model_file(self, endpoint: Endpoint) -> tuple[tuple[str, str], ...]:
        from arcdesk.app.bench_machine import model_file_facts
        from arcdesk.engine.starter_model import find_starter_model, model_name

        chosen = self._session.settings.gguf_path
        path = Path(chosen).expanduser() if chosen else find_starter_model()
        # Another file may have been chosen since this one was loaded.
        is_it = path is not None and model_name(path) == endpoint.model
        return model_file_facts(path) if path is not None and is_it else ()


async def _known(question: Coroutine[Any, Any, T]) -> T | None:
    """The answer, if there is one in time."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await question
    except (ArcDeskError, OSError, RuntimeError, ValueError) as error:  # TimeoutError is an OSError
        log.info("a benchmark's surroundings are not known in full: %s", error)
        return None


def _this_machine() -> Machine:
    from arcdesk.app.bench_machine import machine_of

    return machine_of()


def _host_load() -> float | None:
    """The load average over a minute; None where there is none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _llama_version() -> str:
    from importlib import metadata

    try:
        return f"xllamacpp {metadata.version('xllamacpp')}"
    except metadata.PackageNotFoundError:
        return ""
