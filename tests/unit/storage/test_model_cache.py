"""The reader of Hugging Face caches, against real trees and the hub's own library."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir

from arcdesk.core.models import Format, Place, Trouble
from arcdesk.storage.model_cache import ModelCache, hub_folders
from tests.bench.model_list import make_cache
from tests.unit.storage.model_rig import (
    CARD,
    COMMIT,
    CONFIG,
    GGUF_PAIRS,
    OLDER,
    age,
    cache_model,
    gguf,
    safetensors,
    whole_files,
)


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub"


def only(hub: Path, *, uid: int | None = None):  # type: ignore[no-untyped-def]
    (entry,) = ModelCache(uid=uid).entries(hub)
    return entry


def shards(count: int, *, without: int = 0) -> dict[str, bytes]:
    names = [f"model-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)]
    files = {name: safetensors() for number, name in enumerate(names, 1) if number != without}
    index = {"metadata": {"total_size": 64 * count}, "weight_map": dict(enumerate(names))}
    return {**files, "model.safetensors.index.json": json.dumps(index).encode()}


def after_listing(monkeypatch: pytest.MonkeyPatch, folder: Path, then: Callable[[], object]) -> None:
    """Do something when that folder was listed, and nothing in it was looked at yet."""
    scandir = os.scandir

    @contextmanager
    def listing(path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(path) as items:
            found = list(items)
        if path == str(folder):
            then()
        yield iter(found)

    monkeypatch.setattr("arcdesk.storage.model_cache.os.scandir", listing)


class TestWhatIsListed:
    def test_a_whole_model(self, hub: Path) -> None:
        files = whole_files()
        folder = cache_model(hub, "org/tiny-1B", files)
        entry = only(hub)
        assert (entry.id, entry.place, entry.path) == ("org/tiny-1B", Place.CACHE, str(folder))
        assert entry.snapshot == str(folder / "snapshots" / COMMIT) and entry.revision == COMMIT
        assert entry.format is Format.SAFETENSORS
        assert entry.size_bytes == sum(map(len, files.values()))
        assert entry.licence == "apache-2.0"
        assert entry.troubles == () and entry.partial_bytes == 0
        assert entry.config is not None and entry.config.layers == 2 and entry.config.context == 2048
        newest = max(blob.stat().st_mtime for blob in (folder / "blobs").iterdir())
        assert entry.modified_at == newest

    def test_names_without_an_organisation_and_what_is_no_model(self, hub: Path) -> None:
        cache_model(hub, "gpt2", whole_files())
        (hub / ".locks" / "models--gpt2").mkdir(parents=True)
        (hub / "datasets--org--set" / "snapshots").mkdir(parents=True)
        (hub / "blobs").mkdir()
        (hub / "version.txt").touch()
        (hub / "models--a-file").touch()
        assert [entry.id for entry in ModelCache().entries(hub)] == ["gpt2"]

    def test_no_cache_is_no_error(self, tmp_path: Path) -> None:
        assert ModelCache().entries(tmp_path / "none") == []
        (tmp_path / "file").touch()
        assert ModelCache().entries(tmp_path / "file") == []

    def test_a_blob_of_two_revisions_counts_once(self, hub: Path) -> None:
        files = whole_files()
        cache_model(hub, "org/m", files, commit=OLDER)
        cache_model(hub, "org/m", {**files, "README.md": b"other"})
        entry = only(hub)
        assert entry.size_bytes == sum(map(len, files.values())) + len(b"other")
        assert entry.revision == COMMIT

    def test_an_older_whole_revision_is_better_than_a_newer_cut_one(self, hub: Path) -> None:
        folder = cache_model(hub, "org/m", whole_files(), commit=OLDER)
        cache_model(hub, "org/m", {"config.json": b"{}", **shards(3, without=2)})
        entry = only(hub)
        assert entry.revision == OLDER and entry.snapshot == str(folder / "snapshots" / OLDER)
        assert entry.troubles == ()

    def test_files_of_systems_without_links(self, hub: Path) -> None:
        snapshot = hub / "models--org--m" / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        for name, content in whole_files().items():
            (snapshot / name).write_bytes(content)
        assert only(hub).size_bytes == sum(map(len, whole_files().values()))

    def test_blobs_in_the_common_store(self, hub: Path) -> None:
        folder = cache_model(hub, "org/m", whole_files())
        (blob,) = (one for one in (folder / "blobs").iterdir() if len(one.name) == 64)
        store = hub / "blobs" / "ab" / blob.name
        store.parent.mkdir(parents=True)
        before = only(hub)
        blob.rename(store)
        blob.symlink_to(f"../../blobs/ab/{store.name}")
        assert only(hub).size_bytes == before.size_bytes and only(hub).troubles == ()
        store.unlink()
        assert only(hub).troubles == (Trouble.BROKEN_LINKS,)

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("pytorch_model.bin", Format.PYTORCH),
            ("consolidated.00.pth", Format.PYTORCH),
            ("unet/model.safetensors", Format.SAFETENSORS),
            ("model.onnx", Format.OTHER),
            ("training_args.bin", Format.NONE),
            ("optimizer.pt", Format.NONE),
            ("tokenizer.json", Format.NONE),
        ],
    )
    def test_the_format(self, hub: Path, name: str, kind: Format) -> None:
        cache_model(hub, "org/m", {"config.json": b"{}", name: safetensors()})
        assert only(hub).format is kind

    def test_the_best_format_counts(self, hub: Path) -> None:
        cache_model(hub, "org/m", {"pytorch_model.bin": b"x", "flax.msgpack": b"x", **whole_files()})
        assert only(hub).format is Format.SAFETENSORS

    def test_a_gguf_repository_tells_by_its_file(self, hub: Path) -> None:
        cache_model(hub, "org/m-GGUF", {"m.Q4_K_M.gguf": gguf()})
        entry = only(hub)
        assert entry.format is Format.GGUF and entry.licence == "mit" and entry.troubles == ()
        assert entry.config is not None
        assert (entry.config.layers, entry.config.context) == (22, GGUF_PAIRS["llama.context_length"])
        assert entry.config.quantization == "q4_k_m"


class TestLicence:
    @pytest.mark.parametrize(
        ("card", "licence"),
        [
            (CARD, "apache-2.0"),
            ("---\nlicense: other\nlicense_name: tongyi-qianwen\n---\n", "tongyi-qianwen"),
            ("---\nlicense:\n- mit\n- apache-2.0\n---\n", "mit"),
            ('---\r\nlicense: "llama3.1"\r\n---\r\n', "llama3.1"),
            ("---\nlicense: other\n---\n", "other"),
            ("license: mit\n", ""),
            ("---\ntags: []\n---\nlicense: mit\n", ""),
            ("---\nlicense: m\x1b[31mit\n---\n", "m[31mit"),
            ("", ""),
            ("---\n" + "x: y\n" * 5000 + "license: mit\n---", ""),
        ],
    )
    def test_of_the_front_matter(self, hub: Path, card: str, licence: str) -> None:
        cache_model(hub, "org/m", {**whole_files(), "README.md": card.encode()})
        assert only(hub).licence == licence


class TestTroubles:
    def test_a_broken_link(self, hub: Path) -> None:
        folder = cache_model(hub, "org/m", whole_files())
        next(one for one in (folder / "blobs").iterdir() if len(one.name) == 64).unlink()
        entry = only(hub)
        assert entry.troubles == (Trouble.BROKEN_LINKS,) and entry.snapshot == ""
        assert entry.config is not None

    @pytest.mark.parametrize("text", [b"{", b"[]", b"\xff\xfe", b"", b"[" * 100_000, b" " * (5 << 20)])
    def test_a_config_that_is_none(self, hub: Path, text: bytes) -> None:
        cache_model(hub, "org/m", {**whole_files(), "config.json": text})
        entry = only(hub)
        assert entry.troubles == (Trouble.BAD_CONFIG,) and entry.config is None

    def test_missing_shards(self, hub: Path) -> None:
        cache_model(hub, "org/m", {"config.json": b"{}", **shards(4, without=3)})
        entry = only(hub)
        assert entry.troubles == (Trouble.MISSING_SHARDS,) and entry.snapshot == ""

    def test_an_index_without_files(self, hub: Path) -> None:
        files = {name: content for name, content in shards(2).items() if name.endswith(".json")}
        cache_model(hub, "org/m", {"config.json": json.dumps(CONFIG).encode(), **files})
        entry = only(hub)
        assert entry.troubles == (Trouble.MISSING_SHARDS,) and entry.format is Format.NONE

    def test_an_index_of_files_without_numbers(self, hub: Path) -> None:
        index = json.dumps({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}).encode()
        files = {
            "config.json": b"{}",
            "model.safetensors.index.json": index,
            "one.safetensors": safetensors(),
        }
        cache_model(hub, "org/m", files)
        assert only(hub).troubles == (Trouble.MISSING_SHARDS,)
        cache_model(hub, "org/whole", {**files, "two.safetensors": safetensors()})
        assert ModelCache().entries(hub)[1].troubles == ()

    def test_a_download_that_has_not_ended(self, hub: Path) -> None:
        folder = cache_model(hub, "org/m", {"config.json": b"{}"})
        (folder / "blobs" / "abc.1234abcd.incomplete").write_bytes(b"x" * 1000)
        (folder / "blobs" / "def.incomplete").write_bytes(b"")
        entry = only(hub)
        assert entry.troubles == (Trouble.INCOMPLETE,) and entry.partial_bytes == 1000
        assert entry.size_bytes == 2

    def test_files_of_another_user(self, hub: Path) -> None:
        cache_model(hub, "org/m", whole_files())
        assert only(hub, uid=os.getuid()).troubles == ()
        assert only(hub, uid=os.getuid() + 1).troubles == (Trouble.NOT_YOURS,)

    @pytest.mark.parametrize("place", ["blobs", "snapshots", "refs"])
    def test_a_file_where_a_folder_belongs(self, hub: Path, place: str) -> None:
        folder = cache_model(hub, "org/m", whole_files())
        (folder / place).rename(folder / "away")
        (folder / place).touch()
        assert Trouble.UNREADABLE in only(hub).troubles

    def test_links_in_a_circle(self, hub: Path) -> None:
        folder = cache_model(hub, "org/m", {})
        snapshot = folder / "snapshots" / COMMIT
        (snapshot / "config.json").symlink_to("config.json")
        (snapshot / "again").symlink_to(snapshot)
        entry = only(hub)
        assert entry.troubles == (Trouble.BROKEN_LINKS,)

    def test_a_pipe_does_not_hold_us_up(self, hub: Path) -> None:
        snapshot = hub / "models--org--m" / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        os.mkfifo(snapshot / "config.json")
        assert only(hub).troubles == (Trouble.BAD_CONFIG,)

    def test_a_pipe_that_calls_itself_a_gguf_file_neither(self, hub: Path) -> None:
        snapshot = hub / "models--org--m" / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        os.mkfifo(snapshot / "m.gguf")
        assert only(hub).config is None

    def test_a_download_that_ends_between_listing_and_reading(
        self, hub: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = cache_model(hub, "org/m", whole_files())
        partial = folder / "blobs" / "abc.incomplete"
        partial.write_bytes(b"weights")
        (folder / "snapshots" / COMMIT / "extra.safetensors").symlink_to("../../blobs/abc")
        after_listing(monkeypatch, folder / "blobs", lambda: partial.rename(folder / "blobs" / "abc"))
        entry = only(hub)
        assert (folder / "blobs" / "abc").exists() and entry.troubles == ()

    def test_a_model_that_goes_between_listing_and_reading(
        self, hub: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache_model(hub, "org/kept", whole_files())
        gone = cache_model(hub, "org/gone", whole_files())
        after_listing(monkeypatch, hub, lambda: shutil.rmtree(gone))
        assert only(hub).id == "org/kept"
        assert not gone.exists()

    def test_names_with_any_byte(self, hub: Path) -> None:
        folder = cache_model(hub, "org/m", whole_files())
        raw = os.fsencode(folder / "snapshots" / COMMIT) + b"/\xff\n\x1b.safetensors"
        with open(raw, "wb") as file:
            file.write(b"x")
        assert only(hub).format is Format.SAFETENSORS

    def test_empty_and_half_made_repositories(self, hub: Path) -> None:
        (hub / "models--org--empty").mkdir(parents=True)
        (hub / "models--").mkdir()
        cache_model(hub, "org/m", whole_files())
        assert len(ModelCache().entries(hub)) == 3


class TestMemory:
    def test_what_has_not_changed_is_not_read_again(self, hub: Path) -> None:
        cache_model(hub, "org/m", whole_files())
        age(hub)
        cache = ModelCache()
        (first,) = cache.entries(hub)
        (second,) = cache.entries(hub)
        assert second is first

    @pytest.mark.parametrize("change", ["new file", "blob gone", "main moved", "new revision", "partial"])
    def test_every_change_is_seen(self, hub: Path, change: str) -> None:
        folder = cache_model(hub, "org/m", whole_files())
        cache_model(hub, "org/m", whole_files(), commit=OLDER, is_main=False)
        age(hub)
        cache = ModelCache()
        (before,) = cache.entries(hub)
        assert cache.entries(hub)[0] is before
        match change:
            case "new file":
                (folder / "snapshots" / COMMIT / "extra.bin").write_bytes(b"more")
            case "blob gone":
                next(one for one in (folder / "blobs").iterdir() if len(one.name) == 64).unlink()
            case "main moved":
                (folder / "refs" / "main").write_text(OLDER)
            case "new revision":
                cache_model(hub, "org/m", {**whole_files(), "x.txt": b"x"}, commit="a" * 40)
            case "partial":
                (folder / "blobs" / "x.incomplete").write_bytes(b"x")
        (after,) = cache.entries(hub)
        assert after != before
        assert (after,) == tuple(ModelCache().entries(hub))

    def test_a_growing_download_is_seen_each_time(self, hub: Path) -> None:
        folder = cache_model(hub, "org/m", {"config.json": b"{}"})
        partial = folder / "blobs" / "x.incomplete"
        partial.write_bytes(b"x")
        age(hub)
        cache = ModelCache()
        assert cache.entries(hub)[0].partial_bytes == 1
        with partial.open("ab") as file:
            file.write(b"y" * 9)
        assert cache.entries(hub)[0].partial_bytes == 10

    def test_a_mended_owner_is_seen_though_no_folder_changes(self, hub: Path) -> None:
        folder = cache_model(hub, "org/m", whole_files())
        age(hub)
        cache = ModelCache(uid=12345)
        assert cache.entries(hub)[0].troubles == (Trouble.NOT_YOURS,)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 12345, 12345, follow_symlinks=False)
        assert cache.entries(hub)[0].troubles == ()


def test_sizes_and_revisions_agree_with_the_hubs_own_library(hub: Path) -> None:
    make_cache(hub, repositories=30)
    cache_model(hub, "org/two", whole_files())
    cache_model(hub, "org/two", {**whole_files(), "README.md": b"newer"}, commit=OLDER, is_main=False)
    cache_model(hub, "org/deep", {"a/b/c/model.safetensors": safetensors(), "config.json": b"{}"})
    library = {repo.repo_id: repo for repo in scan_cache_dir(hub).repos}
    ours = {entry.id: entry for entry in ModelCache().entries(hub)}
    assert ours.keys() == library.keys() and len(ours) == 32
    for name, repo in library.items():
        assert ours[name].size_bytes == repo.size_on_disk, name
        assert ours[name].path == str(repo.repo_path)
        assert ours[name].modified_at == repo.last_modified
        assert {ours[name].revision} == {rev.commit_hash for rev in repo.revisions if "main" in rev.refs}


class TestWhereCachesAre:
    def test_the_containers_first(self, tmp_path: Path) -> None:
        places = hub_folders(str(tmp_path / "a"), {"HF_HUB_CACHE": str(tmp_path / "b")})
        assert places == (tmp_path / "a" / "hub", tmp_path / "b")

    @pytest.mark.parametrize(
        ("environ", "place"),
        [
            ({"HF_HUB_CACHE": "/x/cache", "HF_HOME": "/y"}, "/x/cache"),
            ({"HUGGINGFACE_HUB_CACHE": "/z"}, "/z"),
            ({"HF_HOME": "/y"}, "/y/hub"),
            ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ],
    )
    def test_the_variables_of_the_hubs_library(self, environ: dict[str, str], place: str) -> None:
        assert hub_folders("", environ) == (Path(place),)

    def test_one_cache_under_two_names_is_one(self, tmp_path: Path) -> None:
        (tmp_path / "real" / "hub").mkdir(parents=True)
        (tmp_path / "link").symlink_to(tmp_path / "real")
        places = hub_folders(str(tmp_path / "link"), {"HF_HOME": str(tmp_path / "real")})
        assert places == (tmp_path / "link" / "hub",)

    def test_the_default_is_not_mixed_with_a_chosen_one(self, tmp_path: Path) -> None:
        assert hub_folders(str(tmp_path), {}) == (tmp_path / "hub",)
