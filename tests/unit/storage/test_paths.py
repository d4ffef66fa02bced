"""Folders: where they are, that they are private, and what is said when they can't be."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from arcdesk.core.errors import ArcDeskError
from arcdesk.storage import paths

FOLDERS = {
    "XDG_CONFIG_HOME": paths.config_dir,
    "XDG_DATA_HOME": paths.data_dir,
    "XDG_STATE_HOME": paths.state_dir,
    "XDG_CACHE_HOME": paths.cache_dir,
    "XDG_RUNTIME_DIR": paths.runtime_dir,
}


@pytest.mark.parametrize("variable", FOLDERS)
def test_folders_follow_their_variable_and_are_not_made_yet(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "base"))
    assert FOLDERS[variable]() == tmp_path / "base" / "arcdesk"
    assert not (tmp_path / "base").exists()


def test_without_a_runtime_folder_a_private_one_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert paths.runtime_dir() == tmp_path / "arcdesk" / "run"


def test_a_folder_is_made_private_and_an_existing_one_left_alone(tmp_path: Path) -> None:
    new = paths.ensure_dir(tmp_path / "a" / "b")
    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    new.chmod(0o755)
    paths.ensure_dir(new)
    assert stat.S_IMODE(new.stat().st_mode) == 0o755


def test_each_folder_that_was_missing_is_made_private(tmp_path: Path) -> None:
    paths.ensure_dir(tmp_path / "state" / "arcdesk" / "log")
    for made in ("state", "state/arcdesk", "state/arcdesk/log"):
        assert stat.S_IMODE((tmp_path / made).stat().st_mode) == 0o700, made


def test_our_folder_that_was_open_to_all_is_mended_and_no_other(tmp_path: Path) -> None:
    ours = tmp_path / "state" / "arcdesk"
    ours.mkdir(parents=True)
    for folder in (ours, ours.parent):
        folder.chmod(0o755)
    paths.make_state(ours / "log")
    assert [stat.S_IMODE(one.stat().st_mode) for one in (ours.parent, ours, ours / "log")] == [
        0o755,
        0o700,
        0o700,
    ]
    (tmp_path / "own").mkdir()
    (tmp_path / "own").chmod(0o755)
    paths.make_state(tmp_path / "own" / "log")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o755


def test_a_folder_below_a_file_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArcDeskError) as told:
        paths.ensure_dir(tmp_path / "file" / "folder")
    assert told.value.problem.title == f"ArcDesk can't write to {tmp_path / 'file' / 'folder'}"
    assert told.value.problem.hint


def test_free_name_counts_on(tmp_path: Path) -> None:
    wanted = tmp_path / "x"
    names = []
    for _ in range(3):
        names.append(paths.free_name(wanted).name)
        paths.free_name(wanted).touch()
    assert names == ["x", "x-2", "x-3"]
