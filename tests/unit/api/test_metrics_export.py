"""The page for other programs: real sockets, this computer only, and the unknown left out."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from arcdesk.api.metrics_export import CONNECTIONS_MOST, MetricsExport, exported_name
from arcdesk.core.errors import UsageError
from arcdesk.core.live_stats import LiveFigure, LiveKey, LiveView
from arcdesk.engine.port_owner import describe_process

VIEW = LiveView(
    at=1.0,
    figures={
        LiveKey.OUR_ITL_P95_MS: LiveFigure(value=25.0, n=400),
        LiveKey.TOKENS_PER_S: LiveFigure(value=45.5, metric="vllm:generation_tokens_total"),
        LiveKey.TTFT_P95_MS: LiveFigure(value=10_000.0, n=3, is_at_least=True),
        LiveKey.RUNNING: LiveFigure(value=0.0),
        LiveKey.ITL_P50_MS: LiveFigure(n=0, reason="Nothing was counted."),
    },
)


class Looks:
    """Counts how often the page asked."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None

    async def __call__(self) -> LiveView:
        self.count += 1
        if self.error is not None:
            raise self.error
        return VIEW


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest_asyncio.fixture
async def export(looks: Looks) -> AsyncIterator[MetricsExport]:
    export = MetricsExport(looks, describe_process)
    yield export
    await export.aclose()


async def talk(export: MetricsExport, head: str) -> tuple[str, str]:
    """Send a request as it is; status line and body."""
    port = int(export.url.split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + b"\r\n\r\n")
    async with asyncio.timeout(10):
        answer = (await reader.read()).decode()
    writer.close()
    first, _, rest = answer.partition("\r\n")
    return first, rest.partition("\r\n\r\n")[2]


async def page(export: MetricsExport) -> dict[str, float]:
    """The figures on the page, by name and labels."""
    status, body = await talk(export, "GET /metrics HTTP/1.1\r\nHost: localhost")
    assert status == "HTTP/1.1 200 OK"
    return {
        sample.name + sample.labels.get("figure", ""): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


async def test_figures_stand_there_in_base_units_and_the_unknown_is_left_out(export: MetricsExport) -> None:
    url = await export.start(0)
    assert url == export.url
    assert url.startswith("http://127.0.0.1:")
    assert await page(export) == {
        "arcdesk_ours_itl_p95_seconds": 0.025,
        "arcdesk_server_tokens_per_second": 45.5,
        "arcdesk_server_ttft_p95_seconds": 10.0,
        "arcdesk_server_requests_running": 0.0,
        "arcdesk_observationsarcdesk_ours_itl_p95_seconds": 400,
        "arcdesk_observationsarcdesk_server_ttft_p95_seconds": 3,
        "arcdesk_observationsarcdesk_server_itl_p50_seconds": 0,
        "arcdesk_is_lower_boundarcdesk_ours_itl_p95_seconds": 0,
        "arcdesk_is_lower_boundarcdesk_server_tokens_per_second": 0,
        "arcdesk_is_lower_boundarcdesk_server_ttft_p95_seconds": 1,
        "arcdesk_is_lower_boundarcdesk_server_requests_running": 0,
    }


async def test_it_is_off_until_it_is_started_and_looks_only_when_it_is_read(
    export: MetricsExport, looks: Looks
) -> None:
    assert export.url == ""
    threads = set(threading.enumerate())
    await export.start(0)
    assert looks.count == 0
    await page(export)
    await page(export)
    assert looks.count == 2
    assert {
        thread for thread in threading.enumerate() if thread not in threads and thread.is_alive()
    } == set()


async def test_it_can_be_taken_away_and_shown_again_at_the_same_port(export: MetricsExport) -> None:
    url = await export.start(0)
    port = int(url.split(":")[2].split("/")[0])
    await page(export)
    await export.aclose()
    assert export.url == ""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert await export.start(port) == url
    await page(export)
    await export.aclose()
    await export.aclose()


async def test_nothing_of_this_programs_inner_life_is_shown(export: MetricsExport) -> None:
    await export.start(0)
    assert all(name.startswith("arcdesk_") for name in await page(export))


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.1.4", "example.org", "fe80::1"])
async def test_hosts_that_others_can_reach_are_refused(export: MetricsExport, host: str) -> None:
    with pytest.raises(UsageError) as raised:
        await export.start(0, host)
    assert raised.value.problem.cause == "export_host"
    assert export.url == ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.5"])
async def test_this_computers_own_are_fine(export: MetricsExport, host: str) -> None:
    assert (await export.start(0, host)).startswith("http://127.0.0.")


async def test_a_taken_port_is_told_with_its_owner(export: MetricsExport) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError) as raised:
            await export.start(port)
    problem = raised.value.problem
    assert problem.title == f"Port {port} is taken"
    assert "(process " in problem.detail  # this test's own
    assert export.url == ""
    await export.start(port)  # now it is free


async def test_a_port_that_is_none_is_refused(export: MetricsExport) -> None:
    with pytest.raises(UsageError) as raised:
        await export.start(70_000)
    assert raised.value.problem.cause == "export_port"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: localhost", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: localhost", "405"),
        ("GET /metrics HTTP/1.1\r\nHost: evil.example:9100", "403"),
        ("GET /metrics HTTP/1.1\r\nHost: 192.168.1.4", "403"),
        ("GET /metrics?x=1 HTTP/1.1\r\nHost: 127.0.0.1:9100", "200"),
        ("GET /metrics/ HTTP/1.1\r\nHost: [::1]:9100", "200"),
        ("GET /metrics HTTP/1.0", "200"),
        ("nonsense", "405"),
    ],
)
async def test_other_questions_are_answered_shortly(
    export: MetricsExport, looks: Looks, head: str, status: str
) -> None:
    await export.start(0)
    first, _ = await talk(export, head)
    assert first.split(" ")[1] == status
    assert looks.count == (status == "200")


async def test_head_has_no_body(export: MetricsExport) -> None:
    await export.start(0)
    assert (await talk(export, "HEAD /metrics HTTP/1.1\r\nHost: localhost"))[1] == ""


async def test_a_look_that_fails_is_an_error_of_the_page_and_of_nothing_else(
    export: MetricsExport, looks: Looks
) -> None:
    await export.start(0)
    looks.error = ValueError("a mistake")
    first, _ = await talk(export, "GET /metrics HTTP/1.1\r\nHost: localhost")
    assert first.split(" ")[1] == "500"
    looks.error = None
    await page(export)


async def test_clients_that_say_too_much_or_nothing_hold_up_nobody(export: MetricsExport) -> None:
    await export.start(0)
    port = int(export.url.split(":")[2].split("/")[0])
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_MOST - 1)]
    first, _ = await talk(export, "GET /metrics HTTP/1.1\r\nX: " + "x" * 100_000)
    assert first == ""
    await page(export)
    for _, writer in silent:
        writer.close()
    await export.aclose()


def test_each_figure_has_a_name_of_its_own() -> None:
    names = [exported_name(key) for key in LiveKey]
    assert len(set(names)) == len(names)
    assert not [name for name in names if name.endswith(("_ms", "_s"))]
