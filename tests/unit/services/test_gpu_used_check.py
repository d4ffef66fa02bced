"""The evidence around a start, from looks at cards and a real request to a server on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.core.gpu import ContainerFdinfo, Figure, GpuClient, Unknown, Why
from arcdesk.core.gpu_used_values import Sign, UsedState, UsedVerdict
from arcdesk.core.ports import Endpoint
from arcdesk.services.gpu_service import GpuService
from arcdesk.services.gpu_used import PROBE, PROBE_TOKENS, GpuUsedCheck, UsedWish
from arcdesk.telemetry.gpu_reader import CardReader
from arcdesk.telemetry.gpu_recorded import RecordedHost
from tests.fakes.openai_server import MODEL, OpenAIServer, json_response
from tests.unit.services.gpu_rig import (
    ScriptedContainers,
    ScriptedReader,
    gpu_threads,
    reading,
    until,
)

RECORDINGS = Path(__file__).parents[2] / "data" / "gpu" / "recordings"
GIB = 1 << 30
WISH = UsedWish(container="arcdesk-engine", devices=("/dev/dri",))


def answer(text: str = "/proc/1/fdinfo/3:drm-driver:\txe\n", error: str = "") -> ContainerFdinfo:
    return ContainerFdinfo(
        name="arcdesk-engine", container_id="1", pid=7, text=text, error=error, devices=("/dev/dri",)
    )


@pytest_asyncio.fixture
async def backend() -> AsyncIterator[OpenAIClient]:
    client = OpenAIClient()
    yield client
    await client.aclose()


@pytest.fixture
def endpoint(server: OpenAIServer) -> Endpoint:
    server.token_delay_s = 0.02
    return Endpoint(base_url=server.base_url, model=MODEL, engine="container")


class Seat:
    """A check over a scripted machine."""

    def __init__(self, backend: OpenAIClient, *answers: ContainerFdinfo) -> None:
        self.reader = ScriptedReader()
        self.containers = ScriptedContainers(answers=answers)
        self.gpu = GpuService(self.reader, self.containers)
        self.is_asked = False
        self.check = GpuUsedCheck(
            self.gpu, backend, is_asked=lambda: self.is_asked, quiet_s=0.0, look_every_s=0.01
        )

    async def verdict(
        self, endpoint: Endpoint, wish: UsedWish = WISH, log_device: str | None = "XPU"
    ) -> UsedVerdict:
        return await self.check.at_ready(endpoint, wish=wish, log_device=log_device)


@pytest.fixture
def seat(backend: OpenAIClient) -> Seat:
    return Seat(backend)


def questions(server: OpenAIServer) -> list[Any]:
    return [request.body for request in server.requests if request.method == "POST"]


async def test_memory_that_filled_between_start_and_ready(
    seat: Seat, endpoint: Endpoint, server: OpenAIServer
) -> None:
    seat.reader.cards = (reading(vram_used_bytes=GIB),)
    await seat.check.before_start()
    seat.reader.cards = (reading(vram_used_bytes=9 * GIB, busy_pct={"gt0": 96.0}),)

    verdict = await seat.verdict(endpoint)

    assert verdict.state is UsedState.USED
    assert verdict.cards[0].signs == (Sign.MEMORY,)
    assert verdict.cards[0].memory_bytes == 8 * GIB
    (question,) = questions(server)
    assert question["max_tokens"] == PROBE_TOKENS
    assert question["messages"] == [{"role": "user", "content": PROBE}]
    await until(lambda: gpu_threads() == [])


async def test_memory_that_did_not_fill_is_a_warning(seat: Seat, endpoint: Endpoint) -> None:
    seat.reader.cards = (reading(vram_used_bytes=GIB),)
    await seat.check.before_start()

    verdict = await seat.verdict(endpoint)

    assert verdict.state is UsedState.NOT_USED
    assert verdict.problem is not None and verdict.problem.cause == "gpu_not_used"


async def test_a_container_that_holds_memory_where_the_kernel_hides_it(
    backend: OpenAIClient, endpoint: Endpoint
) -> None:
    seat = Seat(backend, answer())
    hidden: Figure[int] = Figure(unknown=Unknown(Why.HIDDEN, "hidden"))
    held = GpuClient(pid=90, name="python3", client_id=4, container="arcdesk-engine", vram_bytes=7 * GIB)
    seat.reader.cards = (reading(vram_used_bytes=hidden, clients=(held,)),)

    verdict = await seat.verdict(endpoint)

    assert verdict.state is UsedState.USED
    assert verdict.cards[0].memory_bytes == 7 * GIB


async def test_a_container_that_could_not_be_asked_is_no_proof_of_anything(
    backend: OpenAIClient, endpoint: Endpoint
) -> None:
    seat = Seat(backend, answer(text="", error="The container has no shell."))

    verdict = await seat.verdict(endpoint)

    assert verdict.state is UsedState.UNKNOWN
    assert "The container has no shell." in verdict.reason


async def test_work_and_power_rise_during_the_test_question(
    seat: Seat, endpoint: Endpoint, server: OpenAIServer
) -> None:
    quiet = reading(busy_pct={"gt0": 2.0}, power_w=35.0)
    at_work = reading(busy_pct={"gt0": 97.0}, power_w=150.0)
    seat.reader.cards = (quiet,)
    seat.reader.on_look = lambda _: setattr(
        seat.reader, "cards", (at_work if server.chats_in_progress else quiet,)
    )

    verdict = await seat.verdict(endpoint)

    assert verdict.state is UsedState.USED
    assert set(verdict.cards[0].signs) == {Sign.BUSY, Sign.POWER}
    assert verdict.cards[0].busy_pct == 97.0


async def test_a_lower_bound_that_stands_still_proves_nothing(seat: Seat, endpoint: Endpoint) -> None:
    seat.reader.cards = (reading(vram_used_at_least_bytes=GIB),)
    await seat.check.before_start()

    assert (await seat.verdict(endpoint)).state is UsedState.UNKNOWN

    await seat.check.before_start()
    seat.reader.cards = (reading(vram_used_at_least_bytes=5 * GIB),)
    assert (await seat.verdict(endpoint)).state is UsedState.USED


async def test_without_a_look_before_the_memory_says_nothing(seat: Seat, endpoint: Endpoint) -> None:
    seat.reader.cards = (reading(vram_used_bytes=9 * GIB),)

    verdict = await seat.verdict(endpoint)

    assert verdict.state is UsedState.UNKNOWN
    assert "before ArcDesk looked" in verdict.reason


async def test_a_container_that_is_replaced_lets_the_card_go_only_after_the_first_look(
    seat: Seat, endpoint: Endpoint
) -> None:
    seat.reader.cards = (reading(vram_used_bytes=9 * GIB),)
    await seat.check.before_start()
    seat.reader.cards = (reading(vram_used_bytes=GIB),)
    await seat.check.just_started()
    seat.reader.cards = (reading(vram_used_bytes=8 * GIB),)

    verdict = await seat.verdict(endpoint)

    assert verdict.state is UsedState.USED
    assert verdict.cards[0].memory_bytes == 7 * GIB


async def test_containers_are_asked_before_a_start_only_where_the_kernel_hides_the_memory(
    seat: Seat, endpoint: Endpoint
) -> None:
    seat.reader.cards = (reading(vram_used_bytes=GIB),)
    await seat.check.before_start()
    assert seat.containers.questions == 0

    seat.reader.cards = (reading(vram_used_at_least_bytes=GIB),)
    await seat.check.before_start()
    assert seat.containers.questions == 1


async def test_an_old_look_does_not_serve_for_the_next_start(seat: Seat, endpoint: Endpoint) -> None:
    seat.reader.cards = (reading(vram_used_bytes=GIB),)
    await seat.check.before_start()
    seat.check.forget()
    seat.reader.cards = (reading(vram_used_bytes=9 * GIB),)

    assert (await seat.verdict(endpoint)).state is UsedState.UNKNOWN


async def test_a_container_without_a_card_is_told(seat: Seat, endpoint: Endpoint) -> None:
    verdict = await seat.verdict(endpoint, UsedWish(container="arcdesk-engine", devices=()), "CPU")

    assert verdict.state is UsedState.NOT_USED
    assert verdict.problem is not None and verdict.problem.cause == "gpu_not_passed"


async def test_a_machine_without_a_card_is_not_asked_a_test_question(
    seat: Seat, endpoint: Endpoint, server: OpenAIServer
) -> None:
    seat.reader.cards = ()

    verdict = await seat.verdict(endpoint)

    assert verdict.state is UsedState.UNKNOWN
    assert questions(server) == []
    assert seat.reader.looks == 1


async def test_a_persons_own_question_is_test_enough(
    seat: Seat, endpoint: Endpoint, server: OpenAIServer
) -> None:
    seat.is_asked = True
    seat.reader.on_look = lambda number: setattr(seat, "is_asked", number < 6)

    await seat.verdict(endpoint)

    assert questions(server) == []
    assert seat.reader.looks >= 6


async def test_a_server_that_refuses_the_test_question_is_judged_by_the_rest(
    seat: Seat, endpoint: Endpoint, server: OpenAIServer
) -> None:
    server.script(json_response(500, {"error": "broken"}))
    seat.reader.cards = (reading(vram_used_bytes=GIB),)
    await seat.check.before_start()
    seat.reader.cards = (reading(vram_used_bytes=4 * GIB),)

    assert (await seat.verdict(endpoint)).state is UsedState.USED


async def test_cards_that_give_no_answer_leave_it_unknown(backend: OpenAIClient, endpoint: Endpoint) -> None:
    seat = Seat(backend)
    seat.reader.gate.clear()
    sample_once = seat.gpu.sample_once
    seat.gpu.sample_once = lambda **options: sample_once(**(options | {"patience_s": 0.02}))  # type: ignore[method-assign]

    verdict = await seat.verdict(endpoint)

    assert verdict.state is UsedState.UNKNOWN
    seat.reader.gate.set()
    await until(lambda: gpu_threads() == [])


async def test_giving_up_ends_the_test_question(seat: Seat, endpoint: Endpoint, server: OpenAIServer) -> None:
    server.token_delay_s = 1000.0
    judging = asyncio.ensure_future(seat.verdict(endpoint))
    await server.until(lambda server: server.chats_in_progress == 1, 60)
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging

    await server.until(lambda server: server.chats_in_progress == 0, 60)
    await until(lambda: gpu_threads() == [])


class TestRecordings:
    """The real reader over recorded machines with a model server in a container."""

    async def verdict(
        self, name: str, container: str, cards: int, backend: OpenAIClient, endpoint: Endpoint
    ) -> UsedVerdict:
        data = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
        host = RecordedHost(data)
        reader = CardReader(host)

        class Containers:
            async def container_fdinfo(self) -> tuple[ContainerFdinfo, ...]:
                return host.containers()

        gpu = GpuService(reader, Containers())
        check = GpuUsedCheck(gpu, backend, quiet_s=0.0, look_every_s=0.01)
        wish = UsedWish(container=container, devices=("/dev/dri",), cards=cards)
        return await check.at_ready(endpoint, wish=wish, log_device="XPU")

    @pytest.mark.parametrize(
        ("name", "container", "cards", "held"),
        [
            ("dual_b580_xe", "vllm-tp2", 2, lambda size: size > 4 * GIB),
            ("b580_xe", "llama-sycl", 1, lambda size: size > 10 * GIB),
            ("a770_i915", "ollama", 1, lambda size: size > 3 * GIB),
        ],
    )
    async def test_a_server_on_its_cards(
        self,
        name: str,
        container: str,
        cards: int,
        held: Callable[[int], bool],
        backend: OpenAIClient,
        endpoint: Endpoint,
    ) -> None:
        verdict = await self.verdict(name, container, cards, backend, endpoint)

        assert verdict.state is UsedState.USED
        assert len(verdict.cards) == cards
        assert all(Sign.HELD in card.signs and held(card.memory_bytes or 0) for card in verdict.cards)

    async def test_one_container_on_one_of_two_cards(self, backend: OpenAIClient, endpoint: Endpoint) -> None:
        verdict = await self.verdict("dual_b580_xe", "llama-b", 2, backend, endpoint)

        assert verdict.state is UsedState.PARTLY
        assert [card.address for card in verdict.cards] == ["0000:08:00.0"]

    async def test_a_sleeping_card_is_not_used_and_not_woken(
        self, backend: OpenAIClient, endpoint: Endpoint
    ) -> None:
        verdict = await self.verdict("b580_xe_suspended", "arcdesk-engine", 1, backend, endpoint)

        assert verdict.state is UsedState.NOT_USED
        assert "sleeps" in verdict.reason

    async def test_a_card_without_a_driver(self, backend: OpenAIClient, endpoint: Endpoint) -> None:
        verdict = await self.verdict("b580_no_driver", "arcdesk-engine", 1, backend, endpoint)

        assert verdict.problem is not None and verdict.problem.cause == "gpu_no_driver"
