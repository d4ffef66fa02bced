"""The keys that a shortcut may have, by every name they bear: ours, X's, Qt's."""

from __future__ import annotations

from dataclasses import dataclass

_UNICODE_KEYSYM = 0x01000000  # X: this plus the code point, for what has no older keysym
_F1_KEYSYM, _F1_QT = 0xFFBE, 0x01000030
LAST_F_KEY = 35


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key. `label` is how we write it, `keysym_name` how X, GTK and the portals do."""

    label: str
    keysym_name: str
    keysym: int
    qt: int
    stands_alone: bool = False  # may be a shortcut without Ctrl, Alt or Super: it types nothing


def _named(label: str, keysym_name: str, keysym: int, qt: int, *, alone: bool = False) -> Key:
    return Key(label=label, keysym_name=keysym_name, keysym=keysym, qt=qt, stands_alone=alone)


_NAMED = (
    _named("Space", "space", 0x20, 0x20),
    _named("Plus", "plus", 0x2B, 0x2B),  # '+' parts the words of a shortcut
    _named("Esc", "Escape", 0xFF1B, 0x01000000),
    _named("Tab", "Tab", 0xFF09, 0x01000001),
    _named("Backspace", "BackSpace", 0xFF08, 0x01000003),
    _named("Return", "Return", 0xFF0D, 0x01000004),
    _named("Enter", "KP_Enter", 0xFF8D, 0x01000005),
    _named("Insert", "Insert", 0xFF63, 0x01000006),
    _named("Delete", "Delete", 0xFFFF, 0x01000007),
    _named("Pause", "Pause", 0xFF13, 0x01000008, alone=True),
    _named("Print", "Print", 0xFF61, 0x01000009, alone=True),
    _named("Home", "Home", 0xFF50, 0x01000010),
    _named("End", "End", 0xFF57, 0x01000011),
    _named("Left", "Left", 0xFF51, 0x01000012),
    _named("Up", "Up", 0xFF52, 0x01000013),
    _named("Right", "Right", 0xFF53, 0x01000014),
    _named("Down", "Down", 0xFF54, 0x01000015),
    _named("PageUp", "Page_Up", 0xFF55, 0x01000016),
    _named("PageDown", "Page_Down", 0xFF56, 0x01000017),
    _named("ScrollLock", "Scroll_Lock", 0xFF14, 0x01000026, alone=True),
    _named("Menu", "Menu", 0xFF67, 0x01000055, alone=True),
)
_SIGN_NAMES = {
    "!": "exclam",
    '"': "quotedbl",
    "#": "numbersign",
    "$": "dollar",
    "%": "percent",
    "&": "ampersand",
    "'": "apostrophe",
    "(": "parenleft",
    ")": "parenright",
    "*": "asterisk",
    ",": "comma",
    "-": "minus",
    ".": "period",
    "/": "slash",
    ":": "colon",
    ";": "semicolon",
    "<": "less",
    "=": "equal",
    ">": "greater",
    "?": "question",
    "@": "at",
    "[": "bracketleft",
    "\\": "backslash",
    "]": "bracketright",
    "^": "asciicircum",
    "_": "underscore",
    "`": "grave",
    "{": "braceleft",
    "|": "bar",
    "}": "braceright",
    "~": "asciitilde",
}
_ALIASES = {
    "escape": "esc",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "page_up": "pageup",
    "prior": "pageup",
    "pgdown": "pagedown",
    "page_down": "pagedown",
    "next": "pagedown",
    "printscreen": "print",
    "scroll_lock": "scrolllock",
    "kp_enter": "enter",
}


def _f_key(number: int) -> Key:
    name = f"F{number}"
    return _named(name, name, _F1_KEYSYM + number - 1, _F1_QT + number - 1, alone=True)


_TABLE = (*_NAMED, *(_f_key(number) for number in range(1, LAST_F_KEY + 1)))
_BY_LABEL = {key.label.lower(): key for key in _TABLE}
_BY_QT = {key.qt: key for key in _TABLE}


def key_named(text: str) -> Key | None:
    """The key that a person calls `text`; None for one that does not exist."""
    lower = text.lower()
    found = _BY_LABEL.get(_ALIASES.get(lower, lower))
    if found is not None:
        return found
    return _character_key(text) if len(text) == 1 else None


def key_of_qt(qt: int) -> Key | None:
    """The key of a `Qt.Key` number; None for modifiers, dead keys and others that make no shortcut."""
    if qt == 0x01000002:  # Backtab is Tab with Shift
        return _BY_LABEL["tab"]
    found = _BY_QT.get(qt)
    if found is not None:
        return found
    return _character_key(chr(qt)) if 0x20 < qt < 0x01000000 and qt <= 0x10FFFF else None


def _character_key(text: str) -> Key | None:
    if not text.isprintable() or text.isspace() or len(text.upper()) != 1 or len(text.lower()) != 1:
        return None
    upper, lower = text.upper(), text.lower()
    if upper.lower() != lower or lower.upper() != upper:  # 'ı' would become I, 'ſ' S: other keys
        upper = lower = text
    code = ord(lower)
    if text.isascii():
        return _named(upper, _SIGN_NAMES.get(text, lower), code, ord(upper))
    keysym = code if 0xA0 <= code <= 0xFF else _UNICODE_KEYSYM + code
    return _named(upper, f"U{code:04X}", keysym, ord(upper))
