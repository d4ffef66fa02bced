"""Containers that were given a card, asked on a real Docker Engine for what their programs use of it."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import pytest_asyncio

from arcdesk.core.egress import Contact, Reason
from arcdesk.engine import docker_gpu
from arcdesk.engine.docker_gpu import DockerGpuSource
from arcdesk.engine.docker_runtime import DockerRuntime
from arcdesk.services.gpu_service import GpuService
from arcdesk.telemetry.gpu_reader import CardReader
from arcdesk.telemetry.gpu_recorded import RecordedHost
from tests.docker.runtime_rig import own_engine, runtime, sdk
from tests.rig.private_engine import PrivateEngine

__all__ = ["own_engine", "runtime", "sdk"]  # fixtures
pytestmark = pytest.mark.docker

LINES = (
    "/proc/90/fdinfo/33:drm-driver:\txe\n"
    "/proc/90/fdinfo/33:drm-client-id:\t41\n"
    "/proc/90/fdinfo/33:drm-pdev:\t0000:03:00.0\n"
    "/proc/90/fdinfo/33:drm-resident-vram0:\t9800 MiB\n"
)
Make = Callable[..., Any]


@pytest.fixture
def make(
    sdk: docker.DockerClient, tiny_image: str, render_node: Path, own_engine: PrivateEngine
) -> Iterator[Make]:
    """Starts containers, with the card unless told otherwise; `grep` is a script in place of grep."""
    made: list[Any] = []

    def start(name: str, *, grep: str = "", devices: tuple[str, ...] = ("/dev/dri",), **more: Any) -> Any:
        container = sdk.containers.run(
            tiny_image, name=name, detach=True, devices=list(devices), network_mode="none", **more
        )
        made.append(container)
        if grep:
            script(container, grep)
        return container

    yield start
    for container in made:
        container.remove(force=True)


# busybox's shell runs its own grep without a look at PATH; a function goes before that.
SHELL = """#!/bin/busybox sh
if [ "$1" != -c ]; then exec /bin/busybox sh "$@"; fi
grep() { /bin/busybox sh /grep.sh "$@"; }
eval "$2"
"""


def script(container: Any, text: str) -> None:
    """Have the container's shell run this script in the place of grep."""
    write(container, "/grep.sh", text)
    write(container, "/sh.new", SHELL)
    code, output = container.exec_run(["mv", "/sh.new", "/bin/sh"], user="0")
    assert code == 0, output


def write(container: Any, path: str, text: str) -> None:
    coded = base64.b64encode(text.encode()).decode()
    steps = f"echo {coded} | base64 -d > {path} && chmod 755 {path}"
    code, output = container.exec_run(["/bin/busybox", "sh", "-c", steps], user="0")
    assert code == 0, output


def prints(lines: str) -> str:
    return f"cat <<'END'\n{lines}END\n"


@pytest_asyncio.fixture
async def source(runtime: DockerRuntime) -> AsyncIterator[DockerGpuSource]:
    source = DockerGpuSource(runtime)
    yield source
    await source.aclose()


async def test_a_container_with_a_card_tells_its_clients(source: DockerGpuSource, make: Make) -> None:
    container = make("vllm", grep=prints(LINES))

    answers = await source.container_fdinfo()

    container.reload()
    assert [answer.name for answer in answers] == ["vllm"]
    assert answers[0].text == LINES
    assert answers[0].error == ""
    assert answers[0].container_id == container.id
    assert answers[0].pid == container.attrs["State"]["Pid"] > 0
    assert answers[0].devices == ("/dev/dri",)


async def test_the_command_is_the_one_that_reads_fdinfo(source: DockerGpuSource, make: Make) -> None:
    make(
        "vllm",
        grep='echo "/proc/1/fdinfo/0:drm-arguments: $1 $2 $(ls /proc/1/fdinfo >/dev/null && echo yes)"',
    )

    (answer,) = await source.container_fdinfo()

    assert answer.text.startswith("/proc/1/fdinfo/0:drm-arguments: -H ^drm- yes")


async def test_a_container_without_a_card_is_not_asked(source: DockerGpuSource, make: Make) -> None:
    make("nothing", grep="touch /asked", devices=())
    asked = make("card", grep="touch /asked")

    answers = await source.container_fdinfo()

    assert [answer.name for answer in answers] == ["card"]
    assert asked.exec_run(["test", "-e", "/asked"])[0] == 0


async def test_a_container_that_does_not_use_its_card_is_no_error(
    source: DockerGpuSource, make: Make
) -> None:
    make("idle")  # busybox's own grep, over real fdinfo without a DRM client

    (answer,) = await source.container_fdinfo()

    assert (answer.text, answer.error) == ("", "")


@pytest.mark.parametrize(
    ("options", "devices"),
    [
        ({"privileged": True}, (docker_gpu.PRIVILEGED,)),
        ({"devices": ["/dev/dri/renderD128:/dev/dri/renderD128"]}, ("/dev/dri/renderD128",)),
        ({"devices": ["/dev/null"]}, ()),
        (
            {"device_requests": [docker.types.DeviceRequest(driver="cdi", device_ids=["intel.com/gpu=0"])]},
            ("intel.com/gpu=0",),
        ),
        ({"device_requests": [docker.types.DeviceRequest(count=-1, capabilities=[["gpu"]])]}, ("gpu",)),
        ({}, ()),
    ],
)
def test_what_a_container_was_given_is_read_from_dockers_own_words(
    sdk: docker.DockerClient,
    tiny_image: str,
    own_engine: PrivateEngine,
    options: dict[str, Any],
    devices: tuple[str, ...],
) -> None:
    container = sdk.containers.create(tiny_image, **options)  # to start it needs what it names
    try:
        assert docker_gpu.devices_of(sdk.api.inspect_container(str(container.id))) == devices
    finally:
        container.remove()


async def test_grep_that_fails_on_some_files_still_counts(source: DockerGpuSource, make: Make) -> None:
    make("some", grep=prints(LINES) + "\necho 'grep: /proc/1/fdinfo/4: Permission denied' >&2\nexit 2")

    (answer,) = await source.container_fdinfo()

    assert (answer.text, answer.error) == (LINES, "")


async def test_a_container_without_a_shell_says_so(source: DockerGpuSource, make: Make) -> None:
    container = make("distroless")
    assert container.exec_run(["rm", "/bin/sh"])[0] == 0

    (answer,) = await source.container_fdinfo()

    assert answer.text == ""
    assert answer.error == docker_gpu.NO_SHELL


async def test_a_container_without_grep_says_so(source: DockerGpuSource, make: Make) -> None:
    make("no-grep", grep="echo 'sh: grep: not found' >&2; exit 127")

    (answer,) = await source.container_fdinfo()

    assert answer.error == docker_gpu.NO_SHELL


async def test_a_worker_under_another_user_is_asked_as_that_user(source: DockerGpuSource, make: Make) -> None:
    refused = "echo 'grep: /proc/9/fdinfo/3: Permission denied' >&2; exit 2"
    container = make(
        "vllm", grep=f'test "$(id -u):$(id -g)" = 1234:5678 || {{ {refused}; }}\n{prints(LINES)}'
    )
    container.exec_run(["sleep", "1000"], user="1234:5678", detach=True)

    (first,) = await source.container_fdinfo()
    (second,) = await source.container_fdinfo()

    assert (first.text, first.error) == (LINES, "")
    assert second.text == LINES


async def test_when_nobody_may_read_that_is_told(source: DockerGpuSource, make: Make) -> None:
    make("closed", grep="echo 'grep: /proc/9/fdinfo/3: Permission denied' >&2; exit 2")

    (answer,) = await source.container_fdinfo()

    assert answer.error == docker_gpu.NOT_ALLOWED


async def test_a_paused_container_has_a_reason(source: DockerGpuSource, make: Make) -> None:
    container = make("frozen", grep=prints(LINES))
    container.pause()

    (answer,) = await source.container_fdinfo()
    container.unpause()
    (later,) = await source.container_fdinfo()

    assert answer.text == "" and "paused" in answer.error
    assert later.text == LINES


async def test_a_grep_that_hangs_is_given_up_and_not_asked_beside_itself(
    source: DockerGpuSource, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_gpu, "EXEC_PATIENCE_S", 1.0)
    hanging = make("hanging", grep="echo x >> /asked\nread forever < /stop\n" + prints(LINES))
    assert hanging.exec_run(["mkfifo", "/stop"])[0] == 0

    (first,) = await source.container_fdinfo()
    (second,) = await source.container_fdinfo()

    assert first.error == docker_gpu.NO_TIME
    assert second.error == docker_gpu.STILL_ASKED
    assert hanging.exec_run(["cat", "/asked"]).output == b"x\n"

    # Once it has ended, the container is asked again.
    assert hanging.exec_run(["sh", "-c", "echo on > /stop"])[0] == 0
    script(hanging, prints(LINES))
    async with asyncio.timeout(20):
        while (await source.container_fdinfo())[0].text != LINES:
            await asyncio.sleep(0.1)


async def test_lines_that_came_before_a_hang_are_kept(
    source: DockerGpuSource, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_gpu, "EXEC_PATIENCE_S", 2.0)
    make("slow", grep=f"{prints(LINES)}\nprintf '/proc/91/fdinfo/3:drm-driver: x'\nsleep 1000")

    (answer,) = await source.container_fdinfo()

    assert answer.text == LINES


async def test_a_flood_is_cut_at_a_line(
    source: DockerGpuSource, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_gpu, "MOST_BYTES", 50_000)
    make("flood", grep="while true; do echo '/proc/1/fdinfo/1:drm-driver: xe'; done")

    (answer,) = await source.container_fdinfo()

    lines = answer.text.splitlines()
    assert 1000 < len(lines) < 2000
    assert set(lines) == {"/proc/1/fdinfo/1:drm-driver: xe"}


async def test_one_that_goes_in_the_middle_silences_nobody(source: DockerGpuSource, make: Make) -> None:
    make("stays", grep=prints(LINES))
    going = make("goes", grep="touch /asked\nsleep 1000")

    def kill_once_asked() -> None:
        deadline = time.monotonic() + 30
        while going.exec_run(["test", "-e", "/asked"])[0] != 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        going.kill()

    killer = threading.Thread(target=kill_once_asked)
    killer.start()
    answers = await source.container_fdinfo()
    killer.join()

    assert {answer.name: answer.text for answer in answers}["stays"] == LINES
    assert [answer.name for answer in await source.container_fdinfo()] == ["stays"]


async def test_two_who_ask_at_once_share_one_question(source: DockerGpuSource, make: Make) -> None:
    container = make("vllm", grep="echo x >> /asked\n" + prints(LINES))

    first, second = await asyncio.gather(source.container_fdinfo(), source.container_fdinfo())

    assert first == second
    assert container.exec_run(["cat", "/asked"]).output == b"x\n"


async def test_a_question_given_up_leaves_no_task(source: DockerGpuSource, make: Make) -> None:
    hanging = make("hanging", grep="touch /asked; read forever < /stop")
    assert hanging.exec_run(["mkfifo", "/stop"])[0] == 0
    asking = asyncio.ensure_future(source.container_fdinfo())
    async with asyncio.timeout(30):
        while hanging.exec_run(["test", "-e", "/asked"])[0] != 0:
            await asyncio.sleep(0.02)

    asking.cancel()
    await source.aclose()
    await asyncio.gather(asking, return_exceptions=True)

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert hanging.exec_run(["sh", "-c", "echo on > /stop"])[0] == 0


async def test_the_reader_of_cards_counts_what_a_real_container_tells(
    source: DockerGpuSource, make: Make
) -> None:
    """The reader on a recorded machine, the container's part of it from a real `docker exec`."""
    path = Path(__file__).parents[1] / "data" / "gpu" / "recordings" / "dual_b580_xe.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    make("vllm-tp2", grep=prints(data["docker"]["vllm-tp2"]["exec_t1"]))
    host = RecordedHost(data)
    gpu = GpuService(CardReader(host), source)
    try:
        await gpu.sample_once()
        host.advance()
        snapshot = await gpu.sample_once(asks_containers=True)
    finally:
        await gpu.aclose()

    expected = data["expected"]["gpus"]
    held = {card.address: card.container_bytes["vllm-tp2"] for card in snapshot.cards}
    assert held == {address: card["containers"]["vllm-tp2"] for address, card in expected.items()}


async def test_the_contact_is_told(own_engine: PrivateEngine, make: Make) -> None:
    class Gate:
        def __init__(self) -> None:
            self.contacts: list[Contact] = []

        def allows(self, host: str) -> bool:
            return True

        def record(self, contact: Contact) -> None:
            self.contacts.append(contact)

    gate = Gate()
    make("vllm", grep=prints(LINES))
    runtime = DockerRuntime(own_engine.host, environ={}, egress=gate)
    try:
        await DockerGpuSource(runtime).container_fdinfo()
    finally:
        await runtime.aclose()

    assert {contact.reason for contact in gate.contacts} == {Reason.DOCKER}


async def test_without_docker_there_is_no_answer_and_it_is_left_alone_for_a_while(tmp_path: Path) -> None:
    now = 100.0
    runtime = DockerRuntime(f"unix://{tmp_path}/none.sock", environ={})
    source = DockerGpuSource(runtime, clock=lambda: now)
    try:
        assert await source.container_fdinfo() == ()
        began = time.monotonic()
        assert await source.container_fdinfo() == ()
        assert source._not_before == 130.0
        assert time.monotonic() - began < 5
    finally:
        await runtime.aclose()
    assert await source.container_fdinfo() == ()  # a pool that has ended is no error either
