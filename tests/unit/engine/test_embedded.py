"""The embedded engine as it runs: real child processes, the real starter model."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import pytest_asyncio

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.errors import EngineError, NotFoundError
from arcdesk.core.ports import Endpoint
from arcdesk.engine.embedded import LOG_LINES, EmbeddedEngine, child_command
from arcdesk.engine.starter_model import find_starter_model

START_LIMIT_S = 60.0  # of a loaded machine with a cold disk; about a second is usual


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[EmbeddedEngine]:
    engine = EmbeddedEngine()
    yield engine
    await engine.stop()
    assert engine.pid is None
    assert psutil.Process().children() == []  # nor a zombie
    gc.collect()  # a transport left open would warn, and a warning fails the test


@pytest.fixture
def starter() -> Path:
    found = find_starter_model()
    assert found is not None
    return found


def call(endpoint: Endpoint, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, str]:
    """Ask over HTTP; returns status and text."""
    address = urlsplit(endpoint.root_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    connection.request(
        "POST" if body is not None else "GET",
        path,
        json.dumps(body) if body is not None else None,
        headers,
    )
    response = connection.getresponse()
    status, text = response.status, response.read().decode()
    connection.close()
    return status, text


def ask(endpoint: Endpoint, question: str) -> str:
    body = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": 24,
    }
    status, text = call(endpoint, "/v1/chat/completions", body, key=endpoint.api_key)
    assert status == 200, text
    answer: str = json.loads(text)["choices"][0]["message"]["content"]
    return answer


async def test_the_starter_model_answers(engine: EmbeddedEngine) -> None:
    began_s = time.monotonic()
    endpoint = await engine.start("")
    assert time.monotonic() - began_s < START_LIMIT_S
    assert (endpoint.model, endpoint.engine, endpoint.device) == ("smollm2-135m-instruct", "embedded", "CPU")
    assert endpoint.base_url == f"{endpoint.root_url}/v1"
    assert call(endpoint, "/health")[0] == 200
    assert "Paris" in ask(endpoint, "What is the capital of France?")
    assert "Berlin" in ask(endpoint, "What is the capital of Germany?")
    models = json.loads(call(endpoint, "/v1/models", key=endpoint.api_key)[1])
    assert [model["id"] for model in models["data"]] == [endpoint.model]
    status, metrics = call(endpoint, "/metrics", key=endpoint.api_key)
    assert status == 200
    assert "llamacpp:tokens_predicted_total" in metrics


async def test_only_the_holder_of_the_key_is_answered(engine: EmbeddedEngine) -> None:
    endpoint = await engine.start("")
    assert endpoint.api_key is not None
    for key in (None, "wrong", endpoint.api_key[:-1]):
        assert call(endpoint, "/v1/models", key=key)[0] == 401
        assert call(endpoint, "/metrics", key=key)[0] == 401
        assert call(endpoint, "/v1/chat/completions", {"messages": []}, key=key)[0] == 401
    assert call(endpoint, "/v1/models", key=endpoint.api_key)[0] == 200
    assert endpoint.api_key not in repr(endpoint)
    assert endpoint.api_key not in "".join(engine.log_lines())
    assert endpoint.api_key not in " ".join(psutil.Process(engine.pid).cmdline())


async def test_each_start_has_its_own_key_and_replaces_the_last(engine: EmbeddedEngine) -> None:
    first = await engine.start("")
    first_pid = engine.pid
    second = await engine.start("")
    assert first.api_key != second.api_key
    assert engine.pid != first_pid
    assert [child.pid for child in psutil.Process().children()] == [engine.pid]


async def test_it_listens_on_the_loopback_only(engine: EmbeddedEngine) -> None:
    await engine.start("")
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(engine.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


async def test_a_chosen_file_is_served_under_its_own_name(
    engine: EmbeddedEngine, starter: Path, tmp_path: Path
) -> None:
    chosen = tmp_path / "My model – v1.gguf"
    chosen.symlink_to(starter)
    endpoint = await engine.start(str(chosen))
    assert endpoint.model == "My model – v1"
    assert ask(endpoint, "Hi")


@pytest.mark.parametrize(("asked", "served"), [(1024, 1024), (16_384, 8192)])  # trained with 8192
async def test_the_context_that_is_told_is_the_one_that_is_served(asked: int, served: int) -> None:
    engine = EmbeddedEngine(command=lambda: (*child_command(), "--context", str(asked)))
    client = OpenAIClient()
    try:
        endpoint = await engine.start("")
        (model,) = await client.served_models(endpoint)
        assert (model.id, model.max_model_len) == (endpoint.model, served)
        body = {"model": endpoint.model, "messages": [{"role": "user", "content": "a " * (served + 1)}]}
        status, text = call(endpoint, "/v1/chat/completions", body, key=endpoint.api_key)
        assert status == 400 and json.loads(text)["error"]["n_ctx"] == served
    finally:
        await client.aclose()
        await engine.stop()


async def test_the_working_folder_can_hold_strange_modules(
    engine: EmbeddedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    assert await engine.start("")


async def test_closing_its_input_is_enough_to_stop_it(
    engine: EmbeddedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = await engine.start("")
    ended = asyncio.ensure_future(engine.wait_ended())
    await asyncio.sleep(0)
    with caplog.at_level(logging.INFO, "arcdesk.engine.embedded"):
        await engine.stop()
    assert caplog.messages == ["the embedded engine ended with 0"]  # a signal would be a negative number
    assert await ended is None
    assert await engine.wait_ended() is None
    with pytest.raises(ConnectionRefusedError):
        call(endpoint, "/health")
    await engine.stop()


async def test_without_a_child_there_is_nothing_to_stop_or_wait_for(engine: EmbeddedEngine) -> None:
    await engine.stop()
    assert await engine.wait_ended() is None
    assert engine.log_lines() == []
    assert engine.pid is None


async def test_a_cancelled_start_leaves_nothing_behind(engine: EmbeddedEngine) -> None:
    starting = asyncio.ensure_future(engine.start(""))
    async with asyncio.timeout(START_LIMIT_S):
        while not any("loading model" in line for line in engine.log_lines()):
            await asyncio.sleep(0.005)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert engine.pid is None
    assert psutil.Process().children() == []


async def test_a_killed_child_is_told_as_a_problem(engine: EmbeddedEngine) -> None:
    await engine.start("")
    assert engine.pid is not None
    ended = asyncio.ensure_future(engine.wait_ended())
    await asyncio.sleep(0)
    os.kill(engine.pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        problem = await ended
    assert problem is not None
    assert problem.cause == "killed"
    assert any("model loaded" in line for line in engine.log_lines())


async def test_sigterm_from_outside_ends_it_at_once(engine: EmbeddedEngine) -> None:
    await engine.start("")
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGTERM)
    async with asyncio.timeout(2):
        problem = await engine.wait_ended()
    assert problem is not None
    assert "ended from outside" in problem.title


async def test_a_stubborn_child_is_killed() -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        'print(\'{"listening": "http://127.0.0.1:9", "model": "m"}\', flush=True)\n'
        "while True: time.sleep(60)\n"
    )
    engine = EmbeddedEngine(command=lambda: (sys.executable, "-c", program), end_patience_s=0.2)
    await engine.start("")
    await engine.stop()
    assert await engine.wait_ended() is None
    assert psutil.Process().children() == []


async def test_a_child_that_never_answers_is_ended_and_told() -> None:
    program = "import sys, time; print('thinking', file=sys.stderr, flush=True); time.sleep(600)"
    engine = EmbeddedEngine(command=lambda: (sys.executable, "-c", program), start_patience_s=1.0)
    with pytest.raises(EngineError) as told:
        await engine.start("")
    assert told.value.problem.cause == "startup_hang"
    assert told.value.problem.evidence == "thinking"
    assert psutil.Process().children() == []


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    engine = EmbeddedEngine(command=lambda: (str(tmp_path / "nothing"),))
    with pytest.raises(EngineError, match="could not be started"):
        await engine.start("")


async def test_only_the_last_lines_are_kept_and_long_ones_cut() -> None:
    program = (
        "import sys\n"
        "print('x' * 300_000, file=sys.stderr)\n"
        "for n in range(500): print(f'line {n}', file=sys.stderr)\n"
        "sys.stderr.buffer.write(b'no end \\xff'); sys.exit(7)\n"
    )
    engine = EmbeddedEngine(command=lambda: (sys.executable, "-c", program))
    with pytest.raises(EngineError, match="exit code 7"):
        await engine.start("")
    lines = engine.log_lines()
    assert len(lines) == LOG_LINES
    assert lines[-2:] == ["line 499", "no end \ufffd"]


@pytest.mark.parametrize("when", ["serving", "loading"])
def test_the_child_does_not_outlive_a_killed_parent(when: str) -> None:
    command = [sys.executable, "-m", "tests.unit.engine.embedded_parent", when]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, address = parent.stdout.readline().split()
        child = psutil.Process(int(pid))
        assert child.ppid() == parent.pid
        parent.kill()
        psutil.wait_procs([child], timeout=2)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE  # init reaps it, not we
    if when == "serving":
        where = urlsplit(address)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((where.hostname or "", where.port or 0), timeout=1)


def test_the_kernel_ends_the_child_where_its_input_stays_open(starter: Path) -> None:
    program = (
        "import os, subprocess, sys\n"
        "command = [sys.executable, '-m', 'arcdesk.engine.embedded_child', '--model', sys.argv[1]]\n"
        "child = subprocess.Popen(command, env={**os.environ, 'ARCDESK_EMBEDDED_KEY': 'k'})\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    command = [sys.executable, "-c", program, str(starter)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert "listening" in parent.stdout.readline()  # the child inherited both ends of the talk
        parent.kill()
        psutil.wait_procs([child], timeout=2)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


async def test_a_text_file_is_refused_before_anything_starts(engine: EmbeddedEngine, tmp_path: Path) -> None:
    text = tmp_path / "notes.gguf"
    text.write_text("GGU, almost")
    with pytest.raises(EngineError) as told:
        await engine.start(str(text))
    assert told.value.problem.cause == "model_format"
    assert "notes.gguf is not a GGUF file" in told.value.problem.title
    assert engine.log_lines() == []


async def test_a_missing_file_is_not_found(engine: EmbeddedEngine, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as told:
        await engine.start(str(tmp_path / "nothing.gguf"))
    assert told.value.problem.cause == "model_path"


@pytest.mark.parametrize("size_bytes", [4, 100, 1_000_000, 50_000_000])
async def test_a_truncated_model_is_told_as_incomplete(
    engine: EmbeddedEngine, starter: Path, tmp_path: Path, size_bytes: int
) -> None:
    part = tmp_path / "part.gguf"
    with starter.open("rb") as whole:
        part.write_bytes(whole.read(size_bytes))
    with pytest.raises(EngineError) as told:
        await engine.start(str(part))
    assert told.value.problem.cause == "weights_corrupt", engine.log_lines()
    assert told.value.problem.evidence in engine.log_lines()
    assert await engine.wait_ended() == told.value.problem


async def test_an_unknown_architecture_is_told(engine: EmbeddedEngine, starter: Path, tmp_path: Path) -> None:
    strange = tmp_path / "strange.gguf"
    content = starter.read_bytes()
    key = b"general.architecture\x08\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00"
    assert key + b"llama" in content
    strange.write_bytes(content.replace(key + b"llama", key + b"dream", 1))
    with pytest.raises(EngineError) as told:
        await engine.start(str(strange))
    assert told.value.problem.cause == "arch_unsupported", engine.log_lines()
    assert "dream" in told.value.problem.evidence


async def test_too_little_memory_is_told() -> None:
    limited = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (700_000_000, 700_000_000))\n"
        "sys.argv += ['--context', '200000']\n"
        "runpy.run_module('arcdesk.engine.embedded_child', run_name='__main__')\n"
    )
    engine = EmbeddedEngine(command=lambda: (sys.executable, "-c", limited))
    with pytest.raises(EngineError) as told:
        await engine.start("")
    assert told.value.problem.cause == "host_oom", engine.log_lines()


async def test_a_missing_library_is_told() -> None:
    without = (
        "import runpy, sys\n"
        "sys.modules['xllamacpp'] = None\n"
        "runpy.run_module('arcdesk.engine.embedded_child', run_name='__main__')\n"
    )
    engine = EmbeddedEngine(command=lambda: (sys.executable, "-c", without))
    with pytest.raises(EngineError) as told:
        await engine.start("")
    assert told.value.problem.cause == "lib_missing"
    assert "xllamacpp" in told.value.problem.evidence
