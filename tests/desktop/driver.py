"""Uses ArcDesk as a person does: starts it in a home of its own, clicks, types, and reads what it keeps."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import Rect, end, wait_for

ROOT = Path(__file__).resolve().parents[2]
NO_DOCKER = "unix:///nonexistent.sock"
# What Python, asyncio, qasync and Qt say when something was not taken down in order.
NOISE = (
    "never awaited",
    "was destroyed",
    "Traceback",
    "ResourceWarning",
    "never retrieved",
    "QObject::",
    "QThread",
    "QBasicTimer",
    "libpyside",
)
HOMES = ("config", "cache", "data", "state", "run")
IN_THE_MARGIN_PX = (228, 400)  # of the chat, left of the text: no link is there
CLOSE_WINDOW = "alt+F4"  # openbox' own key


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message as the history file has it."""

    role: str
    text: str
    state: str
    stats: dict[str, Any]
    problem: dict[str, Any]


class ArcDesk:
    """The program, perhaps started several times, in one home. `env` is what all its processes get.

    `launcher` holds words that come before the command, of a tool that starts others.
    """

    def __init__(self, desktop: Desktop, home: Path, settings: Mapping[str, str]) -> None:
        self.desktop = desktop
        self.home = home
        for name in HOMES:
            (home / name).mkdir(mode=0o700)
        kept = {name: value for name, value in desktop.env.items() if not name.startswith("ARCDESK_")}
        folders = {f"XDG_{name.upper()}_HOME": str(home / name) for name in HOMES[:-1]}
        self.env = kept | folders | {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
        # llama.cpp's threads spin while they wait: beside other work on few cores that is much slower.
        self.env |= {"GOMP_SPINCOUNT": "1000"}
        self.env |= {"DOCKER_HOST": NO_DOCKER, "PYTHONWARNINGS": "default", **settings}
        self.launcher: tuple[str, ...] = ()
        self._process: subprocess.Popen[str] | None = None
        self._starts = 0

    # the process

    def start(self, *options: str) -> None:
        """Start the desktop program; it leads a session of its own, so its children can be told."""
        self._starts += 1
        with self._stderr_file.open("w", encoding="utf-8") as stderr:
            self._process = subprocess.Popen(
                [*self.launcher, sys.executable, "-m", "arcdesk", *options],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )

    def run(self, *words: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """One `arcdesk` command in the same home, to its end."""
        command = [*self.launcher, sys.executable, "-m", "arcdesk", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def kill(self) -> None:
        """As a crash: no warning, no clean-up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def terminate(self) -> None:
        """As a log-out."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def exit_code(self, timeout_s: float = 20) -> int:
        """Wait for its end."""
        assert self._process is not None
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"ArcDesk did not end within {timeout_s:g} s: {self.stderr}") from None

    @property
    def _stderr_file(self) -> Path:
        return self.home / f"stderr-{self._starts}.txt"

    @property
    def stderr(self) -> str:
        """What the running or last process said."""
        return self._stderr_file.read_text(encoding="utf-8")

    @property
    def log(self) -> str:
        """Its log file, of all starts."""
        file = self.home / "state" / "arcdesk" / "log" / "arcdesk.log"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def processes(self) -> list[int]:
        """All living processes that the last start brought about, the engine's child included."""
        assert self._process is not None
        leader = str(self._process.pid)
        return [pid for pid in _all_processes() if _session_of(pid) == leader]

    def end_all(self) -> None:
        """Leave nothing behind, whatever the test came to."""
        if self._process is not None:
            end(self._process)

    def assert_ended_in_order(self, timeout_s: float = 20) -> None:
        """It ends with 0, nothing of it lives on, and it had nothing to complain about."""
        code = self.exit_code(timeout_s)
        assert code == 0, self.stderr
        wait_for(lambda: not self.processes(), "the end of all its processes", 5)
        noise = [line for line in self.stderr.splitlines() if any(word in line for word in NOISE)]
        assert not noise, self.stderr

    # what it says

    def status(self) -> dict[str, Any]:
        """`engine` of `arcdesk status --json`, told by the running app; empty while none answers."""
        done = self.run("status", "--json", timeout_s=30)
        try:
            status = json.loads(done.stdout)
        except ValueError:
            return {}
        return dict(status["engine"]) if status["app"]["running"] else {}

    def wait_for_phase(self, phase: str, timeout_s: float = 30) -> dict[str, Any]:
        """The engine's status as soon as it is in `phase`; tells what else was seen when it never is."""
        seen: list[dict[str, Any]] = [{}]

        def look() -> dict[str, Any] | None:
            seen[0] = self.status() or seen[0]
            return seen[0] if seen[0].get("phase") == phase else None

        try:
            return wait_for(look, f"phase {phase}", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {seen[0]}; stderr: {self.stderr}") from None

    # what it keeps

    @property
    def history_file(self) -> Path:
        """Where its conversations are."""
        return self.home / "data" / "arcdesk" / "history.db"

    def _query(self, statement: str) -> list[tuple[Any, ...]]:
        if not self.history_file.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{self.history_file}?mode=ro", uri=True)) as db:
            try:
                return db.execute(statement).fetchall()
            except sqlite3.OperationalError:  # the file is just being made
                return []

    def messages(self) -> list[Said]:
        """All stored messages, oldest first."""
        rows = self._query("SELECT role, text, state, stats, problem FROM messages ORDER BY id")
        return [
            Said(
                role=role,
                text=text,
                state=state,
                stats=json.loads(stats or "null") or {},
                problem=json.loads(problem or "null") or {},
            )
            for role, text, state, stats, problem in rows
        ]

    def questions(self) -> list[str]:
        """What was asked so far."""
        return [message.text for message in self.messages() if message.role == "user"]

    def drafts(self) -> list[str]:
        """What stood in prompt boxes."""
        return [str(text) for (text,) in self._query("SELECT text FROM drafts")]

    def wait_for_answer(self, number: int = 1, timeout_s: float = 60) -> Said:
        """The answer with this number (from 1), once it is closed: done, stopped or failed."""

        def look() -> Said | None:
            answers = [message for message in self.messages() if message.role == "assistant"]
            closed = [answer for answer in answers if answer.state in ("done", "stopped", "failed")]
            return answers[number - 1] if len(closed) >= number else None

        try:
            return wait_for(look, f"answer {number}", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.messages()}; {self.stderr}") from None

    def wait_for_words(self, number: int = 1, timeout_s: float = 60) -> Said:
        """The answer with this number as soon as it has words, or a problem."""

        def look() -> Said | None:
            answers = [message for message in self.messages() if message.role == "assistant"]
            if len(answers) < number:
                return None
            answer = answers[number - 1]
            return answer if answer.text.strip() or answer.problem else None

        return wait_for(look, f"words of answer {number}", timeout_s)

    def wait_for_stream(self, number: int = 1, least_characters: int = 20, timeout_s: float = 60) -> Said:
        """The answer with this number while it arrives: some of its text is stored, more will come."""

        def look() -> Said | None:
            answers = [message for message in self.messages() if message.role == "assistant"]
            if len(answers) < number:
                return None
            answer = answers[number - 1]
            assert answer.state in ("waiting", "streaming"), f"it ended too early: {answer}"
            return answer if len(answer.text) >= least_characters else None

        return wait_for(look, f"the beginning of answer {number}", timeout_s)

    # its window

    def windows(self, name: str = "ArcDesk$") -> list[int]:
        """Its visible windows whose title ends so."""
        return self.desktop.find_windows("--onlyvisible", "--name", name)

    def wait_for_window(self, name: str = "ArcDesk$", timeout_s: float = 20) -> int:
        """The window, once it is seen and has the keyboard."""

        def look() -> int | None:
            seen = self.windows(name)
            return seen[-1] if seen and self.active_window() in seen else None

        return wait_for(look, f"a window '{name}' with the keyboard", timeout_s)

    def wait_until_hidden(self, timeout_s: float = 10) -> None:
        """No window of it is seen any more."""
        wait_for(lambda: not self.windows(), "the window to go", timeout_s)

    def active_window(self) -> int:
        """The window that gets the keys; 0 for none."""
        return int(self.desktop.xdotool("getactivewindow").strip() or 0)

    def type(self, text: str) -> None:
        """Type into its window, which must have the keyboard."""
        assert self.active_window() in self.windows(), "ArcDesk's window does not have the keyboard"
        self.desktop.type(text)

    def key(self, *keys: str) -> None:
        """Press keys in its window, which must have the keyboard."""
        assert self.active_window() in self.windows(), "ArcDesk's window does not have the keyboard"
        self.desktop.key(*keys)

    def shown_text(self) -> str:
        """All text of the chat, as it is shown: copied by keys, and pasted into the prompt (as a draft)."""
        before = self.drafts()
        window = self.wait_for_window()
        x, y = IN_THE_MARGIN_PX
        self.desktop.xdotool("mousemove", "--window", window, x, y, "click", 1)
        self.key("ctrl+a", "ctrl+c", "ctrl+l", "ctrl+a", "ctrl+v")
        wait_for(lambda: self.drafts() not in (before, []), "the copied text as a draft")
        (text,) = self.drafts()
        self.key("ctrl+a", "Delete")
        wait_for(lambda: not self.drafts(), "the prompt to be empty again")
        return text

    def ask(self, question: str) -> None:
        """Type a question and send it. Its row in the history is the sign that it was taken."""
        before = len(self.questions())
        self.type(question)
        self.key("Return")
        wait_for(lambda: len(self.questions()) > before, f"the question '{question}' in the history")
        assert self.questions()[-1] == question


@contextlib.contextmanager
def arcdesk(desktop: Desktop, **settings: str) -> Iterator[ArcDesk]:
    """ArcDesk with a home of its own, not yet started; nothing of it is left at the end."""
    # /tmp and not the test's folder: the path of a unix socket is limited to 108 bytes.
    with tempfile.TemporaryDirectory(prefix="arcdesk-app-", dir="/tmp") as folder:
        program = ArcDesk(desktop, Path(folder), settings)
        try:
            yield program
        finally:
            program.end_all()


def click_tray_icon(panel: TrayHost, button: int = 1) -> None:
    """A real click on the icon, where it is seen now."""
    panel.desktop.xdotool("mousemove", 640, 400)  # panels light up what the pointer is on
    panel.desktop.click(*panel.wait_for_icon().center, button)


def choose_in_tray_menu(panel: TrayHost, *keys: str) -> None:
    """Open the icon's menu by a right click and choose by keys. Greyed entries are skipped by the panel."""
    desktop = panel.desktop
    before = _popups(desktop)
    click_tray_icon(panel, button=3)
    (menu, *_) = wait_for(lambda: _new_popups(desktop, before), "the tray's menu")
    _wait_until_still(desktop, menu)
    desktop.key(*keys)
    wait_for(lambda: menu not in _popups(desktop), "the menu to close")


def _popups(desktop: Desktop) -> set[int]:
    return set(desktop.find_windows("--onlyvisible", "--name", ".*"))


def _new_popups(desktop: Desktop, before: set[int]) -> list[int]:
    fresh = _popups(desktop) - before
    return [window for window in fresh if _is_menu(desktop.geometry(window))]


def _is_menu(place: Rect) -> bool:
    return place.height > 60 and place.width > 60


def _wait_until_still(desktop: Desktop, window: int) -> None:
    """Panels draw and place their menu in steps; keys before its end go elsewhere."""
    before: list[object] = [None]

    def settled() -> bool:
        place = desktop.geometry(window)
        seen = (place, desktop.picture(place).crop(Rect(x=0, y=0, width=place.width, height=place.height)))
        same, before[0] = seen == before[0], seen
        return same

    wait_for(settled, "a menu that keeps still")


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _session_of(pid: int) -> str:
    """The session's id; empty for a process that is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[3]
