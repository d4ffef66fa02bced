"""Reads the keyboard of an X display: which key codes make a keysym, which bits the modifiers have."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

from arcdesk.core.shortcut import Modifier, Shortcut

Connection = Any  # xcffib's, whose own types are not whole
_SHIFT, _LOCK, _CONTROL, _MOD1, _MOD4 = 1, 2, 4, 8, 64
_NUM_LOCK, _SCROLL_LOCK = 0xFF7F, 0xFF14
_ALT_KEYSYMS, _SUPER_KEYSYMS = (0xFFE9, 0xFFEA), (0xFFEB, 0xFFEC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keymap:
    """The keyboard as it is now. `keysyms`: per key code its keysyms, plain first, then with Shift, …"""

    keysyms: dict[int, tuple[int, ...]]
    modifier_codes: tuple[tuple[int, ...], ...]  # of Shift, Lock, Control, Mod1 … Mod5

    def codes_of(self, keysym: int) -> tuple[int, ...]:
        """Key codes that make `keysym`: those that make it plainly, else those that do with a modifier."""
        for columns in (slice(0, 1), slice(0, None)):
            found = tuple(code for code, syms in self.keysyms.items() if keysym in syms[columns])
            if found:
                return found
        return ()

    def mask_of(self, shortcut: Shortcut) -> int:
        """The modifier bits of a press."""
        bits = {
            Modifier.SHIFT: _SHIFT,
            Modifier.CTRL: _CONTROL,
            Modifier.ALT: self._bit_of(_ALT_KEYSYMS) or _MOD1,
            Modifier.SUPER: self._bit_of(_SUPER_KEYSYMS) or _MOD4,
        }
        return sum(bits[modifier] for modifier in shortcut.modifiers)

    def lock_masks(self, wanted: int) -> tuple[int, ...]:
        """What the lock keys may add to a press, in all combinations: X compares the bits exactly."""
        bits = {_LOCK, self._bit_of((_NUM_LOCK,)), self._bit_of((_SCROLL_LOCK,))}
        locks = sorted(bit for bit in bits if bit and not bit & wanted)
        sets = (chosen for count in range(len(locks) + 1) for chosen in combinations(locks, count))
        return tuple(sum(chosen) for chosen in sets)

    def _bit_of(self, keysyms: tuple[int, ...]) -> int:
        for index, codes in enumerate(self.modifier_codes):
            for code in codes:
                if index >= 3 and any(keysym in keysyms for keysym in self.keysyms.get(code, ())):
                    return 1 << index
        return 0


def read_keymap(connection: Connection) -> Keymap:
    """Ask the display. Raises xcffib's errors."""
    setup = connection.get_setup()
    first, count = setup.min_keycode, setup.max_keycode - setup.min_keycode + 1
    mapping = connection.core.GetKeyboardMapping(first, count).reply()
    width = mapping.keysyms_per_keycode
    flat = list(mapping.keysyms)
    keysyms = {first + index: tuple(flat[index * width : (index + 1) * width]) for index in range(count)}
    modifiers = connection.core.GetModifierMapping().reply()
    per = modifiers.keycodes_per_modifier
    codes = list(modifiers.keycodes)
    rows = tuple(tuple(c for c in codes[i * per : (i + 1) * per] if c) for i in range(8))
    return Keymap(keysyms=keysyms, modifier_codes=rows)
