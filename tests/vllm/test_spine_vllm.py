"""The whole way once, on real parts only: tray, container, vLLM, window, keys, streamed answer, and back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.desktop.container_seat import ContainerSeat, container_seat
from tests.desktop.driver import ArcDesk, arcdesk, choose_in_tray_menu, click_tray_icon
from tests.rig.desktop import TrayHost
from tests.rig.desktop_tools import wait_for
from tests.rig.docker_engine import DockerEngine
from tests.rig.errors import RigUnavailable

pytestmark = [pytest.mark.vllm, pytest.mark.desktop]

QUESTION = "What is the capital of France?"
LONG_QUESTION = "Write a very long story about a ship, a storm and an island, with many chapters."
READY_S = 240
CONTEXT_TOKENS = 512  # the small model may babble: this is its end
START = STOP = ("Down", "Return")  # the first entry that is not greyed
QUIT = ("Up", "Return")


@pytest.fixture
def seat(docker_engine: DockerEngine, vllm_image: str, render_node: Path) -> Iterator[ContainerSeat]:
    """The place of ArcDesk's container, with real vLLM in it."""
    try:
        context = container_seat(docker_engine, vllm_image, max_model_len=CONTEXT_TOKENS)
        taken = context.__enter__()
    except RigUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(error.reason)
        pytest.skip(error.reason)
    try:
        yield taken
    finally:
        context.__exit__(None, None, None)


@pytest.fixture
def app(sni_tray: TrayHost, seat: ContainerSeat) -> Iterator[ArcDesk]:
    """ArcDesk on a desktop with a panel, set to that container; not started yet."""
    with arcdesk(sni_tray.desktop, **seat.settings) as program:
        yield program


def requests_running(seat: ContainerSeat) -> int:
    """How many requests vLLM itself says it is working on."""
    headers = {"Authorization": f"Bearer {seat.api_key()}"}
    text = httpx.get(f"{seat.url()}/metrics", headers=headers, timeout=10).text
    (value,) = re.findall(r"^vllm:num_requests_running\{[^}]*\} (\S+)$", text, re.MULTILINE)
    return int(float(value))


def test_one_click_to_a_streamed_answer_and_back(
    app: ArcDesk, seat: ContainerSeat, sni_tray: TrayHost
) -> None:
    app.start("--background")
    sni_tray.wait_for_icon()
    assert app.windows() == []
    assert app.wait_for_phase("absent")["kind"] == "container"

    choose_in_tray_menu(sni_tray, *START)
    wait_for(seat.containers, "a container", 30)
    engine = app.wait_for_phase("ready", READY_S)
    assert (engine["model"], engine["error"]) == (seat.settings["ARCDESK_CONTAINER_SERVED_MODEL_NAME"], None)
    assert seat.inspect()["State"]["Running"]

    click_tray_icon(sni_tray)
    app.wait_for_window()
    app.ask(QUESTION)
    answer = app.wait_for_answer(timeout_s=120)
    assert (answer.state, answer.problem, bool(answer.text.strip())) == ("done", {}, True)
    assert answer.stats["chunks"] > 1, "an answer in one piece is not streamed"
    assert 0 < answer.stats["ttft_ms"] < answer.stats["total_ms"]
    assert (answer.stats["engine"], answer.stats["completion_tokens"] > 1) == ("container", True)

    app.key("ctrl+n")  # a chat of its own: a small model may have filled the context already
    app.ask(LONG_QUESTION)
    half = app.wait_for_stream(2)
    wait_for(lambda: requests_running(seat) == 1, "the request on the server")
    app.key("Escape")
    stopped = app.wait_for_answer(2)
    assert (stopped.state, stopped.text.startswith(half.text)) == ("stopped", True)
    wait_for(lambda: requests_running(seat) == 0, "the request to be gone on the server")
    assert seat.inspect()["State"]["Running"], "only the answer was stopped"

    choose_in_tray_menu(sni_tray, *STOP)
    wait_for(lambda: not seat.containers(), "the container to be gone", 60)
    wait_for(lambda: app.status().get("phase") in ("absent", "stopped"), "the engine to be stopped")
    assert app.status()["error"] is None, "our own stop is no failure"

    choose_in_tray_menu(sni_tray, *QUIT)
    app.assert_ended_in_order()
    assert seat.containers() == []
