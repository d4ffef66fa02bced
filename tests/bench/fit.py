"""A fit prediction from local files, against a bare json.loads of the same files.

`python -m tests.bench.fit` prints the figures as JSON. The model has 235 billion parameters in the shape of
Qwen3-MoE, and an index of 36 000 tensors: as large as config and index get.

predict_ms    config.json and index read from a cache by the model's id, predicted for two cards, best format
bare_ms       the two files read and parsed, nothing else
ratio         predict_ms / bare_ms
small_ms      the same for a model of one file, which has no index: what most predictions are
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from arcdesk.core.fit import FitCard, FitWish, Verdict
from arcdesk.core.fit_predict import predict
from arcdesk.core.settings import Settings
from arcdesk.storage.fit_model_files import find_model

ROUNDS = 31
LAYERS, EXPERTS = 94, 128
LARGE = {
    "model_type": "qwen3_moe",
    "hidden_size": 4096,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 64,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "intermediate_size": 12_288,
    "moe_intermediate_size": 1536,
    "num_experts": EXPERTS,
    "num_experts_per_tok": 8,
    "vocab_size": 151_936,
    "max_position_embeddings": 40_960,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
SMALL = {**LARGE, "model_type": "qwen3", "num_hidden_layers": 36, "num_experts": None}
CARDS = [FitCard(name="B580", total_bytes=12216 * 1024**2)] * 2


def measure() -> dict[str, Any]:
    """Medians in ms; takes some seconds."""
    with tempfile.TemporaryDirectory() as folder:
        hub = Path(folder) / "hub"
        large = _repository(hub, "org/large", LARGE)
        (large / "model.safetensors.index.json").write_text(json.dumps(_index()))
        small = _repository(hub, "org/small", SMALL)
        (small / "model.safetensors").write_bytes(b"\0" * 1000)
        container = replace(Settings().container, hf_cache_dir=folder)
        settings = replace(Settings(), container=container)
        files = [large / "config.json", large / "model.safetensors.index.json"]
        predict_ms = _median_ms(lambda: _predict("org/large", settings))
        bare_ms = _median_ms(lambda: [json.loads(file.read_bytes()) for file in files])
        small_ms = _median_ms(lambda: _predict("org/small", settings))
        index_bytes = files[1].stat().st_size
    return {
        "predict_ms": predict_ms,
        "bare_ms": bare_ms,
        "ratio": predict_ms / bare_ms,
        "small_ms": small_ms,
        "index_bytes": index_bytes,
        "n": ROUNDS,
    }


def run() -> dict[str, Any]:
    """The name that the other benches have."""
    return measure()


def _predict(name: str, settings: Settings) -> None:
    found = find_model(name, settings, {})
    assert found is not None and found.config is not None
    wish = FitWish(tensor_parallel=2, memory_share=0.95)
    assert predict(found.config, found.weights_bytes, CARDS, wish).verdict is not Verdict.UNKNOWN


def _repository(hub: Path, name: str, config: dict[str, Any]) -> Path:
    repository = hub / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    (snapshot / "config.json").write_text(json.dumps(config))
    return snapshot


def _index() -> dict[str, Any]:
    names = [
        f"model.layers.{layer}.mlp.experts.{expert}.{part}_proj.weight"
        for layer in range(LAYERS)
        for expert in range(EXPERTS)
        for part in ("gate", "up", "down")
    ]
    shards = 118
    files = {
        name: f"model-{n * shards // len(names) + 1:05}-of-{shards:05}.safetensors"
        for n, name in enumerate(names)
    }
    return {"metadata": {"total_size": 470_187_269_120}, "weight_map": files}


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)
    sys.stdout.write("\n")
