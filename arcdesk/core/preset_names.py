"""What a preset of the quick prompt may be called, and how long it may be."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z][\w-]{0,31}")
LONGEST_TEXT = 8000  # characters

Presets = tuple[tuple[str, str], ...]


def name_refusal(name: str) -> str | None:
    """Why `name` (without '/') can't be typed after a slash; None if it can."""
    if not name:
        return "It needs a name."
    if NAME.fullmatch(name):
        return None
    if len(name) > 32:
        return "The name is longer than 32 characters."
    return "The name takes letters, digits, - and _, and begins with a letter from A to Z."


def text_refusal(text: object) -> str | None:
    """Why `text` is no preset; None if it is one."""
    if not isinstance(text, str):
        return "It must be text in quotes."
    if not text.strip():
        return "It needs a text."
    return f"The text is longer than {LONGEST_TEXT} characters." if len(text) > LONGEST_TEXT else None


def laid_over(
    below: Mapping[str, str], table: Mapping[str, object]
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """`below` with a file's table over it, and what was refused: (name, why).

    An empty text takes away what stands below; nobody else is told of it.
    """
    presets, refused = dict(below), []
    for name, text in table.items():
        if text == "" and name in presets:
            del presets[name]
            continue
        why = name_refusal(name) or text_refusal(text)
        if why is None and any(n != name and n.casefold() == name.casefold() for n in presets):
            why = "The name is there already, in other letters."
        if why is None:
            presets[name] = str(text)
        else:
            refused.append((name, why))
    return presets, refused
