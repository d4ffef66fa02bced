"""The examination of ArcDesk's own folders, on real files, damaged and whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from arcdesk.core.doctor import Finding, Status, exit_code
from arcdesk.storage import paths
from arcdesk.storage.doctor_disk import disk_findings, history_finding, modes_finding, settings_findings
from arcdesk.storage.history_db import FILE_NAME, HistoryDb
from arcdesk.storage.history_schema import VERSION


def by_id(findings: list[Finding]) -> dict[str, Finding]:
    return {found.id: found for found in findings}


async def make_history(path: Path) -> None:
    db = HistoryDb(path)
    await db.create("A chat")
    await db.aclose()


def test_a_new_home_is_fine_and_stays_empty(own_home: Path) -> None:
    before = sorted(own_home.rglob("*"))
    findings = disk_findings({})
    assert exit_code(findings) == 0
    assert {found.status for found in findings} == {Status.OK}
    assert sorted(own_home.rglob("*")) == before  # looking makes nothing


def test_a_file_where_a_folder_should_be_is_bad(own_home: Path) -> None:
    (own_home / "data" / "arcdesk").write_text("")
    found = by_id(disk_findings({}))
    assert found["disk.conversations"].status is Status.BAD
    assert "disk.folders" not in found


async def test_a_sound_history_is_ok_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    await make_history(path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert history_finding(path).status is Status.OK
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


async def test_a_history_in_use_is_read_beside_its_user(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    db = HistoryDb(path)
    await db.create("A chat")
    assert path.with_name(FILE_NAME + "-wal").exists()
    found = history_finding(path)
    await db.create("Another")
    assert len(await db.conversations()) == 2
    await db.aclose()
    assert found.status is Status.OK


def test_garbage_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"this is no database, and long enough to be taken for one" * 100)
    found = history_finding(path)
    assert (found.status, found.title) == (Status.BAD, "The conversations are damaged")
    assert found.command.startswith("cp ")


async def test_a_torn_page_is_found(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    await make_history(path)
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size : root * size] = b"\xff" * size
    path.write_bytes(data)
    assert history_finding(path).status is Status.BAD


async def test_the_file_of_a_newer_arcdesk_is_told(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    await make_history(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 7}")
    found = history_finding(path)
    assert (found.status, str(VERSION + 7) in found.detail) == (Status.BAD, True)


def test_mistakes_in_the_settings_are_findings() -> None:
    folder = paths.ensure_dir(paths.config_dir())
    (folder / "config.toml").write_text('[general]\ntheme = "pink"\n')
    (found,) = settings_findings({})
    assert found.status is Status.WARN
    assert "theme" in found.title
    (folder / "config.toml").write_text("this is no TOML")
    (found,) = settings_findings({})
    assert found.status is Status.WARN
    assert "config.toml" in found.detail


def test_files_open_to_others_are_told_with_the_way_to_close_them(tmp_path: Path) -> None:
    folder = tmp_path / "it's mine"
    folder.mkdir(mode=0o755)
    (folder / "history.db").write_text("")
    (folder / "history.db").chmod(0o600)
    assert modes_finding([folder]).status is Status.OK
    (folder / "history.db").chmod(0o644)
    found = modes_finding([folder])
    assert found.status is Status.WARN
    assert found.command == f"chmod -R go-rwx '{tmp_path}/it'\"'\"'s mine'"
    folder.chmod(0o700)
    assert modes_finding([folder]).status is Status.OK  # nobody gets in
