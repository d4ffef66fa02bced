"""The memory of unfinished downloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcdesk.core.downloads import DownloadRecord
from arcdesk.core.errors import ArcDeskError
from arcdesk.storage.download_state import DownloadState

RECORD = DownloadRecord(
    repo="org/model",
    revision="v1",
    commit="c" * 40,
    file="m.gguf",
    done_bytes=5,
    total_bytes=None,
    partials=("a.incomplete",),
)


def test_what_was_kept_comes_back_and_is_private(tmp_path: Path) -> None:
    state = DownloadState(tmp_path / "deep" / "downloads.json")
    state.save((RECORD, DownloadRecord(repo="org/other", total_bytes=7)))
    assert DownloadState(state.path).load() == (RECORD, DownloadRecord(repo="org/other", total_bytes=7))
    assert state.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in state.path.parent.iterdir()] == ["downloads.json"]
    state.save(())
    assert state.load() == ()


def test_without_downloads_no_file_is_made(own_home: Path) -> None:
    DownloadState().save(())
    assert not DownloadState().path.exists() and DownloadState().load() == ()
    assert own_home in DownloadState().path.parents


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"version": 9}', '{"version": 1, "downloads": [{"repo": "x"}]}', "[" * 100_000,
     '{"version": 1, "downloads": [7]}', '{"version": 1, "downloads": {}, "x": "\ud800"}'],
)  # fmt: skip
def test_a_broken_memory_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "downloads.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert DownloadState(path).load() == ()


def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArcDeskError):
        DownloadState(tmp_path / "file" / "downloads.json").save((RECORD,))
