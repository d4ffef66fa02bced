"""Keeps what is not on the disk yet when the desktop's session or the computer ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QGuiApplication, QSessionManager

from arcdesk.desktop.dbus_values import BusError, BusUnavailable
from arcdesk.desktop.logind import Inhibitor, Logind

log = logging.getLogger(__name__)

FLUSH_PATIENCE_MS = 2000
WHY = "Drafts and answers are being stored"


class SessionEnd:
    """`flush` stores what waits; `quit` ends the app in order. Both may come more than once.

    A session manager (Windows, a Qt built with X11's) asks to flush and may still call the end off. logind
    tells of a shutdown that comes: it is delayed, 5 s at most by its default, until the app has ended.
    """

    def __init__(
        self,
        app: QGuiApplication,
        *,
        logind: Logind,
        flush: Callable[[], Awaitable[None]],
        quit: Callable[[], None],
    ) -> None:
        self._app = app
        self._logind = logind
        self._flush = flush
        self._quit = quit
        self._delay: Inhibitor | None = None
        self._ending: asyncio.Task[None] | None = None
        app.commitDataRequest.connect(self._on_commit)
        app.saveStateRequest.connect(self._on_save_state)
        logind.on_shutdown.append(self._on_shutdown)

    async def start(self) -> None:
        """Ask logind to wait for us. Where it is not there, or refuses: silent, `logind.why_unavailable`."""
        try:
            await self._logind.listen()
            self._delay = await self._logind.inhibit("shutdown", WHY, "delay")
        except (BusUnavailable, BusError) as error:
            log.info("a shutdown will not wait for ArcDesk: %s", error)

    async def aclose(self) -> None:
        """The last step of taking down: all is stored, the computer may end."""
        self._app.commitDataRequest.disconnect(self._on_commit)
        self._app.saveStateRequest.disconnect(self._on_save_state)
        if self._on_shutdown in self._logind.on_shutdown:
            self._logind.on_shutdown.remove(self._on_shutdown)
        if self._ending is not None:
            await asyncio.gather(self._ending, return_exceptions=True)
        if self._delay is not None:
            self._delay.release()

    def _on_commit(self, manager: QSessionManager) -> None:
        """The session manager waits until this returns, so the loop turns in here until all is stored."""
        self._on_save_state(manager)
        turning = QEventLoop()
        task = asyncio.ensure_future(self._store())
        task.add_done_callback(lambda _: turning.quit())
        QTimer.singleShot(FLUSH_PATIENCE_MS, turning, turning.quit)
        turning.exec()

    def _on_save_state(self, manager: QSessionManager) -> None:
        # Opening at log-in is the person's wish, by one switch: a restored session must not do it too.
        manager.setRestartHint(QSessionManager.RestartHint.RestartNever)

    def _on_shutdown(self, is_coming: bool) -> None:
        if is_coming and self._ending is None:
            self._ending = asyncio.ensure_future(self._end())

    async def _end(self) -> None:
        await self._store()
        self._quit()

    async def _store(self) -> None:
        try:
            await self._flush()
        except Exception:  # whatever it is, the end of the session will not wait for it
            log.exception("something was not stored at the end of the session")
