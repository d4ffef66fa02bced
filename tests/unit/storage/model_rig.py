"""Models as they lie on real disks: caches as the hub's library leaves them, folders, single files."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "vocab_size": 100,
}
CARD = "---\nlicense: apache-2.0\ntags:\n- text\n---\n# A model\nlicense: no front matter any more\n"
COMMIT = "c0ffee" * 6 + "c0ff"
OLDER = "decade" * 6 + "deca"


def safetensors(data_bytes: int = 64) -> bytes:
    """A sound file with one tensor."""
    header = json.dumps(
        {"w": {"dtype": "U8", "shape": [data_bytes], "data_offsets": [0, data_bytes]}}
    ).encode()
    return struct.pack("<Q", len(header)) + header + os.urandom(data_bytes)


def whole_files() -> dict[str, bytes]:
    return {
        "config.json": json.dumps(CONFIG).encode(),
        "README.md": CARD.encode(),
        "model.safetensors": safetensors(),
    }


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def blob_name(name: str, content: bytes) -> str:
    """As the hub names it: sha256 of large files (LFS), git's own name of small ones."""
    is_large = name.endswith((".safetensors", ".gguf", ".bin"))
    return hashlib.sha256(content).hexdigest() if is_large else git_sha1(content)


def cache_model(
    hub: Path, repo: str, files: Mapping[str, bytes], *, commit: str = COMMIT, is_main: bool = True
) -> Path:
    """One revision of a repository in a cache; returns the repository's folder."""
    folder = hub / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    for path in (snapshot, folder / "blobs", folder / "refs"):
        path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        blob = folder / "blobs" / blob_name(name, content)
        blob.write_bytes(content)
        link = snapshot / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    if is_main:
        (folder / "refs" / "main").write_text(commit)
    return folder


def plain_model(folder: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """A model in a folder of its own, without links."""
    for name, content in (whole_files() if files is None else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


_KINDS = {int: 4, float: 6, bool: 7, str: 8}


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Any) -> bytes:
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(one) for one in value)
    kind = _KINDS[type(value)]
    packed = _text(value) if kind == 8 else struct.pack({4: "<I", 6: "<f", 7: "<?"}[kind], value)
    return struct.pack("<I", kind) + packed


def gguf(pairs: Mapping[str, Any] | None = None, *, data_bytes: int = 256) -> bytes:
    """A sound GGUF file, version 3, with one F32 tensor; its data is aligned to 32."""
    pairs = GGUF_PAIRS if pairs is None else pairs
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs))
    head += b"".join(_text(key) + _value(value) for key, value in pairs.items())
    head += _text("w") + struct.pack("<IQIQ", 1, data_bytes // 4, 0, 0)
    return head + b"\0" * (-len(head) % 32) + os.urandom(data_bytes)


GGUF_PAIRS: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.size_label": "1B",
    "general.license": "mit",
    "general.file_type": 15,
    "llama.block_count": 22,
    "llama.context_length": 4096,
    "llama.embedding_length": 2048,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 4,
    "tokenizer.ggml.tokens": ["a", "b"] * 50,
}


def age(folder: Path, seconds: float = 60) -> None:
    """Make a tree look as if nothing had changed for a while."""
    for path in (*folder.rglob("*"), folder):
        then = path.lstat().st_mtime - seconds
        os.utime(path, (then, then), follow_symlinks=False)


def tree(folder: Path) -> dict[str, object]:
    """All that a folder holds, for comparisons: bytes of files, targets of links."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = path.read_bytes() if path.is_file() else "folder"
    return found


def set_immutable(path: Path, on: bool) -> None:
    """Take the right to change `path` away, or give it back; from root too, whom modes don't stop."""
    if os.geteuid() == 0:
        subprocess.run(["chattr", "+i" if on else "-i", str(path)], check=True, capture_output=True)
    else:
        (path if path.is_dir() else path.parent).chmod(0o500 if on else 0o700)
