"""One file into the cache: resume, redirect, stall, cut and worse, with the real library."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from arcdesk.api.hub_errors import of_disk
from arcdesk.core.downloads import Transfer
from arcdesk.core.errors import ActionKind
from arcdesk.core.hub import HubFile
from arcdesk.core.hub_error import HubDamaged, HubError, TransferStopped
from tests.rig.hub_server import Fault, HubServer
from tests.unit.api.hub_rig import Rig, model, noise, until
from tests.unit.app.command import ROOT

WEIGHTS = noise(600_000)
STORED = "/storage/org/model/model.safetensors"
FILE = HubFile(path="model.safetensors", size_bytes=len(WEIGHTS), sha256=hashlib.sha256(WEIGHTS).hexdigest())
CONFIG = HubFile(path="config.json", size_bytes=23)


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    with HubServer() as hub:
        hub.repos["org/model"] = model(model_safetensors=WEIGHTS)
        rig = Rig(hub, tmp_path / "hub", silence_s=1.0)
        yield rig
        hub.release()
        await rig.aclose()


def commit(rig: Rig) -> str:
    return rig.hub.repos["org/model"].commit


async def fetch(rig: Rig, file: HubFile = FILE, transfer: Transfer | None = None) -> Transfer:
    transfer = transfer or Transfer()
    await rig.files.fetch("org/model", commit(rig), file, transfer)
    return transfer


async def test_other_tools_find_what_was_downloaded(rig: Rig) -> None:
    """The library itself is the judge: it takes the files from the cache without asking the hub."""
    for file in (CONFIG, FILE):
        assert (await fetch(rig, file)).have_bytes == file.size_bytes
    await rig.files.finish("org/model", "main", commit(rig))
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    path = try_to_load_from_cache("org/model", "model.safetensors", cache_dir=rig.cache)
    assert isinstance(path, str) and Path(path).read_bytes() == WEIGHTS
    assert Path(path).is_symlink() and rig.blob(WEIGHTS).read_bytes() == WEIGHTS
    scanned = scan_cache_dir(rig.cache)
    (repo,) = scanned.repos
    (revision,) = repo.revisions
    assert not scanned.warnings
    assert (repo.repo_id, revision.commit_hash, revision.refs) == ("org/model", commit(rig), {"main"})
    assert (rig.cache / "CACHEDIR.TAG").is_file()
    seen = len(rig.hub.seen)
    await fetch(rig)
    assert len(rig.hub.seen) == seen


async def test_a_cut_download_goes_on_where_it_was_cut(rig: Rig) -> None:
    rig.hub.fails(STORED, Fault(cut_after=300_000))
    transfer = Transfer()
    with pytest.raises(HubError) as caught:
        await fetch(rig, transfer=transfer)
    assert caught.value.is_passing and caught.value.problem.cause == "hub_unreachable"
    kept = rig.partial(WEIGHTS).stat().st_size
    assert transfer.partial == rig.partial(WEIGHTS).name
    assert 300_000 - 64 * 1024 <= kept == transfer.have_bytes <= 300_000
    assert await rig.files.have("org/model", commit(rig), (FILE, CONFIG)) == {FILE.path: kept, CONFIG.path: 0}
    again = await fetch(rig)
    assert [one.range for one in rig.hub.requests(STORED)] == ["", f"bytes={kept}-"]
    assert again.received_bytes == len(WEIGHTS) - kept
    assert again.partial == ""  # this try did not make it
    assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS and not rig.partial(WEIGHTS).exists()


async def test_the_library_does_not_try_again_behind_our_back(rig: Rig) -> None:
    for fault in (Fault(cut_after=0), Fault(status=503), Fault(status=429, headers={"Retry-After": "3600"})):
        seen = len(rig.hub.requests(STORED))
        rig.hub.fails(STORED, fault)
        with pytest.raises(HubError):
            await fetch(rig)
        assert len(rig.hub.requests(STORED)) == seen + 1


async def test_a_stalled_download_is_stopped_at_once_and_keeps_what_has_come(
    rig: Rig, tmp_path: Path
) -> None:
    patient = Rig(rig.hub, tmp_path / "hub", silence_s=600.0)
    rig.hub.fails(STORED, Fault(stall_after=200_000))
    transfer = Transfer()
    task = asyncio.ensure_future(fetch(patient, transfer=transfer))
    await until(lambda: transfer.received_bytes == 200_000)
    assert transfer.last_byte_at_s is not None
    transfer.stop()
    with pytest.raises(TransferStopped):
        await asyncio.wait_for(task, 5)
    kept = rig.partial(WEIGHTS).stat().st_size
    assert kept >= 200_000 - 64 * 1024
    await fetch(rig)
    assert rig.hub.requests(STORED)[-1].range == f"bytes={kept}-"
    assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS
    await patient.aclose()


async def test_silence_is_an_end_too(rig: Rig) -> None:
    rig.hub.fails(STORED, Fault(stall_after=100_000))
    with pytest.raises(HubError) as caught:
        await fetch(rig)
    assert caught.value.is_passing and "Nothing came from it for too long" in str(caught.value)


async def test_one_that_was_stopped_before_it_began(rig: Rig) -> None:
    transfer = Transfer()
    transfer.stop()
    with pytest.raises(TransferStopped):
        await fetch(rig, transfer=transfer)
    assert rig.hub.seen == []


async def test_a_server_that_ignores_the_range_gives_all_of_it_once(rig: Rig) -> None:
    rig.hub.fails(STORED, Fault(cut_after=300_000))
    with pytest.raises(HubError):
        await fetch(rig)
    rig.hub.fails(STORED, Fault(ignores_range=True))
    transfer = await fetch(rig)
    assert rig.hub.requests(STORED)[-1].range
    assert transfer.have_bytes == len(WEIGHTS)
    assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS


async def test_a_damaged_file_never_becomes_a_finished_one(rig: Rig) -> None:
    rig.hub.fails(STORED, Fault(flip=True))
    transfer = Transfer()
    with pytest.raises(HubDamaged) as caught:
        await fetch(rig, transfer=transfer)
    assert caught.value.problem.cause == "hub_damaged"
    assert not rig.blob(WEIGHTS).exists() and not rig.partial(WEIGHTS).exists()
    assert transfer.have_bytes == 0 and not transfer.is_verifying
    await fetch(rig)


async def test_a_file_that_ends_early_as_if_all_were_well(rig: Rig) -> None:
    rig.hub.fails(STORED, Fault(end_early=400_000))
    with pytest.raises(HubError) as caught:
        await fetch(rig)
    assert caught.value.is_passing and not rig.blob(WEIGHTS).exists()
    assert rig.partial(WEIGHTS).stat().st_size == 400_000
    await fetch(rig)
    assert rig.hub.requests(STORED)[-1].range == "bytes=400000-"


@pytest.mark.parametrize("size", [len(WEIGHTS), len(WEIGHTS) + 7])
async def test_what_is_left_of_others_is_used_or_replaced(rig: Rig, size: int) -> None:
    """As long as it should be (only the name was missing), or too long."""
    partial = rig.partial(WEIGHTS)
    partial.parent.mkdir(parents=True)
    partial.write_bytes((WEIGHTS + b"x" * 7)[:size])
    await fetch(rig)
    assert rig.blob(WEIGHTS).read_bytes() == WEIGHTS
    assert len(rig.hub.requests(STORED)) == (size > len(WEIGHTS))


async def test_a_finished_blob_of_another_revision_is_not_fetched_again(rig: Rig) -> None:
    await fetch(rig)
    rig.hub.repos["org/model"].files["config.json"] = b"{}"
    await fetch(rig)
    assert len(rig.hub.requests(STORED)) == 1
    assert len(list((rig.cache / "models--org--model" / "snapshots").iterdir())) == 2


async def test_the_token_stays_with_the_hub_and_its_storage_is_declared(rig: Rig) -> None:
    rig.token = "hf_secret"
    await fetch(rig)
    await asyncio.sleep(0)
    (stored,) = rig.hub.requests(STORED)
    assert (stored.host, stored.token) == ("localhost", "")
    asked = [one for one in rig.hub.seen if one is not stored]
    assert {(one.host, one.token) for one in asked} == {("127.0.0.1", "hf_secret")}
    assert rig.gate.declared == ["127.0.0.1", "localhost"]
    (contact,) = [one for one in rig.gate.contacts if one.host == "localhost"]
    assert len(WEIGHTS) < contact.bytes_in < len(WEIGHTS) + 1000


async def test_a_gated_file_is_refused_with_its_page(rig: Rig) -> None:
    rig.hub.repos["org/model"].gated = "manual"
    rig.hub.token = "hf_accepted"
    for token in (None, "hf_other"):
        rig.token = token
        with pytest.raises(HubError) as caught:
            await fetch(rig)
        assert caught.value.problem.cause == "hub_gated" and not caught.value.is_passing
    rig.token = "hf_accepted"
    await fetch(rig)


async def test_a_full_disk_is_told_and_what_has_come_stays(rig: Rig) -> None:
    """The kernel refuses: the unfinished file leads to /dev/full."""
    partial = rig.partial(WEIGHTS)
    partial.parent.mkdir(parents=True)
    partial.symlink_to("/dev/full")
    with pytest.raises(HubError) as caught:
        await fetch(rig)
    problem = caught.value.problem
    assert (problem.cause, caught.value.is_passing) == ("disk_full", False)
    assert ActionKind.OPEN_MODELS in [action.kind for action in problem.actions]
    assert partial.is_symlink()


LAST_PERCENT = """
import asyncio, resource, sys
from pathlib import Path
from arcdesk.api.hub_errors import of_disk
from arcdesk.core.downloads import Transfer
from arcdesk.core.hub import HubFile
from arcdesk.core.hub_error import HubError
from tests.rig.hub_server import HubServer
from tests.unit.api.hub_rig import Rig, model, noise

async def main():
    weights = noise(600_000)
    with HubServer() as hub:
        hub.repos["org/model"] = model(model_safetensors=weights)
        rig = Rig(hub, Path(sys.argv[1]))
        file, commit = HubFile(path="model.safetensors", size_bytes=600_000), hub.repos["org/model"].commit
        resource.setrlimit(resource.RLIMIT_FSIZE, (595_000, resource.RLIM_INFINITY))
        try:
            await rig.files.fetch("org/model", commit, file, Transfer())
        except HubError as error:
            print(error.problem.cause, rig.partial(weights).stat().st_size)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await rig.files.fetch("org/model", commit, file, Transfer())
        print(rig.blob(weights).read_bytes() == weights, hub.seen[-2].range)
        await rig.aclose()

asyncio.run(main())
"""


def test_no_room_in_the_last_percent(tmp_path: Path) -> None:
    """A limit of the system stands in for the end of the disk, in a process of its own."""
    code = textwrap.dedent(LAST_PERCENT)
    command = [sys.executable, "-c", code, str(tmp_path / "hub")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["disk_full 595000", "True bytes=595000-"]


async def test_two_at_once_wait_for_each_other_or_say_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program has the lock: here a thread with the same kind of lock."""
    from filelock import FileLock

    monkeypatch.setattr("arcdesk.api.hub_download.LOCK_PATIENCE_S", 0.2)
    folder = rig.cache / ".locks" / "models--org--model"
    folder.mkdir(parents=True)
    with FileLock(folder / f"{FILE.sha256}.lock"), pytest.raises(HubError) as caught:
        await fetch(rig)
    assert (caught.value.problem.cause, caught.value.is_passing) == ("hub_locked", True)
    await fetch(rig)


@pytest.mark.parametrize("path", ["../escape", "/etc/x", "a/../../b", "a\\..\\b"])
async def test_names_that_lead_out_of_the_folder_are_refused(rig: Rig, path: str) -> None:
    rig.hub.repos["org/model"].files[path] = b"x"
    with pytest.raises(HubError):
        await fetch(rig, HubFile(path=path, size_bytes=1))
    assert not rig.cache.exists()


@pytest.mark.parametrize("etag", ['"../../../escape"', '"a/b"', '""', '".."'])
async def test_a_checksum_that_is_a_path_is_refused(rig: Rig, etag: str) -> None:
    told = {"X-Repo-Commit": commit(rig), "ETag": etag}
    rig.hub.fails("/config.json", Fault(status=200, headers=told, body=b"x" * 23), "HEAD")
    with pytest.raises(HubError) as caught:
        await fetch(rig, CONFIG)
    assert caught.value.problem.cause == "hub_none"
    assert not list(rig.cache.parent.rglob("escape*"))


async def test_a_file_beyond_what_plain_http_gives(rig: Rig) -> None:
    told = {
        "X-Repo-Commit": commit(rig),
        "X-Linked-Etag": f'"{FILE.sha256}"',
        "X-Linked-Size": str(51 * 10**9),
    }
    away = {**told, "Location": f"http://localhost:{rig.hub.port}/storage"}
    rig.hub.fails("/model.safetensors", Fault(status=302, headers=away), "HEAD")
    with pytest.raises(HubError) as caught:
        await fetch(rig, HubFile(path="model.safetensors"))
    assert caught.value.problem.cause == "hub_file_too_large"
    assert rig.hub.requests("/model.safetensors") == []


async def test_a_hub_that_tells_two_sizes_is_none(rig: Rig) -> None:
    with pytest.raises(HubError) as caught:
        await fetch(rig, HubFile(path="config.json", size_bytes=24))
    assert caught.value.problem.cause == "hub_none" and "24 and 23 bytes" in caught.value.problem.detail


async def test_a_cache_that_can_not_be_written(rig: Rig) -> None:
    rig.cache.write_text("a file where the folder should be")
    with pytest.raises(HubError) as caught:
        await fetch(rig)
    assert caught.value.problem.cause == "storage_unwritable"


@pytest.mark.parametrize(
    ("number", "cause", "way_out"),
    [
        (errno.EACCES, "cache_not_yours", ActionKind.OWN_CACHE),
        (errno.EROFS, "cache_not_yours", ActionKind.OWN_CACHE),
        (errno.EDQUOT, "disk_full", ActionKind.OPEN_MODELS),
        (errno.EIO, "storage_unwritable", ActionKind.RETRY),
    ],
)
def test_each_refusal_of_the_disk_has_its_way_out(number: int, cause: str, way_out: ActionKind) -> None:
    problem = of_disk(OSError(number, "no"), "/cache").problem
    assert problem.cause == cause and way_out in [action.kind for action in problem.actions]


async def test_a_mirror_that_is_none(rig: Rig) -> None:
    rig.hub.fails("/config.json", Fault(status=200, body=b"x" * 23), "HEAD")
    with pytest.raises(HubError) as caught:
        await fetch(rig, CONFIG)
    assert caught.value.problem.cause == "hub_none"


async def test_only_what_a_download_made_is_removed(rig: Rig) -> None:
    await fetch(rig, CONFIG)
    rig.hub.fails(STORED, Fault(cut_after=100_000))
    transfer = Transfer()
    with pytest.raises(HubError):
        await fetch(rig, transfer=transfer)
    finished = {path for path in rig.cache.rglob("*") if path.is_file() and path != rig.partial(WEIGHTS)}
    outside = rig.cache / "outside.incomplete"
    outside.write_bytes(b"x")
    await rig.files.discard("org/model", (transfer.partial, "../../outside.incomplete", CONFIG.path))
    assert {path for path in rig.cache.rglob("*") if path.is_file()} == finished | {outside}


async def test_nothing_is_left_of_a_model_that_had_only_begun(rig: Rig) -> None:
    rig.hub.fails(STORED, Fault(cut_after=100_000))
    transfer = Transfer()
    with pytest.raises(HubError):
        await fetch(rig, transfer=transfer)
    await rig.files.discard("org/model", (transfer.partial,))
    assert not (rig.cache / "models--org--model").exists()


async def test_a_damaged_finished_file_is_told_and_left_alone(rig: Rig) -> None:
    await fetch(rig)
    rig.blob(WEIGHTS).write_bytes(b"short")
    with pytest.raises(HubError) as caught:
        await fetch(rig)
    assert caught.value.problem.cause == "hub_damaged" and not caught.value.is_passing
    assert rig.blob(WEIGHTS).read_bytes() == b"short"


async def test_references_are_written_whole_and_stay_inside(rig: Rig) -> None:
    folder = rig.cache / "models--org--model"
    await rig.files.finish("org/model", "refs/pr/1", "a" * 40)
    assert (folder / "refs" / "refs" / "pr" / "1").read_text() == "a" * 40
    await rig.files.finish("org/model", "../../escape", "a" * 40)
    await rig.files.finish("org/model", "b" * 40, "b" * 40)
    assert [path.name for path in rig.cache.parent.rglob("*") if path.is_file()] == ["1"]


async def test_room_is_that_of_the_disk_the_cache_will_be_on(rig: Rig) -> None:
    assert not rig.cache.exists()
    assert await rig.files.free_bytes() > 0
