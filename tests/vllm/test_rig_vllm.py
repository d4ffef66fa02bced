"""The stand-in image with the real vLLM keeps the IPEX image's contract."""

import subprocess
import time
from collections.abc import Iterator

import docker
import httpx
import pytest
from docker.models.containers import Container

from tests.rig.containers import (
    MODEL_PATH,
    command_lines,
    docker_client,
    exit_code,
    log,
    started,
    streamed_answer,
    wait_for_line,
    wait_until_ready,
)
from tests.rig.docker_engine import DockerEngine
from tests.rig.packages import vllm_environment

pytestmark = pytest.mark.vllm

KEY = "a-test-key"
PORT = 9000
READY_TIMEOUT_S = 240
# vLLM wants 160 MiB of shared memory; docker gives 64 MiB unless told otherwise.
SHM_SIZE = "1g"
ENV = {
    "MODEL_PATH": MODEL_PATH,
    "SERVED_MODEL_NAME": "smol",
    "MAX_MODEL_LEN": "2048",
    "MAX_NUM_SEQS": "8",
    "LOAD_IN_LOW_BIT": "sym_int4",
    "PORT": str(PORT),
    "VLLM_API_KEY": KEY,
}


@pytest.fixture(scope="module")
def client(docker_engine: DockerEngine) -> Iterator[docker.DockerClient]:
    with docker_client(docker_engine) as client:
        yield client


@pytest.fixture(scope="module")
def server(client: docker.DockerClient, vllm_image: str) -> Iterator[Container]:
    """One server for the tests that only look; its start takes most of this module's time."""
    command = ["python3", "-c", "print('never')"]
    with started(client, vllm_image, ENV, port=PORT, shm_size=SHM_SIZE, command=command) as container:
        wait_until_ready(container, port=PORT, timeout_s=READY_TIMEOUT_S)
        yield container


@pytest.fixture
def url(server: Container) -> str:
    return wait_until_ready(server, port=PORT)


def test_the_eight_variables_are_the_first_lines(server: Container) -> None:
    assert log(server, stderr=False).splitlines()[:8] == [
        f"Starting service with model: {MODEL_PATH}",
        "Served model name: smol",
        "Tensor parallel size: 1",
        "Max num sequences: 8",
        "Max num batched tokens: 3000",
        "Max model length: 2048",
        "Load in low bit: sym_int4",
        "Port: 9000",
    ]


def test_the_last_line_of_the_start_is_uvicorns(server: Container) -> None:
    wait_for_line(server, "Application startup complete.")
    assert "Uvicorn running on" not in log(server)


def test_arguments_after_the_image_name_are_ignored(server: Container) -> None:
    server.reload()
    assert server.attrs["Args"][-2:] == ["-c", "print('never')"]
    assert "never" not in log(server)


def test_bash_stays_pid_1_with_the_server_as_its_child(server: Container) -> None:
    assert server.exec_run(["cat", "/proc/1/comm"]) == (0, b"bash\n")
    first, second = command_lines(server)[:2]
    assert first.startswith("bash /llm/start-vllm-service.sh")
    assert second.startswith("python3 -m vllm.entrypoints.openai.api_server")


def test_the_settings_reach_vllm(url: str) -> None:
    (model,) = httpx.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {KEY}"}).json()["data"]
    assert (model["id"], model["max_model_len"]) == ("smol", 2048)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_the_api_needs_its_key_and_health_does_not(url: str, headers: dict[str, str]) -> None:
    refused = httpx.get(f"{url}/v1/models", headers=headers)
    assert (refused.status_code, refused.json()) == (401, {"error": "Unauthorized"})
    assert httpx.get(f"{url}/health", headers=headers).status_code == 200


def test_answers_are_streamed(url: str) -> None:
    assert "Paris" in streamed_answer(url, "smol", "What is the capital of France?", key=KEY)


def test_the_vllm_command_works_inside_and_outside(server: Container) -> None:
    status, version = server.exec_run(["vllm", "--version"], stderr=False)
    assert (status, version) == (0, b"0.32.0+cpu\n")
    command = [str(vllm_environment() / "bin" / "vllm"), "--version"]
    outside = subprocess.run(command, capture_output=True, text=True, check=True)
    assert outside.stdout.splitlines()[-1] == "0.32.0+cpu"


def test_docker_stop_waits_its_whole_grace_and_kills(client: docker.DockerClient, vllm_image: str) -> None:
    with started(client, vllm_image, ENV, shm_size=SHM_SIZE) as container:
        wait_for_line(container, "version 0.32.0", timeout_s=90)
        before = time.monotonic()
        container.stop(timeout=3)
        assert time.monotonic() - before >= 3
        assert exit_code(container) == 137


def test_a_missing_model_ends_in_1(client: docker.DockerClient, vllm_image: str) -> None:
    with started(client, vllm_image, {}) as container:
        assert exit_code(container, timeout_s=120) == 1
        assert log(container, stderr=False).startswith("Starting service with model: default_model_path\n")
        # Newer than the user's generation, it asks the hub before it says 'Invalid repository ID …'.
        assert "huggingface_hub.errors.LocalEntryNotFoundError" in log(container)


def test_too_little_shared_memory_ends_in_1(client: docker.DockerClient, vllm_image: str) -> None:
    with started(client, vllm_image, ENV) as container:
        assert exit_code(container, timeout_s=120) == 1
        assert "Insufficient space in /dev/shm" in log(container)
        assert "Engine core initialization failed. See root cause above" in log(container)


def test_term_to_the_server_ends_the_container_by_itself(server: Container) -> None:
    # The last test, because the others need the server alive.
    assert server.exec_run(["pkill", "-TERM", "-f", "openai.api_server"])[0] == 0
    assert exit_code(server, timeout_s=30) == 0
