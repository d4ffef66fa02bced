"""Examines ArcDesk's own folders and files: writable, with space, sound, private. Changes nothing."""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from arcdesk.core.doctor import Area, Finding, Status, from_problem, ok, unknown
from arcdesk.storage import paths
from arcdesk.storage.history_db import FILE_NAME as HISTORY_NAME
from arcdesk.storage.history_schema import VERSION
from arcdesk.storage.settings_file import SettingsFile

LITTLE_MB, TOO_LITTLE_MB = 500, 20
HISTORY_PATIENCE_S = 8.0
FILES_LOOKED_AT = 2_000
_STEPS_BETWEEN_LOOKS = 20_000  # of SQLite's machine


def disk_findings(environ: Mapping[str, str] | None = None) -> list[Finding]:
    """All about the disk. Blocks shortly; never raises."""
    folders = {
        "settings": paths.config_dir(),
        "conversations": paths.data_dir(),
        "logs": paths.state_dir(),
        "downloads": paths.cache_dir(),
        "sockets": paths.runtime_dir(),
    }
    findings = [_writable(what, folder) for what, folder in folders.items()]
    return [
        *_joined(findings),
        _space(folders["conversations"]),
        *settings_findings(environ),
        history_finding(folders["conversations"] / HISTORY_NAME),
        modes_finding([folders["settings"], folders["conversations"], folders["logs"]]),
    ]


def _joined(findings: list[Finding]) -> Iterator[Finding]:
    """Five good folders are one fact."""
    if all(found.status is Status.OK for found in findings):
        detail = ", ".join(found.detail for found in findings)
        yield ok("disk.folders", Area.DISK, "ArcDesk can write to its folders", detail)
    else:
        yield from (found for found in findings if found.status is not Status.OK)


def _writable(what: str, folder: Path) -> Finding:
    id_ = f"disk.{what}"
    existing = _nearest(folder)
    if not existing.is_dir():
        return _unwritable(id_, what, folder, f"{existing} is no folder.")
    if os.access(existing, os.W_OK | os.X_OK):  # says no on a read-only disk, to root too
        return ok(id_, Area.DISK, f"The folder of the {what} is writable", str(folder))
    is_read_only = bool(os.statvfs(existing).f_flag & os.ST_RDONLY)
    return _unwritable(
        id_, what, folder, "The disk is read-only." if is_read_only else "You may not write there."
    )


def _unwritable(id_: str, what: str, folder: Path, reason: str) -> Finding:
    return Finding(
        id=id_,
        area=Area.DISK,
        status=Status.WARN if what in ("downloads", "logs") else Status.BAD,
        title=f"The {what} can't be written",
        detail=f"{folder}: {reason}",
        fix="Give yourself the right to write there, or name another folder (XDG_…_HOME).",
        command=f"ls -ld {shlex.quote(str(_nearest(folder)))}",
    )


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _space(folder: Path) -> Finding:
    try:
        room = os.statvfs(_nearest(folder))
    except OSError as error:
        return unknown("disk.space", Area.DISK, "Free space", f"{folder}: {error.strerror}.")
    free_mb = room.f_bavail * room.f_frsize / 1e6
    detail = f"{free_mb / 1000:.1f}\u202fGB free at {folder}"
    has_no_names = room.f_files > 0 and room.f_favail == 0
    if free_mb >= LITTLE_MB and not has_no_names:
        return ok("disk.space", Area.DISK, "There is space for conversations", detail)
    return Finding(
        id="disk.space",
        area=Area.DISK,
        status=Status.BAD if free_mb < TOO_LITTLE_MB or has_no_names else Status.WARN,
        title="The disk can take no more files"
        if has_no_names
        else "There is little space for conversations",
        detail=detail,
        fix="Free some space.",
        command="df -hi" if has_no_names else "df -h",
    )


def settings_findings(environ: Mapping[str, str] | None = None) -> list[Finding]:
    """Each mistake in the settings, or that there is none."""
    source = SettingsFile(environ=environ)
    source.load()
    problems = source.problems
    if problems:
        return [
            from_problem(f"disk.settings_file.{number}", Area.DISK, Status.WARN, problem)
            for number, problem in enumerate(problems, start=1)
        ]
    detail = str(source.path) if source.path.exists() else "No file yet: all settings have their defaults."
    return [ok("disk.settings_file", Area.DISK, "The settings are sound", detail)]


def history_finding(path: Path) -> Finding:
    """Whether the conversations can be read. Another ArcDesk may have the file open."""
    id_ = "disk.history"
    if not path.exists():
        return ok(id_, Area.DISK, "No conversations yet", str(path))
    try:
        version, verdict = _examine(path)
    except sqlite3.Error as error:
        if "interrupted" in str(error):
            return unknown(id_, Area.DISK, "Conversations", f"{path} is too large to be read whole now.")
        is_damage = getattr(error, "sqlite_errorcode", 0) & 0xFF in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        )
        return _damaged(path, str(error)) if is_damage else _unreadable(path, str(error))
    except OSError as error:
        return _unreadable(path, error.strerror or str(error))
    if verdict != "ok":
        return _damaged(path, verdict)
    if version > VERSION:
        return Finding(
            id=id_,
            area=Area.DISK,
            status=Status.BAD,
            title="A newer ArcDesk wrote the conversations",
            detail=f"{path} has version {version}, this ArcDesk knows {VERSION}.",
            fix="Use the newer ArcDesk, or move the file away.",
        )
    return ok(
        id_, Area.DISK, "The conversations are sound", f"{path}, {path.stat().st_size / 1e6:.1f}\u202fMB"
    )


def _examine(path: Path) -> tuple[int, str]:
    """Version and SQLite's verdict. Raises sqlite3.Error, OSError."""
    # Without a -wal file nobody has it open, and SQLite need not make one; with it, it must be read.
    in_use = path.with_name(path.name + "-wal").exists()
    address = f"{path.absolute().as_uri()}?mode=ro" + ("" if in_use else "&immutable=1")
    give_up_at = time.monotonic() + HISTORY_PATIENCE_S
    with closing(sqlite3.connect(address, uri=True, timeout=2.0)) as db:
        db.set_progress_handler(lambda: time.monotonic() > give_up_at, _STEPS_BETWEEN_LOOKS)
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    return version, str(verdict)


def _damaged(path: Path, why: str) -> Finding:
    return Finding(
        id="disk.history",
        area=Area.DISK,
        status=Status.BAD,
        title="The conversations are damaged",
        detail=f"{path}: {why}.",
        fix="Keep a copy. ArcDesk sets a damaged file aside when it starts, and begins a new one.",
        command=f"cp {shlex.quote(str(path))} {shlex.quote(str(path) + '.copy')}",
    )


def _unreadable(path: Path, why: str) -> Finding:
    return Finding(
        id="disk.history",
        area=Area.DISK,
        status=Status.BAD,
        title="The conversations can't be read",
        detail=f"{path}: {why}.",
        fix="Give yourself the right to read the file and its folder.",
        command=f"ls -l {shlex.quote(str(path))}",
    )


def modes_finding(folders: list[Path]) -> Finding:
    """Whether others on this computer can read what ArcDesk keeps."""
    if os.name != "posix":
        return unknown("disk.modes", Area.DISK, "Privacy of the files", "Not looked at on this system.")
    open_folders = [folder for folder in folders if folder.is_dir() and folder.stat().st_mode & 0o077]
    # A folder that is closed to others closes all that is in it.
    readable = [path for folder in open_folders for path in _files(folder) if path.stat().st_mode & 0o044]
    if not readable:
        return ok("disk.modes", Area.DISK, "Only you can read ArcDesk's files")
    names = ", ".join(str(path) for path in readable[:3]) + (" …" if len(readable) > 3 else "")
    where = " ".join(shlex.quote(str(folder)) for folder in open_folders)
    return Finding(
        id="disk.modes",
        area=Area.DISK,
        status=Status.WARN,
        title="Others on this computer can read ArcDesk's files",
        detail=names,
        fix="Close the folders to others.",
        command=f"chmod -R go-rwx {where}",
    )


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            count += 1
            if count > FILES_LOOKED_AT:
                return
            if path.exists() and stat.S_ISREG(path.stat().st_mode):
                yield path
