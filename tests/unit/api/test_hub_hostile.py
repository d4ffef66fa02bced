"""A hub or mirror that means harm: names that lead elsewhere, bodies without end, answers that explode."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from arcdesk.api import hub_cache_files
from arcdesk.api.hub_problems import clip
from arcdesk.core.downloads import Transfer
from arcdesk.core.hub import HubFile
from arcdesk.core.hub_error import HubDamaged, HubError, TransferStopped
from tests.rig.hub_server import Fault, HubServer
from tests.unit.api.hub_rig import Rig, model, noise, until

WEIGHTS = noise(600_000)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
FILE = HubFile(path="model.safetensors", size_bytes=len(WEIGHTS), sha256=SHA256)
CONFIG = HubFile(path="config.json", size_bytes=23)


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    with HubServer() as hub:
        hub.repos["org/model"] = model(model_safetensors=WEIGHTS)
        rig = Rig(hub, tmp_path / "home" / "hub", silence_s=5.0)
        yield rig
        hub.release()
        await rig.aclose()


def commit(rig: Rig) -> str:
    return rig.hub.repos["org/model"].commit


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("sha", ["../../../../escape", "..", "a/b", ".", "/etc"])
async def test_a_commit_that_is_a_path_is_refused(rig: Rig, sha: str, tmp_path: Path) -> None:
    told = {"id": "org/model", "sha": sha, "siblings": [{"rfilename": "config.json", "size": 23}]}
    rig.hub.fails("/api/models/org/model/revision/main", Fault(status=200, body=json.dumps(told).encode()))
    with pytest.raises(HubError) as caught:
        await rig.client.repo("org/model")
    assert caught.value.problem.cause == "hub_none"
    with pytest.raises(HubError):
        await rig.files.fetch("org/model", sha, CONFIG, Transfer())
    assert (await rig.files.have("org/model", sha, (CONFIG,))) == {"config.json": 0}
    await rig.files.finish("org/model", "main", sha)
    assert everything(tmp_path) == set()


@pytest.mark.parametrize(
    "lie",
    [
        {"ETag": '"../../../escape"'},
        {"ETag": '"/tmp/escape"'},
        {"ETag": 'W/".."'},
        {"X-Linked-Etag": '"..\\\\escape"'},
        {"X-Repo-Commit": "../../../escape"},
    ],
)
@pytest.mark.parametrize("status", [200, 404])
async def test_a_second_answer_that_lies_makes_nothing_elsewhere(
    rig: Rig, lie: dict[str, str], status: int, tmp_path: Path
) -> None:
    """The library asks once more before it links; it makes names of what it is told."""
    told = {"X-Repo-Commit": commit(rig), "ETag": '"c0ffee"'}
    rig.hub.fails("/config.json", Fault(status=200, headers=told, body=b"x" * 23), "HEAD")
    missing = {"X-Error-Code": "EntryNotFound"} if status == 404 else {}
    second = Fault(status=status, headers={**told, **missing, **lie}, body=b"x" * 23)
    rig.hub.fails("/config.json", second, "HEAD")
    with pytest.raises(HubError) as caught:
        await rig.files.fetch("org/model", commit(rig), CONFIG, Transfer())
    assert caught.value.problem.cause == "hub_none"
    assert len(rig.hub.requests("/config.json", "HEAD")) == 2
    assert not [name for name in everything(tmp_path) if "escape" in name]
    assert not (rig.cache / "models--org--model" / "snapshots" / commit(rig) / "config.json").exists()


async def test_a_hub_that_gives_another_commit_than_was_asked_for_is_none(rig: Rig) -> None:
    told = {"X-Repo-Commit": "f" * 40, "ETag": '"c0ffee"'}
    rig.hub.fails("/config.json", Fault(status=200, headers=told, body=b"x" * 23), "HEAD")
    with pytest.raises(HubError) as caught:
        await rig.files.fetch("org/model", commit(rig), CONFIG, Transfer())
    assert caught.value.problem.cause == "hub_none" and "another" in caught.value.problem.detail


async def test_a_body_that_goes_on_for_ever_does_not_fill_the_disk(rig: Rig) -> None:
    with endless() as port:
        away = {
            "X-Repo-Commit": commit(rig),
            "X-Linked-Etag": f'"{SHA256}"',
            "X-Linked-Size": str(len(WEIGHTS)),
            "Location": f"http://localhost:{port}/weights",
        }
        for method in ("HEAD", "GET"):
            rig.hub.fails("/model.safetensors", Fault(status=302, headers=away), method)
        with pytest.raises(HubDamaged) as caught:
            await rig.files.fetch("org/model", commit(rig), FILE, transfer := Transfer())
    assert caught.value.is_passing, "it may be the line's fault: once more, then it is told"
    assert (transfer.have_bytes, rig.partial(WEIGHTS).stat().st_size) == (0, 0)
    await rig.files.fetch("org/model", commit(rig), FILE, Transfer())
    assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS


async def test_an_answer_nested_beyond_all_measure(rig: Rig) -> None:
    deep = Fault(status=200, headers={"Content-Type": "application/json"}, body=b"[" * 200_000)
    rig.hub.fails("/api/models", deep)
    with pytest.raises(HubError) as caught:
        await rig.client.search("model")
    assert caught.value.problem.cause == "hub_none"


async def test_a_signed_address_is_not_repeated(rig: Rig) -> None:
    """Whoever sees it could fetch the file with the person's rights: it must not get into a report."""
    signed = f"http://localhost:{rig.hub.port}/storage/org/model/gone?X-Amz-Signature=5ec2e7&Expires=9"
    away = {
        "X-Repo-Commit": commit(rig),
        "X-Linked-Etag": f'"{SHA256}"',
        "X-Linked-Size": str(len(WEIGHTS)),
        "Location": signed,
    }
    rig.hub.fails("/model.safetensors", Fault(status=302, headers=away, times=2), "HEAD")
    rig.hub.fails("/model.safetensors", Fault(status=302, headers=away))
    rig.hub.fails("/gone", Fault(status=403, body=b"expired"))
    with pytest.raises(HubError) as caught:
        await rig.files.fetch("org/model", commit(rig), FILE, Transfer())
    problem = caught.value.problem
    assert "5ec2e7" not in repr(problem) and "403" in problem.evidence


@pytest.mark.parametrize("before", [0, 250], ids=["whole", "at the cut"])
async def test_a_server_that_repeats_the_token_is_not_repeated(
    rig: Rig, before: int, caplog: pytest.LogCaptureFixture
) -> None:
    rig.token = "hf_MARK0123456789abcdef"
    said = f"{'x' * before} what is {rig.token}?"
    for path in ("/api/models", "/config.json"):
        told = {"X-Error-Message": said, "X-Error-Code": "GatedRepo"}
        rig.hub.fails(path, Fault(status=401, headers=told, body=json.dumps({"error": said}).encode()))
    with caplog.at_level("DEBUG"), pytest.raises(HubError) as caught:
        await rig.client.search("model")
    assert "MARK" not in repr(caught.value.problem) and "401" in caught.value.problem.evidence
    with caplog.at_level("DEBUG"):
        assert (await rig.client.repo("org/model")).config is None
    assert "MARK" not in caplog.text


async def test_one_that_was_stopped_while_it_waited_for_another_program_makes_nothing(rig: Rig) -> None:
    from filelock import FileLock

    folder = rig.cache / ".locks" / "models--org--model"
    folder.mkdir(parents=True)
    transfer = Transfer()
    with FileLock(folder / f"{SHA256}.lock"):
        task = asyncio.ensure_future(rig.files.fetch("org/model", commit(rig), FILE, transfer))
        await until(lambda: rig.hub.requests("/model.safetensors", "HEAD"))
        await until(lambda: (rig.cache / "models--org--model" / "blobs").is_dir())
        transfer.stop()
    with pytest.raises(TransferStopped):
        await task
    assert not rig.partial(WEIGHTS).exists() and transfer.partial == ""


def test_a_reference_that_could_not_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="No space"):
        hub_cache_files.write_ref(tmp_path / "refs" / "main", "c0ffee")
    assert everything(tmp_path) == {"refs"}


@contextmanager
def endless() -> Iterator[int]:
    """A storage whose body, in chunks, does not end while somebody reads it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    try:
                        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                        while True:
                            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                    except OSError:
                        continue
        except OSError:  # closed: the test is over
            return

    thread = threading.Thread(target=serve, name="endless")
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_cache_behind_a_closed_door_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        os.seteuid(os.geteuid() or 12345)  # root is let through every door
        with pytest.raises(HubError) as caught:
            hub_cache_files.free_bytes(closed / "hub" / "models")
    finally:
        os.seteuid(os.getuid())
    assert caught.value.problem.cause == "cache_not_yours"


def test_evidence_commands_no_terminal() -> None:
    assert clip("HTTP 500\n\x1b]0;owned\x07 at https://x.y/z?Signature=1&b=2 now") == (
        "HTTP 500 ?]0;owned? at https://x.y/z?… now"
    )
