"""The reader of a person's own folders, with real files; GGUF headers that lie included."""

from __future__ import annotations

import io
import json
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.models import Format, ModelEntry, Place, Trouble
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.engine.starter_model import STARTER_NAME, find_starter_model
from arcdesk.storage.gguf_header import BadGguf, GgufReader
from arcdesk.storage.gguf_model import read_gguf
from arcdesk.storage.model_folders import ModelFolder, caches_in, folder_entries, folders_of, starter_entry
from tests.unit.storage.model_rig import (
    GGUF_PAIRS,
    cache_model,
    gguf,
    plain_model,
    safetensors,
    whole_files,
)


def models(folder: Path, *, depth: int = 3, uid: int | None = None) -> list[ModelEntry]:
    return folder_entries(ModelFolder(path=folder, depth=depth), uid=uid)


class TestFolders:
    def test_a_model_folder(self, tmp_path: Path) -> None:
        folder = plain_model(tmp_path / "llama-1b")
        (entry,) = models(tmp_path)
        assert (entry.id, entry.path, entry.place) == (str(folder), str(folder), Place.FOLDER)
        assert entry.format is Format.SAFETENSORS and entry.licence == "apache-2.0"
        assert entry.size_bytes == sum(path.stat().st_size for path in folder.iterdir())
        assert entry.config is not None and entry.config.heads == 4
        assert entry.troubles == () and entry.snapshot == str(folder)

    def test_the_folder_itself_may_be_the_model(self, tmp_path: Path) -> None:
        plain_model(tmp_path)
        assert [entry.path for entry in models(tmp_path)] == [str(tmp_path)]

    def test_three_levels_and_no_more(self, tmp_path: Path) -> None:
        plain_model(tmp_path / "a" / "b" / "c")
        plain_model(tmp_path / "a" / "b" / "d" / "e")
        assert [Path(entry.path).name for entry in models(tmp_path)] == ["c"]

    def test_hidden_folders_and_what_is_no_model(self, tmp_path: Path) -> None:
        plain_model(tmp_path / ".hidden")
        plain_model(tmp_path / "tokenizer", {"config.json": b"{}", "tokenizer.json": b"{}"})
        plain_model(tmp_path / "app", {"config.json": b"{}", "readme.txt": b""})
        assert models(tmp_path) == []

    def test_links_are_followed_once(self, tmp_path: Path) -> None:
        real = plain_model(tmp_path / "elsewhere" / "model")
        folder = tmp_path / "models"
        folder.mkdir()
        (folder / "linked").symlink_to(real)
        (folder / "loop").symlink_to(folder)
        (folder / "up").symlink_to(tmp_path)
        (folder / "nowhere").symlink_to(tmp_path / "none")
        assert [Path(entry.path).name for entry in models(folder)] == ["linked"]

    def test_troubles(self, tmp_path: Path) -> None:
        plain_model(tmp_path / "bad", {**whole_files(), "config.json": b"{"})
        index = json.dumps({"weight_map": {"w": "model-00002-of-00002.safetensors"}}).encode()
        shards = {"model-00001-of-00002.safetensors": safetensors(), "model.safetensors.index.json": index}
        plain_model(tmp_path / "cut", {"config.json": b"{}", **shards})
        broken = plain_model(tmp_path / "link")
        (broken / "tokenizer.json").symlink_to("none")
        found = {Path(entry.path).name: entry.troubles for entry in models(tmp_path)}
        assert found == {
            "bad": (Trouble.BAD_CONFIG,),
            "cut": (Trouble.MISSING_SHARDS,),
            "link": (Trouble.BROKEN_LINKS,),
        }

    def test_files_of_another_user(self, tmp_path: Path) -> None:
        plain_model(tmp_path / "m")
        (tmp_path / "x.gguf").write_bytes(gguf())
        foreign = [entry.troubles for entry in models(tmp_path, uid=os.getuid() + 1)]
        assert foreign == [(Trouble.NOT_YOURS,)] * 2
        assert all(not entry.troubles for entry in models(tmp_path, uid=os.getuid()))

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert models(tmp_path / "none") == [] and models(tmp_path / "file") == []

    def test_which_folders(self, tmp_path: Path) -> None:
        chosen = Settings(
            model_folders=os.pathsep.join(
                (str(tmp_path / "a"), "", f" {tmp_path / 'b'} ", str(tmp_path / "a"))
            ),
            container=ContainerSettings(models_dir=str(tmp_path / "c")),
            gguf_path=str(tmp_path / "d" / "x.gguf"),
        )
        found = [(folder.path.name, folder.depth) for folder in folders_of(chosen)]
        assert found == [("a", 3), ("b", 3), ("c", 3), ("d", 0)]

    def test_a_cache_that_was_moved_here(self, tmp_path: Path) -> None:
        cache_model(tmp_path / "hub", "org/m", whole_files())
        assert caches_in(tmp_path) == [tmp_path / "hub"] and caches_in(tmp_path / "hub") == [tmp_path / "hub"]
        assert models(tmp_path) == []  # the reader of caches lists it


class TestGguf:
    def test_what_a_file_says(self, tmp_path: Path) -> None:
        path = tmp_path / "Tiny-Q4_K_M.gguf"
        path.write_bytes(gguf())
        (entry,) = models(tmp_path)
        assert (entry.id, entry.format, entry.licence) == (str(path), Format.GGUF, "mit")
        assert entry.size_bytes == path.stat().st_size and entry.troubles == ()
        config = entry.config
        assert config is not None
        assert (config.architecture, config.layers, config.heads, config.kv_heads) == ("llama", 22, 32, 4)
        assert (config.context, config.head_dim, config.quantization) == (4096, 64, "q4_k_m")
        facts = read_gguf(str(path))
        assert facts is not None and (facts.name, facts.size_label) == ("Tiny", "1B")

    def test_a_series_is_one_model(self, tmp_path: Path) -> None:
        paths = [tmp_path / f"Big-Q8_0-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
        for path in paths:
            path.write_bytes(gguf())
        (entry,) = models(tmp_path)
        assert entry.path == str(paths[0]) and entry.troubles == ()
        assert entry.size_bytes == sum(path.stat().st_size for path in paths)
        paths[1].unlink()
        assert models(tmp_path)[0].troubles == (Trouble.MISSING_SHARDS,)

    def test_the_file_name_tells_the_quantisation_where_the_header_does_not(self, tmp_path: Path) -> None:
        pairs = {key: value for key, value in GGUF_PAIRS.items() if key != "general.file_type"}
        for name in ("m-IQ3_XXS.gguf", "m.Q8_0.gguf", "m.gguf", "m-BF16-00001-of-00001.gguf"):
            (tmp_path / name).write_bytes(gguf(pairs))
        found = {Path(one.path).name: one.config.quantization for one in models(tmp_path) if one.config}
        assert found == {
            "m-IQ3_XXS.gguf": "iq3_xxs",
            "m.Q8_0.gguf": "q8_0",
            "m.gguf": "",
            "m-BF16-00001-of-00001.gguf": "",
        }

    def test_projectors_and_adapters_are_no_models(self, tmp_path: Path) -> None:
        (tmp_path / "mmproj-x.gguf").write_bytes(gguf())
        (tmp_path / "clip.gguf").write_bytes(gguf({"general.architecture": "clip"}))
        (tmp_path / "lora.gguf").write_bytes(gguf({"general.type": "adapter", **GGUF_PAIRS}))
        assert models(tmp_path) == []

    def test_a_file_that_is_none_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "page.gguf").write_bytes(b"<html>")
        (tmp_path / "cut.gguf").write_bytes(gguf()[:60])
        assert [entry.troubles for entry in models(tmp_path)] == [(Trouble.BAD_CONFIG,)] * 2

    def test_the_starter(self) -> None:
        file = find_starter_model()
        assert file is not None, "the wheel with the starter is one of the tests' requirements"
        entry = starter_entry(file)
        assert entry is not None and entry.config is not None
        assert (entry.place, entry.id.lower(), entry.licence) == (Place.STARTER, STARTER_NAME, "apache-2.0")
        assert (entry.config.layers, entry.config.context) == (30, 8192)

    def test_the_header_of_a_real_file_ends_where_its_data_begins(self) -> None:
        file = find_starter_model()
        assert file is not None
        size = file.stat().st_size
        with file.open("rb") as opened:
            reader = GgufReader(opened, size)
            pairs = dict(reader.pairs())
            tensors = list(reader.tensors())
        start = -(-reader.position // 32) * 32
        assert pairs["general.file_type"] == 3 and len(tensors) == reader.tensor_count
        assert start + max(one.offset + (one.size_bytes or 0) for one in tensors) == size

    @pytest.mark.parametrize(
        "lie",
        [
            b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63),
            b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0),
            b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62) + b"key",
            b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**61),
            b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 4, 2**61),
            b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 1),
            b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 77),
            b"GGUF" + struct.pack("<IQQ", 99, 0, 0),
            b"GGUF",
            b"",
        ],
    )
    def test_a_header_that_lies_is_refused_before_anything_is_read(self, lie: bytes, tmp_path: Path) -> None:
        path = tmp_path / "lie.gguf"
        path.write_bytes(lie)
        assert read_gguf(str(path)) is None
        with path.open("rb+") as file:
            file.truncate(1 << 40)  # a sparse file: there is room for the lie
        assert read_gguf(str(path)) is None

    @given(damage=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=9)), max_size=6))
    @settings(max_examples=150, deadline=None)
    def test_no_damage_raises_anything_else(self, damage: list[tuple[int, bytes]]) -> None:
        data = bytearray(gguf())
        for at, piece in damage:
            data[at : at + len(piece)] = piece
        try:
            reader = GgufReader(io.BytesIO(bytes(data)), len(data))
            list(reader.pairs())
            list(reader.tensors())
        except BadGguf:
            pass
