"""ArcDesk over a real container as a person meets it: found again, ended from outside, failing, loading."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.desktop.container_seat import NAME, ContainerSeat, container_seat
from tests.desktop.driver import ArcDesk, arcdesk, choose_in_tray_menu
from tests.rig.containers import MODEL_PATH
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import wait_for
from tests.rig.docker_engine import DockerEngine
from tests.rig.private_engine import private_engine

pytestmark = [pytest.mark.desktop, pytest.mark.docker]

QUESTION = "What is the capital of France?"
LONG_QUESTION = "Write a long story about a ship, a storm and an island."
READY_S = 90
CAUSE_SHOWN_S = 5.0
Seated = tuple[ArcDesk, ContainerSeat]
TakeSeat = Callable[..., AbstractContextManager[Seated]]


@pytest.fixture(scope="module")
def own_engine(
    docker_engine: DockerEngine, llama_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerEngine]:
    """A Docker Engine of its own, with the image: ArcDesk takes any container with its label."""
    with private_engine(tmp_path_factory.mktemp("engine")) as engine:
        engine.load_image(docker_engine, llama_image)
        yield engine.engine


@pytest.fixture
def take_seat(
    x_display: Desktop, xembed_tray: TrayHost, own_engine: DockerEngine, llama_image: str, render_node: Path
) -> TakeSeat:
    """Makes ArcDesk with a place for its container. The model's path chooses a fault."""

    @contextmanager
    def take(model_path: str = MODEL_PATH) -> Iterator[Seated]:
        with (
            container_seat(own_engine, llama_image, model_path=model_path) as seat,
            arcdesk(x_display, **seat.settings) as app,
        ):
            yield app, seat

    return take


def start_engine(app: ArcDesk) -> None:
    """Start ArcDesk and, through it, the engine; returns when requests are answered."""
    app.start()
    app.wait_for_window()
    started = app.run("start", timeout_s=READY_S)
    assert started.returncode == 0, started.stderr
    assert app.status()["phase"] == "ready"


def test_arcdesk_finds_its_container_again_and_leaves_it_alone(take_seat: TakeSeat) -> None:
    with take_seat() as (app, seat):
        start_engine(app)
        before = seat.run()
        app.kill()

        app.start()
        app.wait_for_window()
        engine = app.wait_for_phase("ready", READY_S)
        assert (engine["kind"], seat.run()) == ("container", before)
        app.ask(QUESTION)
        assert app.wait_for_words().problem == {}

        app.terminate()
        app.assert_ended_in_order()
        assert seat.run() == before, "the container goes on without ArcDesk"


def test_a_stop_from_outside_is_a_stop(take_seat: TakeSeat, xembed_tray: TrayHost) -> None:
    with take_seat() as (app, seat):
        start_engine(app)
        seat.engine.docker("stop", "--time", "1", NAME)
        engine = app.wait_for_phase("stopped")
        assert engine["error"] is None
        choose_in_tray_menu(xembed_tray, "Down", "Return")  # Start
        app.wait_for_phase("ready", READY_S)


def test_a_kill_in_mid_answer_keeps_the_text_and_says_why(take_seat: TakeSeat) -> None:
    with take_seat() as (app, seat):
        start_engine(app)
        app.ask(LONG_QUESTION)
        half = app.wait_for_stream()
        seat.engine.docker("kill", NAME)
        answer = app.wait_for_answer()
        assert (answer.state, answer.text.startswith(half.text)) == ("failed", True)
        assert answer.problem["title"] and answer.problem["actions"], "what happened, and what to do"
        engine = app.wait_for_phase("failed")
        assert engine["error"]["cause"] == "killed"
        assert "Start again" in engine["error"]["actions"]
        app.terminate()
        app.assert_ended_in_order()


def test_a_failed_start_shows_its_cause_while_the_container_still_hangs(take_seat: TakeSeat) -> None:
    with take_seat(model_path="/llm/models/fault-lag") as (app, seat):
        app.start()
        app.wait_for_window()
        assert app.run("start", "--no-wait").returncode == 0
        engine = app.wait_for_phase("failed", READY_S)
        seen_at = time.time()
        written_at = seat.said_at("ValueError: The model's max seq len (2048)")
        assert written_at is not None
        assert seen_at - written_at < CAUSE_SHOWN_S
        assert engine["error"]["cause"] == "kv_context_too_long"
        assert any("1312" in re.sub(r"\s", "", label) for label in engine["error"]["actions"])
        assert seat.inspect()["State"]["Running"], "the server itself has not noticed yet"


def test_a_question_asked_while_loading_is_answered_when_ready(take_seat: TakeSeat) -> None:
    with take_seat(model_path="/llm/models/fault-slow") as (app, _):
        app.start()
        app.wait_for_window()
        assert app.run("start", "--no-wait").returncode == 0
        app.ask(QUESTION)
        assert app.status()["phase"] in ("starting", "loading")
        (waiting,) = wait_for(
            lambda: [message for message in app.messages() if message.role == "assistant"],
            "its answer waiting",
        )
        assert (waiting.state, waiting.text) == ("waiting", "")
        assert app.wait_for_words(timeout_s=READY_S).problem == {}
        wait_for(lambda: app.status()["phase"] == "ready", "the engine still ready")
