"""Serves the small model with llama.cpp under the start contract and the log lines of vLLM 0.8.3.

In the image this file is /llm/openai.api_server.py, so that `pkill -f openai.api_server` finds it.
"""

import argparse
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

# In the image the two files lie side by side.
from stand_in_faults import (  # type: ignore[import-not-found]
    fail_with_a_lag,
    log,
    run_out_of_memory,
    say,
    shards,
)

MODEL_DIR = Path("/llm/models/SmolLM2-135M-Instruct")
MODEL_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
FAULT_PREFIX = "/llm/models/fault-"
MAX_POSITIONS = 8192  # the model's own limit
SLOTS_MAX = 4  # answers at a time; each slot holds a whole context in RAM
BLOCK_TOKENS = 8
SMALL_CACHE_TOKENS = 1312  # what `fault-lag` pretends that the card can hold
SLOW_STEP_S = 2.0  # `fault-slow` takes five of them
ROUTES = {
    "/health": "GET",
    "/v1/models": "GET",
    "/v1/chat/completions": "POST",
    "/v1/completions": "POST",
    "/tokenize": "POST",
    "/detokenize": "POST",
    "/metrics": "GET",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the start script passes on."""

    model: str
    served_model_name: str
    max_model_len: int
    max_num_batched_tokens: int
    max_num_seqs: int
    host: str
    port: int

    @property
    def fault(self) -> str:
        return self.model.removeprefix(FAULT_PREFIX) if self.model.startswith(FAULT_PREFIX) else ""

    @property
    def slots(self) -> int:
        return min(self.max_num_seqs, SLOTS_MAX)


def main() -> None:
    options = _parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    match options.fault:
        case "silent":
            _wait_for_the_end()
        case "oom":
            _announce(options)
            run_out_of_memory()
        case "lag" if options.max_model_len > SMALL_CACHE_TOKENS:
            _announce(options)
            fail_with_a_lag(options.max_model_len, SMALL_CACHE_TOKENS)
        case "slow":
            _serve(options, step_s=SLOW_STEP_S)
        case _:
            _serve(options, step_s=0.0)


def _serve(options: Options, *, step_s: float) -> None:
    _announce(options, step_s=step_s)
    started = time.monotonic()
    shards(done=0)
    time.sleep(step_s)
    server = _start_llama(options)
    loaded_s = time.monotonic() - started
    shards(done=1)
    log("loader.py:447", f"Loading weights took {loaded_s:.2f} seconds")
    log("model_convert.py:97", f"Loading model weights took {_gguf().stat().st_size / 1e9:.4f} GB")
    _announce_cache(options)
    time.sleep(step_s)
    total_s = time.monotonic() - started
    took = f"took {total_s:.2f} seconds"
    log("llm_engine.py:447", f"init engine (profile, create kv cache, warmup model) {took}")
    _announce_http(options)
    try:
        _wait_for_the_end()
    finally:
        say("INFO:     Shutting down")
        del server  # joins llama.cpp's threads
        say(f"INFO:     Finished server process [{os.getpid()}]")


def _announce(options: Options, *, step_s: float = 0.0) -> None:
    """The lines up to the model's configuration; raises what vLLM raises for a wrong one."""
    log("__init__.py:239", "Automatically detected platform cpu.")
    time.sleep(step_s)
    log("api_server.py:1080", "vLLM API server version 0.8.3+llama.cpp")
    log("api_server.py:1081", f"args: {argparse.Namespace(**_as_dict(options))}")
    time.sleep(step_s)
    _check(options)
    log("config.py:605", "This model supports multiple tasks: {'generate'}. Defaulting to 'generate'.")
    time.sleep(step_s)


def _check(options: Options) -> None:
    """The rules of vLLM 0.8.3, in its words."""
    length, batched, seqs = options.max_model_len, options.max_num_batched_tokens, options.max_num_seqs
    if not options.fault and options.model not in (str(MODEL_DIR), f"{MODEL_DIR}/", MODEL_ID):
        raise ValueError(
            f"Invalid repository ID or local directory specified: '{options.model}'.\n"
            "Please verify the following requirements:\n"
            "1. Provide a valid Hugging Face repository ID.\n"
            "2. Specify a local directory that contains a recognized configuration file.\n"
        )
    if length > MAX_POSITIONS and os.environ.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN") != "1":
        raise ValueError(
            f"User-specified max_model_len ({length}) is greater than the derived max_model_len"
            f" (max_position_embeddings={MAX_POSITIONS} or model_max_length=None in model's config.json)."
            " This may lead to incorrect model outputs or CUDA errors. To allow overriding this maximum,"
            " set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1"
        )
    if batched < length:
        raise ValueError(
            f"max_num_batched_tokens ({batched}) is smaller than max_model_len ({length}). This effectively"
            " limits the maximum sequence length to max_num_batched_tokens and makes vLLM reject longer"
            " sequences. Please increase max_num_batched_tokens or decrease max_model_len."
        )
    if batched < seqs:
        raise ValueError(
            f"max_num_batched_tokens ({batched}) must be greater than or equal to max_num_seqs ({seqs})."
        )


def _start_llama(options: Options) -> object:
    """llama.cpp's own server, loaded and listening."""
    import xllamacpp  # after the checks, which must answer fast

    params: Any = xllamacpp.CommonParams()
    params.model.path = str(_gguf())
    params.model_alias = {options.served_model_name}
    params.n_parallel = options.slots
    params.n_ctx = options.max_model_len * options.slots
    params.hostnames = [options.host]
    params.port = options.port
    params.endpoint_metrics = True
    params.verbosity = 1  # errors only: the log shall look like vLLM's
    key = os.environ.get("VLLM_API_KEY", "")
    params.api_keys = [key] if key else []
    server: object = xllamacpp.Server(params)
    return server


def _announce_cache(options: Options) -> None:
    tokens = options.max_model_len * options.slots
    log("executor_base.py:112", f"# cpu blocks: {tokens // BLOCK_TOKENS}, # CPU blocks: 0")
    ratio = tokens / options.max_model_len
    log(
        "executor_base.py:117",
        f"Maximum concurrency for {options.max_model_len} tokens per request: {ratio:.2f}x",
    )


def _announce_http(options: Options) -> None:
    log("api_server.py:1127", f"Starting vLLM API server on http://{options.host}:{options.port}")
    log("launcher.py:26", "Available routes are:")
    for route, methods in ROUTES.items():
        log("launcher.py:34", f"Route: {route}, Methods: {methods}")
    say(f"INFO:     Started server process [{os.getpid()}]")
    say("INFO:     Waiting for application startup.")
    say("INFO:     Application startup complete.")


def _wait_for_the_end() -> NoReturn:
    while True:
        signal.pause()


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _gguf() -> Path:
    (file,) = MODEL_DIR.glob("*.gguf")
    return file


def _as_dict(options: Options) -> dict[str, str | int]:
    return {name: getattr(options, name) for name in Options.__dataclass_fields__}


def _parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="openai.api_server.py")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--model", required=True)
    parser.add_argument("--served-model-name", required=True)
    for name in ("--max-model-len", "--max-num-batched-tokens", "--max-num-seqs"):
        parser.add_argument(name, type=int, required=True)
    return Options(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
