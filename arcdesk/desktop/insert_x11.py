"""Puts text into the window that had the keyboard before ours: by the clipboard and Ctrl+V, X11 only."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QClipboard, QGuiApplication

from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem
from arcdesk.desktop.x11_windows import X11Windows, why_not_x11

log = logging.getLogger(__name__)

FOCUS_PATIENCE_S = 2.0
KEYS_PATIENCE_S = 3.0  # for the person to let go of the keys that asked for it
FETCH_PATIENCE_S = 2.0
RESTORE_AFTER_S = 0.4  # programs may fetch the text a second time
LOOK_EVERY_S = 0.01  # only while an insertion is under way
MOST_KEPT_BYTES = 16 << 20  # of what the clipboard held before
# What is pasted into a terminal may run at once, so a person does that.
TERMINALS = (
    "term",
    "konsole",
    "alacritty",
    "kitty",
    "tilix",
    "rxvt",
    "console",
    "ghostty",
    "guake",
    "yakuake",
)


class WindowBefore:
    """Remembers the active window before the bar is shown, and types into it after."""

    def __init__(self) -> None:
        platform = QGuiApplication.platformName()
        self._never = why_not_x11(platform, os.environ)
        self._windows = X11Windows()
        self._window = 0
        self._reason = self._never or "no window was active before"

    @property
    def reason(self) -> str:
        """Why nothing can be inserted now, as a short clause; '' if it can."""
        return self._reason

    @property
    def has_compositor(self) -> bool:
        """Corners can be transparent."""
        if self._never:
            return QGuiApplication.platformName().startswith("wayland")
        try:
            return self._windows.has_compositor()
        except X11Windows.Gone:
            return False

    def remember(self) -> None:
        """Call it before the bar is shown. Takes a few tenths of a millisecond."""
        if self._never:
            return
        try:
            self._window = self._windows.active()
            self._reason = self._judge(self._window)
        except X11Windows.Gone as error:
            self._window, self._reason = 0, f"the X server does not answer: {error}"

    def _judge(self, window: int) -> str:
        if not window:
            return "no window was active before"
        if self._windows.is_ours(window):
            return "the window before is ArcDesk's own"
        name = self._windows.class_of(window)
        if any(word in name for word in TERMINALS):
            return "terminals may run what is pasted: copy it instead"
        return ""

    def insist(self, window: int) -> None:
        """Give the keyboard to our own `window`, where the window manager was reluctant."""
        if self._never:
            return
        try:
            self._windows.activate(window)
        except X11Windows.Gone as error:
            log.info("the X server went away: %s", error)

    async def insert(self, text: str) -> None:
        """Focus that window, paste `text`, restore the clipboard. Hide our own window first.

        Raises ArcDeskError with the reason. A paste that the window did not fetch in time leaves the text in
        the clipboard: it may come yet.
        """
        clipboard = QGuiApplication.clipboard()
        try:
            await self._focus()
            await self._wait(
                lambda: not self._windows.holds_modifiers(), KEYS_PATIENCE_S, "A key is held down."
            )
            kept = _copy_of(clipboard.mimeData())
            offer = _Offer(text)
            clipboard.setMimeData(offer)
            self._windows.press_paste()
            await self._wait(lambda: offer.was_fetched, FETCH_PATIENCE_S, "The window did not take it.")
        except X11Windows.Gone as error:
            raise ArcDeskError(_not_inserted(f"The X server went away: {error}.", text)) from error
        except _Refused as refused:
            raise ArcDeskError(_not_inserted(str(refused), text)) from None
        await asyncio.sleep(RESTORE_AFTER_S)
        if clipboard.ownsClipboard():  # nobody has copied something else meanwhile
            _restore(clipboard, kept)

    async def _focus(self) -> None:
        if self._reason:
            raise _Refused(f"{self._reason[0].upper()}{self._reason[1:]}.")
        if not self._windows.exists(self._window):
            raise _Refused("That window is gone.")
        if self._windows.active() != self._window:
            self._windows.activate(self._window)
        in_front = "That window does not come to the front."
        await self._wait(lambda: self._windows.active() == self._window, FOCUS_PATIENCE_S, in_front)

    async def _wait(self, fact: Callable[[], bool], patience_s: float, otherwise: str) -> None:
        """Look again and again for a moment: the X server tells none of these to a third party."""
        try:
            async with asyncio.timeout(patience_s):
                while not fact():  # noqa: ASYNC110  # no event tells it
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise _Refused(otherwise) from None

    def close(self) -> None:
        """Let go of the X server."""
        self._windows.close()


class _Refused(Exception):
    """A step was not done; the text says why."""


class _Offer(QMimeData):
    """Text in the clipboard that tells when it was fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.was_fetched = False
        self.setText(text)

    def retrieveData(self, mimetype: str, kind: object) -> object:
        """Somebody asks for it."""
        self.was_fetched = True
        return super().retrieveData(mimetype, kind)  # type: ignore[arg-type]


def _copy_of(mime: QMimeData | None) -> QMimeData | None:
    """All that the clipboard holds, apart from whoever holds it; None if it is empty."""
    if mime is None:
        return None
    kept, total = QMimeData(), 0
    for name in mime.formats():
        data = mime.data(name)
        total += data.size()
        if data.isEmpty() or total > MOST_KEPT_BYTES:
            continue
        kept.setData(name, data)
    return kept if kept.formats() else None


def _restore(clipboard: QClipboard, kept: QMimeData | None) -> None:
    if kept is None:
        clipboard.clear()
    else:
        clipboard.setMimeData(kept)


def _not_inserted(why: str, text: str) -> Problem:
    return Problem(
        cause="not_inserted",
        title="The answer was not inserted",
        detail=why,
        hint="Copy it, and paste it yourself.",
        actions=(Action(kind=ActionKind.COPY, label="Copy the answer", target=text),),
    )
