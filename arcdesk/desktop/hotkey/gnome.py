"""Binds our command as a custom shortcut of GNOME, on the person's word only."""

from __future__ import annotations

import ast
import asyncio
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.ident import APP_NAME
from arcdesk.core.shortcut import Shortcut, shortcut_of_gtk
from arcdesk.desktop.hotkey.base import HotkeyRefused

SCHEMA = "org.gnome.settings-daemon.plugins.media-keys"
LIST_KEY = "custom-keybindings"
FOLDER = "/org/gnome/settings-daemon/plugins/media-keys/custom-keybindings/"
OUR_PATH = f"{FOLDER}arcdesk/"
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomShortcut:
    """One custom shortcut as GNOME keeps it; `binding` like '<Control><Alt>space'."""

    name: str
    command: str
    binding: str


class GnomeShortcuts:
    """GNOME's list of custom shortcuts, through `gsettings`. Ours is one entry; others are left alone."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = dict(environ)

    def is_there(self) -> bool:
        """`gsettings` is installed. Whether GNOME's schema is, only a call can tell."""
        return shutil.which("gsettings", path=self._environ.get("PATH")) is not None

    async def ours(self) -> CustomShortcut | None:
        """Our entry, if it is in the list. Raises HotkeyRefused when GNOME's settings can't be read."""
        return await self._entry(OUR_PATH) if OUR_PATH in await self._paths() else None

    async def bind(self, shortcut: Shortcut, words: Sequence[str]) -> None:
        """Make or change our entry, and read it back. Raises HotkeyRefused; a taken key names its holder."""
        paths = await self._paths()
        await self._refuse_taken(shortcut, [path for path in paths if path != OUR_PATH])
        wanted = CustomShortcut(name=APP_NAME, command=shlex.join(words), binding=shortcut.gtk)
        for key in ("name", "command", "binding"):
            await self._run(
                "set", f"{SCHEMA}.custom-keybinding:{OUR_PATH}", key, _quote(getattr(wanted, key))
            )
        if OUR_PATH not in paths:  # last: the entry is whole when GNOME looks
            await self._set_paths([*paths, OUR_PATH])
        if await self.ours() != wanted:
            raise HotkeyRefused(_failed("GNOME's settings did not keep the entry; they may be locked."))

    async def unbind(self) -> None:
        """Take our entry out again. Raises HotkeyRefused."""
        paths = await self._paths()
        if OUR_PATH in paths:
            await self._set_paths([path for path in paths if path != OUR_PATH])
        await self._run("reset-recursively", f"{SCHEMA}.custom-keybinding:{OUR_PATH}")

    async def _refuse_taken(self, shortcut: Shortcut, paths: Sequence[str]) -> None:
        for path in paths:
            entry = await self._entry(path)
            if shortcut_of_gtk(entry.binding) == shortcut:
                raise HotkeyRefused(_taken(shortcut, entry))

    async def _entry(self, path: str) -> CustomShortcut:
        values = [
            _unquote(await self._run("get", f"{SCHEMA}.custom-keybinding:{path}", key))
            for key in ("name", "command", "binding")
        ]
        return CustomShortcut(name=values[0], command=values[1], binding=values[2])

    async def _paths(self) -> list[str]:
        text = await self._run("get", SCHEMA, LIST_KEY)
        return [str(path) for path in ast.literal_eval(text.removeprefix("@as "))]

    async def _set_paths(self, paths: Sequence[str]) -> None:
        text = ", ".join(_quote(path) for path in paths)
        await self._run("set", SCHEMA, LIST_KEY, f"[{text}]" if paths else "@as []")

    async def _run(self, *words: str) -> str:
        """One call of gsettings; called off, it still comes to its end: a child must not outlive the loop."""
        running = asyncio.ensure_future(self._call(words))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise

    async def _call(self, words: Sequence[str]) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                "gsettings",
                *words,
                env=self._environ | {"LC_MESSAGES": "C"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise HotkeyRefused(_failed(f"gsettings can't be run: {error}.")) from error
        try:
            async with asyncio.timeout(PATIENCE_S):
                out, err = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise HotkeyRefused(_failed("gsettings does not answer.")) from error
        if process.returncode != 0:
            said = err.decode(errors="replace").strip()
            raise HotkeyRefused(_failed(f"gsettings said: {said}."))
        return out.decode(errors="replace").strip()


def _quote(text: str) -> str:
    """A string as GVariant writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _unquote(text: str) -> str:
    """A string that GVariant wrote: its quoting is Python's, as far as gsettings prints it."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, str) else text


def _failed(why: str) -> Problem:
    return Problem(
        cause="hotkey_gnome_refused",
        title="GNOME's shortcut could not be made",
        detail=why,
        hint="Add it by hand, as shown below.",
    )


def _taken(shortcut: Shortcut, entry: CustomShortcut) -> Problem:
    return Problem(
        cause="hotkey_taken",
        title=f"'{entry.name or entry.command}' already holds {shortcut}",
        detail=f"It is a custom shortcut of GNOME that runs: {entry.command}",
        hint="Choose another key here, or change it in GNOME's settings.",
        actions=(Action(kind=ActionKind.CHANGE_HOTKEY, label="Choose another key"),),
    )
