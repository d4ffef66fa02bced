"""`arcdesk models` as a real process: lists, shows, removes, downloads from a hub on this computer."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcdesk.app.cli_pull import duration_text, progress_text
from arcdesk.app.models_text import FIXES, printable, size_text
from arcdesk.core.chat import AnswerStats, Message, Role
from arcdesk.core.hub import Download, DownloadPhase
from arcdesk.core.models import Trouble
from arcdesk.storage.history_db import FILE_NAME, HistoryDb
from arcdesk.storage.paths import data_dir
from tests.rig.hub_server import Fault, HubServer, Repo
from tests.unit.app.command import ARCDESK, PATIENCE_S, ROOT, Done, environment, finish, run, started
from tests.unit.storage.model_rig import COMMIT, cache_model, gguf, plain_model, safetensors, whole_files

CACHE, MINE = "ARCDESK_CONTAINER_HF_CACHE_DIR", "ARCDESK_MODEL_FOLDERS"
STARTER = "SmolLM2-135M-Instruct"
SMALL = 20_000  # bytes; no file but the weights has as many


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A home with a cache and a folder of the person's own."""
    made = environment(**{CACHE: str(tmp_path / "cache"), MINE: str(tmp_path / "mine"), "HF_TOKEN": None})
    return {name: value for name, value in made.items() if not name.startswith(("HF_", "HUGGINGFACE_"))}


@pytest.fixture
def hub_folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "hub"


@pytest.fixture
def hub(env: dict[str, str]) -> Iterator[HubServer]:
    with HubServer() as server:
        files = {**whole_files(), "model.safetensors": safetensors(400_000)}
        server.repos["org/tiny"] = Repo(files=files)
        env["ARCDESK_HUB_ENDPOINT"] = server.endpoint
        yield server


def data(done: Done) -> dict[str, Any]:
    assert done.code == 0, done
    found: dict[str, Any] = json.loads(done.out)
    return found


class TestList:
    async def test_json_has_every_model(self, env: dict[str, str], hub_folder: Path, tmp_path: Path) -> None:
        cache_model(hub_folder, "org/one", whole_files())
        plain_model(tmp_path / "mine" / "two", {"config.json": b"{", "model.safetensors": safetensors()})
        (tmp_path / "mine" / "three-Q4_K_M.gguf").write_bytes(gguf())
        found = data(await run("models", "list", "--json", env=env))
        assert found["caches"] == [str(hub_folder)] and found["folders"] == [str(tmp_path / "mine")]
        by_id = {Path(one["id"]).name: one for one in found["models"]}
        assert set(by_id) == {"one", "two", "three-Q4_K_M.gguf", STARTER}
        one = by_id["one"]
        assert (one["id"], one["place"], one["format"]) == ("org/one", "cache", "safetensors")
        assert one["size_bytes"] == sum(map(len, whole_files().values()))
        assert (one["context"], one["layers"], one["licence"]) == (2048, 2, "apache-2.0")
        assert one["revision"] == COMMIT and one["in_use"] is False and one["speed"] is None
        assert by_id["two"]["troubles"] == ["bad config"] and by_id["two"]["context"] is None
        assert by_id["three-Q4_K_M.gguf"]["quantization"] == "q4_k_m"
        assert by_id[STARTER]["place"] == "starter"

    async def test_a_table_for_people(self, env: dict[str, str], hub_folder: Path) -> None:
        cache_model(hub_folder, "org/one", whole_files())
        folder = cache_model(hub_folder, "org/two", {"config.json": b"{}"})
        (folder / "blobs" / "x.incomplete").write_bytes(b"x" * 5_000_000)
        done = await run("models", env=env)
        lines = done.out.splitlines()
        assert done.code == 0 and lines[0].split() == ["MODEL", "FORMAT", "SIZE", "CONTEXT", "PLACE", "NOTES"]
        assert lines[1].split() == ["org/one", "safetensors", lines[1].split()[2], "B", "2048", "cache"]
        assert lines[2].endswith("cache    incomplete, 5 MB unfinished")
        assert lines[-1] == "3 models, 103 MB on the disk"

    async def test_the_measured_speed_of_a_model(self, env: dict[str, str], hub_folder: Path) -> None:
        cache_model(hub_folder, "TinyLlama/TinyLlama-1.1B", whole_files())
        history = HistoryDb(data_dir() / FILE_NAME)
        chat = await history.create("chat")
        stats = AnswerStats(model="tinyllama-1.1b", decode_tokens_per_s=42.0, ttft_ms=120.0)
        await history.add(chat.id, Message(role=Role.ASSISTANT, text="yes", stats=stats))
        await history.aclose()
        (entry,) = [
            one for one in data(await run("models", "--json", env=env))["models"] if one["place"] == "cache"
        ]
        assert entry["speed"] == {"n": 1, "decode_tokens_per_s": 42.0, "ttft_ms": 120.0, "engine": None}


class TestShow:
    async def test_a_page_with_the_prediction(self, env: dict[str, str], hub_folder: Path) -> None:
        cache_model(hub_folder, "org/one", whole_files())
        done = await run("models", "show", "ONE", env=env)
        assert done.code == 0
        for words in ("org/one", "apache-2.0", "LlamaForCausalLM", "2048 tokens", "4, 2 for keys and values"):
            assert words in done.out
        shown = data(await run("models", "show", "org/one", "--json", env=env))
        assert shown["id"] == "org/one" and shown["fit"]["verdict"] in (
            "fits",
            "tight",
            "does not",
            "unknown",
        )

    async def test_troubles_come_with_what_helps(self, env: dict[str, str], hub_folder: Path) -> None:
        cache_model(hub_folder, "org/one", {**whole_files(), "config.json": b"["})
        done = await run("models", "show", "one", env=env)
        assert "bad config. Its config can't be read" in done.out

    async def test_one_that_is_not_there(self, env: dict[str, str]) -> None:
        done = await run("models", "show", "org/none", env=env)
        assert done.code == 5 and "There is no model 'org/none'" in done.err and done.out == ""

    async def test_a_name_of_two(self, env: dict[str, str], hub_folder: Path) -> None:
        cache_model(hub_folder, "a/one", whole_files())
        cache_model(hub_folder, "b/one", whole_files())
        done = await run("models", "show", "one", "--json", env=env)
        assert done.code == 2 and json.loads(done.out)["error"]["cause"] == "model_ambiguous"


class TestRemove:
    async def test_without_a_terminal_it_wants_a_yes(self, env: dict[str, str], hub_folder: Path) -> None:
        folder = cache_model(hub_folder, "org/one", whole_files())
        done = await run("models", "rm", "one", env=env)
        assert done.code == 2 and "--yes" in done.err and folder.is_dir()

    async def test_with_a_yes(self, env: dict[str, str], hub_folder: Path) -> None:
        folder = cache_model(hub_folder, "org/one", whole_files())
        kept = cache_model(hub_folder, "org/two", whole_files())
        held = sum(path.stat().st_size for path in (*(folder / "blobs").iterdir(), folder / "refs" / "main"))
        found = data(await run("models", "rm", "org/one", "--yes", "--json", env=env))
        assert found == {"removed": "org/one", "path": str(folder), "freed_bytes": held}
        assert [path for path in hub_folder.iterdir()] == [kept]  # noqa: C416

    async def test_the_starter_stays(self, env: dict[str, str]) -> None:
        done = await run("models", "rm", STARTER, "--yes", env=env)
        assert done.code == 1 and "can't be removed" in done.err

    async def test_one_that_is_not_there(self, env: dict[str, str]) -> None:
        assert (await run("models", "rm", "none", "--yes", env=env)).code == 5

    @pytest.mark.parametrize(("answer", "code", "is_there"), [("n", 1, True), ("", 1, True), ("y", 0, False)])
    async def test_a_terminal_is_asked(
        self, env: dict[str, str], hub_folder: Path, answer: str, code: int, is_there: bool
    ) -> None:
        folder = cache_model(hub_folder, "org/one", whole_files())
        master, slave = pty.openpty()
        try:
            async with started("models", "rm", "one", env=env, stdin=slave) as process:
                os.write(master, f"{answer}\n".encode())
                done = await finish(process)
        finally:
            os.close(master)
            os.close(slave)
        assert (done.code, folder.exists()) == (code, is_there)
        assert "Remove it for good?" in done.err


class TestPull:
    async def test_a_model_comes_and_is_listed(
        self, env: dict[str, str], hub: HubServer, hub_folder: Path
    ) -> None:
        found = data(await run("models", "pull", "org/tiny", "--json", env=env))
        assert found["id"] == "org/tiny"
        snapshot = Path(found["path"])
        assert snapshot.is_relative_to(hub_folder) and found["revision"] == hub.repos["org/tiny"].commit
        files = hub.repos["org/tiny"].files
        assert (snapshot / "model.safetensors").read_bytes() == files["model.safetensors"]
        assert found["bytes"] >= len(files["model.safetensors"])
        listed = data(await run("models", "--json", env=env))["models"]
        assert [one["id"] for one in listed if one["place"] == "cache"] == ["org/tiny"]

    async def test_progress_is_for_standard_error(self, env: dict[str, str], hub: HubServer) -> None:
        done = await run("models", "pull", "org/tiny", env=env)
        assert done.code == 0 and done.out.startswith("org/tiny: ") and "org/tiny: " in done.err
        assert "\r" not in done.err and "\033" not in done.err
        quiet = await run("models", "pull", "org/tiny", "--quiet", env=env)
        assert quiet.code == 0 and quiet.err == ""

    async def test_a_terminal_has_one_line_that_is_redrawn(self, env: dict[str, str], hub: HubServer) -> None:
        master, slave = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *ARCDESK,
            "models",
            "pull",
            "org/tiny",
            cwd=ROOT,
            env=env,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=slave,
        )
        os.close(slave)
        try:
            out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
            said = os.read(master, 1 << 16).decode()
        finally:
            os.close(master)
        assert process.returncode == 0 and out.startswith(b"org/tiny: ")
        assert said.startswith("\r\033[K") and said.count("\n") == 1

    async def test_one_that_the_hub_does_not_have(self, env: dict[str, str], hub: HubServer) -> None:
        done = await run("models", "pull", "org/none", "--json", env=env)
        assert done.code == 5 and json.loads(done.out)["error"]["cause"] == "hub_not_found"

    async def test_ctrl_c_pauses_and_the_next_call_goes_on(
        self, env: dict[str, str], hub: HubServer, hub_folder: Path
    ) -> None:
        stored = "/storage/org/tiny/model.safetensors"
        hub.fails(stored, Fault(stall_after=200_000))
        async with started("models", "pull", "org/tiny", "--quiet", env=env) as process:
            async with asyncio.timeout(PATIENCE_S):
                while not any(path.stat().st_size > SMALL for path in hub_folder.rglob("*.incomplete")):
                    await asyncio.sleep(0.02)  # of the weights: the others are small, and may be under way
            process.send_signal(signal.SIGINT)
            done = await finish(process)
        assert done.code == 130 and "Go on with: arcdesk models pull org/tiny" in done.err
        hub.release()
        again = await run("models", "pull", "org/tiny", "--json", env=env)
        snapshot = Path(data(again)["path"])
        whole = hub.repos["org/tiny"].files["model.safetensors"]
        assert (snapshot / "model.safetensors").read_bytes() == whole
        assert any(seen.range for seen in hub.requests(stored)), "it began anew"
        assert list(hub_folder.rglob("*.incomplete")) == []


class TestBadLuckOfPulls:
    async def test_two_at_once_fetch_it_once(
        self, env: dict[str, str], hub: HubServer, hub_folder: Path
    ) -> None:
        stored = "/storage/org/tiny/model.safetensors"
        hub.fails(stored, Fault(stall_after=200_000))
        async with started("models", "pull", "org/tiny", "--json", env=env) as first:
            await half_there(hub_folder)
            async with started("models", "pull", "org/tiny", "--json", env=env) as second:
                async with asyncio.timeout(PATIENCE_S):
                    while len(hub.requests("/model.safetensors", "HEAD")) < 2:
                        await asyncio.sleep(0.02)
                hub.release()
                both = [data(await finish(process)) for process in (first, second)]
        assert both[0] == both[1]
        whole = hub.repos["org/tiny"].files["model.safetensors"]
        assert Path(both[0]["path"], "model.safetensors").read_bytes() == whole
        assert len(hub.requests(stored)) == 1

    async def test_one_that_was_killed_goes_on(
        self, env: dict[str, str], hub: HubServer, hub_folder: Path
    ) -> None:
        stored = "/storage/org/tiny/model.safetensors"
        hub.fails(stored, Fault(stall_after=200_000))
        async with started("models", "pull", "org/tiny", "--quiet", env=env) as process:
            await half_there(hub_folder)
            process.kill()
            await process.wait()
        hub.release()
        found = data(await run("models", "pull", "org/tiny", "--json", env=env))
        whole = hub.repos["org/tiny"].files["model.safetensors"]
        assert Path(found["path"], "model.safetensors").read_bytes() == whole
        assert [bool(seen.range) for seen in hub.requests(stored)] == [False, True]
        assert list(hub_folder.rglob("*.incomplete")) == []

    async def test_links_that_lead_nowhere_are_mended(
        self, env: dict[str, str], hub: HubServer, hub_folder: Path
    ) -> None:
        snapshot = Path(data(await run("models", "pull", "org/tiny", "--json", env=env))["path"])
        link = snapshot / "model.safetensors"
        link.resolve().unlink()
        assert link.is_symlink() and not link.exists()
        (broken,) = [one for one in data(await run("models", "--json", env=env))["models"] if one["troubles"]]
        assert broken["troubles"] == ["broken links"]
        data(await run("models", "pull", "org/tiny", "--json", env=env))
        assert link.read_bytes() == hub.repos["org/tiny"].files["model.safetensors"]

    async def test_the_token_is_nowhere(self, env: dict[str, str], hub: HubServer, tmp_path: Path) -> None:
        env["HF_TOKEN"] = hub.token = "hf_MARK0123456789abcdef"
        hub.repos["org/tiny"].gated = "auto"
        assert (await run("models", "pull", "org/tiny", "--verbose", env=env)).code == 0
        hub.token = "hf_another"
        hub.repos["org/tiny"].files["README.md"] += b"!"
        refused = await run("models", "pull", "org/tiny", "--verbose", "--json", env=env)
        assert refused.code == 1 and json.loads(refused.out)["error"]["cause"] == "hub_gated"
        assert "MARK" not in refused.out + refused.err
        assert "hf_MARK0123456789abcdef" in {seen.token for seen in hub.seen}, "it was used at all"
        homes = {Path(env[name]) for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        files = [path for home in (*homes, tmp_path) for path in home.rglob("*") if path.is_file()]
        assert files and not [path for path in files if b"MARK" in path.read_bytes()]


async def half_there(hub_folder: Path) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not any(path.stat().st_size for path in hub_folder.rglob("*.incomplete")):
            await asyncio.sleep(0.02)


class TestWords:
    @pytest.mark.parametrize(
        ("size", "text"),
        [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 kB"),
            (999_999, "1 MB"),
            (4_130_000_000, "4.1 GB"),
            (None, "?"),
        ],
    )
    def test_sizes(self, size: int | None, text: str) -> None:
        assert size_text(size) == text

    @pytest.mark.parametrize(("seconds", "text"), [(40, "40 s"), (700, "12 min"), (7500, "2 h 5 min")])
    def test_durations(self, seconds: float, text: str) -> None:
        assert duration_text(seconds) == text

    def test_progress(self) -> None:
        running = Download(
            repo="o/m",
            phase=DownloadPhase.RUNNING,
            done_bytes=1_000_000_000,
            total_bytes=4_000_000_000,
            bytes_per_s=25e6,
            seconds_left=120,
        )
        assert progress_text(running) == "o/m:  25 %  1.0 GB of 4.0 GB, 25 MB/s, 2 min left"
        stalled = Download(
            repo="o/m",
            phase=DownloadPhase.RUNNING,
            done_bytes=5,
            total_bytes=10,
            stalled_s=40,
            bytes_per_s=1.0,
        )
        assert progress_text(stalled) == "o/m:  50 %  5 B of 10 B, nothing has come for 40 s"
        unknown = Download(repo="o/m", phase=DownloadPhase.RUNNING, done_bytes=5)
        assert progress_text(unknown) == "o/m: 5 B of ?"

    def test_every_trouble_has_a_way_out(self) -> None:
        assert FIXES.keys() == set(Trouble)

    def test_a_name_can_not_command_the_terminal(self) -> None:
        assert printable("a\x1b[31mb\n") == "a?[31mb?"


class TestNamesThatAreNoText:
    """Any byte but two may be in a folder's name."""

    @pytest.fixture
    def odd(self, env: dict[str, str], tmp_path: Path) -> str:
        env["PYTHONIOENCODING"] = "utf-8:strict"  # as in a language's locale, and not in C.UTF-8
        path = os.fsdecode(os.fsencode(tmp_path / "mine") + b"/b\xff\n\x1b[31m")
        plain_model(Path(path))
        return path

    async def test_in_json(self, env: dict[str, str], odd: str) -> None:
        listed = data(await run("models", "--json", env=env))["models"]
        assert odd in [one["path"] for one in listed]
        assert data(await run("models", "show", odd, "--json", env=env))["path"] == odd
        assert data(await run("models", "rm", odd, "--yes", "--json", env=env))["path"] == odd
        assert not os.path.lexists(odd)

    @pytest.mark.parametrize("arguments", [("list",), ("show",), ("rm", "--yes")])
    async def test_for_people(self, env: dict[str, str], odd: str, arguments: tuple[str, ...]) -> None:
        named = () if arguments == ("list",) else (odd,)
        done = await run("models", *arguments, *named, env=env)
        assert done.code == 0, done
        assert "b???[31m" in done.out and "\x1b" not in done.out + done.err
