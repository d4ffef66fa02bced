"""The program of the embedded engine: llama.cpp's own HTTP server on the loopback, until its input ends.

Run as `python -m arcdesk.engine.embedded_child --model PATH [--context N]`. Its API key is in the
environment. It writes one JSON line to stdout when it answers; all that llama.cpp says goes to stderr.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from arcdesk.engine.starter_model import STARTER_CHAT_TEMPLATE, is_starter_model, model_name

if TYPE_CHECKING:
    from xllamacpp import CommonParams

KEY_VARIABLE = "ARCDESK_EMBEDDED_KEY"
HOST = "127.0.0.1"
DEFAULT_CONTEXT_TOKENS = 4096
STARTER_REPEAT_PENALTY = 1.1
CACHE_RAM_MIB = 256  # of earlier prompts; llama.cpp itself would take up to 8 GiB
ANSWER_PATIENCE_S = 30.0
EXIT_USAGE = 2
EXIT_NO_LIBRARY = 3
PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> int:
    """Serve until stdin ends, SIGTERM, or the parent's death. Returns an exit code if it can't begin."""
    options = _parse(arguments)
    key = os.environ.pop(KEY_VARIABLE, "")
    if not key:
        print(f"{KEY_VARIABLE} is not set", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    _end_with_the_parent()
    told = _keep_stdout_for_ourselves()
    try:
        import xllamacpp
    except ImportError as error:
        print(f"no llama.cpp: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_NO_LIBRARY
    params = xllamacpp.CommonParams()
    _fill(params, options.model, options.context, key)
    try:
        server = xllamacpp.Server(params)  # returns when the model is loaded
        address = str(server.listening_address)
        _await_answer(address)
    except (RuntimeError, OSError) as error:  # llama.cpp has written the reason
        print(f"no server: {error}", file=sys.stderr)  # noqa: T201
        return 1
    _tell(told, {"listening": address, "model": model_name(options.model), "context": options.context})
    threading.Event().wait()  # the server has its own threads; a signal or the end of stdin ends us
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="embedded_child")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--context", type=int, default=DEFAULT_CONTEXT_TOKENS)
    return parser.parse_args(arguments)


def _end_with_the_parent() -> None:
    """Three ways out, for each has a gap: stdin's end is not seen while a model loads, say."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # at once: there is nothing to save
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in the parent's terminal is the parent's matter
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_exit_at_end_of_input, name="stdin", daemon=True).start()


def _exit_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)  # llama.cpp's threads need no farewell


def _keep_stdout_for_ourselves() -> int:
    """Lead everything else that is printed to stderr; returns the descriptor of the real stdout."""
    told = os.dup(1)
    os.dup2(2, 1)
    return told


def _fill(params: CommonParams, model: Path, context_tokens: int, key: str) -> None:
    params.model.path = str(model)
    params.model_alias = {model_name(model)}
    if is_starter_model(model):
        params.chat_template = STARTER_CHAT_TEMPLATE
        # So small a model strays at llama.cpp's 0.8, and without chance it repeats itself for ever. A request
        # may say otherwise.
        params.sampling.temp = 0.0
        params.sampling.penalty_repeat = STARTER_REPEAT_PENALTY
    params.hostnames = [HOST]
    params.port = 0  # a free one
    params.api_keys = [key]
    params.cors_origins = ""  # no web page has any business here
    params.ui = False
    params.endpoint_metrics = True
    params.endpoint_slots = False  # would show prompts
    params.n_ctx = context_tokens
    params.n_gpu_layers = 0  # the endpoint says CPU, so it is
    params.fit_params = False  # fits layers to a card; there is none
    params.cache_ram_mib = CACHE_RAM_MIB
    params.cpuparams.n_threads = _thread_count()


def _thread_count() -> int:
    """-1 lets llama.cpp count the physical (performance) cores; being pinned to fewer it would not see."""
    if not hasattr(os, "sched_getaffinity"):
        return -1
    allowed = len(os.sched_getaffinity(0))
    return -1 if allowed == os.cpu_count() else allowed


def _await_answer(address: str) -> None:
    """Ask /health once. Raises OSError or RuntimeError if it does not say 200."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or HOST, where.port, timeout=ANSWER_PATIENCE_S)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        raise RuntimeError(f"/health says {status}")


def _tell(told: int, facts: dict[str, object]) -> None:
    os.write(told, json.dumps(facts).encode() + b"\n")
    os.close(told)


if __name__ == "__main__":
    sys.exit(main())
