"""The rig's own parts: who shares a daemon, where Debian comes from, what a content hash tells apart."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.base_rootfs import mirror
from tests.rig.content_hash import content_hash
from tests.rig.dockerd import answers
from tests.rig.errors import RigUnavailable
from tests.rig.ledger import Ledger
from tests.rig.paths import REPOSITORY, locked_version
from tests.rig.private_engine import isolated_network
from tests.rig.process import is_alive, start_ticks
from tests.rig.shared_engine import SharedEngine

USER = """
import sys
from pathlib import Path
from tests.rig.shared_engine import SharedEngine
shared = SharedEngine(folder=Path(sys.argv[1]), options=tuple(sys.argv[2:]))
print(shared.join(), flush=True)
sys.stdin.read()
shared.leave()
"""


@pytest.fixture
def options() -> Iterator[tuple[str, ...]]:
    with isolated_network() as options:
        yield options


@pytest.mark.docker
def test_two_processes_share_a_daemon_and_the_last_one_stops_it(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    first, second = (_user(tmp_path, options) for _ in range(2))
    with first, second:
        hosts = {_said(first), _said(second)}
        assert len(hosts) == 1
        (host,) = hosts

        first.communicate()
        assert answers(host)
        second.communicate()
        assert not answers(host)
    assert (first.returncode, second.returncode) == (0, 0)
    assert not Path(host.removeprefix("unix://")).parent.exists()


@pytest.mark.docker
def test_a_user_that_was_killed_does_not_keep_the_daemon_up(tmp_path: Path, options: tuple[str, ...]) -> None:
    shared = SharedEngine(folder=tmp_path, options=options)
    host = shared.join()
    with _user(tmp_path, options) as lost:
        assert _said(lost) == host
        assert len(shared.users()) == 2
        lost.kill()
    shared.leave()
    assert not answers(host)


def test_a_record_counts_each_process_and_forgets_the_dead(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "record.json")
    for _ in range(2):
        with ledger.open() as record:
            record.add_me()
    with ledger.open() as record:
        record.remove_me()
        record.users["999999999:1"] = 1
    with ledger.open() as record:
        assert list(record.users.values()) == [1]
        record.remove_me()
        assert record.is_unused


def test_a_broken_record_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text('{"facts": {"pid"', encoding="utf-8")
    with Ledger(tmp_path / "record.json").open() as record:
        assert record.is_unused


def test_an_ended_child_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.DEVNULL) as child:
        assert start_ticks(child.pid) is not None
        child.wait()
        assert not is_alive(child.pid)


DEB822 = """# a comment
Types: deb
URIs: http://mirror.invalid/security
Suites: bookworm-security

Types: deb deb-src
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main
"""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("sources.list.d/debian.sources", DEB822),
        ("sources.list", "# old\ndeb http://mirror.invalid/debian bookworm main\n"),
        (
            "sources.list.d/a.list",
            "deb [arch=amd64 signed-by=/k] http://mirror.invalid/debian bookworm main\n",
        ),
        ("sources.list", "deb [ arch=amd64 ] http://mirror.invalid/debian bookworm main\n"),
    ],
)
def test_the_mirror_is_the_one_that_apt_uses(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert mirror(tmp_path) == "http://mirror.invalid/debian"


@pytest.mark.parametrize("text", ["", DEB822.replace("Types", "Enabled: no\nTypes")])
def test_without_a_mirror_the_rig_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(text, encoding="utf-8")
    with pytest.raises(RigUnavailable, match="no source for Debian bookworm"):
        mirror(tmp_path)


def test_a_content_hash_knows_where_a_part_ends(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("b", encoding="utf-8")
    assert content_hash("a", "b") == content_hash("a", tmp_path / "file")
    assert content_hash("a", "b") != content_hash("ab", "")


def test_the_rig_runs_the_llama_that_the_project_pins() -> None:
    assert f"xllamacpp=={locked_version('xllamacpp')}" in (REPOSITORY / "requirements.lock").read_text()
    with pytest.raises(LookupError):
        locked_version("xllama")


def _user(folder: Path, options: tuple[str, ...]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", USER, str(folder), *options]
    return subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
