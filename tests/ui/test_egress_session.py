"""A whole run of the window: it contacts the chosen server only, and leaves no trace of its key."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from arcdesk.desktop.instance_client import call
from tests.fakes.openai_server import STREAM_HEAD, OpenAIServer, chunked, delta, event
from tests.ui.app_rig import PATIENCE_S, no_docker, until
from tests.watch.contacts import seen, watching

__all__ = ["no_docker"]  # a fixture
ROOT = Path(__file__).parents[2]
KEY = "sk-MARK-of-the-window-4712"


def run_child(url: str, folder: Path) -> subprocess.Popen[bytes]:
    """The program in a process of its own, watched; what it says goes into files in `folder`."""
    command = [sys.executable, "-m", "tests.ui.session_child", url]
    environment = {**os.environ, **watching(folder / "watch"), "ARCDESK_API_KEY": KEY}
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr)


def files_with_the_key(*folders: Path) -> list[Path]:
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return [file for file in files if KEY.encode() in file.read_bytes()]


async def test_the_window_contacts_the_chosen_server_only_and_keeps_its_key_to_itself(
    own_home: Path, tmp_path: Path
) -> None:
    said = tmp_path / "stdout"
    async with OpenAIServer(api_key=KEY) as server:
        server.script(STREAM_HEAD, chunked(event(delta(content="Half"))), asyncio.Event())
        child = run_child(server.base_url, tmp_path)
        try:
            await until(lambda: "answering" in said.read_text() or child.poll() is not None, "the answer")
            arguments = Path(f"/proc/{child.pid}/cmdline").read_bytes()
            call({"command": "quit"}, timeout_s=PATIENCE_S)
            await until(lambda: child.poll() is not None, "the program to end")
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert child.returncode == 0
    contacts = seen(tmp_path / "watch")
    assert {host for name, host in contacts if name == "socket.connect" and host} == {"127.0.0.1"}
    assert KEY.encode() not in arguments
    written = [file for file in own_home.rglob("*") if file.is_file()]
    assert written, "it wrote its conversations"
    assert files_with_the_key(own_home, tmp_path) == []

    (tmp_path / "planted").write_text(f"Bearer {KEY}")
    assert files_with_the_key(tmp_path) == [tmp_path / "planted"], "the search finds what is there"
