"""Lays the layers of the settings over each other and remembers which one gave each value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from arcdesk.core.errors import Problem
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.core.settings_source import Source, SourceKind
from arcdesk.storage.paths import APP_NAME
from arcdesk.storage.settings_keys import KEYS, SettingKey, Value
from arcdesk.storage.settings_problems import bad_value

PRESETS = "presets"  # a table of the person's own names, and the id of the setting

_DEFAULT_DIRS = "/etc/xdg"


def system_dirs(environ: Mapping[str, str]) -> list[Path]:
    """The administrator's folders as XDG has them, the weakest first. Relative ones don't count."""
    if os.name != "posix":
        return []
    named = environ.get("XDG_CONFIG_DIRS") or _DEFAULT_DIRS
    folders = [folder for folder in named.split(":") if os.path.isabs(folder)]
    return [Path(folder) / APP_NAME for folder in reversed(folders)]


class Layers:
    """Collects values, the weakest layer first. What can't be used is told in `problems` and skipped."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._values: dict[str, Value] = {key.id: key.default for key in KEYS}
        self._presets: dict[str, str] = {}
        self._sources: dict[str, Source] = {}
        self.base = dict(self._values)
        self.base_presets = dict(self._presets)

    def take_file(self, data: Mapping[str, Any], kind: SourceKind, path: Path) -> None:
        """Lay the tables of one file over what is there."""
        source = Source(kind=kind, name=str(path))
        for key in KEYS:
            table = self._table(data, key.table)
            if table is not None and key.name in table:
                where = f"{key.name} in [{key.table}]"
                self._take(key, table[key.name], where, source)
        if data.get(PRESETS):
            self._take_presets(self._table(data, PRESETS) or {}, source)
        if kind is SourceKind.SYSTEM:
            self.base = dict(self._values)
            self.base_presets = dict(self._presets)

    def _table(self, data: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
        table = data.get(name)
        if table is None or isinstance(table, Mapping):
            return table
        if not any(problem.evidence == name for problem in self.problems):
            self.problems.append(bad_value(name, f"It must be a table: [{name}].", name))
        return None

    def take_environ(self, environ: Mapping[str, str]) -> None:
        """Lay the variables over the files."""
        for key in KEYS:
            if (text := environ.get(key.variable)) is not None:
                source = Source(kind=SourceKind.VARIABLE, name=key.variable)
                self._take(key, key.parse(text), key.variable, source)

    def take_overrides(self, overrides: Mapping[str, str]) -> None:
        """Lay the options over all; `overrides` maps a setting's id to its text."""
        for key in KEYS:
            if (text := overrides.get(key.id)) is not None:
                self._take(key, key.parse(text), key.flag, Source(kind=SourceKind.FLAG, name=key.flag))
        for unknown in sorted(set(overrides) - {key.id for key in KEYS}):
            self.problems.append(bad_value(unknown, "There is no such setting.", unknown))

    def _take(self, key: SettingKey, value: Any, where: str, source: Source) -> None:
        why = key.refusal(value)
        if why is None:
            self._values[key.id] = value
            self._sources[key.id] = source
            return
        instead = f"{why} {self._values[key.id]!r} is used instead."
        self.problems.append(bad_value(where, instead, repr(value)))

    def _take_presets(self, table: Mapping[str, Any], source: Source) -> None:
        from arcdesk.core.preset_names import laid_over  # only where there are some

        self._presets, refused = laid_over(self._presets, table)
        for name, why in refused:
            self.problems.append(bad_value(f"{name} in [{PRESETS}]", why, repr(table[name])[:200]))
        if len(refused) < len(table):
            self._sources[PRESETS] = source

    def settings(self) -> Settings:
        """All that was collected."""
        container = {key.name: self._values[key.id] for key in KEYS if key.table == "container"}
        outer: dict[str, Any] = {key.name: self._values[key.id] for key in KEYS if key.table != "container"}
        made = ContainerSettings(**container)  # type: ignore[arg-type]
        return replace(Settings(), container=made, presets=tuple(self._presets.items()), **outer)

    def sources(self) -> dict[str, Source]:
        """The origin of each setting by its id, with the value that a reset leads to."""
        found = {key.id: replace(self._sources.get(key.id, Source()), base=self.base[key.id]) for key in KEYS}
        presets = self._sources.get(PRESETS, Source())
        return {**found, PRESETS: replace(presets, base=tuple(self.base_presets.items()))}


def fixed_value(key: SettingKey, environ: Mapping[str, str], overrides: Mapping[str, str]) -> object:
    """What an option or a variable makes of this setting; None if none does (a setting is never None)."""
    for text in (overrides.get(key.id), environ.get(key.variable)):
        if text is not None and key.refusal(value := key.parse(text)) is None:
            return value
    return None
