"""Takes the pictures of the README from the real program: `python -m tests.screenshots [FOLDER]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from arcdesk.core.chat import AnswerStats, Message, Role
from arcdesk.storage.history_db import HistoryDb
from tests.desktop.container_seat import ContainerSeat, container_seat
from tests.desktop.driver import ROOT, ArcDesk, arcdesk
from tests.rig import desktop as rig
from tests.rig import images
from tests.rig.desktop import Desktop
from tests.rig.desktop_tools import wait_for
from tests.rig.docker_engine import DockerEngine
from tests.rig.docker_engine import engine as docker_engine
from tests.rig.errors import RigUnavailable
from tests.rig.private_engine import private_engine
from tests.rig.render_node import render_node

LIMIT_BYTES = 120_000
THEMES = ("light", "dark")
BAR, SETTINGS, DOCTOR = "ArcDesk quick prompt", "Settings — ArcDesk", "Doctor — ArcDesk"
STILL_PATIENCE_S = 0.8
LONG_QUESTION = "Write a long story about a ship, a storm and an island."
CHAT_QUESTION = "How do I read a file line by line in Python, and what does it cost?"
CHAT_ANSWER = """\
Open the file with `with`, so that it is closed whatever happens, and **iterate over it**. Python reads
a block at a time and hands you one line after another:

```python
from pathlib import Path


def longest_line(path: Path) -> int:
    longest = 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:  # one line in memory, not the whole file
            longest = max(longest, len(line))
    return longest
```

## Three ways compared
| Way | Memory | When |
|---|---:|---|
| `for line in file` | one line | almost always |
| `file.readlines()` | whole file | when you need an index |
| `file.read()` | whole file | for short texts |

What to watch out for:

1. Name the *encoding*: the default differs between systems.
2. A line keeps its line break; `line.rstrip("\\n")` takes it off.
3. Very long lines are still read whole:
   - binary data has few line breaks,
   - so read it in blocks instead.

> Iterating is as fast as reading everything at once, and it does not run out of memory.
"""
CHAT_STATS = AnswerStats(
    ttft_ms=131.0,
    decode_tokens_per_s=58.4,
    prompt_tokens=24,
    completion_tokens=297,
    total_ms=5_200.0,
    chunks=297,
    finish_reason="stop",
    model="smollm2-135m-instruct",
    device="CPU",
    engine="embedded",
)


class Studio:
    """A display and a folder for its pictures."""

    def __init__(self, desktop: Desktop, folder: Path) -> None:
        self._desktop = desktop
        self._folder = folder

    def shoot(
        self, app: ArcDesk, name: str, title: str = "ArcDesk$", *, patience_s: float = STILL_PATIENCE_S
    ) -> None:
        """One picture of the window, once it keeps still or the patience was not enough for that."""
        window = app.wait_for_window(title)
        self._desktop.xdotool("mousemove", 1270, 790)  # no hover, no tooltip
        place = self._desktop.geometry(window)
        if title != BAR and place.height < rig.SCREEN.height - 2 * rig.PANEL_HEIGHT:
            self._desktop.xdotool("windowmove", window, place.x, 2 * rig.PANEL_HEIGHT)  # below the panel
        self._wait_until_still(patience_s)
        target = self._folder / f"{name}.png"
        command = ["import", "-silent", "-window", str(window), str(target)]
        subprocess.run(command, env=self._desktop.env, check=True)
        make_small(target)
        print(f"{target.name}  {target.stat().st_size / 1000:.0f} kB", flush=True)

    def _wait_until_still(self, patience_s: float) -> None:
        """Alike for half a second; what moves on (a clock, a stream) is taken as it is."""
        deadline = time.monotonic() + patience_s
        before, since = None, time.monotonic()
        while time.monotonic() < deadline:
            seen = self._desktop.picture()
            now = seen.crop(rig.SCREEN)
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() - since > patience_s / 2:
                return


def make_small(file: Path) -> None:
    """Take as many colours as the size allows; the rare ones, such as the dot of the state, are kept."""
    with Image.open(file) as taken:
        picture = taken.convert("RGB")
    for colours in (256, 128, 64):
        few = picture.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(file, optimize=True)
        if file.stat().st_size <= LIMIT_BYTES:
            return
    raise SystemExit(f"{file.name} is too big: {file.stat().st_size} bytes")


async def put_conversation(file: Path) -> None:
    """Store a chat in the way the program stores it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    history = HistoryDb(file)
    try:
        chat = await history.create("Reading a file in Python")
        await history.add(chat.id, Message(role=Role.USER, text=CHAT_QUESTION))
        await history.add(chat.id, Message(role=Role.ASSISTANT, text=CHAT_ANSWER, stats=CHAT_STATS))
    finally:
        await history.aclose()


@contextlib.contextmanager
def opened(desktop: Desktop, theme: str, **settings: str) -> Iterator[ArcDesk]:
    """ArcDesk in one theme, its window shown and as big as the screen allows."""
    with arcdesk(desktop, ARCDESK_THEME=theme, **settings) as app:
        yield app


def _start(app: ArcDesk) -> None:
    app.start()
    app.wait_for_window()


def idle(studio: Studio, desktop: Desktop, theme: str) -> None:
    """The first start: nothing asked yet, the embedded engine ready."""
    with opened(desktop, theme) as app:
        _start(app)
        app.wait_for_phase("ready")
        studio.shoot(app, f"idle-{theme}")


def streaming(studio: Studio, desktop: Desktop, theme: str) -> None:
    """An answer on its way."""
    with opened(desktop, theme) as app:
        _start(app)
        app.wait_for_phase("ready")
        app.ask(LONG_QUESTION)
        app.wait_for_stream(least_characters=350)
        studio.shoot(app, f"streaming-{theme}")


def answer(studio: Studio, desktop: Desktop, theme: str) -> None:
    """A long answer with code, a table and lists, at its beginning and its end."""
    with opened(desktop, theme) as app:
        asyncio.run(put_conversation(app.history_file))
        _start(app)
        app.wait_for_phase("ready")
        app.key("ctrl+f", "Tab", "Down", "Return")
        wait_for(lambda: app.windows("— ArcDesk$"), "the stored chat in the window")
        studio.shoot(app, f"answer-end-{theme}")
        for _ in range(30):  # the wheel over the chat
            desktop.click(560, 400, button=4)
        studio.shoot(app, f"answer-{theme}")


def no_docker(studio: Studio, desktop: Desktop, theme: str) -> None:
    """The container engine chosen where no Docker is."""
    with opened(desktop, theme, ARCDESK_ENGINE="container") as app:
        _start(app)
        app.run("start")
        app.wait_for_phase("unavailable")
        studio.shoot(app, f"no-docker-{theme}")


def loading(studio: Studio, desktop: Desktop, theme: str, seat: ContainerSeat) -> None:
    """A start under way, with a question that waits for it."""
    with opened(desktop, theme, **seat.settings) as app:
        _start(app)
        app.run("start", "--no-wait")
        wait_for(lambda: app.status().get("step") in ("weights", "convert", "kv_cache"), "the weights", 60)
        app.ask("What is the capital of France?")
        studio.shoot(app, f"loading-{theme}")


def failed_start(studio: Studio, desktop: Desktop, theme: str, seat: ContainerSeat) -> None:
    """A context that does not fit the card, told while the server still hangs."""
    with opened(desktop, theme, **seat.settings) as app:
        _start(app)
        app.run("start", "--no-wait")
        app.wait_for_phase("failed", 60)
        studio.shoot(app, f"failed-start-{theme}")


def quick(studio: Studio, desktop: Desktop, theme: str) -> None:
    """The quick prompt: empty, streaming, with a long answer; and empty at 200 %."""
    with opened(desktop, theme, ARCDESK_ENGINE="embedded") as app:
        app.start("--background")
        app.wait_for_phase("stopped")
        app.run("quick")
        studio.shoot(app, f"quick-empty-{theme}", BAR)
        desktop.type(LONG_QUESTION)
        desktop.key("Return")
        app.wait_for_stream(least_characters=250)
        studio.shoot(app, f"quick-streaming-{theme}", BAR)
        app.wait_for_stream(least_characters=2200)
        desktop.key("ctrl+period")
        app.wait_for_answer()
        studio.shoot(app, f"quick-long-{theme}", BAR)
    with opened(desktop, theme, QT_SCALE_FACTOR="2") as app:
        app.start("--background")
        app.wait_for_phase("stopped")
        app.run("quick")
        studio.shoot(app, f"quick-empty-{theme}-200", BAR)


def settings(studio: Studio, desktop: Desktop, theme: str) -> None:
    """The settings: how they begin, the pages of quick prompt and privacy; the first one at 200 %, too."""
    with opened(desktop, theme) as app:
        _open_tool(app, "ctrl+comma", SETTINGS)
        studio.shoot(app, f"settings-{theme}", SETTINGS)
        desktop.key(*("ctrl+Next",) * 5)
        studio.shoot(app, f"settings-quick-{theme}", SETTINGS)
        desktop.key("ctrl+Next", "ctrl+Next")
        studio.shoot(app, f"settings-privacy-{theme}", SETTINGS)
    with opened(desktop, theme, QT_SCALE_FACTOR="2") as app:
        _open_tool(app, "ctrl+comma", SETTINGS)
        studio.shoot(app, f"settings-{theme}-200", SETTINGS)


def doctor(studio: Studio, desktop: Desktop, theme: str) -> None:
    """The doctor's findings on a machine without Docker and without a card."""
    with opened(desktop, theme) as app:
        _open_tool(app, "ctrl+shift+d", DOCTOR)
        studio.shoot(app, f"doctor-{theme}", DOCTOR, patience_s=8)


def _open_tool(app: ArcDesk, key: str, title: str) -> None:
    _start(app)
    app.wait_for_phase("ready")
    app.key(key)
    app.wait_for_window(title)


WITHOUT_DOCKER: dict[str, Callable[[Studio, Desktop, str], None]] = {
    "idle": idle,
    "streaming": streaming,
    "answer": answer,
    "no-docker": no_docker,
    "quick": quick,
    "settings": settings,
    "doctor": doctor,
}
WITH_DOCKER: dict[str, tuple[Callable[[Studio, Desktop, str, ContainerSeat], None], str]] = {
    "loading": (loading, "/llm/models/fault-slow"),
    "failed-start": (failed_start, "/llm/models/fault-lag"),
}


@contextlib.contextmanager
def _engine_with_image() -> Iterator[tuple[DockerEngine, str]]:
    with docker_engine() as shared, tempfile.TemporaryDirectory(prefix="arcdesk-studio-") as folder:
        image = images.llama_image(shared)
        with render_node(), private_engine(Path(folder)) as engine:
            engine.load_image(shared, image)
            yield engine.engine, image


def main(arguments: list[str]) -> int:
    """Take the wanted pictures; 1 if those that need Docker could not be taken."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--only", choices=[*WITHOUT_DOCKER, *WITH_DOCKER], action="append")
    chosen = parser.parse_args(arguments)
    wanted = chosen.only or [*WITHOUT_DOCKER, *WITH_DOCKER]
    chosen.folder.mkdir(parents=True, exist_ok=True)
    try:
        with rig.x_display() as desktop, rig.xembed_tray(desktop):
            studio = Studio(desktop, chosen.folder)
            for theme in THEMES:
                for name in [name for name in WITHOUT_DOCKER if name in wanted]:
                    WITHOUT_DOCKER[name](studio, desktop, theme)
            if WITH_DOCKER.keys() & set(wanted):
                _with_docker(studio, desktop, wanted)
    except RigUnavailable as error:
        print(f"not taken: {error.reason}", file=sys.stderr)
        return 1
    return 0


def _with_docker(studio: Studio, desktop: Desktop, wanted: list[str]) -> None:
    with _engine_with_image() as (engine, image):
        for theme in THEMES:
            for name in [name for name in WITH_DOCKER if name in wanted]:
                take, model_path = WITH_DOCKER[name]
                with container_seat(engine, image, model_path=model_path) as seat:
                    take(studio, desktop, theme, seat)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
