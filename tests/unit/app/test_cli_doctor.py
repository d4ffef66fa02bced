"""`doctor` and `bundle` as real processes, on computers where much is missing."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from arcdesk.app import cli_doctor
from arcdesk.app.versions import version_findings
from arcdesk.core.doctor import Area, Status
from arcdesk.desktop.instance_client import runtime_dir
from arcdesk.desktop.instance_server import InstanceLock, InstanceServer
from arcdesk.storage import paths
from arcdesk.storage.history_db import FILE_NAME, HistoryDb
from tests.fakes.openai_server import MODEL, OpenAIServer
from tests.unit.app.command import ARCDESK, Done, environment, run

MARKS = ("marvinsname", "marvinshost", "hf_MarvinsToken99", "marvinssecret")


async def doctor(*arguments: str, env: dict[str, str] | None = None) -> Done:
    return await run(*(arguments or ("doctor",)), env=env or bare())


def bare(**changes: str | None) -> dict[str, str]:
    """No display, no bus, no Docker, no proxy."""
    nothing = {"DBUS_SESSION_BUS_ADDRESS": None, "http_proxy": None, "https_proxy": None, "all_proxy": None}
    return environment(**{**nothing, **{name.upper(): None for name in nothing}, **changes})


def findings(done: Done) -> dict[str, dict[str, Any]]:
    assert done.err == ""
    return {found["id"]: found for found in json.loads(done.out)["findings"]}


async def test_the_table_has_every_area_and_every_fix(own_home: Path) -> None:
    done = await doctor()
    assert done.err == ""
    headings = [line for line in done.out.splitlines() if line and not line.startswith(" ")]
    assert headings[:-1] == list(cli_doctor.AREA_WORDS.values())
    assert headings[-1].startswith("1 problem")  # the stated Docker is not there
    assert "✗ problem  No Docker Engine at unix:///nonexistent.sock" in done.out
    assert "→ Start that engine, or correct the address." in done.out
    assert done.code == 1
    assert "\033[" not in done.out


async def test_the_data_say_the_same(own_home: Path) -> None:
    done = await doctor("doctor", "--json")
    found = findings(done)
    assert done.code == 1
    assert found["docker.socket"]["status"] == "bad"
    assert {one["area"] for one in found.values()} == {area.value for area in Area}
    assert all(one["fix"] or one["detail"] for one in found.values() if one["status"] != "ok")


async def test_whoever_needs_no_docker_has_no_problem(own_home: Path) -> None:
    done = await doctor("doctor", "--json", "--engine", "embedded")
    assert (done.code, findings(done)["docker.socket"]["status"]) == (0, "warn")


async def test_without_display_and_bus_it_says_so_and_goes_on(own_home: Path) -> None:
    found = findings(await doctor("doctor", "--json"))
    assert found["desktop.session"]["status"] == "warn"
    assert found["desktop.bus"]["status"] == "warn"
    for name in ("tray", "portal", "hotkey", "notices", "keyring"):
        assert found[f"desktop.{name}"]["status"] == "unknown"
        assert found[f"desktop.{name}"]["detail"]


async def test_looking_leaves_nothing_behind(own_home: Path) -> None:
    before = sorted(path for path in own_home.rglob("*"))
    await doctor()
    assert sorted(path for path in own_home.rglob("*")) == before


async def test_a_bus_that_is_gone_is_told(own_home: Path) -> None:
    found = findings(
        await doctor("doctor", "--json", env=bare(DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent"))
    )
    assert "can't be reached" in found["desktop.bus"]["detail"]


async def test_an_engine_elsewhere_is_asked(own_home: Path) -> None:
    async with OpenAIServer() as server:
        found = findings(await doctor("doctor", "--json", "--engine", server.base_url))
    assert (found["network.engine"]["status"], MODEL in found["network.engine"]["detail"]) == ("ok", True)


async def test_broken_settings_are_a_finding_and_not_an_end(own_home: Path) -> None:
    (paths.ensure_dir(paths.config_dir()) / "config.toml").write_text("engine = [")
    found = findings(await doctor("doctor", "--json"))
    assert found["disk.settings_file.1"]["status"] == "warn"


async def test_an_unknown_engine_is_no_end_either(own_home: Path) -> None:
    done = await doctor("doctor", "--json", "--engine", "warp")
    assert "warp" in findings(done)["network.engine"]["detail"]


# Root may write everywhere unless it lays down that right.
HUMBLY = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override") if os.getuid() == 0 else ()


async def test_a_read_only_home_is_bad_and_told_folder_by_folder(own_home: Path) -> None:
    env = bare()
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        Path(env[name]).chmod(0o555)
    done = await run("doctor", "--json", "--engine", "embedded", program=(*HUMBLY, *ARCDESK), env=env)
    found = findings(done)
    assert done.code == 1
    assert found["disk.settings"]["status"] == found["disk.conversations"]["status"] == "bad"
    assert found["disk.logs"]["status"] == "warn"
    assert "may not write" in found["disk.settings"]["detail"]


def test_the_known_bad_pair_of_python_and_pyside_is_bad() -> None:
    assert version_findings((3, 11), "6.12.0")[0].status is Status.BAD
    assert version_findings((3, 12), "6.12.0")[0].status is Status.OK
    assert version_findings((3, 11), "6.11.3")[0].status is Status.OK


# the support bundle


def marked() -> dict[str, str]:
    """A computer whose owner has left his name everywhere."""
    env = bare(USER="marvinsname", HOSTNAME="marvinshost", HF_TOKEN="hf_MarvinsToken99")
    env["HOME"] = str(Path(env["HOME"]) / "marvinsname")
    return env


async def fill(env: dict[str, str]) -> None:
    """Settings, log, reports and a conversation with all that must not leave."""
    text = f"{env['HOME']}/x by marvinsname@marvinshost with hf_MarvinsToken99, api_key=marvinssecret"
    folder = paths.ensure_dir(paths.config_dir())
    config = f'[engine]\ngguf_path = "{env["HOME"]}/model.gguf"\n[presets]\nmine = "marvinssecret"\n'
    (folder / "config.toml").write_text(config)
    for name in ("log/arcdesk.log", "crash/report-2026-01-01-000000-01.txt"):
        path = paths.state_dir() / name
        path.parent.mkdir(parents=True, mode=0o700)
        path.write_text(f"INFO {text}\nReceived request: prompt: 'the secret of marvin'\n")
    history = HistoryDb(paths.data_dir() / FILE_NAME)
    await history.create("the secret of marvin")
    await history.aclose()


async def test_no_byte_of_the_bundle_tells_who_and_where(own_home: Path, tmp_path: Path) -> None:
    env = marked()
    await fill(env)
    path = tmp_path / "help.zip"
    done = await doctor("bundle", str(path), env=env)
    assert done.code == 0, done.err
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        packed = {name: bundle.read(name) for name in bundle.namelist()}
    assert set(packed) == {
        "doctor.json",
        "versions.json",
        "settings.json",
        "state.json",
        "arcdesk.log",
        "engine.log",
        "crash/report-2026-01-01-000000-01.txt",
    }
    everything = b"".join([path.read_bytes(), *packed.values()]).lower()
    for mark in (*MARKS, env["HOME"], "the secret of marvin"):
        assert mark.lower().encode() not in everything, mark
    assert b"~/x by [user]@[host]" in packed["arcdesk.log"]
    settings = json.loads(packed["settings.json"])
    assert settings["container"]["host_port"] == 8001
    for name in ("doctor.json", "versions.json", "state.json"):
        json.loads(packed[name])
    assert "Nothing was sent" in done.err


async def test_what_is_shown_is_what_would_be_saved(own_home: Path, tmp_path: Path) -> None:
    env = marked()
    await fill(env)
    shown = await doctor("bundle", "--show", env=env)
    await doctor("bundle", str(tmp_path / "help.zip"), env=env)
    with zipfile.ZipFile(tmp_path / "help.zip") as bundle:
        for name in bundle.namelist():
            assert f"===== {name}\n{bundle.read(name).decode().rstrip()}\n" in shown.out
    assert not [mark for mark in MARKS if mark in shown.out]


async def test_a_file_that_is_there_is_not_overwritten(own_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    path.write_text("precious")
    done = await doctor("bundle", str(path))
    assert (done.code, path.read_text()) == (1, "precious")
    assert "is there already" in done.err


async def test_a_folder_that_is_not_there_is_told(own_home: Path, tmp_path: Path) -> None:
    done = await doctor("bundle", str(tmp_path / "none" / "help.zip"))
    assert done.code == 1
    assert "could not be saved" in done.err and "Traceback" not in done.err
    assert list(tmp_path.rglob("help.zip")) == []


async def test_a_bundle_needs_a_name(own_home: Path) -> None:
    assert (await doctor("bundle")).code == 2


async def test_the_running_app_tells_its_state_and_the_engines_log(own_home: Path, tmp_path: Path) -> None:
    """Over the real socket; what answers is a stand-in for the window's session."""
    asked: list[str] = []

    async def answer(request: dict[str, Any], progress: object) -> dict[str, Any]:
        asked.append(request["command"])
        if request["command"] == "logs":
            return {
                "lines": ["Loading weights", "INFO Received request x: prompt: 'hello', params"],
                "exit_code": 0,
            }
        return {"status": {"engine": {"phase": "stopped"}, "app": {"running": True}}, "exit_code": 0}

    Path(runtime_dir()).mkdir(mode=0o700, exist_ok=True)
    lock = InstanceLock.take()
    assert lock is not None
    server = InstanceServer(answer)
    await server.start()
    try:
        shown = await doctor("bundle", "--show")
    finally:
        await server.aclose()
        lock.release()
    assert '"phase": "stopped"' in shown.out
    assert "Loading weights\nINFO Received request x: prompt: [text]\n" in shown.out
    assert set(asked) == {"status", "logs"}  # nothing is started
