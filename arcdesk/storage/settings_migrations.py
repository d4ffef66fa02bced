"""Brings the content of an older settings file to the form of today.

A migration is a pure function from the tables of version n to those of n + 1. It meets what people wrote by
hand, so it takes any value anywhere, and raises nothing. Two rules keep older and newer versions of ArcDesk
at peace: a key never changes its meaning (a new meaning gets a new name), and no version is ever lowered.

The table is empty: since the first release keys were only added, which needs no migration.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

VERSION_KEY = "config_version"

Tables = dict[str, Any]
Migration = Callable[[Tables], Tables]

MIGRATIONS: tuple[Migration, ...] = ()  # the first leads from 1 to 2


def version_of(data: Mapping[str, Any], newest: int) -> int | None:
    """The version that a file says it has; a file without one has the first. None: it says nonsense."""
    if VERSION_KEY not in data:
        return 1 if data else newest
    version = data[VERSION_KEY]
    return version if type(version) is int and version >= 1 else None


def migrated(data: Tables, migrations: Sequence[Migration]) -> Tables:
    """`data` in the newest form; the same object when it has that already, or is of a newer ArcDesk."""
    newest = 1 + len(migrations)
    version = version_of(data, newest)
    if version is None or version >= newest:
        return data
    for migration in migrations[version - 1 :]:
        data = migration(copy.deepcopy(data))
    return {**data, VERSION_KEY: newest}


def transplant(document: MutableMapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Make the changes from `old` to `new` in `document`; what did not change keeps its comments."""
    for key in [key for key in old if key not in new]:
        document.pop(key, None)
    for key, value in new.items():
        before = old.get(key)
        if key in old and before == value and type(before) is type(value):
            continue
        # An emptied table is set anew: of one that had only tables in it no header would be left.
        if isinstance(before, Mapping) and isinstance(value, Mapping) and value:
            transplant(document[key], before, value)
        else:
            document[key] = value
