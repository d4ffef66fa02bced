"""Keys in a real Secret Service: unlocked, locked with its real prompt, frozen, and none at all."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rig.desktop import Desktop
from tests.rig.desktop_tools import child, need, wait_for
from tests.rig.errors import RigUnavailable

pytestmark = pytest.mark.desktop

ROOT = Path(__file__).parents[2]
NAME = "remote:https://models.example"
KEY = "sk-MARK-in-the-real-keyring"
PASSWORD = "open sesame"
PATIENCE_S = 30.0
SECRETS = "org.freedesktop.secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a home of their own on a desktop."""

    desktop: Desktop
    env: dict[str, str]

    @property
    def home(self) -> Path:
        return Path(self.env["HOME"])

    @contextlib.contextmanager
    def keyring(self, *, unlocked: bool) -> Iterator[subprocess.Popen[str]]:
        """gnome-keyring's daemon, as the login starts it; without the password its keyring stays locked."""
        command = ["gnome-keyring-daemon", "--foreground", "--components=secrets"]
        with child(command + ["--unlock"] * unlocked, self.env, stdin=subprocess.PIPE) as daemon:
            assert daemon.stdin is not None
            daemon.stdin.write(PASSWORD if unlocked else "")
            daemon.stdin.close()
            wait_for(lambda: self.desktop.has_name(SECRETS), "the keyring on the bus", PATIENCE_S)
            yield daemon
        wait_for(lambda: not self.desktop.has_name(SECRETS), "the keyring's end", PATIENCE_S)

    @contextlib.contextmanager
    def store(self, patience_s: float = PATIENCE_S, **more: str) -> Iterator[Store]:
        command = [sys.executable, "-m", "tests.desktop.keyring_child", str(patience_s)]
        env = {**self.env, "PYTHONPATH": str(ROOT), **more}
        with child(command, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None) as process:
            yield Store(process=process)

    def files_with(self, text: str) -> list[Path]:
        files = (file for file in self.home.rglob("*") if file.is_file())
        return [file for file in files if text.encode() in file.read_bytes()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The store of secrets in its process."""

    process: subprocess.Popen[str]

    def __call__(self, *request: str) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def person(session_bus: Desktop, tmp_path: Path) -> Person:
    """A person with an empty home on a desktop with a session bus."""
    try:
        need("gnome-keyring-daemon")
    except RigUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    run_dir = tmp_path / "run"
    run_dir.mkdir(mode=0o700)
    folders = {
        f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "STATE")
    }
    return Person(
        desktop=session_bus,
        env={**session_bus.env, **folders, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(run_dir)},
    )


def test_an_unlocked_keyring_keeps_the_key_and_no_file_shows_it(person: Person) -> None:
    with person.keyring(unlocked=True), person.store() as store:
        assert store("put", NAME, KEY) == {"value": None}
        seen = store("view", NAME)["value"]
        assert (seen["kept_in"], seen["keyring"], seen["notice"]) == ("keyring", "Secret Service", "")
        assert person.files_with(KEY) == []
        with person.store() as other:
            assert other("get", NAME) == {"value": KEY}
        assert store("remove", NAME) == {"value": None}
        assert store("get", NAME) == {"value": None}


def test_a_locked_keyring_asks_the_person_and_goes_on_when_it_is_opened(person: Person) -> None:
    with person.keyring(unlocked=True), person.store() as store:
        store("put", NAME, KEY)
    with person.keyring(unlocked=False), person.store(patience_s=5.0) as store:
        assert store("get", NAME) == {"cause": "keyring_locked"}, "the prompt is open, nobody waits for ever"
        desktop = person.desktop
        (prompt,) = wait_for(
            lambda: desktop.find_windows("--onlyvisible", "--class", "gcr-prompter"), "the prompt", PATIENCE_S
        )
        desktop.xdotool("windowfocus", "--sync", prompt)
        desktop.type(PASSWORD)
        desktop.key("Return")
        wait_for(lambda: store("get", NAME) == {"value": KEY}, "the key after the prompt", PATIENCE_S)


def test_a_prompt_that_is_closed_is_a_locked_keyring_and_the_file_a_way_out(person: Person) -> None:
    with person.keyring(unlocked=True), person.store() as store:
        store("put", NAME, KEY)
    with person.keyring(unlocked=False), person.store(patience_s=5.0) as store:
        assert store("get", NAME) == {"cause": "keyring_locked"}
        desktop = person.desktop
        (prompt,) = wait_for(
            lambda: desktop.find_windows("--onlyvisible", "--class", "gcr-prompter"), "the prompt", PATIENCE_S
        )
        desktop.xdotool("windowfocus", "--sync", prompt)
        desktop.key("Escape")
        store("use_file")
        assert store("put", NAME, KEY) == {"value": None}
        assert store("get", NAME) == {"value": KEY}
        seen = store("view", NAME)["value"]
        assert seen["kept_in"] == "file"
        assert "because you chose it" in seen["notice"]
        (file,) = person.files_with(KEY)
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_keyring_that_hangs_is_given_up_and_comes_back(person: Person) -> None:
    with person.keyring(unlocked=True) as daemon, person.store(patience_s=3.0) as store:
        store("put", NAME, KEY)
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            assert store("get", NAME) == {"cause": "keyring_locked"}
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        wait_for(lambda: store("get", NAME) == {"value": KEY}, "the key", PATIENCE_S)


def test_without_a_session_bus_the_file_keeps_it_until_a_keyring_comes(person: Person) -> None:
    with person.store(DBUS_SESSION_BUS_ADDRESS="disabled:") as store:
        assert store("put", NAME, KEY) == {"value": None}
        seen = store("view", NAME)["value"]
        assert (seen["kept_in"], seen["keyring"]) == ("file", "")
        assert "this computer offers no keyring" in seen["notice"]
    assert len(person.files_with(KEY)) == 1
    with person.keyring(unlocked=True), person.store() as store:
        assert "before there was one" in store("view", NAME)["value"]["notice"]
        assert store("move") == {"value": None}
        assert store("view", NAME)["value"]["kept_in"] == "keyring"
        assert person.files_with(KEY) == []
        assert store("get", NAME) == {"value": KEY}


@pytest.mark.parametrize("kind", ["fail", "null"])
def test_a_keyring_that_keeps_nothing_is_not_used(person: Person, kind: str) -> None:
    with person.store(PYTHON_KEYRING_BACKEND=f"keyring.backends.{kind}.Keyring") as store:
        store("put", NAME, KEY)
        assert store("view", NAME)["value"]["kept_in"] == "file"
        assert store("get", NAME) == {"value": KEY}


def test_the_search_finds_a_key_in_a_file(person: Person) -> None:
    (person.home / "planted").write_text(f"x{KEY}y")
    assert person.files_with(KEY) == [person.home / "planted"]
