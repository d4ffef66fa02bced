"""The end of the program in the middle of an answer: in order, with exit code 0, and nothing lost."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from arcdesk.core.chat import MessageState
from arcdesk.desktop.instance_client import call
from arcdesk.storage import paths
from arcdesk.storage.history_db import FILE_NAME, HistoryDb
from tests.fakes.openai_server import STREAM_HEAD, OpenAIServer, chunked, delta, event
from tests.ui.app_rig import PATIENCE_S, no_docker, server, until
from tests.ui.session_child import QUESTION

__all__ = ["no_docker", "server"]  # fixtures

OFFSCREEN_NOISE = ("does not support raise", "systemTrayWindowChanged")
ROOT = Path(__file__).parents[2]
End = Callable[[subprocess.Popen[str]], object]


def by_command(_: subprocess.Popen[str]) -> None:
    answer = call({"command": "quit"}, timeout_s=PATIENCE_S)
    assert answer == {"exit_code": 0}


def by_itself(_: subprocess.Popen[str]) -> None:
    """The child was told at its start."""


def by_signal(number: signal.Signals) -> End:
    return lambda child: child.send_signal(number)


WAYS: dict[str, End] = {
    "the quit command": by_command,
    "SIGTERM": by_signal(signal.SIGTERM),
    "SIGINT": by_signal(signal.SIGINT),
    "the desktop's session": by_itself,
}


def run_child(url: str, folder: Path, *options: str) -> subprocess.Popen[str]:
    """The program in a process of its own; what it says goes into files in `folder`."""
    command = [sys.executable, "-m", "tests.ui.session_child", url, *options]
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        return subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=stderr, text=True)


def complaints(folder: Path) -> list[str]:
    """What it said on stderr, without the words of the offscreen platform about itself."""
    lines = (folder / "stderr").read_text().splitlines()
    return [line for line in lines if not any(noise in line for noise in OFFSCREEN_NOISE)]


@pytest.mark.parametrize("end", WAYS.values(), ids=WAYS.keys())
async def test_it_ends_in_order_and_keeps_what_had_come(
    server: OpenAIServer, end: End, tmp_path: Path
) -> None:
    server.script(STREAM_HEAD, chunked(event(delta(content="Half"))), asyncio.Event())
    options = ["end"] if end is by_itself else []
    child, said = run_child(server.base_url, tmp_path, *options), tmp_path / "stdout"
    try:
        await until(lambda: "answering" in said.read_text() or child.poll() is not None, "the answer")
        end(child)
        await until(lambda: child.poll() is not None, "the program to end")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    assert (child.returncode, complaints(tmp_path)) == (0, [])
    await server.until(lambda server: server.chats_given_up == 1)
    history = HistoryDb(paths.data_dir() / FILE_NAME)
    asked, answer = await history.messages(1)
    await history.aclose()
    assert asked.text == QUESTION
    assert (answer.text, answer.state) == ("Half", MessageState.STOPPED)
