"""Keeps the settings in a TOML file that people may edit: comments and unknown keys stay."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.settings import Settings
from arcdesk.core.settings_source import Source, SourceKind
from arcdesk.storage import settings_problems as problems
from arcdesk.storage.paths import config_dir, disk_errors, ensure_dir
from arcdesk.storage.settings_disk import read_text, set_aside, write_whole
from arcdesk.storage.settings_keys import KEYS
from arcdesk.storage.settings_layers import Layers, fixed_value, system_dirs
from arcdesk.storage.settings_migrations import MIGRATIONS, Migration, Tables, migrated, version_of

FILE_NAME = "config.toml"
_NOT_TOML = (ValueError, RecursionError)  # bad syntax, no UTF-8, or tables without end
_NO_OVERRIDES: Mapping[str, str] = {}


class SettingsFile:
    """A SettingsRepo over config.toml.

    The administrator's files lie under it; variables, then `overrides` (options of the command line: a
    setting's id, such as 'engine.engine', and its text) overrule it and are never written into it.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, str] = _NO_OVERRIDES,
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> None:
        self._path = path
        self._environ = os.environ if environ is None else environ
        self._overrides = overrides
        self._migrations = migrations
        self._problems: list[Problem] = []
        self._sources: dict[str, Source] = {}
        self._forgotten: set[str] = set()

    @property
    def path(self) -> Path:
        """The file; where it is a link, what the link leads to."""
        if self._path is None:
            self._path = config_dir() / FILE_NAME
        return Path(os.path.realpath(self._path))

    @property
    def problems(self) -> Sequence[Problem]:
        """What was wrong at the last load, for people."""
        return tuple(self._problems)

    def source_of(self, setting_id: str) -> Source:
        """Where a setting's value came from, at the last load or save. Raises KeyError for no setting."""
        if not self._sources:
            self.load()
        return self._sources[setting_id]

    @property
    def sources(self) -> Mapping[str, Source]:
        """`source_of` for all settings."""
        if not self._sources:
            self.load()
        return dict(self._sources)

    @property
    def _newest(self) -> int:
        return 1 + len(self._migrations)

    # reading

    def load(self) -> Settings:
        """Settings of all layers. Never raises: what is wrong gets its default and a problem.

        Nothing is written: an older file is brought to today's form in memory, and by the next save.
        """
        layers = self._below()
        layers.take_file(self._read(self.path, layers), SourceKind.USER, self.path)
        layers.take_environ(self._environ)
        layers.take_overrides(self._overrides)
        self._problems, self._sources = layers.problems, layers.sources()
        return layers.settings()

    def _below(self) -> Layers:
        layers = Layers()
        for folder in system_dirs(self._environ):
            path = folder / FILE_NAME
            layers.take_file(self._read(path, layers), SourceKind.SYSTEM, path)
        return layers

    def _read(self, path: Path, layers: Layers) -> Tables:
        try:
            text = read_text(path)
            return self._understood(path, _parse(text), layers) if text else {}
        except OSError as error:
            layers.problems.append(problems.unreadable(path, error.strerror or str(error)))
        except _NOT_TOML as error:
            backup = _backup(path)
            layers.problems.append(problems.broken(path, error, backup if backup.is_file() else None))
        return {}

    def _understood(self, path: Path, data: Tables, layers: Layers) -> Tables:
        version = version_of(data, self._newest)
        if version is None:
            why = "It must be a whole number from 1 on. The file is read as one of this version."
            said = repr(data["config_version"])
            layers.problems.append(problems.bad_value("config_version", why, said))
        elif version > self._newest:
            layers.problems.append(problems.from_the_future(path, version, self._newest))
        return migrated(data, self._migrations)

    # writing

    def forget(self, setting_id: str) -> None:
        """Let the next save take this setting out of the file, if its value is that of the layers below."""
        self._forgotten.add(setting_id)

    def save(self, settings: Settings) -> None:
        """Write what differs from the layers below.

        A broken file, one of an older form and one of a newer ArcDesk is first set aside as a copy. What
        only a newer ArcDesk understands stays, and so does its version. A setting that stands as its
        variable or option made it is left as the file has it. Raises ArcDeskError.
        """
        path = self.path
        ensure_dir(path.parent)
        with disk_errors(path):
            old_text = self._read_or_set_aside(path)
            try:
                new_text = self._merged(old_text or "", settings)
            except ValueError as error:  # tomlkit is stricter than the reader in rare cases
                raise ArcDeskError(problems.broken(path, error)) from error
            if new_text != old_text:
                self._replace(path, old_text, new_text)
        self._forgotten.clear()
        self._learn_sources()

    def _read_or_set_aside(self, path: Path) -> str | None:
        """The file's text; None if there is none, or none that can be read as TOML."""
        try:
            text = read_text(path)
            _parse(text or "")
        except _NOT_TOML:
            set_aside(path, f"broken-{time.strftime('%Y-%m-%d')}")
            return None
        return text

    def _merged(self, old_text: str, settings: Settings) -> str:
        from arcdesk.storage.settings_text import Wish, merged  # only a save needs it

        keys = [
            key for key in KEYS if fixed_value(key, self._environ, self._overrides) != key.value_in(settings)
        ]
        wish = Wish(settings=settings, keys=keys, forgotten=self._forgotten, below=self._below())
        return merged(old_text, wish, self._migrations)

    def _replace(self, path: Path, old_text: str | None, new_text: str) -> None:
        if old_text:
            version = version_of(_parse(old_text), self._newest)
            if version is not None and version != self._newest:
                set_aside(path, f"version-{version}")
            write_whole(_backup(path), old_text)
        write_whole(path, new_text)

    def _learn_sources(self) -> None:
        """The origins have changed; the problems stay those of the last load."""
        kept = self._problems
        self.load()
        self._problems = kept


def _backup(path: Path) -> Path:
    return path.with_name(f"{path.name}.bak")


def _parse(text: str) -> dict[str, Any]:
    import tomllib  # only where there is a file

    return tomllib.loads(text)
