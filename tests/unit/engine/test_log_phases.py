"""The steps of a start, of both generations of vLLM."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcdesk.core.engine_state import LoadProgress, LoadStep
from arcdesk.engine.log_reader import StartupLogReader

LOGS = Path(__file__).parents[2] / "data" / "logs"
V0_STEPS = ["import", "config", "weights", "convert", "kv_cache", "http", "warm_up"]
V1_STEPS = [step for step in V0_STEPS if step != "convert"]
SHARDS = "Loading safetensors checkpoint shards:"


def steps_of(name: str) -> list[LoadProgress]:
    """The progress at the first line of each step; line n comes at second n."""
    reader, seen = StartupLogReader(), []
    for number, line in enumerate((LOGS / name).read_text(encoding="utf-8").split("\n")):
        reader.feed(line, float(number))
        progress = reader.progress
        if progress is not None and (not seen or progress.step is not seen[-1].step):
            seen.append(progress)
    return seen


def reader_after(*lines: str) -> StartupLogReader:
    reader = StartupLogReader()
    for number, line in enumerate(lines):
        reader.feed(line, 100.0 + 10 * number)
    return reader


def progress_after(*lines: str) -> LoadProgress:
    progress = reader_after(*lines).progress
    assert progress is not None
    return progress


@pytest.mark.parametrize(
    ("name", "steps"),
    [("107.log", V0_STEPS), ("080.log", V1_STEPS), ("029.log", V1_STEPS), ("108.log", V1_STEPS)],
)
def test_a_healthy_start_passes_its_steps_in_order(name: str, steps: list[str]) -> None:
    seen = steps_of(name)
    assert [progress.step.value for progress in seen] == steps
    assert [step.value for step, _ in seen[-1].finished] == steps[:-1]


def test_finished_steps_have_their_seconds() -> None:
    last = steps_of("107.log")[-1]
    assert sum(seconds for _, seconds in last.finished) == last.started_at - 0.0
    assert all(seconds > 0 for _, seconds in last.finished)


def test_shards_are_counted() -> None:
    progress = progress_after(
        "Starting service with model: x", f"{SHARDS}  50% Completed | 2/4 [00:13<00:13, 6.68s/it]"
    )
    assert (progress.step, progress.done, progress.total) == (LoadStep.WEIGHTS, 2, 4)
    assert progress.line.startswith(SHARDS)
    assert progress.started_at == 110.0
    assert progress.finished == ((LoadStep.IMPORT, 10.0),)


def test_a_redrawn_bar_counts_with_its_last_state() -> None:
    bar = "\r".join(
        f"(Worker_TP0 pid=7) {SHARDS} {n * 25}% Completed | {n}/4 [00:0{n}<00:01]" for n in range(4)
    )
    progress = progress_after(bar)
    assert (progress.done, progress.total) == (3, 4)


def test_a_draft_model_does_not_turn_the_shards_back() -> None:
    progress = progress_after(f"{SHARDS} 100% Completed | 3/3 [x]", f"{SHARDS}   0% Completed | 0/3 [x]")
    assert (progress.done, progress.total) == (3, 3)


def test_steps_never_go_back() -> None:
    progress = progress_after(
        "Model loading took 0.43 GiB and 0.8 seconds", f"{SHARDS} 50% Completed | 1/2 [x]"
    )
    assert progress.step is LoadStep.KV_CACHE
    assert (progress.done, progress.total) == (None, None)


def test_the_line_is_shown_without_terminal_codes() -> None:
    assert progress_after("\x1b[36m(APIServer pid=1)\x1b[0m hello").line == "(APIServer pid=1) hello"


def test_requests_do_not_show_as_progress() -> None:
    up = "INFO:     Application startup complete."
    assert progress_after(up, 'INFO:     127.0.0.1:1 - "GET /metrics HTTP/1.1" 200 OK').line == up


@pytest.mark.parametrize(
    ("line", "device"),
    [
        ("INFO 05-14 10:51:06 [__init__.py:239] Automatically detected platform xpu.", "XPU"),
        ("INFO 09-04 06:51:22 [__init__.py:235] Automatically detected platform cpu.", "CPU"),
        (
            "INFO [core.py:97] Initializing a V1 LLM engine (v0.24.0) with config: device_config=xpu, b=2",
            "XPU",
        ),
        (
            "INFO [__init__.py:239] No platform detected, vLLM is running on UnspecifiedPlatform",
            None,
        ),
    ],
)
def test_the_device_is_what_the_engine_says(line: str, device: str | None) -> None:
    assert reader_after(line).device == device


def test_an_answered_health_check_proves_the_start() -> None:
    assert reader_after('INFO:     127.0.0.1:5 - "GET /health HTTP/1.1" 200 OK').is_startup_complete
    assert not reader_after('INFO:     127.0.0.1:5 - "GET /health HTTP/1.1" 503 x').is_startup_complete
