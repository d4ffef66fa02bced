"""Removing models: what goes, what never goes, and the way back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from arcdesk.core.errors import ActionKind, ArcDeskError, NotFoundError
from arcdesk.core.models import ModelEntry, Place
from arcdesk.storage import model_remove
from arcdesk.storage.model_cache import ModelCache
from arcdesk.storage.model_folders import ASIDE_FOLDER, ModelFolder, folder_entries
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
    return tmp_path / "hub"


def cached(hub: Path, repo: str = "org/m") -> ModelEntry:
    cache_model(hub, repo, whole_files())
    return next(entry for entry in ModelCache().entries(hub) if entry.id == repo)


def in_folder(folder: Path) -> ModelEntry:
    (entry,) = folder_entries(ModelFolder(path=folder))
    return entry


def cause(caught: pytest.ExceptionInfo[ArcDeskError]) -> str:
    return caught.value.problem.cause


def test_a_model_of_the_cache_goes_and_its_neighbour_stays(hub: Path) -> None:
    cached(hub, "org/other")
    kept = tree(hub)
    entry = cached(hub)
    removal = model_remove.plan_removal(entry, [hub])
    held = sum(
        path.stat().st_size
        for path in Path(entry.path).rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    assert removal.size_bytes == held and removal.shared_bytes == 0
    assert removal.files == 4  # three blobs and the ref
    assert model_remove.remove(removal) == held
    assert tree(hub) == kept


def test_undo_brings_everything_back(hub: Path) -> None:
    entry = cached(hub)
    before = tree(hub)
    aside = model_remove.set_aside(model_remove.plan_removal(entry, [hub]))
    assert ModelCache().entries(hub) == []
    model_remove.restore(aside)
    assert tree(hub) == before


def test_undo_does_not_overwrite_what_took_the_place(hub: Path) -> None:
    aside = model_remove.set_aside(model_remove.plan_removal(cached(hub), [hub]))
    cache_model(hub, "org/m", {"config.json": b"newer"})
    with pytest.raises(ModelError) as caught:
        model_remove.restore(aside)
    assert cause(caught) == "model_exists"
    assert model_remove.purge(aside) > 0
    with pytest.raises(NotFoundError):
        model_remove.restore(aside)


def test_what_an_earlier_run_set_aside_is_emptied(hub: Path, tmp_path: Path) -> None:
    folder = plain_model(tmp_path / "mine" / "m").parent
    sizes = 0
    for entry, root in ((cached(hub), hub), (in_folder(folder), folder)):
        removal = model_remove.plan_removal(entry, [root])
        model_remove.set_aside(removal)
        sizes += removal.size_bytes
    assert model_remove.empty_asides([hub, folder, tmp_path / "none"]) == sizes
    assert not (hub / ASIDE_FOLDER).exists() and not (folder / ASIDE_FOLDER).exists()


def test_emptying_does_not_go_through_a_link(hub: Path, tmp_path: Path) -> None:
    precious = plain_model(tmp_path / "precious" / "x")
    hub.mkdir()
    (hub / ASIDE_FOLDER).symlink_to(precious.parent)
    assert model_remove.empty_asides([hub]) == 0
    (hub / ASIDE_FOLDER).unlink()
    (hub / ASIDE_FOLDER / "one").mkdir(parents=True)
    (hub / ASIDE_FOLDER / "one" / "link").symlink_to(precious)
    model_remove.empty_asides([hub])
    assert not (hub / ASIDE_FOLDER).exists()
    assert len(list(precious.iterdir())) == 3


def test_links_out_of_the_model_keep_their_targets(hub: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.bin"
    outside.write_bytes(b"x" * 100)
    entry = cached(hub)
    (Path(entry.path) / "blobs" / "shared").symlink_to(outside)
    (Path(entry.path) / "folder").symlink_to(tmp_path)
    removal = model_remove.plan_removal(entry, [hub])
    assert removal.files == 4
    model_remove.remove(removal)
    assert outside.read_bytes() == b"x" * 100


def test_what_another_name_holds_is_not_counted_as_freed(hub: Path, tmp_path: Path) -> None:
    entry = cached(hub)
    blob = next(one for one in (Path(entry.path) / "blobs").iterdir() if len(one.name) == 64)
    os.link(blob, tmp_path / "kept.safetensors")
    size = blob.stat().st_size
    removal = model_remove.plan_removal(entry, [hub])
    assert removal.shared_bytes == size
    assert model_remove.remove(removal) == removal.size_bytes
    assert (tmp_path / "kept.safetensors").stat().st_size == size


def test_a_series_of_files_goes_together(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"big-{number:05}-of-00002.gguf").write_bytes(gguf())
    (tmp_path / "big-00001-of-00003.gguf").write_bytes(gguf())
    entry = next(one for one in folder_entries(ModelFolder(path=tmp_path)) if "00002" in one.path[-11:])
    assert model_remove.plan_removal(entry, [tmp_path]).files == 2
    model_remove.remove(model_remove.plan_removal(entry, [tmp_path]))
    assert [path.name for path in tmp_path.iterdir()] == ["big-00001-of-00003.gguf"]


class TestRefusals:
    @pytest.mark.parametrize("named", ["id", "path", "snapshot"])
    def test_a_model_in_use(self, hub: Path, named: str) -> None:
        entry = cached(hub)
        with pytest.raises(ModelError) as caught:
            model_remove.plan_removal(entry, [hub], in_use={getattr(entry, named)})
        assert cause(caught) == "model_in_use"

    def test_nobody_uses_a_model_without_a_name(self, hub: Path) -> None:
        assert model_remove.plan_removal(cached(hub), [hub], in_use={""}).files == 4

    @pytest.mark.parametrize("place", [Place.STARTER, Place.SERVER])
    def test_what_is_not_the_persons(self, hub: Path, place: Place) -> None:
        with pytest.raises(ModelError) as caught:
            model_remove.plan_removal(replace(cached(hub), place=place), [hub])
        assert cause(caught) == "model_not_yours_to_remove"

    def test_a_path_elsewhere(self, hub: Path, tmp_path: Path) -> None:
        entry = cached(hub)
        for path in (str(tmp_path), "/etc", str(hub), str(hub / ".." / "hub-2")):
            (tmp_path / "hub-2").mkdir(exist_ok=True)
            with pytest.raises(ModelError) as caught:
                model_remove.plan_removal(replace(entry, path=os.path.normpath(path)), [hub])
            assert cause(caught) == "model_outside"

    def test_a_link_and_what_lies_behind_one(self, tmp_path: Path) -> None:
        real = plain_model(tmp_path / "elsewhere" / "m")
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "m").symlink_to(real)
        (folder / "way").symlink_to(real.parent)
        entry = replace(in_folder(folder), path=str(folder / "m"))
        for path in (folder / "m", folder / "way" / "m"):
            with pytest.raises(ModelError) as caught:
                model_remove.plan_removal(replace(entry, path=str(path)), [folder])
            assert cause(caught) == "model_link"
        assert len(list(real.iterdir())) == 3

    def test_a_cache_that_is_itself_behind_a_link_is_fine(self, tmp_path: Path) -> None:
        real, hub = tmp_path / "big-disk", tmp_path / "cache" / "hub"
        real.mkdir()
        hub.parent.mkdir()
        hub.symlink_to(real)
        entry = cached(hub)
        assert model_remove.remove(model_remove.plan_removal(entry, [hub])) > 0
        assert list(real.iterdir()) == []

    def test_a_model_that_is_gone(self, hub: Path) -> None:
        entry = cached(hub)
        removal = model_remove.plan_removal(entry, [hub])
        model_remove.remove(removal)
        for attempt in (
            lambda: model_remove.plan_removal(entry, [hub]),
            lambda: model_remove.set_aside(removal),
        ):
            with pytest.raises(NotFoundError) as caught:
                attempt()
            assert cause(caught) == "model_gone"
        assert list(hub.iterdir()) == []

    def test_files_that_may_not_be_moved(self, hub: Path) -> None:
        entry = cached(hub)
        removal = model_remove.plan_removal(entry, [hub], uid=os.getuid() + 1)
        assert removal.has_foreign
        before = tree(Path(entry.path))
        set_immutable(Path(entry.path), True)
        try:
            with pytest.raises(ModelError) as caught:
                model_remove.remove(removal)
        finally:
            set_immutable(Path(entry.path), False)
        assert cause(caught) == "model_not_yours"
        assert caught.value.problem.actions[0].kind is ActionKind.OWN_CACHE
        assert tree(Path(entry.path)) == before and list(hub.iterdir()) == [Path(entry.path)]

    def test_what_could_not_be_deleted_is_not_counted(self, hub: Path) -> None:
        entry = cached(hub)
        aside = model_remove.set_aside(model_remove.plan_removal(entry, [hub]))
        stuck = next(one for one in Path(aside.folder).rglob("blobs/*") if len(one.name) == 64)
        size = stuck.stat().st_size
        set_immutable(stuck, True)
        try:
            with pytest.raises(ModelError):
                model_remove.purge(aside)
            assert model_remove.empty_asides([hub]) == 0
            assert stuck.exists()
        finally:
            set_immutable(stuck, False)
        assert model_remove.empty_asides([hub]) >= size
        assert not stuck.exists()


def test_a_person_whose_files_are_roots(tmp_path: Path) -> None:
    """The real thing: another user, and files that only root may read or move."""
    if os.geteuid() != 0:
        return  # nobody here could give files to another user, and nothing is claimed
    person = 12345
    hub = Path(tempfile.mkdtemp(prefix="arcdesk-test-", dir="/tmp"))
    try:
        own = cache_model(hub, "org/own", whole_files())
        by_root = cache_model(hub, "org/by-root", whole_files())
        hidden = cache_model(hub, "org/hidden", whole_files())
        (hidden / "snapshots").chmod(0o700)
        for path in (hub, own, *own.rglob("*")):
            os.chown(path, person, person, follow_symlinks=False)
        command = [sys.executable, str(Path(__file__).with_name("model_person.py")), str(hub), str(person)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
            env=_with_path(),
        )
        assert json.loads(done.stdout) == {
            "org/own": [],
            "org/by-root": ["not yours"],
            "org/hidden": ["not yours", "unreadable"],
            "removed org/own": True,
            "removed org/by-root": "model_not_yours",
            "removed org/hidden": "model_not_yours",
        }
        assert sorted(path.name for path in hub.iterdir()) == [by_root.name, hidden.name]
    finally:
        shutil.rmtree(hub)


def _with_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONDONTWRITEBYTECODE": "1"}
