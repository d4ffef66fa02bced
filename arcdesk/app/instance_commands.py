"""What other ArcDesk commands ask of the running app, over its socket."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from arcdesk.app.engine_commands import EngineCommands
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import ArcDeskError

if TYPE_CHECKING:
    from arcdesk.app.session import Session

Json = dict[str, Any]


class InstanceCommands:
    """Carries each request out; what is for the engine goes to EngineCommands."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._commands = EngineCommands(store=session.store, engine=session.engine, is_app_running=True)

    async def handle(self, request: Json, progress: Any) -> Json:
        """The answer to one request; `progress` is told on the way."""
        session = self._session
        wanted, command = request.get("engine"), request.get("command")
        try:
            if isinstance(wanted, str) and wanted and not await session.engine.serves(wanted):
                if command not in ("start", "restart", "open"):
                    return {"elsewhere": True}  # another engine is meant than ours
                await session.engine.use(replace(session.settings, engine=wanted))
        except ArcDeskError as error:
            return {"message": f"arcdesk: {error}", "exit_code": error.exit_code}
        match command:
            case "open":
                session.open_window(str(request.get("activation_token") or ""))
                return {"exit_code": 0}
            case "quick":
                words = [str(request.get(name) or "") for name in ("action", "text", "activation_token")]
                await session.desktop.on_quick_command(*words)
                return {"exit_code": 0}
            case "quit":
                session.quit()
                return {"exit_code": 0}
            case "endpoint":
                return await self._endpoint_answer()
            case _:
                return await self._commands.handle(request, progress)

    async def _endpoint_answer(self) -> Json:
        engine = self._session.engine
        try:
            engine.refuse_if_lent()
            await engine.settle()
            if engine.snapshot.kind is EngineKind.EMBEDDED and engine.snapshot.phase.can_start:
                await engine.start()
            await engine.first_look()
            return {"endpoint": asdict(await engine.wait_ready())}
        except ArcDeskError as error:
            return {"problem": asdict(replace(error.problem, actions=())), "exit_code": error.exit_code}
