"""Models on the disk by path, id and name, from a few kilobytes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arcdesk.core.settings import Settings
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.storage.fit_model_files import find_model, read_model
from tests.unit.core import model_shapes as shapes


def model_folder(path: Path, config: object = None, **files: int) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(shapes.TINYLLAMA if config is None else config))
    for name, size in files.items():
        with open(path / name.replace("__", "."), "wb") as file:
            file.truncate(size)
    return path


def in_cache(hub: Path, name: str, revision: str, **more: Any) -> Path:
    repository = hub / f"models--{name.replace('/', '--')}"
    return model_folder(repository / "snapshots" / revision, **more)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    container = replace(
        Settings().container, hf_cache_dir=str(tmp_path / "hf"), models_dir=str(tmp_path / "models")
    )
    return replace(Settings(), container=container, model_folders=str(tmp_path / "mine"))


def test_a_folder_and_its_config_file(tmp_path: Path, settings: Settings) -> None:
    folder = model_folder(tmp_path / "a", model__safetensors=2_000)
    for name in (str(folder), str(folder / "config.json")):
        found = find_model(name, settings, {})
        assert found is not None and found.config is not None
        assert (found.config.layers, found.weights_bytes, found.is_gguf) == (22, 2_000, False)


def test_the_main_revision_in_the_cache_wins(tmp_path: Path, settings: Settings) -> None:
    hub = tmp_path / "hf" / "hub"
    in_cache(hub, "org/name", "aaa", model__safetensors=1_000)
    newest = in_cache(hub, "org/name", "bbb", model__safetensors=2_000)
    os.utime(newest, (2**31, 2**31))
    found = find_model("org/name", settings, {})
    assert found is not None and found.weights_bytes == 2_000
    refs = hub / "models--org--name" / "refs"
    refs.mkdir()
    (refs / "main").write_text("aaa")
    found = find_model("org/name", settings, {})
    assert found is not None and found.weights_bytes == 1_000


def test_an_index_without_files_is_enough(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "a")
    (folder / "model.safetensors.index.json").write_text(
        '{"metadata": {"total_size": 5000}, "weight_map": {}}'
    )
    found = read_model(str(folder))
    assert found is not None and found.weights_bytes == 5_000
    (folder / "model.safetensors.index.json").write_text('{"metadata": ')
    found = read_model(str(folder))
    assert found is not None and found.weights_bytes is None


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("layers", [1, 2000])
def test_the_metadata_of_an_index_may_stand_first_or_last(tmp_path: Path, is_last: bool, layers: int) -> None:
    names = {
        f"model.layers.{layer}.self_attn.q_proj.weight": "model-00001-of-00002.safetensors"
        for layer in range(layers)
    }
    parts: dict[str, object] = {"metadata": {"total_parameters": 7, "total_size": 123_456_789_012}}
    parts = {"weight_map": names, **parts} if is_last else {**parts, "weight_map": names}
    folder = model_folder(tmp_path / "a")
    for indent in (None, 2):
        (folder / "model.safetensors.index.json").write_text(json.dumps(parts, indent=indent))
        found = read_model(str(folder))
        assert found is not None and found.weights_bytes == 123_456_789_012


def test_names_as_the_container_and_the_person_say_them(tmp_path: Path, settings: Settings) -> None:
    model_folder(tmp_path / "models" / "tiny")
    model_folder(tmp_path / "mine" / "own")
    for name in ("/llm/models/tiny", "own", "someone/own"):
        assert find_model(name, settings, {}) is not None, name
    for name in ("nobody/nothing", "../mine/own/x", "/llm/models/none", "", "a b"):
        assert find_model(name, settings, {}) is None, name


def test_broken_links_and_broken_configs(tmp_path: Path, settings: Settings) -> None:
    folder = in_cache(tmp_path / "hf" / "hub", "org/name", "aaa")
    (folder / "model.safetensors").symlink_to(tmp_path / "gone")
    found = find_model("org/name", settings, {})
    assert found is not None and found.weights_bytes is None
    (folder / "config.json").write_text("[1, 2")
    found = find_model("org/name", settings, {})
    assert found is not None and found.config is None


def test_the_starter_model_as_a_gguf_file() -> None:
    file = find_starter_model()
    assert file is not None
    found = read_model(str(file))
    assert found is not None and found.config is not None and found.is_gguf
    assert (found.config.layers, found.config.kv_heads) == (30, 3)
    assert found.weights_bytes == file.stat().st_size


def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF\x03\x00")
    found = read_model(str(tmp_path / "x.gguf"))
    assert found is not None and found.config is None
