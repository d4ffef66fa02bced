"""What real logs say of weights and cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcdesk.core.fit_formats import GIB
from arcdesk.engine.log_facts import LogFacts, read_figures

LOGS = Path(__file__).parents[2] / "data" / "logs"

# log: weights in GiB, blocks, tokens, room in GiB
SAID: dict[str, tuple[float | None, int | None, int | None, float | None]] = {
    "107": (0.6327, 61_014, None, None),
    "087": (2.0819, None, None, None),
    "052": (14.2487, 4025, None, None),
    "026": (6.47, 23_460, None, 10.02),  # said twice: 6.4651 GB and 6.47GiB
    "115": (6.74, 4097, None, 3.88),
    "080": (0.4315, None, 314_272, None),
    "016": (11.22, None, 123_904, None),
    "032": (16.92, None, 183_808, 9.72),
    "009": (34.434, None, 9072, None),  # four cards: the fullest weights, the smallest cache
    "097": (None, 1498, None, None),
}


def lines_of(name: str) -> list[str]:
    return (LOGS / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()


@pytest.mark.parametrize("name", SAID)
def test_a_real_log(name: str) -> None:
    gib, blocks, tokens, room = SAID[name]
    figures = read_figures(lines_of(name))
    assert figures.weights_bytes == (None if gib is None else round(gib * GIB))
    assert (figures.blocks, figures.kv_tokens) == (blocks, tokens)
    assert figures.kv_bytes == (None if room is None else round(room * GIB))
    assert len(figures.key) == 16


def test_the_settings_of_the_image_are_read() -> None:
    figures = read_figures(lines_of("107"))
    assert (figures.low_bit, figures.max_num_seqs, figures.max_num_batched_tokens) == ("sym_int4", 8, 3000)
    assert (figures.max_model_len, figures.tensor_parallel, figures.block_tokens) == (2048, 1, 8)
    assert (figures.memory_share, figures.cache_tokens) == (0.95, 61_014 * 8)
    assert read_figures(lines_of("026")).kv_dtype == "fp8_e4m3"
    assert read_figures(lines_of("032")).tensor_parallel == 2


def test_logs_that_say_nothing_have_no_key() -> None:
    silent = [path.stem for path in sorted(LOGS.glob("*.log")) if not read_figures(lines_of(path.stem)).key]
    assert "107" not in silent and len(silent) > 40  # most logs of the set died before their weights were in


def test_the_newest_run_counts() -> None:
    first, second = lines_of("107"), [line.replace("0.6327", "0.7000") for line in lines_of("107")]
    assert read_figures(first + second).weights_bytes == round(0.7 * GIB)
    assert read_figures(first + second).key == read_figures(second).key != read_figures(first).key


def test_what_comes_after_the_start_belongs_to_requests() -> None:
    lines = [*lines_of("107"), "INFO 05-14 12:00:00 [x.py:1] Loading model weights took 9.0000 GB"]
    assert read_figures(lines).weights_bytes == round(0.6327 * GIB)


def test_the_cpu_runner_of_vllm_0_32() -> None:
    log = [
        "(Worker pid=41) INFO 11-21 18:15:22 [weight_utils.py:1108] Filesystem type for checkpoints: "
        "OVERLAY. Checkpoint size: 0.25 GiB. Available RAM: 20.78 GiB.",
        "(Worker pid=41) INFO 11-21 18:15:24 [cpu_worker.py:260] "
        "Explicitly set (1.0/19.46) GiB for KV cache on node 0.",
        "(EngineCore pid=28) INFO 11-21 18:15:24 [kv_cache_utils.py:2327] CPU KV cache size: 46,592 tokens, "
        "Maximum concurrency for 2,048 tokens per request: 22.75x",
    ]
    figures = read_figures(log)
    assert (figures.weights_bytes, figures.kv_bytes, figures.kv_tokens) == (GIB // 4, GIB, 46_592)


@pytest.mark.parametrize(
    "line",
    ["", "\x00\x1b[0m", "Loading model weights took GB", "# blocks: , # CPU blocks: 1", "took " * 9000],
)
def test_odd_lines(line: str) -> None:
    facts = LogFacts()
    facts.feed(line)
    assert facts.figures.key == ""


@pytest.mark.parametrize("number", ["9" * 400, ",", ",,.", "1e400", "-5", "", ".5", "9" * 5000 + ".5"])
def test_figures_that_are_none_are_passed_over(number: str) -> None:
    figures = read_figures(
        [
            f"INFO Loading model weights took {number} GB",
            f"INFO Available KV cache memory: {number} GiB",
            f"INFO KV cache size: {number} tokens",
            f"INFO # xpu blocks: {number}, # CPU blocks: 512",
            f"INFO Checkpoint size: {number} GiB",
        ]
    )
    assert figures.weights_bytes is figures.kv_bytes is figures.cache_tokens is figures.blocks is None
    assert figures.key == ""
