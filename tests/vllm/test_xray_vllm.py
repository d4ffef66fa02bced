"""The X-ray of answers of a real vLLM: its parts sum to the whole, and they cost no answer its start."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Iterator

import pytest

from arcdesk.api.metrics_client import MetricsClient
from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.chat import AnswerFailed, AnswerFinished, AnswerStats, ChatRequest, Message, Role
from arcdesk.core.ports import Endpoint
from arcdesk.core.xray import Part
from arcdesk.core.xray_answer import xray_of
from arcdesk.services.live_xray import LiveXRay
from arcdesk.storage.history_codec import stats_from_json
from tests.desktop.driver import ArcDesk, arcdesk
from tests.rig.containers import MODEL_PATH, docker_client, started, wait_until_ready
from tests.rig.desktop import TrayHost
from tests.rig.desktop_tools import wait_for
from tests.rig.docker_engine import DockerEngine

pytestmark = [pytest.mark.vllm, pytest.mark.desktop]

READY_TIMEOUT_S = 540  # its imports alone take minutes on a loaded machine
ENV = {"MODEL_PATH": MODEL_PATH, "SERVED_MODEL_NAME": "smol", "MAX_MODEL_LEN": "512", "MAX_NUM_SEQS": "8"}
QUESTIONS = ("What is the capital of France?", "Name three colours.", "Count to five.")
PAIRS = 12
MOST_ADDED = 1.15  # of the median; both are of the same minute, by turns


@pytest.fixture(scope="module")
def base_url(docker_engine: DockerEngine, vllm_image: str) -> Iterator[str]:
    """A real vLLM for all tests here."""
    with docker_client(docker_engine) as client, started(client, vllm_image, ENV, shm_size="1g") as container:
        yield wait_until_ready(container, timeout_s=READY_TIMEOUT_S) + "/v1"


@pytest.fixture
def app(sni_tray: TrayHost, base_url: str) -> Iterator[ArcDesk]:
    """ArcDesk on a desktop, set to that server; not started yet."""
    with arcdesk(sni_tray.desktop, ARCDESK_ENGINE=base_url) as program:
        yield program


def xrayed(app: ArcDesk, number: int) -> AnswerStats:
    """The figures of an answer, once its X-ray is kept with them."""

    def look() -> AnswerStats | None:
        answers = [said for said in app.messages() if said.role == "assistant"]
        stats = answers[number - 1].stats if len(answers) >= number else {}
        return stats_from_json(json.dumps(stats)) if "xray" in stats else None

    found = wait_for(look, "the X-ray", 30)
    assert found is not None
    return found


def test_the_parts_of_real_answers_sum_to_the_whole(app: ArcDesk) -> None:
    app.start()
    app.wait_for_window()
    for number, question in enumerate(QUESTIONS, start=1):
        app.ask(question)
        app.wait_for_answer(number, timeout_s=120)
        stats = xrayed(app, number)
        picture = xray_of(stats)
        print(json.dumps({part.part.value: part.seconds for part in picture.parts}))
        print([(one.span.value, one.ours_s, one.servers_s, one.cause.value) for one in picture.disagreements])
        assert stats.xray is not None and stats.xray.is_ours, picture.note
        for part in (Part.QUEUE, Part.PREFILL):
            assert picture[part].is_servers, picture[part].reason
        for part in (Part.CONNECT, Part.OUTSIDE, Part.DECODE, Part.PARSE, Part.PAINT):
            assert picture[part].seconds is not None, part
        assert picture.total_s is not None
        assert picture.known_s == pytest.approx(picture.total_s, rel=0.05)
    app.terminate()
    app.assert_ended_in_order()


async def test_taking_it_delays_no_first_token(base_url: str) -> None:
    """By turns: without an X-ray, and with one as the window does it (the sample before while typing)."""
    endpoint = Endpoint(base_url=base_url, model="smol")
    backend, metrics = OpenAIClient(), MetricsClient()
    xrays = LiveXRay(metrics, lambda: None)
    question = ChatRequest(messages=(Message(role=Role.USER, text=QUESTIONS[0]),), max_tokens=8)

    async def ttft_ms() -> tuple[float, int | None]:
        stats = AnswerStats()
        async for event in backend.ask(endpoint, question):
            if isinstance(event, AnswerFinished | AnswerFailed):
                stats = event.stats
        assert stats.ttft_ms is not None
        return stats.ttft_ms, stats.completion_tokens

    times: dict[str, list[float]] = {"without": [], "with": [], "beside": []}
    try:
        await ttft_ms()
        for _ in range(PAIRS):
            times["without"].append((await ttft_ms())[0])
            xrays.engine_changed()  # the answer before was none that it follows
            xrays.expect(endpoint)
            await asyncio.gather(*xrays._asking)
            before = xrays.begin(endpoint)
            ms, tokens = await ttft_ms()
            times["with"].append(ms)
            assert (await xrays.times(before, tokens)).is_ours
            xrays.engine_changed()  # no sample at hand: it is taken beside the question
            before = xrays.begin(endpoint)
            times["beside"].append((await ttft_ms())[0])
            await before.sample()
    finally:
        await xrays.aclose()
        await backend.aclose()
        await metrics.aclose()
    medians = {name: statistics.median(each) for name, each in times.items()}
    print(medians)
    assert medians["with"] <= medians["without"] * MOST_ADDED
