"""Fills a Hugging Face cache with models of the right shape; their weights are files of nothing but zeros."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path

HASHED_BYTES = 4 << 20
TINY: dict[str, object] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 22,
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
    "torch_dtype": "bfloat16",
}
QWEN_7B: dict[str, object] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "num_hidden_layers": 28,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
    "torch_dtype": "bfloat16",
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def put_model(
    hub: Path,
    repo_id: str,
    config: Mapping[str, object],
    *,
    size_bytes: int = 1 << 20,
    licence: str = "apache-2.0",
    shards: int = 1,
    missing: int = 0,
    ending: str = "safetensors",
) -> Path:
    """One repository as the library leaves it: blobs, refs, a snapshot of links. Returns its folder."""
    folder = hub / f"models--{repo_id.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    for part in (folder / "blobs", folder / "refs", snapshot):
        part.mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    _link(folder, snapshot / "config.json", json.dumps(config).encode())
    _link(folder, snapshot / "README.md", f"---\nlicense: {licence}\n---\n# A model\n".encode())
    names = [f"model-{n:05}-of-{shards:05}.{ending}" for n in range(1, shards + 1)]
    names = names if shards > 1 else [f"model.{ending}"]
    for name in names[: shards - missing]:
        _link(folder, snapshot / name, _weights(size_bytes // shards), size_bytes // shards)
    if shards > 1:
        index = {
            "metadata": {"total_size": size_bytes},
            "weight_map": {f"w{i}": n for i, n in enumerate(names)},
        }
        _link(folder, snapshot / f"model.{ending}.index.json", json.dumps(index).encode())
    return folder


def _weights(size_bytes: int) -> bytes:
    """A header that the library would read, with one tensor that fills the file."""
    shape = {"w": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}
    for _ in range(3):  # the figures are part of the header's own length
        head = json.dumps(shape).encode()
        head += b" " * (-len(head) % 8)
        room = max(0, size_bytes - 8 - len(head))
        shape["w"] = {"dtype": "U8", "shape": [room], "data_offsets": [0, room]}
    return struct.pack("<Q", len(head)) + head


def _link(folder: Path, link: Path, content: bytes, size_bytes: int = 0) -> None:
    """A blob, sparse behind its content, and the link to it. What is too large to hash has another name."""
    padded = max(size_bytes, len(content))
    whole = content.ljust(padded, b"\0") if padded <= HASHED_BYTES else b""
    git = hashlib.sha1(b"blob %d\0" % padded + whole, usedforsecurity=False).hexdigest()
    name = git if whole else f"sparse-{len(list((folder / 'blobs').iterdir()))}"
    blob = folder / "blobs" / name
    with blob.open("wb") as file:
        file.write(content)
        file.truncate(padded)
    link.symlink_to(Path("../../blobs") / blob.name)


def fill_cache(hub: Path) -> None:
    """A cache as a person has it after some weeks."""
    put_model(hub, "TinyLlama/TinyLlama-1.1B-Chat-v1.0", TINY, size_bytes=int(2.2e9))
    put_model(hub, "Qwen/Qwen2.5-7B-Instruct", QWEN_7B, size_bytes=int(15.2e9), shards=4)
    put_model(hub, "microsoft/Phi-3-mini-4k-instruct", TINY, size_bytes=int(7.6e9), shards=2)
    put_model(hub, "THUDM/glm-4-9b-chat", TINY, size_bytes=int(18.8e9), shards=10, missing=3)
    put_model(
        hub, "baichuan-inc/Baichuan2-7B-Chat", TINY, size_bytes=int(15e9), ending="bin", licence="other"
    )
