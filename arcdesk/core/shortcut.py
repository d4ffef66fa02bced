"""A key combination as a value, and how each desktop writes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcdesk.core.errors import Action, ActionKind, Problem, UsageError
from arcdesk.core.shortcut_keys import Key, key_named, key_of_qt

DEFAULT_SHORTCUT = "Ctrl+Alt+Space"


class Modifier(Enum):
    """A key that is held. In the order in which they are written."""

    CTRL = "Ctrl"
    ALT = "Alt"
    SHIFT = "Shift"
    SUPER = "Super"


_QT = {
    Modifier.CTRL: 0x04000000,
    Modifier.ALT: 0x08000000,
    Modifier.SHIFT: 0x02000000,
    Modifier.SUPER: 0x10000000,
}
_PORTAL = {Modifier.CTRL: "CTRL", Modifier.ALT: "ALT", Modifier.SHIFT: "SHIFT", Modifier.SUPER: "LOGO"}
_GTK = {
    Modifier.CTRL: "<Control>",
    Modifier.ALT: "<Alt>",
    Modifier.SHIFT: "<Shift>",
    Modifier.SUPER: "<Super>",
}
_WORDS = {
    "ctrl": Modifier.CTRL,
    "control": Modifier.CTRL,
    "primary": Modifier.CTRL,
    "alt": Modifier.ALT,
    "mod1": Modifier.ALT,
    "shift": Modifier.SHIFT,
    "super": Modifier.SUPER,
    "meta": Modifier.SUPER,
    "logo": Modifier.SUPER,
    "win": Modifier.SUPER,
    "mod4": Modifier.SUPER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """Modifiers and one key."""

    modifiers: frozenset[Modifier]
    key: Key

    def __str__(self) -> str:
        return "+".join([*(modifier.value for modifier in self.held), self.key.label])

    @property
    def held(self) -> tuple[Modifier, ...]:
        """The modifiers in the order in which they are written."""
        return tuple(modifier for modifier in Modifier if modifier in self.modifiers)

    @property
    def portal(self) -> str:
        """As the XDG shortcuts specification writes it: 'CTRL+ALT+space'."""
        return "+".join([*(_PORTAL[modifier] for modifier in self.held), self.key.keysym_name])

    @property
    def gtk(self) -> str:
        """As GNOME's settings write it: '<Control><Alt>space'."""
        return "".join(_GTK[modifier] for modifier in self.held) + self.key.keysym_name

    @property
    def qt(self) -> int:
        """Qt's combined key, which KDE's service takes."""
        return sum(_QT[modifier] for modifier in self.modifiers) + self.key.qt


def parse_shortcut(text: str) -> Shortcut:
    """Read 'Ctrl+Alt+Space'. Raises UsageError that says which part is not understood."""
    *words, last = [word.strip() for word in text.strip().split("+")]
    modifiers = set()
    for word in words:
        modifier = _WORDS.get(word.lower())
        if modifier is None:
            raise _not_understood(text, word)
        modifiers.add(modifier)
    key = key_named(last)
    if key is None:
        raise _not_understood(text, last)
    return Shortcut(modifiers=frozenset(modifiers), key=key)


def shortcut_of_qt(key: int, modifiers: int) -> Shortcut | None:
    """The combination of a `Qt.Key` and `Qt.KeyboardModifier` bits; None where the key makes none."""
    found = key_of_qt(key)
    if found is None:
        return None
    held = frozenset(modifier for modifier, bit in _QT.items() if modifiers & bit)
    return Shortcut(modifiers=held, key=found)


def shortcut_of_gtk(text: str) -> Shortcut | None:
    """Read '<Control><Alt>space'; None when it is not understood."""
    modifiers = set()
    rest = text.strip()
    while rest.startswith("<"):
        word, bracket, rest = rest[1:].partition(">")
        modifier = _WORDS.get(word.lower())
        if not bracket or modifier is None:
            return None
        modifiers.add(modifier)
    key = _key_of_keysym_name(rest)
    return None if key is None else Shortcut(modifiers=frozenset(modifiers), key=key)


def _key_of_keysym_name(name: str) -> Key | None:
    direct = key_named(name)
    if direct is not None:
        return direct
    signs = (key_named(chr(code)) for code in range(0x21, 0x7F))
    return next((key for key in signs if key is not None and key.keysym_name == name), None)


def _not_understood(text: str, word: str) -> UsageError:
    what = f"'{word}' is not a key that ArcDesk knows." if word else "There is no key after a '+'."
    return UsageError(
        Problem(
            cause="bad_shortcut",
            title=f"'{text}' can't be a shortcut" if text.strip() else "An empty text can't be a shortcut",
            detail=what,
            hint=f"Write it like {DEFAULT_SHORTCUT}.",
            actions=(Action(kind=ActionKind.CHANGE_HOTKEY, label="Choose another key"),),
        )
    )


# what a person should not choose

_HOLDS = frozenset({Modifier.CTRL, Modifier.ALT, Modifier.SUPER})
_KNOWN = {
    "Alt+Space": "GNOME and KDE open the window's menu with it.",
    "Alt+Tab": "It switches windows.",
    "Alt+Shift+Tab": "It switches windows.",
    "Alt+F4": "It closes windows.",
    "Alt+F2": "Most desktops run a command with it.",
    "Ctrl+Space": "Input methods for Chinese, Japanese and Korean switch with it.",
    "Super+Space": "GNOME switches the keyboard layout with it.",
    "Super+L": "It locks the screen.",
    "Super+D": "It shows the desktop.",
    "Ctrl+Alt+T": "Many desktops open a terminal with it.",
    "Ctrl+Alt+L": "It locks the screen on many desktops.",
    "Ctrl+Esc": "KDE opens its start menu with it.",
    "Print": "It takes a picture of the screen.",
    "F1": "Programs show their help with it.",
    "F5": "Programs reload with it.",
    "F11": "Programs fill the screen with it.",
}


def refusal(shortcut: Shortcut) -> str:
    """Why this can't be a global shortcut, in one sentence; empty when it can."""
    if shortcut.key.label == "Delete" and shortcut.modifiers >= {Modifier.CTRL, Modifier.ALT}:
        return "The system keeps Ctrl+Alt+Delete for itself."
    is_f_key = shortcut.key.keysym_name[:1] == "F" and shortcut.key.stands_alone
    if is_f_key and shortcut.modifiers == {Modifier.CTRL, Modifier.ALT}:
        return "The system switches consoles with Ctrl+Alt and an F key."
    if shortcut.modifiers & _HOLDS or shortcut.key.stands_alone:
        return ""
    if Modifier.SHIFT in shortcut.modifiers:
        return f"{shortcut} is needed for typing. Hold Ctrl, Alt or Super too."
    return f"{shortcut} alone is needed for typing. Hold Ctrl, Alt or Super too."


def caution(shortcut: Shortcut) -> str:
    """What this shortcut would take away from other programs; empty when nothing is known."""
    known = _KNOWN.get(str(shortcut))
    if known is not None:
        return known
    is_letter = len(shortcut.key.label) == 1 and shortcut.key.label.isalpha()
    if shortcut.modifiers == {Modifier.CTRL} and is_letter:
        return f"Other programs would no longer get {shortcut}, which many of them use."
    if shortcut.modifiers == {Modifier.CTRL, Modifier.SHIFT} and is_letter:
        return f"Some programs use {shortcut}; they would no longer get it."
    if shortcut.modifiers == {Modifier.ALT} and is_letter:
        return f"Some programs open a menu with {shortcut}; they would no longer get it."
    if not shortcut.modifiers:
        return f"Other programs would no longer get {shortcut}."
    return ""
