"""Where keys and tokens are kept, when a keyring is there, is not, is stuck, or breaks."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from arcdesk.core.errors import ActionKind, ArcDeskError
from arcdesk.core.secrets import HUB_TOKEN, KeptIn, mask, remote_key
from arcdesk.storage.keyring_thread import KeyringThread, name_of, pick_keyring
from arcdesk.storage.secret_file import SecretFile
from arcdesk.storage.secrets import SecretStore

NAME = remote_key("https://models.example/v1")
KEY = "sk-marked-for-storage"


class Ring(KeyringBackend):
    """Keeps in memory; scripted to fail or to hang as no real one does on demand."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, str] = {}
        self.error: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.calls = 0

    def _enter(self) -> None:
        self.calls += 1
        self.go_on.wait(60)
        if self.error is not None:
            raise self.error

    def get_password(self, service: str, username: str) -> str | None:
        self._enter()
        return self.kept.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._enter()
        self.kept[username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._enter()
        if username not in self.kept:
            raise PasswordDeleteError("not there")
        del self.kept[username]


def store(tmp_path: Path, ring: Ring | None, *, patience_s: float = 30.0, **environ: str) -> SecretStore:
    thread = KeyringThread(pick=lambda: ring, patience_s=patience_s)
    return SecretStore(environ=environ, file=SecretFile(tmp_path / "secrets.json"), keyring=thread)


def in_file(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "secrets.json").read_text())
    return found


async def test_a_key_goes_into_the_keyring_and_its_name_alone_into_the_file(tmp_path: Path) -> None:
    ring = Ring()
    secrets = store(tmp_path, ring)
    await secrets.put(NAME, f" {KEY}\n")
    assert ring.kept == {NAME: KEY}
    assert KEY not in (tmp_path / "secrets.json").read_text()
    assert await store(tmp_path, ring).get(NAME) == KEY
    assert mask(f"Bearer {KEY}") == "Bearer …"
    await secrets.remove(NAME)
    assert ring.kept == {}
    assert await secrets.get(NAME) is None


async def test_who_keeps_nothing_never_meets_the_keyring(tmp_path: Path) -> None:
    ring = Ring()
    secrets = store(tmp_path, ring)
    assert await secrets.get(NAME) is None
    assert await secrets.hub_token() is None
    await secrets.remove(NAME)
    assert ring.calls == 0
    assert list(tmp_path.iterdir()) == []


async def test_without_a_keyring_a_private_file_keeps_it(tmp_path: Path) -> None:
    secrets = store(tmp_path, None)
    await secrets.put(NAME, KEY)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert await store(tmp_path, None).get(NAME) == KEY
    view = await secrets.view((NAME, HUB_TOKEN))
    assert [state.kept_in for state in view.secrets] == [KeptIn.FILE, KeptIn.NOWHERE]
    assert view.notice is not None and "this computer offers no keyring" in view.notice.detail
    assert not view.can_move
    assert KEY not in repr(view)


async def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    secrets = store(tmp_path, None)
    await secrets.put(NAME, KEY)
    (tmp_path / "secrets.json").chmod(0o644)
    assert await secrets.get(NAME) == KEY
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


async def test_what_is_in_the_file_moves_when_a_keyring_comes(tmp_path: Path) -> None:
    await store(tmp_path, None).put(NAME, KEY)
    ring = Ring()
    secrets = store(tmp_path, ring)
    assert (await secrets.view(())).can_move
    await secrets.move_to_keyring()
    assert ring.kept == {NAME: KEY}
    assert in_file(tmp_path)["secrets"] == {}
    view = await secrets.view(())
    assert [state.kept_in for state in view.secrets] == [KeptIn.KEYRING]
    assert not view.can_move and view.notice is None


async def test_a_forgetful_keyring_loses_nothing(tmp_path: Path) -> None:
    class Forgetful(Ring):
        def set_password(self, service: str, username: str, password: str) -> None:
            """As keyring.backends.null does."""

    await store(tmp_path, None).put(NAME, KEY)
    secrets = store(tmp_path, Forgetful())
    with pytest.raises(ArcDeskError) as caught:
        await secrets.move_to_keyring()
    assert caught.value.problem.cause == "keyring_failed"
    assert await secrets.get(NAME) == KEY


async def test_a_prompt_that_nobody_answers_blocks_nobody(tmp_path: Path) -> None:
    ring = Ring()
    await store(tmp_path, ring).put(NAME, KEY)
    ring.go_on.clear()
    secrets = store(tmp_path, ring, patience_s=0.05)
    with pytest.raises(ArcDeskError) as caught:
        await secrets.get(NAME)
    problem = caught.value.problem
    assert (problem.cause, problem.title) == ("keyring_locked", "The keyring is locked")
    assert [action.kind for action in problem.actions] == [ActionKind.RETRY, ActionKind.KEEP_IN_FILE]
    with pytest.raises(ArcDeskError):
        await secrets.put(NAME, "sk-another")  # waits behind the prompt, and is given up
    calls = ring.calls
    ring.go_on.set()
    async with asyncio.timeout(30):
        while True:
            try:
                assert await secrets.get(NAME) == KEY, "what was given up is not done later, unasked"
                break
            except ArcDeskError:
                continue
    assert ring.calls > calls
    await secrets.aclose()


async def test_a_locked_keyring_can_be_passed_by(tmp_path: Path) -> None:
    ring = Ring()
    ring.error = KeyringLocked("Failed to unlock the collection!")
    secrets = store(tmp_path, ring)
    with pytest.raises(ArcDeskError) as caught:
        await secrets.put(NAME, KEY)
    assert caught.value.problem.cause == "keyring_locked"
    assert await secrets.get(NAME) is None
    secrets.use_file()
    await secrets.put(NAME, KEY)
    assert await secrets.get(NAME) == KEY
    notice = (await secrets.view(())).notice
    assert notice is not None and "you chose it" in notice.detail


async def test_whatever_a_keyring_raises_is_told_without_the_secret(tmp_path: Path) -> None:
    ring = Ring()
    ring.error = RuntimeError("no such bus")
    with pytest.raises(ArcDeskError) as caught:
        await store(tmp_path, ring).put(NAME, KEY)
    assert caught.value.problem.cause == "keyring_failed"
    assert KEY not in str(caught.value) + repr(caught.value.problem)


async def test_a_key_that_went_from_the_keyring_can_be_removed_here(tmp_path: Path) -> None:
    ring = Ring()
    secrets = store(tmp_path, ring)
    await secrets.put(NAME, KEY)
    ring.kept.clear()
    assert await secrets.get(NAME) is None
    await secrets.remove(NAME)
    assert in_file(tmp_path)["in_keyring"] == []


async def test_the_environment_overrules_and_is_said(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("hf_from_a_file\n")
    await store(tmp_path, None).put(NAME, KEY)
    secrets = store(tmp_path, None, ARCDESK_API_KEY="sk-of-the-environment", HF_TOKEN_PATH=str(token_file))
    assert await secrets.get(NAME) == "sk-of-the-environment"
    assert await secrets.hub_token() == "hf_from_a_file"
    states = (await secrets.view((NAME, HUB_TOKEN))).secrets
    assert [(state.kept_in, state.place) for state in states] == [
        (KeptIn.VARIABLE, "ARCDESK_API_KEY"),
        (KeptIn.VARIABLE, "HF_TOKEN_PATH"),
    ]
    both = store(tmp_path, None, HF_TOKEN="hf_itself", HF_TOKEN_PATH=str(token_file))
    assert await both.hub_token() == "hf_itself"
    gone = store(tmp_path, None, HF_TOKEN_PATH=str(tmp_path / "gone"))
    assert await gone.hub_token() is None


async def test_a_locked_keyring_does_not_hinder_a_container(tmp_path: Path) -> None:
    ring = Ring()
    await store(tmp_path, ring).put(HUB_TOKEN, "hf_marked_token")
    ring.error = KeyringLocked("locked")
    assert await store(tmp_path, ring).hub_token() is None


@pytest.mark.parametrize("bad", ["", "  ", "a\nb", "a\x00b", "schlüssel"])
async def test_what_can_be_no_key_is_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ArcDeskError) as caught:
        await store(tmp_path, Ring()).put(NAME, bad)
    assert caught.value.problem.cause == "bad_setting"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 1}', '{"version": "x", "secrets": 3}', "\udcff"]
)
async def test_a_damaged_file_is_set_aside(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.json").write_bytes(text.encode(errors="surrogateescape"))
    secrets = store(tmp_path, None)
    assert await secrets.get(NAME) is None
    await secrets.put(NAME, KEY)
    assert await secrets.get(NAME) == KEY
    (kept,) = tmp_path.glob("secrets.json.broken-*")
    assert kept.read_bytes() == text.encode(errors="surrogateescape")


async def test_the_file_of_a_newer_arcdesk_is_left_alone(tmp_path: Path) -> None:
    text = '{"version": 2, "in_keyring": [], "secrets": {}}'
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(ArcDeskError) as caught:
        await store(tmp_path, None).put(NAME, KEY)
    assert caught.value.problem.cause == "secrets_newer"
    assert (tmp_path / "secrets.json").read_text() == text


@pytest.mark.parametrize("kind", ["fail", "null"])
def test_the_keyrings_that_keep_nothing_are_none(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"keyring.backends.{kind}.Keyring")
    assert pick_keyring() is None
    assert name_of(None) == ""
