"""Checking models: sound ones, and every kind of damage."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from arcdesk.core.errors import NotFoundError
from arcdesk.core.hub import HubFile
from arcdesk.core.models import ModelEntry
from arcdesk.storage import model_verify
from arcdesk.storage.model_cache import ModelCache
from arcdesk.storage.model_folders import ModelFolder, folder_entries
from arcdesk.storage.model_problems import ModelError
from arcdesk.storage.model_verify import Report
from tests.unit.storage.model_rig import cache_model, gguf, plain_model, safetensors, whole_files


def cached(tmp_path: Path, files: dict[str, bytes] | None = None) -> ModelEntry:
    cache_model(tmp_path, "org/m", whole_files() if files is None else files)
    (entry,) = ModelCache().entries(tmp_path)
    return entry


def in_folder(tmp_path: Path) -> ModelEntry:
    (entry,) = folder_entries(ModelFolder(path=tmp_path))
    return entry


def check(entry: ModelEntry, known: dict[str, HubFile] | None = None) -> Report:
    steps: list[tuple[int, int]] = []
    report = model_verify.verify(entry, lambda *step: steps.append(step), lambda: False, known=known)
    dones = [done for done, _ in steps]
    assert dones == sorted(dones) and len({total for _, total in steps}) == 1
    return report


def bad(report: Report) -> dict[str, str]:
    return {file.name: file.why for file in report.bad}


def weights(entry: ModelEntry) -> Path:
    return next(one for one in Path(entry.path, "blobs").iterdir() if len(one.name) == 64)


def test_a_sound_model_is_compared_with_every_name_that_is_a_hash(tmp_path: Path) -> None:
    report = check(cached(tmp_path))
    assert report.is_sound and (report.files, report.hashed) == (3, 3)
    assert report.size_bytes == sum(map(len, whole_files().values()))


def test_one_changed_byte(tmp_path: Path) -> None:
    entry = cached(tmp_path)
    data = bytearray(weights(entry).read_bytes())
    data[-1] ^= 1
    weights(entry).write_bytes(data)
    assert bad(check(entry)) == {"model.safetensors": "its contents differ from what the hub has"}


def test_one_changed_byte_in_a_small_file(tmp_path: Path) -> None:
    entry = cached(tmp_path)
    readme = Path(entry.snapshot, "README.md")
    readme.resolve().write_bytes(readme.read_bytes()[:-1] + b"?")
    assert list(bad(check(entry))) == ["README.md"]


def test_a_cut_file_is_told_without_hashing_it(tmp_path: Path) -> None:
    entry = cached(tmp_path)
    weights(entry).write_bytes(weights(entry).read_bytes()[:-10])
    report = check(entry)
    assert "but its header says" in bad(report)["model.safetensors"] and report.hashed == 2


def test_a_missing_blob(tmp_path: Path) -> None:
    entry = cached(tmp_path)
    weights(entry).unlink()
    assert bad(check(entry)) == {"model.safetensors": "is a link to a file that is missing"}


def test_files_that_the_index_names(tmp_path: Path) -> None:
    index = json.dumps({"weight_map": {"a": "model.safetensors", "b": "other.safetensors"}}).encode()
    entry = cached(tmp_path, {**whole_files(), "model.safetensors.index.json": index})
    assert bad(check(entry)) == {"other.safetensors": "is missing"}


def test_a_gap_in_a_series(tmp_path: Path) -> None:
    plain_model(tmp_path / "m", {"config.json": b"{}", "model-00001-of-00003.safetensors": safetensors()})
    assert set(bad(check(in_folder(tmp_path)))) == {
        "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors",
    }


def test_what_the_hub_knows(tmp_path: Path) -> None:
    files = whole_files()
    entry = cached(tmp_path, files)
    size, sha256 = len(files["model.safetensors"]), hashlib.sha256(files["model.safetensors"]).hexdigest()
    sound = {"model.safetensors": HubFile(path="model.safetensors", size_bytes=size, sha256=sha256)}
    assert check(entry, sound).is_sound
    longer = {"model.safetensors": replace(sound["model.safetensors"], size_bytes=size + 1)}
    assert bad(check(entry, longer)) == {"model.safetensors": f"has {size} bytes instead of {size + 1}"}
    other = {"model.safetensors": replace(sound["model.safetensors"], sha256="0" * 64)}
    assert list(bad(check(entry, other))) == ["model.safetensors"]
    more = {**sound, "extra.safetensors": HubFile(path="extra.safetensors"), "x.bin": HubFile(path="x.bin")}
    assert bad(check(entry, more)) == {"extra.safetensors": "is missing"}


def test_a_folder_is_checked_by_what_its_files_say(tmp_path: Path) -> None:
    folder = plain_model(tmp_path / "m")
    report = check(in_folder(tmp_path))
    assert report.is_sound and report.hashed == 0, "no hash is known here, and none is claimed"
    (folder / "config.json").write_text("[")
    assert bad(check(in_folder(tmp_path))) == {"config.json": "is no JSON object"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 5) + b"{",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 8) + b'{"a":{}}',
        struct.pack("<Q", 31) + b'{"a":{"data_offsets":[0,"xxx"]}}',
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    ],
)
def test_safetensors_that_are_none(tmp_path: Path, content: bytes) -> None:
    plain_model(tmp_path / "m", {"config.json": b"{}", "model.safetensors": content})
    assert list(bad(check(in_folder(tmp_path)))) == ["model.safetensors"]


def test_a_safetensors_file_without_tensors_is_sound(tmp_path: Path) -> None:
    plain_model(tmp_path / "m", {"config.json": b"{}", "model.safetensors": struct.pack("<Q", 2) + b"{}"})
    assert check(in_folder(tmp_path)).is_sound


@pytest.mark.parametrize("cut", [1, 200, 300])
def test_a_cut_gguf_file(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf())
    entry = in_folder(tmp_path)
    assert check(entry).is_sound
    path.write_bytes(gguf()[:-cut])
    assert list(bad(check(entry))) == ["x.gguf"]


def test_a_pipe_holds_up_nobody(tmp_path: Path) -> None:
    entry = cached(tmp_path)
    os.mkfifo(Path(entry.snapshot) / "more.safetensors")
    found = bad(check(entry))
    assert list(found) == ["more.safetensors"] and "pipe" in found["more.safetensors"]


def test_it_stops_when_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        model_verify.verify(cached(tmp_path), lambda *_: None, lambda: True)
    assert caught.value.problem.cause == "stopped"


def test_a_model_that_is_gone(tmp_path: Path) -> None:
    entry = cached(tmp_path)
    with pytest.raises(NotFoundError):
        check(replace(entry, path=str(tmp_path / "none")))
