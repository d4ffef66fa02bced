"""Listing a cache of 500 models, cold and warm, against a bare walk and the hub's own library."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from arcdesk.storage.model_cache import ModelCache

REPOSITORIES = 500
ROUNDS = 7
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 32768,
    "vocab_size": 128256,
}
CARD = "---\nlicense: apache-2.0\nlanguage:\n- en\n---\n" + "A model. " * 800
SMALL = {
    "config.json": json.dumps(CONFIG).encode(),
    "README.md": CARD.encode(),
    "tokenizer.json": b"{}" * 2000,
    "tokenizer_config.json": b"{}",
    "generation_config.json": b"{}",
    "special_tokens_map.json": b"{} ",
    "model.safetensors.index.json": b'{"weight_map": {}}',
}
SHARDS = 4


def make_cache(hub: Path, repositories: int = REPOSITORIES) -> None:
    """Repositories as the hub's library leaves them: blobs, links to them, refs."""
    for number in range(repositories):
        folder = hub / f"models--org-{number % 20}--model-{number}"
        commit = f"{number:040x}"
        snapshot, blobs = folder / "snapshots" / commit, folder / "blobs"
        for path in (snapshot, blobs, folder / "refs"):
            path.mkdir(parents=True)
        (folder / "refs" / "main").write_text(commit)
        files = dict(SMALL)
        for shard in range(1, SHARDS + 1):
            files[f"model-{shard:05}-of-{SHARDS:05}.safetensors"] = os.urandom(64)
        for place, (name, content) in enumerate(files.items()):
            blob = f"{number:032x}{place:08x}"
            (blobs / blob).write_bytes(content)
            (snapshot / name).symlink_to(f"../../blobs/{blob}")
        old = time.time() - 60
        for path in (snapshot, snapshot.parent, blobs, folder / "refs", folder / "refs" / "main", folder):
            os.utime(path, (old, old))


def _timed_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _bare(hub: Path) -> None:
    """What any listing with sizes must do at least: walk, and look at each file."""
    for parent, _, names in os.walk(hub):
        for name in names:
            os.stat(os.path.join(parent, name))


def run() -> dict[str, object]:
    """Medians in ms: cold is a new reader (the kernel's own cache is warm), warm its second look."""
    from huggingface_hub import scan_cache_dir

    times: dict[str, list[float]] = {"bare_walk": [], "cold": [], "warm": []}
    with tempfile.TemporaryDirectory() as folder:
        hub = Path(folder) / "hub"
        make_cache(hub)
        for _ in range(ROUNDS):
            cache = ModelCache(uid=os.getuid())
            times["bare_walk"].append(_timed_ms(lambda: _bare(hub)))
            times["cold"].append(_timed_ms(lambda cache=cache: cache.entries(hub)))
            times["warm"].append(_timed_ms(lambda cache=cache: cache.entries(hub)))
        library_ms = statistics.median(_timed_ms(lambda: scan_cache_dir(hub)) for _ in range(2))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "repositories": REPOSITORIES,
        "n": ROUNDS,
        "ms": medians,
        "huggingface_hub_ms": library_ms,
        "ratio_cold_to_bare_walk": medians["cold"] / medians["bare_walk"],
        "ratio_warm_to_bare_walk": medians["warm"] / medians["bare_walk"],
        "ratio_cold_to_huggingface_hub": medians["cold"] / library_ms,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
