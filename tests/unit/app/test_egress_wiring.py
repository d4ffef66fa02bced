"""The parts of the real program are behind the gate, and what they sent is in the person's list."""

from __future__ import annotations

import re
from contextlib import aclosing
from pathlib import Path

import pytest

from arcdesk.app.parts import make_parts
from arcdesk.core.egress import Reason
from arcdesk.core.egress_list import EgressView
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import Settings
from arcdesk.storage.egress_db import EgressDb
from tests.fakes.openai_server import OpenAIServer
from tests.unit.app.command import ROOT, run

FAR = "http://undeclared.example/v1"
# Each module that opens a connection by itself. A new one belongs behind api/connections.py instead.
DOORS = {
    "api/connections.py",  # all HTTP of the app, with the gate
    "api/doctor_net.py",  # opens and closes the configured server's port, to see whether it answers
    "engine/docker_address.py",  # Docker's own address, before the SDK is loaded
    "engine/docker_connect.py",
    "engine/docker_peek.py",
    "api/load_client.py",  # the load generator: asks the gate once a connection
    "api/hub_transport.py",  # the hub library's only client factory; a request without a HubJob is refused
    "engine/embedded_child.py",  # the engine's process asks itself
}
DOOR = re.compile(
    r"httpx2?\.(Async)?Client\(|httpx2?\.(get|post|stream|request)\(|urlopen|HTTPS?Connection\(|requests\.(get|post)\("
    r"|create_connection\(|open_connection\(|QNetworkAccessManager|QTcpSocket|docker\.(DockerClient|from_env|APIClient)"
)


async def kept() -> EgressView:
    async with aclosing(EgressDb()) as db:
        return await db.view()


async def test_a_question_of_the_terminal_is_in_the_list() -> None:
    async with OpenAIServer() as server:
        assert (await run("ask", "--engine", server.base_url, "Hello")).code == 0
    view = await kept()
    (question,) = [one for one in view.tallies if one.reason is Reason.QUESTION]
    assert (question.host, question.count, question.is_refused) == ("127.0.0.1", 1, False)
    assert question.bytes_out > 100 and question.bytes_in > 100
    assert view.departures == ()


async def test_the_parts_refuse_a_host_that_nobody_named_and_write_it_down() -> None:
    async with aclosing(make_parts()) as parts:
        with pytest.raises(AnswerError) as caught:
            await parts.backend.list_models(Endpoint(base_url=FAR, model="m"))
    assert caught.value.problem.cause == "undeclared_host"
    (refused,) = (await kept()).refusals
    assert (refused.host, refused.bytes_out) == ("undeclared.example", 0)


async def test_a_host_that_a_person_chose_is_declared() -> None:
    async with aclosing(make_parts()) as parts:
        assert not parts.ledger.allows("undeclared.example")
        driver = parts.make_driver(EngineKind.REMOTE, Settings(engine=FAR), lambda snapshot: None)
        assert parts.ledger.allows("undeclared.example")
        await driver.aclose()


def doors(folder: Path) -> set[str]:
    sources = (file for file in folder.rglob("*.py") if DOOR.search(file.read_text(encoding="utf-8")))
    return {str(file.relative_to(folder)) for file in sources}


def test_connections_are_opened_in_the_known_places_only() -> None:
    assert doors(ROOT / "arcdesk") == DOORS


def test_a_new_place_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "sneaky.py").write_text("import httpx\nhttpx.get('http://undeclared.example')\n")
    assert doors(tmp_path) == {"sneaky.py"}
