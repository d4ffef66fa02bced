"""The words of vLLM 0.8.3, and the failures that a healthy small model cannot be brought to."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn


def shards(*, done: int) -> None:
    # vLLM's line, which people know; the file itself is a GGUF.
    percent = f"{done * 100:3d}%"
    say(f"Loading safetensors checkpoint shards: {percent} Completed | {done}/1 [00:00<00:00,  2.00it/s]")


def log(place: str, message: str, *, level: str = "INFO") -> None:
    """A line of vLLM's logger, which writes to stdout."""
    print(f"{level} {time.strftime('%m-%d %H:%M:%S')} [{place}] {message}", flush=True)


def say(line: str) -> None:
    """A line of uvicorn, tqdm or a traceback, which go to stderr."""
    print(line, file=sys.stderr, flush=True)


def fail_with_a_lag(max_model_len: int, cache_tokens: int) -> NoReturn:
    """An engine process that dies while loading, seen by the API process only at its next poll."""
    cause = (
        f"ValueError: The model's max seq len ({max_model_len}) is larger than the maximum number of"
        f" tokens that can be stored in KV cache ({cache_tokens}). Try increasing"
        " `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."
    )
    traceback = [
        "Traceback (most recent call last):",
        *_frame("ipex_llm/vllm/xpu/engine/engine.py", 375, "run_mp_engine"),
        *_frame("ipex_llm/vllm/xpu/engine/engine.py", 348, "from_vllm_config"),
        *_frame("vllm/engine/multiprocessing/engine.py", 82, "__init__"),
        *_frame("vllm/engine/llm_engine.py", 284, "__init__"),
        *_frame("vllm/engine/llm_engine.py", 445, "_initialize_kv_caches"),
        *_frame("vllm/executor/executor_base.py", 122, "initialize_cache"),
        *_frame("vllm/worker/worker.py", 546, "raise_if_cache_size_invalid"),
        cause,
    ]
    for line in traceback:
        log("engine.py:384", line, level="ERROR")
    say("Process SpawnProcess-1:")
    for line in traceback:
        say(line)
    time.sleep(int(os.environ.get("VLLM_RPC_TIMEOUT", "10000")) / 1000)
    raise RuntimeError("Engine process failed to start. See stack trace for the root cause.")


def run_out_of_memory() -> NoReturn:
    """Takes memory until the OOM killer strikes; without a `--memory` limit, ends in the same way."""
    shards(done=0)
    hoard: list[bytearray] = []
    while _memory_is_limited():
        hoard.append(bytearray(b"x" * (16 << 20)))
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL cannot be survived")


def _memory_is_limited() -> bool:
    files = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
    limits = [file.read_text(encoding="ascii").strip() for file in files if file.exists()]
    return any(limit != "max" and int(limit) < 1 << 40 for limit in limits)


def _frame(file: str, line: int, function: str) -> list[str]:
    return [f'  File "/usr/local/lib/python3.11/dist-packages/{file}", line {line}, in {function}']
