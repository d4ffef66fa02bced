"""Moving models: to the same disk, to another one, and all that may go wrong on the way."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcdesk.core.errors import ArcDeskError
from arcdesk.core.models import ModelEntry
from arcdesk.core.settings import Settings
from arcdesk.storage import model_copy, model_move
from arcdesk.storage.model_cache import ModelCache
from arcdesk.storage.model_disk import ModelDisk
from arcdesk.storage.model_folders import ModelFolder, folder_entries
from arcdesk.storage.model_problems import ModelError
from tests.unit.storage.model_rig import (
    cache_model,
    gguf,
    plain_model,
    set_immutable,
    tree,
    whole_files,
)


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "hub"


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the test's."""
    for base in ("/dev/shm", "/run", "/var/tmp", str(Path.home())):
        if os.access(base, os.W_OK) and os.stat(base).st_dev != tmp_path.stat().st_dev:
            with tempfile.TemporaryDirectory(prefix="arcdesk-test-", dir=base) as folder:
                yield Path(folder)
            return
    pytest.fail("this computer has one file system only")


def cached(hub: Path) -> ModelEntry:
    folder = cache_model(hub, "org/m", {**whole_files(), "sub/extra.json": b"{}"})
    (folder / "blobs" / "x.incomplete").write_bytes(b"half")
    (entry,) = ModelCache().entries(hub)
    return entry


def moved(entry: ModelEntry, folder: Path, root: Path, told: list[tuple[int, int]] | None = None) -> str:
    steps = told if told is not None else []
    plan = model_move.plan_move(entry, folder, [root])
    return model_move.do_move(plan, lambda done, total: steps.append((done, total)), lambda: False)


def never(_done: int, _total: int) -> None:
    pass


def cause(caught: pytest.ExceptionInfo[ArcDeskError]) -> str:
    return caught.value.problem.cause


class TestAnotherDisk:
    def test_a_model_of_the_cache_keeps_its_layout(self, hub: Path, other_disk: Path) -> None:
        entry = cached(hub)
        before = tree(Path(entry.path))
        told: list[tuple[int, int]] = []
        path = moved(entry, other_disk, hub, told)
        assert path == str(other_disk / "hub" / "models--org--m")
        assert tree(Path(path)) == before
        assert not Path(entry.path).exists()
        (there,) = ModelCache().entries(other_disk / "hub")
        assert (there.id, there.size_bytes, there.troubles) == (entry.id, entry.size_bytes, entry.troubles)
        dones = [done for done, _ in told]
        assert dones == sorted(dones) and told[-1][0] == told[-1][1] > 2 * (entry.size_bytes or 0)
        assert [path.name for path in (other_disk / "hub").iterdir()] == ["models--org--m"]

    def test_times_and_modes_come_along(self, hub: Path, other_disk: Path) -> None:
        entry = cached(hub)
        blob = next(one for one in Path(entry.path, "blobs").iterdir() if len(one.name) == 64)
        blob.chmod(0o640)
        os.utime(blob, (1_000_000_000, 1_000_000_000))
        there = Path(moved(entry, other_disk, hub)) / "blobs" / blob.name
        assert there.stat().st_mtime == 1_000_000_000 and there.stat().st_mode & 0o777 == 0o640

    def test_blobs_of_the_common_store_come_along_as_files(self, hub: Path, other_disk: Path) -> None:
        entry = cached(hub)
        blob = next(one for one in Path(entry.path, "blobs").iterdir() if len(one.name) == 64)
        content = blob.read_bytes()
        store = hub / "blobs" / "ab" / "payload"
        store.parent.mkdir(parents=True)
        blob.rename(store)
        blob.symlink_to("../../blobs/ab/payload")
        there = Path(moved(entry, other_disk, hub)) / "blobs" / blob.name
        assert not there.is_symlink() and there.read_bytes() == content
        assert store.read_bytes() == content

    def test_a_folder_and_a_series_of_files(self, tmp_path: Path, other_disk: Path) -> None:
        mine = tmp_path / "mine"
        before = tree(plain_model(mine / "m"))
        for number in (1, 2):
            (mine / f"big-{number:05}-of-00002.gguf").write_bytes(gguf())
        series, folder = folder_entries(ModelFolder(path=mine))
        assert moved(folder, other_disk, mine) == str(other_disk / "m")
        assert tree(other_disk / "m") == before
        assert moved(series, other_disk, mine) == str(other_disk / "big-00001-of-00002.gguf")
        assert (other_disk / "big-00002-of-00002.gguf").exists() and list(mine.iterdir()) == []

    def test_stopping_leaves_the_old_place_whole_and_nothing_at_the_new_one(
        self, hub: Path, other_disk: Path
    ) -> None:
        entry = cached(hub)
        before = tree(hub)
        total = len(list(_steps(entry, other_disk, hub)))
        assert total > 8
        for stop_at in range(total):
            plan = model_move.plan_move(entry, other_disk, [hub])
            answers = iter([False] * stop_at)
            with pytest.raises(ModelError) as caught:
                model_move.do_move(plan, never, lambda answers=answers: next(answers, True))  # type: ignore[misc]
            assert cause(caught) == "stopped"
            assert tree(hub) == before
            assert list((other_disk / "hub").iterdir()) == []

    def test_a_file_that_changes_meanwhile(self, hub: Path, other_disk: Path) -> None:
        entry = cached(hub)
        partial = Path(entry.path, "blobs", "x.incomplete")
        plan = model_move.plan_move(entry, other_disk, [hub])

        def download_goes_on(done: int, total: int) -> None:
            if done == total:
                partial.write_bytes(b"more than half")

        with pytest.raises(ModelError) as caught:
            model_move.do_move(plan, download_goes_on, lambda: False)
        assert cause(caught) == "model_changed"
        assert Path(entry.path).exists() and list((other_disk / "hub").iterdir()) == []

    def test_too_little_space_is_told_before(
        self, hub: Path, other_disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = cached(hub)
        free = shutil.disk_usage(other_disk).free
        blob = Path(entry.path, "blobs", "big")
        with blob.open("wb") as file:
            file.truncate(free + 1)  # sparse
        with pytest.raises(ModelError) as caught:
            model_move.plan_move(entry, other_disk, [hub])
        assert cause(caught) == "disk_full" and "GB" in caught.value.problem.detail
        assert list(other_disk.iterdir()) == []

    def test_a_disk_that_takes_no_large_files(self, hub: Path, other_disk: Path) -> None:
        """In a child whose writes the kernel refuses beyond 50 bytes, in the middle of a file."""
        entry = cached(hub)
        before = tree(hub)
        child = (
            "import resource, signal, sys\n"
            "from pathlib import Path\n"
            "from arcdesk.storage import model_move\n"
            "from arcdesk.storage.model_cache import ModelCache\n"
            "hub, to = Path(sys.argv[1]), Path(sys.argv[2])\n"
            "plan = model_move.plan_move(ModelCache().entries(hub)[0], to, [hub])\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))\n"
            "try:\n"
            "    model_move.do_move(plan, lambda done, total: None, lambda: False)\n"
            "except model_move.model_problems.ModelError as error:\n"
            "    print(error.problem.cause)\n"
        )
        command = [sys.executable, "-c", child, str(hub), str(other_disk)]
        said = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
        )
        assert said.stdout.strip() == "model_too_large"
        assert tree(hub) == before and list((other_disk / "hub").iterdir()) == []
        assert Path(entry.path).exists()

    @pytest.mark.parametrize("by", ["the next move", "the next start"])
    def test_a_move_that_was_killed_leaves_the_model_and_soon_no_rubbish(
        self, hub: Path, other_disk: Path, by: str
    ) -> None:
        entry = cached(hub)
        before = tree(hub)
        child = (
            "import os, signal, sys\n"
            "from pathlib import Path\n"
            "from arcdesk.storage import model_move\n"
            "from arcdesk.storage.model_cache import ModelCache\n"
            "hub, to = Path(sys.argv[1]), Path(sys.argv[2])\n"
            "plan = model_move.plan_move(ModelCache().entries(hub)[0], to, [hub])\n"
            "die = lambda done, total: done > total / 2 and os.kill(os.getpid(), signal.SIGKILL)\n"
            "model_move.do_move(plan, die, lambda: False)\n"
        )
        command = [sys.executable, "-c", child, str(hub), str(other_disk)]
        assert subprocess.run(command, check=False, cwd=Path(__file__).parents[3]).returncode < 0
        assert tree(hub) == before
        (left,) = (other_disk / "hub").iterdir()
        assert left.name.startswith(model_move.UNFINISHED) and tree(left)
        if by == "the next move":
            moved(entry, other_disk, hub)
            assert [path.name for path in (other_disk / "hub").iterdir()] == ["models--org--m"]
        else:
            settings = Settings(model_folders=str(other_disk))
            disk = ModelDisk(lambda: settings, environ={"HF_HUB_CACHE": str(hub)})
            asyncio.run(disk.empty_asides())
            assert list((other_disk / "hub").iterdir()) == [] and tree(hub) == before

    def test_rubbish_is_not_deleted_through_a_link(self, other_disk: Path, tmp_path: Path) -> None:
        mine = plain_model(tmp_path / "mine")
        before = tree(mine)
        (other_disk / f"{model_move.UNFINISHED}0").symlink_to(mine)
        model_move.empty_unfinished(other_disk)
        assert tree(mine) == before

    def test_a_pipe_among_the_files_holds_up_nobody(self, tmp_path: Path, other_disk: Path) -> None:
        folder = plain_model(tmp_path / "mine" / "m")
        (entry,) = folder_entries(ModelFolder(path=tmp_path / "mine"))
        os.mkfifo(folder / "pipe")
        with pytest.raises(ModelError) as caught:
            moved(entry, other_disk, tmp_path / "mine")
        assert "neither a file" in caught.value.problem.detail
        assert (folder / "model.safetensors").exists() and list(other_disk.iterdir()) == []

    def test_a_copy_that_reads_back_differently(
        self, hub: Path, other_disk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = cached(hub)
        before = tree(hub)

        def spoil(handle: int) -> None:
            os.lseek(handle, 0, os.SEEK_SET)
            os.write(handle, b"!")

        monkeypatch.setattr(model_copy, "_forget_cached", spoil)  # a disk that does not keep what it got
        with pytest.raises(ModelError) as caught:
            moved(entry, other_disk, hub)
        assert cause(caught) == "model_bad_copy"
        assert tree(hub) == before and list((other_disk / "hub").iterdir()) == []

    def test_an_old_place_that_can_not_be_emptied_is_told(self, tmp_path: Path, other_disk: Path) -> None:
        mine = tmp_path / "mine"
        folder = plain_model(mine / "m")
        (entry,) = folder_entries(ModelFolder(path=mine))
        set_immutable(folder / "model.safetensors", True)
        try:
            with pytest.raises(ModelError) as caught:
                moved(entry, other_disk, mine)
        finally:
            set_immutable(folder / "model.safetensors", False)
        assert cause(caught) == "model_left_behind"
        assert (folder / "model.safetensors").exists()
        assert (other_disk / "m" / "model.safetensors").exists()


def _steps(entry: ModelEntry, to: Path, hub: Path) -> list[int]:
    """How often a copy asks whether to go on; it is undone."""
    plan = model_move.plan_move(entry, to, [hub])
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return False

    path = model_move.do_move(plan, never, should_stop)
    shutil.copytree(path, entry.path, symlinks=True)
    shutil.rmtree(path)
    return asked


class TestSameDisk:
    def test_it_is_a_rename(self, hub: Path, tmp_path: Path) -> None:
        entry = cached(hub)
        inode = os.stat(entry.path).st_ino
        before = tree(Path(entry.path))
        path = moved(entry, tmp_path / "big", hub)
        assert os.stat(path).st_ino == inode and tree(Path(path)) == before
        assert path == str(tmp_path / "big" / "hub" / "models--org--m")

    def test_into_a_folder_that_is_a_cache(self, hub: Path, tmp_path: Path) -> None:
        cache_model(tmp_path / "other", "org/x", whole_files())
        assert moved(cached(hub), tmp_path / "other", hub) == str(tmp_path / "other" / "models--org--m")

    def test_a_model_of_that_name_is_there(self, hub: Path, tmp_path: Path) -> None:
        entry = cached(hub)
        (tmp_path / "big" / "hub" / "models--org--m").mkdir(parents=True)
        for folder in (tmp_path / "big", hub, Path(entry.path)):
            with pytest.raises(ModelError) as caught:
                model_move.plan_move(entry, folder, [hub])
            assert cause(caught) == "model_exists"

    def test_a_model_in_use_stays(self, hub: Path, tmp_path: Path) -> None:
        with pytest.raises(ModelError) as caught:
            model_move.plan_move(cached(hub), tmp_path / "big", [hub], in_use={"org/m"})
        assert cause(caught) == "model_in_use"

    def test_a_link_to_the_common_store_is_not_just_renamed(self, hub: Path, tmp_path: Path) -> None:
        entry = cached(hub)
        store = hub / "blobs" / "payload"
        store.parent.mkdir()
        store.write_bytes(b"weights")
        Path(entry.path, "blobs", "shared").symlink_to("../../blobs/payload")
        path = moved(entry, tmp_path / "far" / "away", hub)
        assert (Path(path) / "blobs" / "shared").read_bytes() == b"weights"
        assert not (Path(path) / "blobs" / "shared").is_symlink()

    def test_a_target_that_takes_nothing(self, hub: Path, tmp_path: Path) -> None:
        entry = cached(hub)
        (tmp_path / "file").touch()
        with pytest.raises(ModelError) as caught:
            moved(entry, tmp_path / "file", hub)
        assert cause(caught) == "model_disk" and Path(entry.path).exists()
