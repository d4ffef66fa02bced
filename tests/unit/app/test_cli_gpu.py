"""`arcdesk gpu` prints what the cards do, as text and as JSON, live and replayed."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from arcdesk.app import cli_gpu
from arcdesk.app.gpu_containers import AskedContainers
from arcdesk.telemetry.gpu_host import LiveHost
from tests.rig.gpu_tree import NAMES, RECORDINGS, load_recording, make_tree
from tests.unit.app.command import ROOT, started
from tests.unit.telemetry.gpu_changed import differences

PATIENCE_S = 60.0
PROGRAM = """
import argparse, sys
from arcdesk.app import cli_gpu
shared = argparse.ArgumentParser(add_help=False)
shared.add_argument("--json", action="store_true")
parser = argparse.ArgumentParser()
cli_gpu.add_parser(parser.add_subparsers(), shared)
sys.exit(cli_gpu.run(parser.parse_args(["gpu", *sys.argv[1:]])))
"""


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")


def gpu(*arguments: str, host: LiveHost | None = None) -> int:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true")
    parser = argparse.ArgumentParser()
    cli_gpu.add_parser(parser.add_subparsers(), shared)
    return cli_gpu.run(parser.parse_args(["gpu", *arguments]), host)


def replay(name: str) -> tuple[str, str]:
    return "--replay", str(RECORDINGS / f"{name}.json")


@pytest.mark.parametrize("name", NAMES)
def test_a_replay_prints_what_is_expected(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu(*replay(name), "--json") == 0

    got = json.loads(capsys.readouterr().out)

    assert differences(got, load_recording(name)["expected"]) == []


def test_text_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu(*replay("dual_b580_xe")) == 0

    text = capsys.readouterr().out
    for words in (
        "Intel Arc B580  0000:03:00.0 · xe · kernel 6.17.13-2-default · card1 · renderD128 · hwmon5",
        "Memory         10.1 GiB of 11.9 GiB",
        "5.1 GiB  container vllm-tp2",
        "Slowed by      sustained power limit",
        "188 W, whole board, limit 190 W",
        "16.0 GT/s PCIe x4, could be 16.0 GT/s PCIe x8",
        "compute 95 %",
        "Busy           98 %, media 0 %",
        "Frequency      2500 of 2850 MHz, media 0 of 1500 MHz",
    ):
        assert words in text
    assert "\033" not in text


def test_text_tells_why_something_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    gpu(*replay("lunarlake_xe_igpu"))
    gpu(*replay("b580_xe"))

    text = capsys.readouterr().out
    assert "Power          –  (An integrated GPU has no counter of its own" in text
    assert "at least 11.1 GiB of 11.9 GiB  (The kernel shows it only to programs with CAP_PERFMON.)" in text
    assert "→ Kernel 7 or newer shows it" in text


def test_a_sleeping_card_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    gpu(*replay("b580_xe_suspended"))

    head, state, *rest = capsys.readouterr().out.splitlines()
    assert head.startswith("Intel Arc B580")
    assert "asleep" in state
    assert rest == []


@pytest.mark.parametrize(
    ("name", "word"), [("no_gpu", "another maker"), ("nvidia_only", "NVIDIA"), ("wsl2", "Windows")]
)
def test_no_card_says_why_and_is_no_failure(name: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu(*replay(name)) == 0
    assert word in capsys.readouterr().out
    assert gpu(*replay(name), "--json") == 0
    assert json.loads(capsys.readouterr().out)["gpus"] == {}


def test_a_terminal_is_never_commanded_by_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = load_recording("b580_xe")
    data["files"]["proc/3300/comm"] = "\x1b]0;evil\x07\udcff\n"
    file = tmp_path / "odd.json"
    file.write_text(json.dumps(data))

    assert gpu("--replay", str(file)) == 0

    out = capsys.readouterr().out
    assert "evil" in out
    assert "\x1b" not in out
    assert "\x07" not in out


NO_RECORDINGS: dict[str, Any] = {
    "text": b"not json",
    "bytes": b"\xff\xfe\x00",
    "list": b"[]",
    "number": b"5",
    "nothing": b"",
    "deep": b"[" * 100_000,
    "no files": b"{}",
    "files no texts": b'{"files": {"a": 1}}',
    "links a list": b'{"files": {}, "links": [1]}',
    "docker no names": b'{"files": {}, "docker": {"a": "b"}}',
    "answer no text": b'{"files": {}, "docker": {"a": {"exec_t0": 5}}}',
    "state no names": b'{"files": {}, "docker": {"a": {"State": [1]}}}',
    "ioctl no text": b'{"files": {}, "ioctl": {"renderD128": {"xe:mem_regions:unprivileged": 5}}}',
    "user no names": b'{"files": {}, "meta": {"user": "root"}}',
    "permissions no list": b'{"files": {}, "permissions": {"eacces": "all"}}',
}


@pytest.mark.parametrize("kind", NO_RECORDINGS)
def test_a_file_that_is_no_recording_is_refused(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(NO_RECORDINGS[kind])

    assert gpu("--replay", str(file), "--json") == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert "is no recording" in err


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu("--replay", str(tmp_path / "gone.json")) == 2
    assert "No such file" in capsys.readouterr().err


def test_an_empty_recording_has_no_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "empty.json"
    file.write_text('{"files": {}, "meta": {"dt_s": "soon"}, "ioctl": null}')

    assert gpu("--replay", str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out)["gpus"] == {}


@pytest.mark.parametrize(
    "arguments",
    [("--watch", *replay("b580_xe")), ("--watch", "--record", "x"), ("--record", "x", *replay("b580_xe"))],
)
def test_aims_that_do_not_go_together(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu(*arguments) == 2
    assert "do not go together" in capsys.readouterr().err


@pytest.fixture
def tree(tmp_path: Path) -> LiveHost:
    """A machine with two cards as files; they never change."""
    folder = tmp_path / "machine"
    make_tree(load_recording("dual_b580_xe"), folder)
    return LiveHost(str(folder), scan_interval_s=0.0)


def test_live_looks_twice(tree: LiveHost, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu("--json", host=tree) == 0

    cards = json.loads(capsys.readouterr().out)["gpus"]
    assert list(cards) == ["0000:03:00.0", "0000:08:00.0"]
    for card in cards.values():
        assert card["temp_c"]
        assert card["busy_pct"] == {"gt0": 100.0, "gt1": 100.0}  # its idle counters stand still
        assert card["power_w"] is None
        assert "stand still" in card["unknown"]["power_w"]


def test_containers_are_not_asked_beside_a_sleeping_card(
    tree: LiveHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their answer would be read from the sleeping card as well."""
    device = tree.real("sys/bus/pci/devices/0000:08:00.0")
    (Path(tree.root) / device / "power/runtime_status").write_text("suspended\n")
    monkeypatch.setattr(AskedContainers, "ask", lambda _: pytest.fail("asked"))

    assert gpu("--json", host=tree) == 0

    cards = json.loads(capsys.readouterr().out)["gpus"]
    assert cards["0000:08:00.0"]["suspended"] is True
    assert cards["0000:03:00.0"]["temp_c"] == {"pkg": 78.0, "vram": 82.0}
    assert "could wake" in cards["0000:03:00.0"]["unknown"]["containers.all"]


def test_a_recording_can_be_replayed(
    tree: LiveHost, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"

    assert gpu("--record", str(file), host=tree) == 0
    assert "Nothing was sent" in capsys.readouterr().err
    assert gpu("--replay", str(file), "--json") == 0

    cards = json.loads(capsys.readouterr().out)["gpus"]
    assert cards["0000:03:00.0"]["temp_c"] == {"pkg": 78.0, "vram": 82.0}
    assert cards["0000:08:00.0"]["link"] == ["16.0 GT/s PCIe", 4]


def test_an_existing_file_is_never_overwritten(
    tree: LiveHost, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    file.write_text("precious")

    assert gpu("--record", str(file), host=tree) == 1
    assert file.read_text() == "precious"
    assert "is there already" in capsys.readouterr().err


def test_a_folder_that_is_not_there_can_not_be_recorded_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = LiveHost(str(tmp_path))

    assert gpu("--record", str(tmp_path / "gone" / "mine.json"), host=host) == 1
    assert "can't be written" in capsys.readouterr().err


async def test_watching_goes_on_until_it_is_interrupted() -> None:
    async with started("--watch", "--json", program=(sys.executable, "-c", PROGRAM)) as process:
        async with asyncio.timeout(PATIENCE_S):
            assert process.stdout is not None
            lines = [await process.stdout.readline() for _ in range(2)]
            process.send_signal(signal.SIGINT)
            await process.stdout.read()
            code = await process.wait()

    assert code == 130
    assert all("gpus" in json.loads(line) for line in lines)


def test_the_grammar_loads_nothing_heavy() -> None:
    import subprocess

    program = (
        "import sys; from arcdesk.app import cli_gpu; "
        "heavy = {'docker', 'httpx', 'asyncio', 'json', 'csv', 'PySide6'} & set(sys.modules); "
        "heavy |= {name for name in sys.modules if name.startswith('arcdesk.telemetry')}; "
        "print(sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )

    assert done.stdout.strip() == "[]"
