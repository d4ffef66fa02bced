"""Keeps the settings in a TOML file that people may edit: comments and unknown keys stay."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.storage.paths import config_dir, disk_errors, ensure_dir, free_name
from arcdesk.storage.settings_keys import KEYS, SettingKey, Value

FILE_NAME = "config.toml"
_NOT_TOML = (ValueError, RecursionError)  # bad syntax, no UTF-8, or tables without end
HEADING = "ArcDesk settings. Only what differs from the defaults needs to stand here."


class SettingsFile:
    """A SettingsRepo over config.toml; environment variables overrule it and are never written into it."""

    def __init__(self, path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._environ = os.environ if environ is None else environ
        self._problems: list[Problem] = []

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

    def load(self) -> Settings:
        """Settings from file and environment. Never raises: what is wrong gets its default and a problem."""
        self._problems = []
        data = self._read_data()
        values: dict[tuple[str, str], Any] = {
            (key.table, key.name): self._value_of(key, data) for key in KEYS
        }
        container = {name: value for (table, name), value in values.items() if table == "container"}
        outer = {name: value for (table, name), value in values.items() if table != "container"}
        return replace(Settings(), container=_container(container), **outer)

    def _read_data(self) -> dict[str, Any]:
        try:
            text = self._read_text()
            return _parse(text) if text is not None else {}
        except OSError as error:
            self._problems.append(_unreadable(self.path, error.strerror or str(error)))
        except _NOT_TOML as error:
            self._problems.append(_broken(self.path, error))
        return {}

    def _read_text(self) -> str | None:
        try:
            return self.path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            return None

    def _value_of(self, key: SettingKey, data: Mapping[str, Any]) -> Value:
        value = self._from_file(key, data)
        text = self._environ.get(key.variable)
        return value if text is None else self._checked(key, key.parse(text), key.variable, value)

    def _from_file(self, key: SettingKey, data: Mapping[str, Any]) -> Value:
        table = data.get(key.table, {})
        if not isinstance(table, Mapping):
            if not any(problem.evidence == key.table for problem in self._problems):
                self._problems.append(_bad_value(key.table, f"It must be a table: [{key.table}].", key.table))
            return key.default
        if key.name not in table:
            return key.default
        where = f"{key.name} in [{key.table}]"
        return self._checked(key, table[key.name], where, key.default)

    def _checked(self, key: SettingKey, value: Any, where: str, otherwise: Value) -> Value:
        why = key.refusal(value)
        if why is None:
            accepted: Value = value
            return accepted
        self._problems.append(_bad_value(where, f"{why} {otherwise!r} is used instead.", repr(value)))
        return otherwise

    def save(self, settings: Settings) -> None:
        """Write what differs from the defaults. A broken file is set aside as a copy first, never lost.

        A setting that stands as its environment variable made it is left as the file has it.
        Raises ArcDeskError.
        """
        path = self.path
        ensure_dir(path.parent)
        with disk_errors(path):
            old_text = self._read_or_set_aside(path)
            try:
                new_text = self._merged(old_text or "", settings)
            except ValueError as error:  # tomlkit is stricter than the reader in rare cases
                raise ArcDeskError(_broken(path, error)) from error
            if new_text == old_text:
                return
            if old_text:
                _write_whole(path.with_name(path.name + ".bak"), old_text)
            _write_whole(path, new_text)

    def _read_or_set_aside(self, path: Path) -> str | None:
        """The file's text; None if there is none, or none that can be read as TOML."""
        try:
            text = self._read_text()
            _parse(text or "")
        except _NOT_TOML:
            copy = free_name(path.with_name(f"{path.name}.broken-{time.strftime('%Y-%m-%d')}"))
            _write_whole(copy, path.read_bytes())
            return None
        return text

    def _merged(self, old_text: str, settings: Settings) -> str:
        import tomlkit  # only a save needs it

        document = tomlkit.parse(old_text)
        if not old_text:
            document.add(tomlkit.comment(HEADING))
        for key in KEYS:
            value = key.value_in(settings)
            text = self._environ.get(key.variable)
            if text is not None and key.parse(text) == value:
                continue
            if _must_write(key, value, document.unwrap()):
                _put(document, key, value)
        return tomlkit.dumps(document)


def _container(values: Mapping[str, Any]) -> ContainerSettings:
    return replace(ContainerSettings(), **values)


def _parse(text: str) -> dict[str, Any]:
    import tomllib  # only where there is a file

    return tomllib.loads(text)


def _must_write(key: SettingKey, value: Value, data: Mapping[str, Any]) -> bool:
    """The file does not lead to `value` yet. What a person wrote by hand is not touched without need."""
    table = data.get(key.table)
    written = table.get(key.name) if isinstance(table, Mapping) else None
    if written is not None and key.refusal(written) is None:
        return bool(written != value)
    return value != key.default


def _put(document: MutableMapping[str, Any], key: SettingKey, value: Value) -> None:
    import tomlkit

    if not isinstance(document.get(key.table), MutableMapping):
        document[key.table] = tomlkit.table()
    document[key.table][key.name] = value


def _write_whole(path: Path, content: str | bytes) -> None:
    """Replace `path` in one step, with mode 0600: a crash leaves the old or the new. Raises OSError."""
    try:
        data = content.encode() if isinstance(content, str) else content
    except UnicodeEncodeError as error:
        raise OSError(f"a value holds characters that UTF-8 does not know ({error.reason})") from error
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # has mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows can't open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, reason: str) -> Problem:
    return Problem(
        cause="settings_unreadable",
        title="The settings file can't be read",
        detail=f"{path}: {reason}. The defaults are used.",
        hint="Give yourself the right to read it.",
        evidence=str(path),
    )


def _broken(path: Path, error: Exception) -> Problem:
    return Problem(
        cause="settings_broken",
        title="The settings file has a mistake",
        detail=f"{path}: {error}. The defaults are used.",
        hint="Correct it. If ArcDesk saves settings before that, it keeps a copy of the file.",
        evidence=str(error),
    )


def _bad_value(where: str, why: str, evidence: str) -> Problem:
    return Problem(
        cause="bad_setting",
        title=f"The setting {where} can't be used",
        detail=why,
        hint="Change it in the settings.",
        evidence=evidence,
    )
