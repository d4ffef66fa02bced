"""Bytes of weights from an index, or from the files of a repository."""

from __future__ import annotations

import pytest

from arcdesk.core.fit_files import files_bytes, index_bytes, repo_shape
from arcdesk.core.hub import HubFile, HubRepo
from tests.unit.core import model_shapes as shapes


@pytest.mark.parametrize(
    ("index", "size"),
    [
        ({"metadata": {"total_size": 15_231_233_024}, "weight_map": {}}, 15_231_233_024),
        ({"metadata": {"total_size": 15_231_233_024.0}}, 15_231_233_024),
        ({"metadata": {"total_size": 0}}, None),
        ({"metadata": {"total_size": -5}}, None),
        ({"metadata": {"total_size": "15"}}, None),
        ({"metadata": {"total_size": True}}, None),
        ({"metadata": {"total_size": float("nan")}}, None),
        ({"metadata": {"total_size": float("inf")}}, None),
        ({"metadata": {"total_size": 10**20}}, None),
        ({"metadata": []}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_index_states_the_size(index: dict[str, object] | None, size: int | None) -> None:
    assert index_bytes(index) == size


def test_only_the_weights_that_are_loaded_count() -> None:
    files = [
        ("model-00001-of-00002.safetensors", 4_000),
        ("model-00002-of-00002.safetensors", 3_000),
        ("consolidated.safetensors", 7_000),
        ("pytorch_model.bin", 7_000),
        ("onnx/model.safetensors", 7_000),
        ("adapter_model.safetensors", 10),
        ("README.md", 5),
    ]
    assert files_bytes(files) == 7_000
    assert files_bytes(files[2:3]) == 7_000
    assert files_bytes([("pytorch_model.bin", 6_000), ("training_args.bin", 3)]) == 6_000
    assert files_bytes([("model.safetensors", None)]) is None
    assert files_bytes([]) is None


def test_a_repository_of_the_hub() -> None:
    files = (
        HubFile(path="model.safetensors", size_bytes=2_200_000_000),
        HubFile(path="config.json", size_bytes=600),
    )
    repo = HubRepo(id="org/name", commit="0" * 40, files=files, config=dict(shapes.TINYLLAMA))
    config, size = repo_shape(repo)
    assert (config.layers, size) == (22, 2_200_000_000)
    index = {"metadata": {"total_size": 2_100_000_000}}
    assert repo_shape(HubRepo(id="a/b", commit="", files=files, index=index))[1] == 2_100_000_000
