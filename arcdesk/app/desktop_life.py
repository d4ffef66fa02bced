"""The app's life in its desktop: sleep, waking, the end of the session; awake while an answer is written."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from arcdesk.desktop.dbus_values import BusUnavailable
from arcdesk.desktop.keep_awake_session import portal_way, power_way
from arcdesk.desktop.logind import Logind
from arcdesk.desktop.session_end import SessionEnd
from arcdesk.desktop.sleep_watch import HOLD_AFTER_S, KeepAwake, SleepWatch, logind_way

if TYPE_CHECKING:
    from PySide6.QtGui import QGuiApplication

    from arcdesk.core.store import AppState
    from arcdesk.desktop.dbus_bus import SessionBus

log = logging.getLogger(__name__)

ANSWER = "An answer is being written"


class DesktopLife:
    """Made at start-up (cheap, no bus is touched), `start`ed when the tray is seen, closed at the very end.

    `flush` stores drafts and answers so far, `quit` ends the app, `on_resume` looks at the engine again.
    """

    def __init__(
        self,
        app: QGuiApplication,
        bus: SessionBus,
        *,
        flush: Callable[[], Awaitable[None]],
        quit: Callable[[], None],
        on_resume: Callable[[float], None],
        hold_after_s: float = HOLD_AFTER_S,
    ) -> None:
        self._logind = Logind()
        self._session_end = SessionEnd(app, logind=self._logind, flush=flush, quit=quit)
        self._sleep_watch = SleepWatch(self._logind, on_resume)
        ways = ((logind_way(self._logind),), (power_way(bus), portal_way(bus)))
        self._keep_awake = KeepAwake(ways, hold_after_s=hold_after_s)
        self._reasons: dict[str, str] = {}

    async def start(self) -> None:
        """Meet logind. Silent where it is not."""
        await self._session_end.start()

    def on_state(self, state: AppState) -> None:
        """Keep awake while an answer is on its way."""
        self.keep_awake("answer", ANSWER if state.answering else "")

    def keep_awake(self, topic: str, why: str) -> None:
        """Hold off sleep out of idleness for this topic; an empty reason ends it."""
        if why:
            self._reasons[topic] = why
        else:
            self._reasons.pop(topic, None)
        self._keep_awake.want(next(iter(self._reasons.values()), ""))

    async def why_unavailable(self) -> str:
        """Why sleep and shutdown go unheard, for the doctor; empty where logind is there."""
        try:
            await self._logind.listen()
        except BusUnavailable as error:
            return str(error)
        return ""

    async def aclose(self) -> None:
        """The last thing of all: a shutdown that waited for us goes on now."""
        self._sleep_watch.stop()
        await self._keep_awake.aclose()
        await self._session_end.aclose()
        await self._logind.aclose()
