"""Which files are worth a download."""

from __future__ import annotations

import pytest

from arcdesk.core.download_choice import choose_files, is_safe_path
from arcdesk.core.download_speed import SpeedMeter
from arcdesk.core.hub import HubFile

TEXT = ["config.json", "tokenizer.json", "tokenizer.model", "README.md", "LICENSE", "generation_config.json"]


def chosen(*paths: str, wanted: str = "") -> list[str]:
    files = tuple(HubFile(path=path, size_bytes=len(path)) for path in paths)
    return sorted(file.path for file in choose_files(files, wanted))


def test_safetensors_are_taken_and_other_forms_of_the_same_weights_are_not() -> None:
    weights = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = ["model.safetensors.index.json", "modeling_x.py", "chat_template.jinja"]
    aside = [
        "pytorch_model.bin", "model.fp32.pt", "tf_model.h5", "flax_model.msgpack", "rust_model.ot",
        "onnx/model.onnx", "onnx/model.onnx_data", "original/consolidated.00.pth", "original/params.json",
        "consolidated.safetensors", "model-Q4_K_M.gguf", "int4/model.safetensors", ".gitattributes",
        "picture.png", "openvino/openvino_model.bin", "coreml/x.mlpackage/Data/weight.bin",
    ]  # fmt: skip
    assert chosen(*TEXT, *weights, *index, *aside) == sorted([*TEXT, *weights, *index])


def test_consolidated_weights_are_taken_where_there_are_no_others() -> None:
    assert chosen("config.json", "consolidated.safetensors") == ["config.json", "consolidated.safetensors"]


def test_weights_in_a_folder_are_taken_where_there_are_none_above() -> None:
    assert "unet/model.safetensors" in chosen("config.json", "unet/model.safetensors")


def test_one_gguf_of_many_with_all_its_parts() -> None:
    many = ["m-Q2_K.gguf", "m-Q8_0.gguf", "m-Q4_0.gguf", "mmproj-f16.gguf", "imatrix.gguf", "README.md"]
    assert chosen(*many, "config.json", "m-Q4_K_M.gguf") == ["README.md", "m-Q4_K_M.gguf"]
    parts = ["Q4_K_M/m-Q4_K_M-00001-of-00002.gguf", "Q4_K_M/m-Q4_K_M-00002-of-00002.gguf"]
    assert chosen(*many, *parts) == sorted(["README.md", *parts])
    assert chosen(*many) == ["README.md", "m-Q4_0.gguf"]
    assert chosen("m-odd.gguf", "much-longer-odd.gguf") == ["m-odd.gguf"]
    assert chosen("mmproj-f16.gguf") == ["mmproj-f16.gguf"]


def test_a_file_by_name_comes_alone_but_for_its_parts() -> None:
    many = ["m-Q2_K.gguf", "m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf", "config.json"]
    assert chosen(*many, wanted="m-Q2_K.gguf") == ["m-Q2_K.gguf"]
    assert chosen(*many, wanted="m-Q8_0-00001-of-00002.gguf") == many[1:3]
    assert chosen(*many, wanted="none.gguf") == []


def test_pickled_weights_are_the_last_resort() -> None:
    names = ["pytorch_model.bin", "optimizer.pt", "training_args.bin", "consolidated.00.pth"]
    found = chosen("config.json", *names)
    assert found == ["config.json", "pytorch_model.bin"]


def test_without_weights_there_is_nothing_to_download() -> None:
    assert chosen(*TEXT, "onnx/model.onnx") == []


def test_the_small_files_come_first() -> None:
    files = (HubFile(path="model.safetensors", size_bytes=9), HubFile(path="config.json", size_bytes=1))
    assert [file.path for file in choose_files(files)] == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("path", ["", "/x", "../x", "a/../x", "a//x", "./x", "a\\x", "x\0y", "a/"])
def test_names_that_lead_elsewhere_are_left_out(path: str) -> None:
    assert not is_safe_path(path)
    assert chosen("model.safetensors", path) == ["model.safetensors"]


def test_the_speed_is_that_of_the_last_seconds() -> None:
    meter = SpeedMeter()
    meter.add(0.0, 0)
    meter.add(0.5, 1000)
    assert meter.bytes_per_s() is None
    meter.add(1.0, 2000)
    assert meter.bytes_per_s() == 2000
    for second in range(2, 20):
        meter.add(float(second), 2000)
    assert meter.bytes_per_s() == 0
    meter.reset()
    assert meter.bytes_per_s() is None
