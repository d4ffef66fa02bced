"""One ArcDesk per user: the lock, the socket, and who may speak into it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from arcdesk.desktop.instance_client import MESSAGE_LIMIT_BYTES, call, runtime_dir, socket_path
from arcdesk.desktop.instance_server import InstanceLock, InstanceServer

ROOT = Path(__file__).parents[3]
CHILD = [sys.executable, "-m", "tests.unit.desktop.instance_child"]
PATIENCE_S = 30.0
NOBODY = 65534
Json = dict[str, Any]


async def handle(request: Json, progress: Callable[[Json], None]) -> Json:
    """An app: counts for 'count', waits for 'wait', breaks for 'break', else echoes."""
    match request.get("command"):
        case "count":
            for number in range(3):
                progress({"text": str(number)})
            return {"counted": 3}
        case "wait":
            await asyncio.Event().wait()
        case "break":
            raise KeyError("oh")
    return {"echo": request}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[InstanceServer]:
    lock = InstanceLock.take()
    assert lock is not None
    server = InstanceServer(handle)
    await server.start()
    yield server
    await server.aclose()
    lock.release()
    assert not os.path.exists(socket_path())


async def ask(request: Json, **options: Any) -> Json | None:
    """`call` as another process would: it blocks, so it needs a thread beside the server's loop."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, lambda: call(request, timeout_s=PATIENCE_S, **options))


async def send(data: bytes) -> bytes:
    """Raw bytes into the socket; returns all that comes back."""
    reader, writer = await asyncio.open_unix_connection(socket_path())
    writer.write(data)
    writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def start_child(*arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*CHILD, *arguments], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


def end_child(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


# the lock


def test_the_lock_is_exclusive_and_dies_with_its_process() -> None:
    holder = start_child("hold")
    try:
        assert first_line(holder) == "held"
        assert InstanceLock.take() is None
        second = start_child("hold")
        assert first_line(second) == "taken"
        second.communicate()
    finally:
        end_child(holder)  # kill -9
    lock = InstanceLock.take()
    assert lock is not None
    assert InstanceLock.take() is None
    lock.release()


def test_a_released_lock_can_be_taken_again() -> None:
    for _ in range(2):
        lock = InstanceLock.take()
        assert lock is not None
        lock.release()


def test_the_lock_is_not_inherited_by_children() -> None:
    lock = InstanceLock.take()
    assert lock is not None
    child = subprocess.Popen(
        [sys.executable, "-c", "print('up', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=False,
        text=True,
    )
    try:
        assert first_line(child) == "up"
        lock.release()
        again = InstanceLock.take()
        assert again is not None
        again.release()
    finally:
        child.communicate("\n")


def test_folder_and_lock_are_private_even_where_they_were_not(own_home: Path) -> None:
    os.makedirs(runtime_dir(), mode=0o755)
    os.chmod(runtime_dir(), 0o755)
    lock = InstanceLock.take()
    assert lock is not None
    assert mode(runtime_dir()) == 0o700
    assert {mode(entry.path) for entry in os.scandir(runtime_dir())} == {0o600}
    lock.release()


def test_without_a_runtime_folder_the_cache_has_one(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_home / "cache"))
    for value in (None, "", "relative/path"):
        if value is None:
            monkeypatch.delenv("XDG_RUNTIME_DIR")
        else:
            monkeypatch.setenv("XDG_RUNTIME_DIR", value)
        assert runtime_dir() == str(own_home / "cache" / "arcdesk" / "run")


# the socket


async def test_the_socket_is_private(server: InstanceServer) -> None:
    assert mode(socket_path()) == 0o600
    assert mode(runtime_dir()) == 0o700


async def test_listening_leaves_the_mask_of_the_process_alone(server: InstanceServer) -> None:
    mask = os.umask(0o022)
    os.umask(mask)
    assert mask & 0o100 == 0


async def test_an_answer_comes_back(server: InstanceServer) -> None:
    request = {"command": "status", "text": "Grüße\n" * 100}
    assert await ask(request) == {"echo": request}


async def test_progress_arrives_line_by_line_before_the_answer(server: InstanceServer) -> None:
    steps: list[Json] = []
    assert await ask({"command": "count"}, on_progress=steps.append) == {"counted": 3}
    assert [step["text"] for step in steps] == ["0", "1", "2"]
    assert await ask({"command": "count"}) == {"counted": 3}


async def test_a_command_that_breaks_is_told_and_the_app_lives_on(
    server: InstanceServer, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await ask({"command": "break"})
    assert answer is not None
    assert answer["exit_code"] == 1
    assert "KeyError" in answer["message"]
    assert "Traceback" in caplog.text
    assert await ask({"command": "status"}) == {"echo": {"command": "status"}}


def test_without_a_server_there_is_no_answer(own_home: Path) -> None:
    assert call({"command": "status"}, timeout_s=PATIENCE_S) is None
    os.makedirs(runtime_dir())
    assert call({"command": "status"}, timeout_s=PATIENCE_S) is None
    Path(socket_path()).write_text("no socket")
    assert call({"command": "status"}, timeout_s=PATIENCE_S) is None


async def test_the_socket_of_a_crash_answers_nobody_and_is_replaced(own_home: Path) -> None:
    crashed = start_child("crash")
    try:
        assert first_line(crashed) == "listening"
        assert await ask({}) == {"from": crashed.pid}
    finally:
        os.kill(crashed.pid, signal.SIGKILL)
        crashed.communicate()
    assert os.path.exists(socket_path())
    assert await ask({}) is None
    lock = InstanceLock.take()
    assert lock is not None
    server = InstanceServer(handle)
    await server.start()
    assert await ask({"command": "hello"}) == {"echo": {"command": "hello"}}
    await server.aclose()
    lock.release()
    assert not os.path.exists(socket_path())


@pytest.mark.parametrize(
    "data",
    [
        b"not json\n",
        b"\xff\xfe\x00\n",
        b"[]\n",
        b"42\n",
        b"[" * 100_000 + b"\n",
        b"x" * (MESSAGE_LIMIT_BYTES + 10),
        b"x" * (3 * MESSAGE_LIMIT_BYTES) + b"\n",
    ],
    ids=["words", "bytes", "list", "number", "deep", "long", "longer"],
)
async def test_nonsense_gets_no_answer_and_does_no_harm(
    server: InstanceServer, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    with contextlib.suppress(ConnectionError):  # the server hung up while we were still talking
        assert await send(data) == b""
    assert await ask({"command": "status"}) == {"echo": {"command": "status"}}
    assert "Traceback" not in caplog.text


async def test_a_caller_who_says_nothing_or_leaves_does_no_harm(server: InstanceServer) -> None:
    silent = await asyncio.open_unix_connection(socket_path())
    _, leaver = await asyncio.open_unix_connection(socket_path())
    leaver.write(b'{"command": "count"}\n')
    leaver.transport.abort()
    assert json.loads(await send(b"")) == {"echo": {}}
    assert await ask({"command": "count"}) == {"counted": 3}
    silent[1].close()


async def test_closing_ends_conversations_and_tells_the_caller(server: InstanceServer) -> None:
    waiting = asyncio.ensure_future(ask({"command": "wait"}))
    async with asyncio.timeout(PATIENCE_S):
        while not server._tasks:
            await asyncio.sleep(0.002)
    await server.aclose()
    with pytest.raises(ConnectionError):
        await waiting
    assert await ask({"command": "status"}) is None


async def test_a_caller_loses_patience(server: InstanceServer) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError):
        await loop.run_in_executor(None, lambda: call({"command": "wait"}, timeout_s=0.05))


# other users


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder that other users can reach."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


async def as_another_user(monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether another user is answered. Without root nobody else can be had: then it is us who differ."""
    if os.getuid() == 0:
        child = await asyncio.create_subprocess_exec(
            *CHILD, "call", str(NOBODY), socket_path(), cwd=ROOT, stdout=subprocess.PIPE
        )
        return (await child.communicate())[0].decode().strip()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: NOBODY)
        return "answered" if await send(b"{}") else "refused"


async def test_another_user_is_not_answered_even_where_the_modes_are_lost(
    open_folder: Path, server: InstanceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chmod(runtime_dir(), 0o755)
    os.chmod(socket_path(), 0o666)
    assert await as_another_user(monkeypatch) == "refused"
    assert await ask({"command": "status"}) == {"echo": {"command": "status"}}


async def test_a_socket_of_another_user_is_not_spoken_to(
    server: InstanceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: NOBODY)
        assert await ask({"command": "status"}) is None
