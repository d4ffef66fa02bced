"""Gets the hotkey by the best way there is, and keeps a true word about it: portal, X11 grab, the desktop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.hotkey import HotkeyHow, HotkeyState
from arcdesk.core.shortcut import DEFAULT_SHORTCUT, Shortcut, parse_shortcut
from arcdesk.desktop.hotkey import ladder_words as words
from arcdesk.desktop.hotkey.base import Bound, HotkeyBackend, HotkeyEvents, HotkeyRefused
from arcdesk.desktop.hotkey.rungs import Rungs
from arcdesk.desktop.hotkey.self_test import PATIENCE_S, SelfTest
from arcdesk.desktop.hotkey.steps import manual_binding, toggle_words

log = logging.getLogger(__name__)

ASKING_AFTER_S = 0.5  # a desktop that takes longer probably shows a dialog
# After the portal went without coming back by itself, it is started anew; each try is a sign of a crash.
REVIVE_AFTER_S: tuple[float, ...] = (3.0, 15.0, 60.0)


class HotkeyService:
    """The hotkey, wherever it comes from. All on the loop's thread.

    `on_pressed` gets the activation token ('' where there is none); `on_state` each new state.
    """

    def __init__(
        self,
        on_pressed: Callable[[str], None],
        on_state: Callable[[HotkeyState], None],
        *,
        environ: Mapping[str, str] = os.environ,
        platform: str = sys.platform,
    ) -> None:
        self._on_pressed = on_pressed
        self._on_state = on_state
        self._platform = platform
        self._rungs = Rungs(environ, self._on_portal)
        self._wanted = ""
        self._shortcut: Shortcut | None = None
        self._state = HotkeyState()
        self._backend: HotkeyBackend | None = None
        self._work: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()  # a look that was called off may still be winding down
        self._test = SelfTest()
        self._revive: asyncio.TimerHandle | None = None
        self._revivals = 0
        self._is_paused = self._is_closed = False
        self._portal_counted = ""  # the portal's owner at the last look
        self._bind_anew = False

    @property
    def state(self) -> HotkeyState:
        """The last word."""
        return self._state

    # commands

    async def start(self, shortcut: str) -> None:
        """Begin, once the tray is visible: what this needs is loaded now. '' wants no key.

        Returns at once; the states tell the rest, since a desktop may ask the person first.
        """
        self._wanted = shortcut
        self._look_again()

    async def rebind(self, shortcut: str) -> None:
        """Another key, or '' for none. Where GNOME runs our command, its entry is changed too."""
        if shortcut != self._wanted:
            self._wanted, self._bind_anew = shortcut, True
            self._look_again()

    async def retry(self) -> None:
        """Try all ways again: the person has changed something elsewhere."""
        self._revivals = 0
        self._rungs.forget_failures()
        self._look_again()

    async def pause(self) -> None:
        """Let the key go while the person records another one. The state stays as it was."""
        self._is_paused = True
        await self._cancel_work()
        if self._state.how in (HotkeyHow.X11, HotkeyHow.KDE):
            async with self._turn:
                await self._drop_backend()

    async def resume(self) -> None:
        """The recording is over."""
        if self._is_paused:
            self._is_paused = False
            if self._backend is None:
                self._look_again()

    async def bind_for_me(self) -> None:
        """Write the shortcut into the desktop's own settings. Raises HotkeyRefused (an ArcDeskError)."""
        if self._shortcut is None:
            return
        await self._cancel_work()
        async with self._turn:
            await self._rungs.bind_in_desktop(self._shortcut)
        self._look_again()

    async def unbind(self) -> None:
        """Take our entry out of the desktop's settings. Raises HotkeyRefused."""
        await self._cancel_work()
        async with self._turn:
            await self._drop_backend()
            await self._rungs.unbind_in_desktop()
        self._look_again()

    async def configure(self) -> None:
        """Have the desktop open its settings for our key. Raises HotkeyRefused."""
        from arcdesk.desktop.hotkey.portal import PortalShortcut

        if isinstance(self._backend, PortalShortcut):
            await self._backend.configure()

    async def test(self, patience_s: float = PATIENCE_S) -> bool:
        """Wait for one press, which opens nothing; False when none came in time."""
        return await self._test.wait(patience_s)

    def command_pressed(self) -> bool:
        """`arcdesk quick --toggle` came from outside: True when a test took it, so nothing is to open."""
        return self._test.take_press()

    async def aclose(self) -> None:
        """Let go of everything."""
        self._is_closed = True
        if self._revive is not None:
            self._revive.cancel()
        self._test.end()
        await self._cancel_work()
        async with self._turn:
            await self._drop_backend()
        await self._rungs.aclose()

    # one look down the ladder

    def _look_again(self) -> None:
        if self._is_closed or self._is_paused:
            return
        if self._work is not None:
            self._work.cancel()
        self._work = asyncio.ensure_future(self._look())
        self._work.set_name("look for the hotkey")

    async def _look(self) -> None:
        async with self._turn:
            try:
                await self._drop_backend()
                await self._climb()
            except Exception as error:  # a service's run loop: the unknown becomes a word, not a silence
                log.exception("the hotkey")
                self._tell(HotkeyState(wanted=self._wanted, problem=words.mistake(error)))

    async def _climb(self) -> None:
        if not self._wanted:
            self._shortcut = None
            self._tell(HotkeyState())
            return
        try:
            self._shortcut = parse_shortcut(self._wanted)
        except ArcDeskError as error:
            self._shortcut = parse_shortcut(DEFAULT_SHORTCUT)  # for the steps only
            self._tell(self._base(problem=error.problem))
            return
        if self._platform != "linux":
            self._tell(self._base(problem=words.untried(self._platform)))
            return
        tried: list[Problem] = []
        is_set_anew, self._bind_anew = self._bind_anew, False
        async for backend in self._rungs.backends(tried, is_set_anew=is_set_anew):
            if await self._try(backend, tried):
                return
        await self._fall_back(tried, is_set_anew=is_set_anew)

    async def _try(self, backend: HotkeyBackend, tried: list[Problem]) -> bool:
        """Whether the search is over: bound, or refused by the person."""
        assert self._shortcut is not None
        try:
            bound = await self._ask(backend, self._shortcut, tuple(tried))
        except HotkeyRefused as refused:
            log.info("no hotkey by %s: %s", backend.how.value, refused)
            tried.append(refused.problem)
            self._portal_counted = self._rungs.portal_owner
            if refused.is_final:
                self._tell(await self._unbound(tried, refused.problem))
            return refused.is_final
        self._backend = backend
        self._portal_counted = self._rungs.portal_owner
        self._on_bound(backend.how, bound, tuple(tried))
        return True

    async def _ask(self, backend: HotkeyBackend, shortcut: Shortcut, tried: tuple[Problem, ...]) -> Bound:
        """Start a backend; says so when it takes long."""
        events = HotkeyEvents(
            pressed=self._press,
            changed=lambda bound: self._on_bound(backend.how, bound, tried),
            lost=self._on_lost,
        )
        starting = asyncio.ensure_future(backend.start(shortcut, events))
        try:
            done, _ = await asyncio.wait([starting], timeout=ASKING_AFTER_S)
            if not done:
                self._tell(self._base(is_asking=True, tried=tried))
            return await starting
        except asyncio.CancelledError:
            starting.cancel()
            await asyncio.wait([starting])
            if not starting.cancelled() and starting.exception() is None:
                await backend.stop()
            raise

    async def _fall_back(self, tried: list[Problem], *, is_set_anew: bool) -> None:
        """No way of our own: perhaps the desktop runs our command already."""
        assert self._shortcut is not None
        try:
            entry = await self._rungs.desktop_entry(self._shortcut if is_set_anew else None)
        except HotkeyRefused as refused:
            tried.append(refused.problem)
            entry = ""
        if entry:
            self._tell(self._base(how=HotkeyHow.GNOME, trigger=entry, tried=tuple(tried)))
        else:
            self._tell(await self._unbound(tried, self._rungs.main_problem(tried)))

    async def _unbound(self, tried: list[Problem], problem: Problem) -> HotkeyState:
        return self._base(problem=problem, tried=tuple(tried), one_click=await self._rungs.one_click())

    # what backends say

    def _on_bound(self, how: HotkeyHow, bound: Bound, tried: tuple[Problem, ...]) -> None:
        self._revivals = 0
        self._tell(
            self._base(
                how=how,
                trigger=bound.trigger,
                problem=bound.problem,
                tried=tried,
                can_record=not how.is_owned_by_desktop,
                can_configure=bound.can_configure,
            )
        )

    def _on_lost(self, problem: Problem) -> None:
        """The backend has nothing more to say. Only a lost display is looked for again by itself."""
        was, self._backend = self._backend, None
        if was is not None and was.how is HotkeyHow.PORTAL:
            # the desktop took it back: asking again at once would show its dialog again
            self._work = asyncio.ensure_future(self._stop_later(was))
            self._tell(self._base(problem=problem, tried=(problem,)))
        else:
            self._look_again()

    def _press(self, token: str) -> None:
        if not self.command_pressed():
            self._on_pressed(token)

    def _on_portal(self) -> None:
        """The portal has come, gone or changed hands. A grab that works is left alone."""
        owner = self._rungs.portal_owner
        if self._is_closed or owner == self._portal_counted:
            return
        self._portal_counted = owner
        if not owner and self._state.how is HotkeyHow.PORTAL:
            self._revive_later()
        if self._state.how is HotkeyHow.PORTAL or not self._state.works:
            self._look_again()

    def _revive_later(self) -> None:
        if self._revivals < len(REVIVE_AFTER_S):
            loop = asyncio.get_running_loop()
            self._revive = loop.call_later(REVIVE_AFTER_S[self._revivals], self._start_portal)
            self._revivals += 1

    def _start_portal(self) -> None:
        if not self._is_closed and not self._rungs.portal_owner:
            self._rungs.forget_failures()
            self._look_again()

    # small things

    def _base(self, **values: Any) -> HotkeyState:
        assert self._shortcut is not None
        manual = manual_binding(self._rungs.session.desktop, self._shortcut, toggle_words())
        return replace(HotkeyState(wanted=self._wanted, manual=manual), **values)

    def _tell(self, state: HotkeyState) -> None:
        if state != self._state and not self._is_closed:
            self._state = state
            log.info("hotkey: %s", words.log_line(state))
            self._on_state(state)

    async def _stop_later(self, backend: HotkeyBackend) -> None:
        async with self._turn:
            await backend.stop()

    async def _cancel_work(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            await asyncio.wait([work])

    async def _drop_backend(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            await backend.stop()
