"""Reads a server's count of tokens."""

from __future__ import annotations

MOST_TOKENS = 100_000_000  # more is a server's mistake


def token_count(value: object) -> int | None:
    """A number of tokens that can be one; None if it can't."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MOST_TOKENS else None
