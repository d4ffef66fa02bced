"""The history when things go wrong: kill -9, a full disk, a damaged file, one from the future."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from arcdesk.core.chat import Message, MessageState, Role
from arcdesk.core.errors import ArcDeskError
from arcdesk.storage.history_db import HistoryDb
from arcdesk.storage.history_schema import MIGRATIONS, VERSION

WRITER = "tests.unit.storage.history_writer"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def start_writer(path: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", WRITER, str(path), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def texts(path: Path) -> list[str]:
    history = HistoryDb(path)
    found = [m.text for c in await history.conversations() for m in await history.messages(c.id)]
    await history.aclose()
    return found


@pytest.mark.parametrize("last_seen", [0, 5, 40])
async def test_what_a_call_returned_from_survives_sigkill(path: Path, last_seen: int) -> None:
    with start_writer(path) as writer:
        assert writer.stdout is not None
        message_id = int(writer.stdout.readline().split()[1])
        for line in writer.stdout:
            if int(line) == last_seen:
                break
        writer.send_signal(signal.SIGKILL)
        finished = last_seen + len(writer.stdout.readlines())  # what it managed to tell before it died
    assert writer.returncode == -signal.SIGKILL

    history = HistoryDb(path)
    (conversation,) = await history.conversations()
    assert await history.mark_interrupted() == 1
    (kept,) = await history.messages(conversation.id)
    await history.aclose()
    numbers = [int(word) for word in kept.text.split()]
    assert kept.id == message_id
    assert kept.state is MessageState.FAILED
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= finished  # the last line may have been cut while it was printed
    assert not history.problems


async def test_a_full_disk_is_told_and_the_text_waits_in_memory(path: Path) -> None:
    limit_bytes = 400_000
    with start_writer(path, str(limit_bytes)) as writer:
        assert writer.stdout is not None
        told = writer.stdout.read().splitlines()
    assert writer.returncode == 0
    assert told[-1] == "1 message readable"
    assert told[:-1]
    assert set(told[:-1]) <= {"disk_full", "storage_unwritable"}
    assert await texts(path) == ["start " + "x" * limit_bytes + " then more end"]


async def test_a_disk_that_stays_full_is_told_at_the_end(path: Path) -> None:
    with start_writer(path, "400000", "stays") as writer:
        assert writer.stdout is not None
        told = writer.stdout.read().splitlines()
    assert writer.returncode == 0
    assert told[-1] == "history_unsaved"
    assert await texts(path) == ["start "]


async def test_a_folder_that_cant_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    history = HistoryDb(tmp_path / "file" / "history.db")
    with pytest.raises(ArcDeskError) as told:
        await history.create("Nowhere")
    assert told.value.problem.cause == "storage_unwritable"
    assert str(tmp_path / "file") in told.value.problem.title
    await history.aclose()


@pytest.mark.parametrize("damage", ["text", "header", "middle"])
async def test_a_damaged_file_is_kept_aside_and_a_new_one_begins(path: Path, damage: str) -> None:
    await make_chat(path, pieces=200)
    content = bytearray(path.read_bytes())
    if damage == "text":
        content = bytearray(b"no database " * 500)
    elif damage == "header":
        content[:16] = bytes(16)
    else:
        content[4096:12288] = b"\xff" * 8192
    path.write_bytes(content)

    history = HistoryDb(path)
    assert await history.conversations() == []
    await history.create("Begun anew")
    (problem,) = history.problems
    await history.aclose()
    assert problem.cause == "history_damaged"
    kept = Path(problem.evidence)
    assert kept.name.startswith("history.db.broken-2")
    assert kept.read_bytes() == bytes(content)
    reopened = HistoryDb(path)
    assert [c.title for c in await reopened.conversations()] == ["Begun anew"]
    await reopened.aclose()
    assert not reopened.problems


async def test_a_second_damaged_file_does_not_replace_the_first(path: Path) -> None:
    kept = []
    for text in (b"first " * 1000, b"second " * 1000):
        path.write_bytes(text)
        history = HistoryDb(path)
        await history.conversations()
        kept.append(Path(history.problems[0].evidence))
        await history.aclose()
    assert [file.read_bytes()[:6] for file in kept] == [b"first ", b"second"]


async def test_damage_that_shows_later_is_told_and_the_next_call_works(path: Path) -> None:
    await make_chat(path, pieces=200)
    history = HistoryDb(path)
    (conversation,) = await history.conversations()
    with closing(sqlite3.connect(path)) as other:  # what it writes makes our connection read again
        other.execute("UPDATE conversations SET title = 'Changed'")
        other.commit()
        other.execute("PRAGMA wal_checkpoint")
    size = path.stat().st_size
    with path.open("r+b") as file:  # everything but the first page
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(ArcDeskError) as told:
        await history.messages(conversation.id)
    assert told.value.problem.cause == "history_damaged"
    assert history.problems == (told.value.problem,)
    assert await history.conversations() == []
    await history.aclose()


async def make_chat(path: Path, *, pieces: int) -> None:
    history = HistoryDb(path)
    conversation = await history.create("Whole")
    for number in range(pieces):
        await history.add(conversation.id, Message(role=Role.USER, text=f"{number} " * 50))
    await history.aclose()


async def test_a_file_of_a_newer_arcdesk_is_refused_and_not_touched(path: Path) -> None:
    await make_chat(path, pieces=3)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
        db.execute("PRAGMA journal_mode = DELETE")
    before, changed_at = path.read_bytes(), path.stat().st_mtime_ns

    history = HistoryDb(path)
    for call in (history.conversations, lambda: history.create("x"), history.mark_interrupted):
        with pytest.raises(ArcDeskError, match="A newer ArcDesk"):
            await call()
    await history.aclose()
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == changed_at
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_file_without_tables_yet_is_brought_up_to_date(path: Path) -> None:
    path.touch()
    history = HistoryDb(path)
    await history.create("First")
    await history.aclose()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("version", range(1, VERSION))
async def test_a_file_of_an_older_arcdesk_keeps_its_messages(path: Path, version: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        for step in MIGRATIONS[:version]:
            for statement in step:
                db.execute(statement)
        db.execute(
            "INSERT INTO conversations (id, title, created_at, updated_at) VALUES (1, 'Old', 1.0, 2.0)"
        )
        db.execute(
            "INSERT INTO messages (conversation_id, role, text, state, created_at)"
            " VALUES (1, 'assistant', 'Paris', 'done', 1.0)"
        )
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
    history = HistoryDb(path)
    (kept,) = await history.messages(1)
    assert (kept.text, kept.thoughts) == ("Paris", "")
    await history.append_thought(kept.id, "Now it can think.")
    (thinks,) = await history.messages(1)
    assert (thinks.text, thinks.thoughts) == ("Paris", "Now it can think.")
    await history.aclose()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)


async def test_a_lock_held_too_long_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arcdesk.storage.history_schema.BUSY_PATIENCE_S", 0.05)
    await make_chat(path, pieces=1)
    history = HistoryDb(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ArcDeskError) as told:
            await history.create("Late")
        other.execute("ROLLBACK")
    assert told.value.problem.cause == "history_busy"
    await history.create("In time")
    await history.aclose()
