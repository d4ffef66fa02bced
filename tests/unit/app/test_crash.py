"""Real crashes of real processes, and what the next start knows of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from arcdesk.app.crash import quick_state_dir
from arcdesk.app.crash_files import BOOT_ID, REPORTS_KEPT, reports
from arcdesk.storage.paths import state_dir
from tests.unit.app.crash_child import SECRET

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Ended:
    code: int
    previous: dict[str, Any] | None
    more: list[str]
    err: str


def command(folder: Path, end: str) -> list[str]:
    return [sys.executable, "-m", "tests.unit.app.crash_child", str(folder), end]


def run(folder: Path, end: str, **env: str) -> Ended:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env}
    done = subprocess.run(
        command(folder, end), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
    )
    first, *more = done.stdout.splitlines()
    said = json.loads(first)
    assert not said["again"], "the same end is told once"
    return Ended(code=done.returncode, previous=said["previous"], more=more, err=done.stderr)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def report_texts(folder: Path) -> list[str]:
    return [path.read_text() for path in reports(folder / "crash")]


def test_a_clean_run_leaves_nothing_and_says_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "clean").code == 0
    assert not (tmp_path / "crash").exists()
    assert run(tmp_path, "clean").previous is None


@pytest.mark.parametrize(
    ("end", "number", "words"),
    [("segfault", signal.SIGSEGV, "Segmentation fault"), ("abort", signal.SIGABRT, "Aborted")],
)
def test_a_fault_is_told_at_the_next_start_with_its_traceback(
    tmp_path: Path, end: str, number: int, words: str
) -> None:
    assert run(tmp_path, end).code == -number
    (marker,) = (tmp_path / "crash").iterdir()
    assert marker.stat().st_mode & 0o777 == 0o600
    previous = run(tmp_path, "clean").previous
    assert previous is not None
    assert previous["kind"] == "fault"
    assert f"Fatal Python error: {words}" in previous["text"]
    assert "crash_child.py" in previous["text"]
    assert previous["actions"] == ["show_report", "save_bundle"]
    assert Path(previous["path"]).read_text() == previous["text"]
    assert run(tmp_path, "clean").previous is None
    assert left_in(tmp_path) == [Path(previous["path"]).name]


def test_the_report_has_the_versions_and_the_end_of_the_log_and_no_names(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "arcdesk.log").write_text("the line before the end, by marvin\n")
    home = tmp_path / "home of marvin"
    run(tmp_path, "segfault")
    previous = run(tmp_path, "clean", USER="marvin", HOME=str(home)).previous
    assert previous is not None
    assert "the line before the end, by [user]" in previous["text"]
    assert f"Python {sys.version.split()[0]}" in previous["text"]
    assert "marvin" not in previous["text"].lower()


def test_a_killed_run_leaves_only_its_marker(tmp_path: Path) -> None:
    assert run(tmp_path, "kill").code == -signal.SIGKILL
    previous = run(tmp_path, "clean").previous
    assert previous is not None
    assert previous["kind"] == "killed"
    assert "No traceback" in previous["text"]


def test_a_computer_that_went_down_is_no_mistake_of_ours(tmp_path: Path) -> None:
    run(tmp_path, "kill")
    (marker,) = (tmp_path / "crash").iterdir()
    boot = Path(BOOT_ID).read_text().strip()
    text = marker.read_text()
    assert boot in text
    marker.write_text(text.replace(boot, "another boot"))
    assert run(tmp_path, "clean").previous is None
    assert left_in(tmp_path) == []


def test_an_exception_that_ends_the_program_is_reported_once(tmp_path: Path) -> None:
    ended = run(tmp_path, "exception")
    assert ended.code == 1
    (text,) = report_texts(tmp_path)
    assert "ValueError: with [secret]" in text and "the last line" in text
    previous = run(tmp_path, "clean").previous
    assert previous is not None
    assert (previous["kind"], previous["text"]) == ("exception", text)
    assert SECRET not in previous["text"]
    assert len(report_texts(tmp_path)) == 1


def test_an_exit_on_purpose_is_no_crash(tmp_path: Path) -> None:
    assert run(tmp_path, "sys.exit").code == 3
    assert run(tmp_path, "clean").previous is None
    assert left_in(tmp_path) == []


def test_mistakes_in_loop_and_thread_are_survived_and_told(tmp_path: Path) -> None:
    ended = run(tmp_path, "survived")
    assert ended.code == 0
    assert json.loads(ended.more[0]) == ["ArcDesk made a mistake"] * 2
    texts = "\n".join(report_texts(tmp_path))
    assert "ZeroDivisionError" in texts and "arcdesk-worker" in texts
    assert run(tmp_path, "clean").previous is None  # the run itself ended in order


def test_a_mistake_in_a_clean_up_is_reported(tmp_path: Path) -> None:
    assert run(tmp_path, "unraisable").code == 0
    (text,) = report_texts(tmp_path)
    assert "ValueError: in __del__" in text


def test_what_others_caught_and_logged_is_reported_unless_it_was_meant_for_people(tmp_path: Path) -> None:
    assert run(tmp_path, "logged").code == 0
    (text,) = report_texts(tmp_path)
    assert "caught elsewhere" in text and "KeyError" in text


def test_the_same_mistake_is_reported_once_and_many_do_not_fill_the_disk(tmp_path: Path) -> None:
    run(tmp_path, "same again")
    assert len(report_texts(tmp_path)) == 1
    for _ in range(4):
        run(tmp_path, "many")
    assert len(report_texts(tmp_path)) == REPORTS_KEPT


def test_a_second_run_does_not_take_a_living_one_for_dead(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path, "wait"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as living:
        assert living.stdout is not None and living.stdin is not None
        assert json.loads(living.stdout.readline())["previous"] is None
        assert run(tmp_path, "clean").previous is None
        assert len(left_in(tmp_path)) == 1  # its marker
        living.stdin.write("\n")
        living.stdin.close()
        assert living.wait(PATIENCE_S) == 0
    assert left_in(tmp_path) == []


def test_without_a_usable_disk_all_goes_on_in_silence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert run(blocked, "clean").code == 0
    ended = run(blocked, "survived")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.more[0]) == ["ArcDesk made a mistake"] * 2
    assert list(tmp_path.iterdir()) == [blocked]


def test_the_quick_folder_is_the_one_of_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quick_state_dir() == state_dir()
    monkeypatch.delenv("XDG_STATE_HOME")
    assert quick_state_dir() == state_dir()
    monkeypatch.setenv("XDG_STATE_HOME", " ")
    assert quick_state_dir() == state_dir()


def test_taking_the_hooks_costs_the_start_next_to_nothing(tmp_path: Path) -> None:
    """In a process of its own: this one's hooks belong to pytest."""
    code = (
        "import sys, time; from pathlib import Path; from arcdesk.app.crash import CrashHandler\n"
        "times = []\n"
        "for n in range(15):\n"
        "    handler = CrashHandler(Path(sys.argv[1])); began = time.process_time(); handler.install()\n"
        "    times.append(time.process_time() - began); handler.clean_exit()\n"
        "print(sorted(times)[7] * 1000)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    ).stdout
    assert float(out) < 2.0, out
