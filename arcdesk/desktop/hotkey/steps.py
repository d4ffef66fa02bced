"""How a person binds our command by hand, desktop by desktop."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from arcdesk.core.hotkey import ManualBinding
from arcdesk.core.shortcut import Modifier, Shortcut
from arcdesk.desktop.entry import own_command, with_source

TOGGLE = ("quick", "--toggle")

_SWAY_MODIFIERS = {
    Modifier.CTRL: "Ctrl",
    Modifier.ALT: "Mod1",
    Modifier.SHIFT: "Shift",
    Modifier.SUPER: "Mod4",
}


def toggle_words() -> list[str]:
    """The command that opens and closes the quick prompt, with the full path of this ArcDesk."""
    return with_source([*own_command(), *TOGGLE])


def manual_binding(desktop: str, shortcut: Shortcut, words: Sequence[str]) -> ManualBinding:
    """The steps for `desktop`; general ones for a desktop we do not know."""
    command = shlex.join(words)
    make = _STEPS.get(desktop, _other)
    return make(desktop, shortcut, command)


def _gnome(desktop: str, shortcut: Shortcut, command: str) -> ManualBinding:
    steps = (
        "Open Settings, then Keyboard, then View and Customise Shortcuts, then Custom Shortcuts.",
        "Add a shortcut named ArcDesk with the command below.",
        f"Press Set Shortcut, then {shortcut}.",
    )
    return ManualBinding(command=command, desktop=desktop, steps=steps)


def _kde(desktop: str, shortcut: Shortcut, command: str) -> ManualBinding:
    steps = (
        "Open System Settings, then Keyboard, then Shortcuts.",
        "Choose Add New, then Command or Script, and give it the command below.",
        f"Click the new entry's key and press {shortcut}, then Apply.",
    )
    return ManualBinding(command=command, desktop=desktop, steps=steps)


def _xfce(desktop: str, shortcut: Shortcut, command: str) -> ManualBinding:
    steps = (
        "Open Settings, then Keyboard, then Application Shortcuts.",
        "Choose Add and give it the command below.",
        f"Press {shortcut} when asked.",
    )
    key = shortcut.gtk.replace("<Control>", "<Primary>")
    words = ["xfconf-query", "-c", "xfce4-keyboard-shortcuts", "-p", f"/commands/custom/{key}"]
    snippet = shlex.join([*words, "-n", "-t", "string", "-s", command])
    return ManualBinding(command=command, desktop=desktop, steps=steps, snippet=snippet)


def _cinnamon(desktop: str, shortcut: Shortcut, command: str) -> ManualBinding:
    steps = (
        "Open System Settings, then Keyboard, then Shortcuts, then Custom Shortcuts.",
        "Choose Add custom shortcut, name it ArcDesk, and give it the command below.",
        f"Double-click an unassigned key of it and press {shortcut}.",
    )
    return ManualBinding(command=command, desktop=desktop, steps=steps)


def _mate(desktop: str, shortcut: Shortcut, command: str) -> ManualBinding:
    steps = (
        "Open Control Centre, then Keyboard Shortcuts.",
        "Choose Add, name it ArcDesk, and give it the command below.",
        f"Click the new entry's Disabled and press {shortcut}.",
    )
    return ManualBinding(command=command, desktop=desktop, steps=steps)


def _sway(desktop: str, shortcut: Shortcut, command: str) -> ManualBinding:
    keys = [_SWAY_MODIFIERS[modifier] for modifier in shortcut.held]
    line = f"bindsym {'+'.join([*keys, shortcut.key.keysym_name])} exec {command}"
    steps = ("Add the line below to ~/.config/sway/config.", "Run: swaymsg reload")
    return ManualBinding(command=command, desktop=desktop, steps=steps, snippet=line)


def _i3(desktop: str, shortcut: Shortcut, command: str) -> ManualBinding:
    keys = [_SWAY_MODIFIERS[modifier] for modifier in shortcut.held]
    line = f"bindsym {'+'.join([*keys, shortcut.key.keysym_name])} exec --no-startup-id {command}"
    steps = ("Add the line below to ~/.config/i3/config.", "Run: i3-msg reload")
    return ManualBinding(command=command, desktop=desktop, steps=steps, snippet=line)


def _hyprland(desktop: str, shortcut: Shortcut, command: str) -> ManualBinding:
    keys = " ".join(modifier.value.upper() for modifier in shortcut.held)
    line = f"bind = {keys}, {shortcut.key.keysym_name}, exec, {command}"
    steps = ("Add the line below to ~/.config/hypr/hyprland.conf.", "Hyprland reads it at once.")
    return ManualBinding(command=command, desktop=desktop, steps=steps, snippet=line)


def _other(_: str, shortcut: Shortcut, command: str) -> ManualBinding:
    steps = (
        "Open your desktop's settings for the keyboard and its shortcuts.",
        f"Bind {shortcut} to the command below.",
    )
    return ManualBinding(command=command, desktop="", steps=steps)


_STEPS: dict[str, Callable[[str, Shortcut, str], ManualBinding]] = {
    "GNOME": _gnome,
    "KDE": _kde,
    "XFCE": _xfce,
    "Cinnamon": _cinnamon,
    "MATE": _mate,
    "sway": _sway,
    "i3": _i3,
    "Hyprland": _hyprland,
}
