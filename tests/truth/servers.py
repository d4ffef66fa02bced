"""The servers that are measured: the scripted one, and the rig's real vLLM."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from tests.rig.errors import RigUnavailable
from tests.rig.model_folder import model_folder
from tests.rig.packages import vllm_environment
from tests.rig.process import end, wait_until

ROOT = Path(__file__).parents[2]
READY_S = 240.0
MODEL = "smol"


class Scripted:
    """The scripted server as a process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self.base_url = process.stdout.readline().strip()

    def notes(self, last: int | None = None) -> list[dict[str, Any]]:
        """What it did since the last call; the warm-up is in front."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print("notes", file=self._process.stdin, flush=True)
        notes: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
        return notes if last is None else notes[-last:]


@contextmanager
def scripted(**options: float) -> Iterator[Scripted]:
    """One with these options, such as tokens=64, ttft_ms=200."""
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.rig.scripted_server", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Scripted(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@contextmanager
def real_vllm() -> Iterator[str]:
    """The base URL of vLLM with the small model, on this machine's processor.

    Without its prefix cache: both clients send the same prompts, and the second would find them there. In
    float32, because bfloat16 is slow on a processor that does not have it.
    """
    port = _free_port()
    command = [
        *(str(vllm_environment() / "bin" / "python"), "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(model_folder()), "--served-model-name", MODEL),
        *("--host", "127.0.0.1", "--port", str(port), "--max-model-len", "2048", "--max-num-seqs", "16"),
        *("--dtype", "float32", "--enforce-eager", "--no-enable-prefix-caching"),
        "--disable-uvicorn-access-log",
    ]
    settings = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:  # its worker would take all of them, and the clients would measure one another
        settings["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, cores[1:]))
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        environment = {**os.environ, **settings, "HOME": folder}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        root = f"http://127.0.0.1:{port}"
        try:
            is_up = wait_until(lambda: process.poll() is not None or _answers(f"{root}/health"), READY_S)
            if not is_up or process.poll() is not None:
                log.seek(0)
                raise RigUnavailable(f"vLLM did not get ready: {log.read()[-2000:]}")
            time.sleep(2)  # what it does behind its first /health is not to be measured
            yield f"{root}/v1"
        finally:
            end(process.pid, patience_s=30)
            process.wait(5)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
