"""A lock that one program of a person holds at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from arcdesk.core.errors import ArcDeskError
from arcdesk.storage.file_lock import held, try_lock

OTHER = """
import sys
from pathlib import Path
from arcdesk.storage.file_lock import held
with held(Path(sys.argv[1])) as is_ours:
    print(is_ours, flush=True)
    sys.stdin.readline()
"""


def test_another_program_has_it_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bench.lock"
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == "True\n"
        with held(path) as is_ours:
            assert not is_ours
    finally:
        other.kill()  # a lock does not outlive its holder
        other.communicate()
    with held(path) as is_ours, held(path) as is_twice:
        assert (is_ours, is_twice) == (True, False)
    with held(path) as is_ours:
        assert is_ours
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_goes_with_the_lock_and_never_with_who_did_not_get_it(tmp_path: Path) -> None:
    path = tmp_path / "bench.lock"
    with held(path) as is_ours:
        with held(path) as is_twice:
            pass
        assert (is_ours, is_twice, path.exists()) == (True, False, True)
    assert not path.exists()


def test_a_file_that_was_removed_before_it_was_locked_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bench.lock"
    opened: list[int] = []

    def lock_late(descriptor: int) -> bool:
        opened.append(descriptor)
        if len(opened) == 1:
            path.unlink()  # its holder ends between our two steps
        return try_lock(descriptor)

    monkeypatch.setattr("arcdesk.storage.file_lock.try_lock", lock_late)
    with held(path) as is_ours:
        monkeypatch.undo()
        with held(path) as is_twice:
            assert (is_ours, is_twice) == (True, False)


def test_many_that_want_it_at_once_never_have_it_two_at_a_time(tmp_path: Path) -> None:
    path, holders, most = tmp_path / "bench.lock", [0], [0]

    def want() -> None:
        for _ in range(300):
            with held(path) as is_ours:
                if is_ours:
                    holders[0] += 1
                    most[0] = max(most[0], holders[0])
                    time.sleep(0)
                    holders[0] -= 1

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_a_folder_that_can_not_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArcDeskError) as refused, held(tmp_path / "file" / "bench.lock"):
        pass
    assert refused.value.problem.title
