"""A lock that one program of a person holds at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from arcdesk.core.errors import ArcDeskError
from arcdesk.storage.file_lock import held

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


def test_a_folder_that_can_not_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArcDeskError) as refused, held(tmp_path / "file" / "bench.lock"):
        pass
    assert refused.value.problem.title
