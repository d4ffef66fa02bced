"""On what a benchmark is made: recorded machines, real model files, real sockets; unknown stays unknown."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from arcdesk import __version__
from arcdesk.app import bench_survey
from arcdesk.app.bench_machine import Machine, machine_of, model_file_facts
from arcdesk.app.bench_survey import Survey
from arcdesk.app.parts import Parts, make_parts
from arcdesk.core.bench import Surroundings
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import Settings
from arcdesk.telemetry.gpu_recorded import RecordedHost
from tests.rig.fast_sse import Answer, Asked, SseServer, plain

RECORDINGS = Path(__file__).parents[2] / "data" / "gpu" / "recordings"
HERE = Machine(kernel="6.17.1", driver="xe", cards=("Intel Arc B580 (0000:0b:00.0)",), processor="CPU")


@dataclass
class Session:
    """What a survey needs of one."""

    parts: Parts
    settings: Settings


@asynccontextmanager
async def survey_of(
    settings: Settings | None = None, look: Callable[[], Machine] = lambda: HERE
) -> AsyncIterator[Survey]:
    parts = make_parts()
    yield Survey(Session(parts, settings or Settings()), look=look)
    await parts.aclose()


def recorded(name: str, **files: str) -> RecordedHost:
    data: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    data["files"].update(files)
    return RecordedHost(data)


@pytest.mark.parametrize(
    ("name", "driver", "cards"),
    [
        ("b580_xe", "xe", ["Intel Arc B580 (0000:0b:00.0)"]),
        ("dual_b580_xe", "xe", ["Intel Arc B580 (0000:03:00.0)", "Intel Arc B580 (0000:08:00.0)"]),
        ("a770_i915", "i915", ["Intel Arc A770 (0000:03:00.0)"]),
        ("b580_no_driver", "", []),
        ("no_gpu", "", []),
        ("nvidia_only", "", []),
    ],
)
def test_a_machine_is_told_by_its_kernel_driver_and_cards(name: str, driver: str, cards: list[str]) -> None:
    machine = machine_of(recorded(name))
    assert (machine.driver, list(machine.cards)) == (driver, cards)
    assert machine.kernel


def test_a_driver_that_was_built_beside_the_kernel_tells_its_version() -> None:
    host = recorded("a770_i915", **{"sys/module/i915/version": "1.25.4.1.0\n"})
    assert machine_of(host).driver == "i915 1.25.4.1.0"


def test_looking_at_the_machine_wakes_no_card() -> None:
    host = recorded("b580_xe_suspended")
    assert machine_of(host).cards == ("Intel Arc B580 (0000:09:00.0)",)  # a touch would have failed


def test_this_machine_can_be_told() -> None:
    machine = machine_of()
    assert machine.kernel and machine.processor


def test_another_file_of_the_same_name_is_another_model(tmp_path: Path) -> None:
    (path := tmp_path / "m.gguf").write_bytes(b"GGUF" + b"a" * 100)
    first = dict(model_file_facts(path))
    path.write_bytes(b"GGUF" + b"b" * 100)
    second = dict(model_file_facts(path))
    assert (
        first["gguf"] == second["gguf"] == "m.gguf" and first["gguf_bytes"] == second["gguf_bytes"] == "104"
    )
    assert first["gguf_head"] != second["gguf_head"]
    assert model_file_facts(tmp_path / "none.gguf") == ()


async def test_the_embedded_engine_is_its_library_its_file_and_the_processor(tmp_path: Path) -> None:
    (path := tmp_path / "m.gguf").write_bytes(b"GGUF" + b"a" * 100)
    endpoint = Endpoint(base_url="http://127.0.0.1:9/v1", model="m", engine="embedded")
    async with survey_of(Settings(gguf_path=str(path))) as survey:
        about = await survey.survey(endpoint)
        changed = await survey.survey(replace(endpoint, model="another"))
    assert about.image.startswith("xllamacpp ") and about.image_digest == ""
    assert dict(about.settings)["gguf"] == "m.gguf" and dict(about.settings)["processor"] == "CPU"
    assert (about.driver, about.cards, about.kernel) == ("", (), "6.17.1")
    assert (about.model, about.arcdesk) == ("m", __version__) and about.host_load is not None
    assert "gguf" not in dict(changed.settings)  # the file that is set is not the one that runs


async def test_without_docker_a_container_is_unknown_and_the_rest_is_there() -> None:
    endpoint = Endpoint(base_url="http://127.0.0.1:9/v1", model="m", engine="container")
    async with survey_of() as survey:
        about = await survey.survey(endpoint)
    assert (about.image, about.image_digest, about.settings) == ("", "", ())
    assert (about.driver, about.cards) == ("xe", HERE.cards)


async def test_of_a_server_elsewhere_only_what_it_tells_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_survey, "is_local", lambda host: False)
    async with SseServer(tells(("/version", {"version": "0.8.3+ipexllm"}))) as server:
        about, address = await surveyed(server), server.base_url
    assert replace(about, host_load=None) == Surroundings(
        model="m",
        engine="remote",
        base_url=address,
        image="server version 0.8.3+ipexllm",
        arcdesk=__version__,
    )


def tells(*known: tuple[str, object]) -> Callable[[Asked], Answer]:
    pages = dict(known)

    def answer(asked: Asked) -> Answer:
        page = pages.get(asked.path)
        return (plain(404, {"detail": "Not Found"}),) if page is None else (plain(200, page),)

    return answer


async def surveyed(server: SseServer, key: str | None = None) -> Surroundings:
    return await surveyed_at(server.base_url, key)


async def surveyed_at(address: str, key: str | None = None) -> Surroundings:
    endpoint = Endpoint(base_url=address, model="m", engine="remote", api_key=key)
    async with survey_of(Settings(engine=address)) as survey:
        survey._session.parts.ledger.declare_address(address)
        return await survey.survey(endpoint)


@pytest.mark.parametrize(
    ("pages", "image"),
    [
        ((("/props", {"build_info": "b5478-f5cd27b7"}),), "llama.cpp b5478-f5cd27b7"),
        ((("/api/version", {"version": "0.9.0"}),), "server version 0.9.0"),
        ((("/version", {"version": 7}), ("/props", ["build_info"])), ""),
        ((("/version", {"version": "1\x1b[2J"}),), ""),
        ((), ""),
    ],
)
async def test_a_server_tells_its_program_in_one_of_the_known_ways(
    pages: tuple[tuple[str, object], ...], image: str
) -> None:
    async with SseServer(tells(*pages)) as server:
        about = await surveyed(server, "k3y")
    assert about.image == image
    assert about.cards == HERE.cards  # it answers here, so the cards may be its own
    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer k3y"}


async def test_a_server_that_is_gone_or_says_nothing_costs_little_patience() -> None:
    async with SseServer(tells()) as server:
        address = server.base_url
    about = await surveyed_at(address)
    assert about.image == "" and about.model == "m"


async def test_a_machine_that_hangs_or_fails_leaves_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Endpoint(base_url="http://127.0.0.1:9/v1", model="m", engine="container")
    let_go = threading.Event()

    def fail() -> Machine:
        raise OSError("no /sys")

    def hang() -> Machine:
        let_go.wait()
        return HERE

    async with survey_of(look=fail) as survey:
        assert (await survey.survey(endpoint)).kernel == ""
    monkeypatch.setattr(bench_survey, "PATIENCE_S", 0.05)
    async with survey_of(look=hang) as survey:
        assert (await survey.survey(endpoint)).kernel == ""
    let_go.set()


async def test_surveys_at_the_same_time_do_not_meet() -> None:
    endpoint = Endpoint(base_url="http://127.0.0.1:9/v1", model="m", engine="container")
    async with survey_of() as survey:
        first, second = await asyncio.gather(survey.survey(endpoint), survey.survey(endpoint))
    assert replace(first, host_load=None) == replace(second, host_load=None)
