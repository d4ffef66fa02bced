"""Engine commands for the terminal, over the service: the same in the app and without it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from arcdesk.app.snapshot_json import status_json
from arcdesk.core.engine_state import EnginePhase, EngineSnapshot
from arcdesk.core.errors import ArcDeskError, DockerUnreachable, NotFoundError, Problem
from arcdesk.core.store import AppState, Store
from arcdesk.services.engine_service import EngineService

Json = dict[str, Any]
Progress = Callable[[Json], None]

STEP_TEXT_LIMIT = 120
_NO_LOG = Problem(
    cause="no_log",
    title="There is no log",
    detail="The engine is not running, and nothing of an earlier run is left.",
    hint="Start it with `arcdesk start`.",
)


class EngineCommands:
    """Answers start, stop, restart, status and logs. Errors become answers with their exit code."""

    def __init__(self, *, store: Store, engine: EngineService, is_app_running: bool) -> None:
        self._store = store
        self._engine = engine
        self._is_app_running = is_app_running

    async def handle(self, request: Json, progress: Progress) -> Json:
        """One command. The answer has `status` or `lines`, `exit_code`, and maybe a `message`."""
        command = request.get("command")
        try:
            match command:
                case "status":
                    return await self._status()
                case "logs":
                    return await self._logs(int(request.get("lines") or 200))
                case "stop":
                    await self._engine.stop()
                    return self._answer()
                case "start" | "restart":
                    return await self._start(command, wait=bool(request.get("wait", True)), progress=progress)
                case _:
                    return {"message": f"arcdesk: unknown command {command!r}", "exit_code": 2}
        except ArcDeskError as error:
            data = {} if command == "logs" else self._answer()
            return {**data, "message": f"arcdesk: {error}", "exit_code": error.exit_code}

    async def _status(self) -> Json:
        await self._engine.first_look()
        engine = self._store.state.engine
        if engine.phase is EnginePhase.UNAVAILABLE and engine.problem is not None:
            raise DockerUnreachable(engine.problem)
        return self._answer()

    async def _logs(self, lines: int) -> Json:
        found = await self._engine.log_tail(lines)
        if not found and self._store.state.engine.phase in (EnginePhase.ABSENT, EnginePhase.STOPPED):
            raise NotFoundError(_NO_LOG)
        return {"lines": found}

    async def _start(self, command: str, *, wait: bool, progress: Progress) -> Json:
        teller = _ProgressTeller(progress)
        unsubscribe = self._store.subscribe(teller.see)
        try:
            if command == "restart":
                await self._engine.restart()
            else:
                await self._engine.start()
            if wait:
                await self._engine.wait_ready()
        finally:
            unsubscribe()
        await asyncio.sleep(0)
        return self._answer()

    def _answer(self) -> Json:
        return {
            "status": status_json(self._store.state.engine, is_app_running=self._is_app_running),
            "exit_code": 0,
        }


class _ProgressTeller:
    """Turns snapshots into lines; says nothing twice."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last = ""

    def see(self, state: AppState) -> None:
        text = _progress_text(state.engine)
        if text and text != self._last:
            self._last = text
            self._progress({"text": text})


def _progress_text(engine: EngineSnapshot) -> str:
    if engine.phase not in (EnginePhase.STARTING, EnginePhase.LOADING, EnginePhase.STOPPING):
        return ""
    progress = engine.progress
    if progress is None:
        return f"{engine.phase.value.capitalize()} …"
    count = f" {progress.done}/{progress.total}" if progress.total else ""
    return f"{engine.phase.value.capitalize()}: {progress.step.value.replace('_', ' ')}{count}"[
        :STEP_TEXT_LIMIT
    ]
