"""The history file: what is stored, in which order, by whom, and how the thread ends."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcdesk.core.chat import AnswerStats, Message, MessageState, Role
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.storage.history_codec import storable
from arcdesk.storage.history_db import HistoryDb
from arcdesk.storage.history_thread import HistoryThread


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest_asyncio.fixture
async def history(path: Path) -> AsyncIterator[HistoryDb]:
    history = HistoryDb(path, now=Clock())
    yield history
    await history.aclose()
    assert "history" not in [thread.name for thread in threading.enumerate()]


def question(text: str = "Why?") -> Message:
    return Message(role=Role.USER, text=text)


def open_answer() -> Message:
    return Message(role=Role.ASSISTANT, text="", state=MessageState.STREAMING)


def test_making_it_touches_nothing_and_imports_nothing_heavy(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from arcdesk.storage.history_db import HistoryDb;"
        f"HistoryDb(Path({str(path)!r})); print(any(m in sys.modules for m in ('platformdirs', 'tomlkit')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
    assert not path.parent.exists()


async def test_a_conversation_comes_back_whole_from_the_disk(path: Path) -> None:
    first = HistoryDb(path)
    conversation = await first.create("Capitals")
    asked = await first.add(conversation.id, question())
    answer = await first.add(conversation.id, open_answer())
    await first.append_thought(answer.id, "France? ")
    await first.append(answer.id, "Par")
    await first.append_thought(answer.id, "Easy.")
    await first.append(answer.id, "is")
    stats = AnswerStats(ttft_ms=12.5, completion_tokens=2, chunks=2)
    await first.finish(answer.id, MessageState.DONE, stats, None)
    await first.aclose()

    second = HistoryDb(path)
    kept = await second.messages(conversation.id)
    await second.aclose()
    assert [(m.id, m.text, m.state) for m in kept] == [
        (asked.id, "Why?", MessageState.DONE),
        (answer.id, "Paris", MessageState.DONE),
    ]
    assert kept[1].stats == stats
    assert [m.thoughts for m in kept] == ["", "France? Easy."]


async def test_a_message_is_added_with_its_thoughts(history: HistoryDb) -> None:
    conversation = await history.create("Chat")
    thought = replace(open_answer(), thoughts="Hm. \ud800")
    stored = await history.add(conversation.id, thought)
    assert stored.thoughts == "Hm. \ufffd"
    assert await history.messages(conversation.id) == [stored]


async def test_file_and_folder_are_private(history: HistoryDb, path: Path) -> None:
    await history.create("Secret")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["history.db", "history.db-shm", "history.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_file_that_others_could_read_becomes_private(history: HistoryDb, path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o644)
    await history.create("Secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_list_begins_with_what_changed_last(history: HistoryDb) -> None:
    old = await history.create("Old")
    new = await history.create("New")
    assert [c.id for c in await history.conversations()] == [new.id, old.id]
    await history.add(old.id, question())
    assert [c.id for c in await history.conversations()] == [old.id, new.id]
    answer = await history.add(new.id, open_answer())
    await history.add(old.id, question())
    await history.finish(answer.id, MessageState.STOPPED, None, None)
    assert [c.id for c in await history.conversations()] == [new.id, old.id]


async def test_rename_changes_the_title(history: HistoryDb) -> None:
    conversation = await history.create("Old name")
    await history.rename(conversation.id, "New name")
    assert [c.title for c in await history.conversations()] == ["New name"]


async def test_a_deleted_conversation_can_be_restored_with_its_messages(history: HistoryDb) -> None:
    conversation = await history.create("Gone?")
    await history.add(conversation.id, question())
    await history.delete(conversation.id)
    assert await history.conversations() == []
    await history.restore(conversation.id)
    assert [c.title for c in await history.conversations()] == ["Gone?"]
    assert len(await history.messages(conversation.id)) == 1


async def test_what_was_deleted_a_month_ago_goes_for_good(path: Path) -> None:
    long_ago = HistoryDb(path, now=Clock())  # 1970
    conversation = await long_ago.create("Old")
    await long_ago.add(conversation.id, question())
    await long_ago.save_draft(conversation.id, "half a thought")
    kept = await long_ago.create("Kept")
    await long_ago.delete(conversation.id)
    await long_ago.aclose()

    today = HistoryDb(path)
    assert [c.id for c in await today.conversations()] == [kept.id]
    assert await today.messages(conversation.id) == []
    assert await today.draft(conversation.id) == ""
    await today.aclose()


async def test_drafts_are_kept_also_for_a_chat_not_begun(history: HistoryDb) -> None:
    conversation = await history.create("With draft")
    await history.save_draft(0, "new chat")
    await history.save_draft(conversation.id, "first")
    await history.save_draft(conversation.id, "second")
    assert await history.draft(0) == "new chat"
    assert [c.draft for c in await history.conversations()] == ["second"]
    await history.save_draft(0, "")
    assert await history.draft(0) == ""
    assert await history.draft(4711) == ""


async def test_a_removed_message_is_gone(history: HistoryDb) -> None:
    conversation = await history.create("Chat")
    asked = await history.add(conversation.id, question())
    failed = await history.add(conversation.id, open_answer())
    await history.remove(failed.id)
    await history.remove(failed.id)
    assert [m.id for m in await history.messages(conversation.id)] == [asked.id]


async def test_open_messages_are_marked_as_interrupted(history: HistoryDb) -> None:
    conversation = await history.create("Crash")
    await history.add(conversation.id, question())
    streaming = await history.add(conversation.id, open_answer())
    await history.append(streaming.id, "half an ans")
    await history.add(conversation.id, Message(role=Role.ASSISTANT, text="", state=MessageState.WAITING))
    assert await history.mark_interrupted() == 2
    assert await history.mark_interrupted() == 0
    asked, cut, waiting = await history.messages(conversation.id)
    assert asked.state is MessageState.DONE
    assert cut.text == "half an ans"
    for message in (cut, waiting):
        assert message.state is MessageState.FAILED
        assert message.problem is not None
        assert message.problem.cause == "interrupted"


async def test_calls_about_nothing_say_so_and_spare_their_neighbours(history: HistoryDb) -> None:
    conversation = await history.create("Chat")
    answer = await history.add(conversation.id, open_answer())
    outcomes = await asyncio.gather(
        history.append(answer.id, "a"),
        history.append(4711, "lost"),
        history.append_thought(4711, "lost"),
        history.add(4711, question()),
        history.finish(4711, MessageState.DONE, None, None),
        history.rename(4711, "x"),
        history.append(answer.id, "b"),
        return_exceptions=True,
    )
    causes = [o.problem.cause if isinstance(o, ArcDeskError) else o for o in outcomes]
    gone = "history_gone"
    assert causes == [None, gone, gone, gone, gone, gone, None]
    assert [m.text for m in await history.messages(conversation.id)] == ["ab"]


async def test_many_calls_at_once_keep_their_order(history: HistoryDb) -> None:
    conversation = await history.create("Chat")
    answer = await history.add(conversation.id, open_answer())
    await asyncio.gather(*(history.append(answer.id, f"{n},") for n in range(1000)))
    (kept,) = await history.messages(conversation.id)
    assert kept.text == "".join(f"{n}," for n in range(1000))


async def test_a_cancelled_call_is_done_all_the_same(history: HistoryDb) -> None:
    conversation = await history.create("Chat")
    answer = await history.add(conversation.id, open_answer())
    call = asyncio.ensure_future(history.append(answer.id, "kept"))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert [m.text for m in await history.messages(conversation.id)] == ["kept"]


async def test_another_process_reads_while_this_one_writes(history: HistoryDb, path: Path) -> None:
    conversation = await history.create("Shared")
    answer = await history.add(conversation.id, open_answer())
    program = (
        "import sqlite3, sys\n"
        f"db = sqlite3.connect('file:{path}?mode=ro', uri=True, timeout=0)\n"
        "lengths = []\n"
        "while not lengths or lengths[-1] < 300:\n"
        "    lengths.append(len(db.execute('SELECT text FROM messages').fetchone()[0]))\n"
        "    print(len(lengths), flush=True) if len(lengths) == 1 else None\n"
        "print(lengths == sorted(lengths))\n"
        "db.close()\n"
    )
    reader = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert reader.stdout is not None
    assert await reader.stdout.readline() == b"1\n"
    for _ in range(300):
        await history.append(answer.id, "x")
    assert await reader.stdout.readline() == b"True\n"
    assert await reader.wait() == 0


async def test_two_writers_share_the_file(history: HistoryDb, path: Path) -> None:
    other = HistoryDb(path)
    await asyncio.gather(*(db.create(f"{n}") for n in range(50) for db in (history, other)))
    assert len(await history.conversations()) == 100
    await other.aclose()


async def test_after_the_end_a_call_is_refused(path: Path) -> None:
    history = HistoryDb(path)
    await history.create("Chat")
    await history.aclose()
    await history.aclose()
    with pytest.raises(ArcDeskError, match="closed"):
        await history.conversations()


async def test_closing_what_never_began_makes_no_file(path: Path) -> None:
    await HistoryDb(path).aclose()
    assert not path.exists()


def test_a_loop_that_ends_first_leaves_no_trouble(path: Path) -> None:
    history = HistoryDb(path)

    async def leave_early() -> None:
        conversation = await history.create("Chat")
        asyncio.ensure_future(history.add(conversation.id, question("kept"))).add_done_callback(
            lambda future: future.cancelled()
        )
        await asyncio.sleep(0)

    asyncio.run(leave_early())
    asyncio.run(history.aclose())
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT text FROM messages").fetchall() == [("kept",)]
    gc.collect()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.text(st.characters(codec=None)), max_size=6))
def test_any_text_survives_the_file(tmp_path: Path, pieces: list[str]) -> None:
    async def store_and_read() -> str:
        history = HistoryDb(tmp_path / "any.db")
        conversation = await history.create("".join(pieces))
        answer = await history.add(conversation.id, open_answer())
        for piece in pieces:
            await history.append(answer.id, piece)
        (kept,) = await history.messages(conversation.id)
        await history.aclose()
        return kept.text

    assert asyncio.run(store_and_read()) == "".join(storable(piece) for piece in pieces)


async def test_work_that_gives_up_half_way_leaves_nothing_behind(path: Path) -> None:
    thread = HistoryThread(lambda: path)

    def give_up(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO drafts VALUES (1, 'half')")
        raise ArcDeskError(Problem(cause="changed_its_mind", title="No"))

    outcomes = await asyncio.gather(
        thread.write(lambda db: db.execute("INSERT INTO drafts VALUES (2, 'whole')").rowcount),
        thread.write(give_up),
        return_exceptions=True,
    )
    assert outcomes[0] == 1
    assert isinstance(outcomes[1], ArcDeskError)
    assert await thread.read(lambda db: db.execute("SELECT text FROM drafts").fetchall()) == [("whole",)]
    await thread.close()
