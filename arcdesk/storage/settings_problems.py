"""What can be wrong with a settings file, in words for people."""

from __future__ import annotations

from pathlib import Path

from arcdesk.core.errors import Problem


def unreadable(path: Path, reason: str) -> Problem:
    """The system refuses to read the file."""
    return Problem(
        cause="settings_unreadable",
        title="The settings file can't be read",
        detail=f"{path}: {reason}. It is left out.",
        hint="Give yourself the right to read it.",
        evidence=str(path),
    )


def broken(path: Path, error: Exception, backup: Path | None = None) -> Problem:
    """The file is no TOML. `backup` is the version before the last save, if there is one."""
    older = f" The version before the last change is {backup.name}." if backup else ""
    return Problem(
        cause="settings_broken",
        title="The settings file has a mistake",
        detail=f"{path}: {error}. The defaults are used.",
        hint=f"Correct it. If ArcDesk saves settings before that, it keeps a copy of the file.{older}",
        evidence=str(error),
    )


def bad_value(where: str, why: str, evidence: str) -> Problem:
    """One value can't be used; the others are."""
    return Problem(
        cause="bad_setting",
        title=f"The setting {where} can't be used",
        detail=why,
        hint="Change it in the settings.",
        evidence=evidence,
    )


def from_the_future(path: Path, version: int, known: int) -> Problem:
    """A newer ArcDesk wrote the file."""
    return Problem(
        cause="settings_newer",
        title="The settings file is of a newer ArcDesk",
        detail=f"{path} has version {version}, this ArcDesk knows {known}. What it knows is used.",
        hint="Install the newer ArcDesk again. A save before that keeps a copy of the file.",
        evidence=f"config_version = {version}",
    )
