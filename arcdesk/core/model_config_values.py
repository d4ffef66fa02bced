"""Takes single values out of any JSON object; what is absurd or of another kind counts as missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST = 10**9


def count(raw: Mapping[str, Any], *names: str) -> int | None:
    """The first of `names` that holds a whole number from 1 to 10⁹."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MOST:
            return value
    return None


def number(raw: Mapping[str, Any], name: str) -> float | None:
    """A finite number above 0 and below 10⁹."""
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < MOST else None  # false for NaN


def word(raw: Mapping[str, Any], name: str) -> str:
    """A text, '' without one."""
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def flag(raw: Mapping[str, Any], name: str) -> bool:
    """It says true."""
    return raw.get(name) is True


def mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object, empty without one."""
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def strings(raw: Mapping[str, Any], name: str) -> list[str]:
    """The texts of a list."""
    value = raw.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
