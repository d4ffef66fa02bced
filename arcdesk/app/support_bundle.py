"""Packs what helps others to help into one file: cleaned, shown before, never with a conversation."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from arcdesk.app.crash_files import FOLDER as CRASH_FOLDER
from arcdesk.app.crash_files import reports
from arcdesk.app.identity import redactor
from arcdesk.app.versions import versions
from arcdesk.core.doctor import Finding, finding_json, in_order, summary
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.redact import Redactor, drop_talk, printable
from arcdesk.core.secrets import mask
from arcdesk.core.settings import Settings
from arcdesk.services.doctor import Check, examine
from arcdesk.storage import log_file, paths

APP_LOG_BYTES = 200_000
ENGINE_LOG_LINES = 1_500
ENGINE_LOG_CHARACTERS = 200_000
REPORTS_PACKED = 5
# What a person wrote is nobody's business: only how much of it there is.
PRIVATE_SETTINGS = ("presets",)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFile:
    """One file of the bundle; `data` is exactly what is shown and saved. `note` says what it is."""

    name: str
    note: str
    text: str

    @property
    def data(self) -> bytes:
        """As saved."""
        return self.text.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the bundle is made of. `engine_log` is its last lines, or why there are none."""

    settings: Settings
    findings: Sequence[Finding]
    state: dict[str, Any] | None
    engine_log: Sequence[str] | str
    secrets: tuple[str, ...] = field(default=(), repr=False)


async def all_findings(checks: Sequence[Check]) -> list[Finding]:
    """Run the checks to their end."""
    async with contextlib.aclosing(examine(checks)) as examined:
        found = [finding async for _, findings in examined for finding in findings]
    return in_order(found)


def collect(material: Material, whose: Redactor | None = None) -> list[BundleFile]:
    """All files of the bundle, cleaned. Reads logs and reports: blocks shortly, raises nothing."""
    whose = whose or redactor(material.secrets)
    cleaned = _Cleaner(whose)
    folder = paths.state_dir()
    files = [
        cleaned.data("doctor.json", "what was found on this computer", _doctor(material.findings)),
        cleaned.data("versions.json", "ArcDesk, its libraries, the system", versions()),
        cleaned.data("settings.json", "settings, without keys", _settings(material.settings)),
        cleaned.data("state.json", "what the engine does now", material.state or {"app": {"running": False}}),
        cleaned.text("arcdesk.log", "ArcDesk's own log", _app_log(folder)),
        cleaned.text(
            "engine.log", "the engine's last lines, without questions", _engine_log(material.engine_log)
        ),
    ]
    packed = reports(folder / CRASH_FOLDER)[-REPORTS_PACKED:]
    note = "report of a crash or mistake"
    return files + [cleaned.text(f"crash/{path.name}", note, _text_of(path)) for path in packed]


class _Cleaner:
    """Makes files whose text holds no secret of this run, no name, and nothing that can't be shown."""

    def __init__(self, whose: Redactor) -> None:
        self._whose = whose

    def text(self, name: str, note: str, text: str) -> BundleFile:
        return BundleFile(name=name, note=note, text=self._whose.redact(_plain(text)))

    def data(self, name: str, note: str, value: object) -> BundleFile:
        cleaned = self._whose.redact_data(_mapped(value, _plain))
        text = json.dumps(cleaned, ensure_ascii=False, indent=2, default=str)
        return BundleFile(name=name, note=note, text=text + "\n")


def _plain(text: str) -> str:
    """What can be shown, without the secrets of this run and without questions."""
    return mask(drop_talk(printable(text)))


def _mapped(value: object, change: Callable[[str], str]) -> object:
    """The same data with each text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(str(name)): _mapped(one, change) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(one, change) for one in value]
    return value


def _doctor(findings: Sequence[Finding]) -> dict[str, object]:
    return {"summary": summary(findings), "findings": [finding_json(found) for found in findings]}


def _settings(settings: Settings) -> dict[str, object]:
    values = asdict(settings)
    for name in PRIVATE_SETTINGS:
        if name in values:
            values[name] = f"{len(values[name])} of the person's own"
    return values


def _app_log(state_folder: Path) -> str:
    path = state_folder / "log" / log_file.FILE_NAME
    try:
        return log_file.tail(path, APP_LOG_BYTES)
    except FileNotFoundError:
        return "There is no log.\n"
    except OSError as error:
        return f"The log can't be read: {error}\n"


def _engine_log(log: Sequence[str] | str) -> str:
    if isinstance(log, str):
        return log + "\n"
    text = "\n".join(log)[-ENGINE_LOG_CHARACTERS:]
    return text + "\n" if text else "There is no log.\n"


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"It can't be read: {error}\n"


def write(path: Path, files: Sequence[BundleFile]) -> None:
    """Write the bundle with mode 0600, whole or not at all. Raises ArcDeskError."""
    packed = pack(files)
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(packed)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise ArcDeskError(_not_written(path, error)) from error


def pack(files: Sequence[BundleFile]) -> bytes:
    """The bundle's bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for file in files:
            bundle.writestr(file.name, file.data)
    return buffer.getvalue()


def _not_written(path: Path, error: OSError) -> Problem:
    return Problem(
        cause="bundle_unwritten",
        title="The support bundle could not be saved",
        detail=f"{path}: {error.strerror or error}.",
        hint="Choose another folder.",
    )
