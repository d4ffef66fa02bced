"""The fast stand-in keeps the IPEX image's contract, and the rig's engines do what tests need of them."""

import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import docker
import httpx
import pytest
from docker.models.containers import Container

from tests.rig.containers import (
    MODEL_PATH,
    command_lines,
    docker_client,
    exit_code,
    is_healthy,
    is_running,
    log,
    started,
    streamed_answer,
    wait_for_line,
    wait_until_ready,
)
from tests.rig.docker_engine import DockerEngine
from tests.rig.dockerd import answers
from tests.rig.private_engine import PrivateEngine, private_engine

pytestmark = pytest.mark.docker

KEY = "a-test-key"
SERVED = {"MODEL_PATH": MODEL_PATH, "SERVED_MODEL_NAME": "smol"}
DEFAULT_LINES = [
    "Starting service with model: default_model_path",
    "Served model name: default_model_name",
    "Tensor parallel size: 1",
    "Max num sequences: 256",
    "Max num batched tokens: 3000",
    "Max model length: 2000",
    "Load in low bit: fp8",
    "Port: 8000",
]
# busybox serves a file as /health, and ends when it is asked to.
TINY_SERVER = """
mkdir -p /www && echo ok > /www/health && httpd -p 8000 -h /www
trap 'exit 0' TERM; sleep 600 & wait
"""
PHASES = [
    "Automatically detected platform cpu",
    "vLLM API server version 0.8.3",
    "This model supports multiple tasks",
    "Loading safetensors checkpoint shards:   0% Completed | 0/1",
    "Loading safetensors checkpoint shards: 100% Completed | 1/1",
    "Loading model weights took",
    "# cpu blocks:",
    "Maximum concurrency for 2000 tokens per request",
    "init engine (profile, create kv cache, warmup model) took",
    "Starting vLLM API server on http://0.0.0.0:8000",
    "Application startup complete.",
]


@pytest.fixture(scope="module")
def client(docker_engine: DockerEngine) -> Iterator[docker.DockerClient]:
    with docker_client(docker_engine) as client:
        yield client


@pytest.fixture(scope="module")
def server(client: docker.DockerClient, llama_image: str) -> Iterator[Container]:
    """One server for the tests that only look."""
    env = {**SERVED, "VLLM_API_KEY": KEY, "PORT": "9000", "LOAD_IN_LOW_BIT": "sym_int4"}
    with started(
        client, llama_image, env, port=9000, command=["python3", "-c", "print('never')"]
    ) as container:
        wait_until_ready(container, port=9000)
        yield container


@pytest.fixture
def url(server: Container) -> str:
    return wait_until_ready(server, port=9000)


def test_the_eight_variables_are_the_first_lines(server: Container) -> None:
    assert log(server, stderr=False).splitlines()[:8] == [
        f"Starting service with model: {MODEL_PATH}",
        "Served model name: smol",
        *DEFAULT_LINES[2:6],
        "Load in low bit: sym_int4",
        "Port: 9000",
    ]


def test_arguments_after_the_image_name_are_ignored(server: Container) -> None:
    server.reload()
    assert server.attrs["Args"][-2:] == ["-c", "print('never')"]
    assert "never" not in log(server)
    assert "openai.api_server" in command_lines(server)[1]


def test_the_image_says_how_it_starts(server: Container) -> None:
    assert server.image is not None
    config = server.image.attrs["Config"]
    assert config["Entrypoint"] == ["bash", "/llm/start-vllm-service.sh"]
    assert {"TZ=Asia/Shanghai", "PYTHONUNBUFFERED=1"} <= set(config["Env"])


def test_bash_stays_pid_1_with_the_server_as_its_child(server: Container) -> None:
    status, comm = server.exec_run(["cat", "/proc/1/comm"])
    assert (status, comm) == (0, b"bash\n")
    first, second = command_lines(server)
    assert first.startswith("bash /llm/start-vllm-service.sh")
    assert second.startswith("python3 /llm/openai.api_server.py")


def test_the_served_name_is_the_model_id(url: str) -> None:
    models = httpx.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {KEY}"}).json()
    assert [model["id"] for model in models["data"]] == ["smol"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_the_api_needs_its_key_and_health_does_not(url: str, headers: dict[str, str]) -> None:
    assert httpx.get(f"{url}/v1/models", headers=headers).status_code == 401
    assert httpx.get(f"{url}/health", headers=headers).status_code == 200


def test_answers_are_streamed(url: str) -> None:
    assert "Paris" in streamed_answer(url, "smol", "What is the capital of France?", key=KEY)


def test_a_server_without_a_key_answers_everybody(client: docker.DockerClient, llama_image: str) -> None:
    with started(client, llama_image, {**SERVED, "VLLM_API_KEY": ""}) as container:
        url = wait_until_ready(container)
        assert httpx.get(f"{url}/v1/models").status_code == 200


def test_log_phases_come_in_order_and_the_last_one_means_ready(
    client: docker.DockerClient, llama_image: str
) -> None:
    with started(client, llama_image, {**SERVED, "MAX_NUM_SEQS": "2"}, tty=True) as container:
        wait_until_ready(container)
        wait_for_line(container, PHASES[-1])
        text = log(container)
    places = [text.find(phase) for phase in PHASES]
    assert -1 not in places
    assert all(earlier < later for earlier, later in pairwise(places))
    assert text.rstrip().endswith(PHASES[-1])
    assert "Maximum concurrency for 2000 tokens per request: 2.00x" in text


def test_log_times_are_those_of_shanghai(server: Container) -> None:
    found = re.search(r"^INFO (\d\d-\d\d \d\d):\d\d:\d\d \[", log(server), re.MULTILINE)
    assert found is not None
    server.reload()
    begun = time.strptime(server.attrs["State"]["StartedAt"][:19], "%Y-%m-%dT%H:%M:%S")
    eight_hours_on = time.localtime(time.mktime(begun) + 8 * 3600)
    assert found[1] == time.strftime("%m-%d %H", eight_hours_on)


def test_docker_stop_waits_its_whole_grace_and_kills(client: docker.DockerClient, llama_image: str) -> None:
    with started(client, llama_image, SERVED) as container:
        wait_until_ready(container)
        before = time.monotonic()
        container.stop(timeout=3)
        assert time.monotonic() - before >= 3
        assert exit_code(container) == 137


def test_term_to_the_server_ends_the_container_by_itself(
    client: docker.DockerClient, llama_image: str
) -> None:
    with started(client, llama_image, SERVED) as container:
        wait_until_ready(container)
        assert container.exec_run(["pkill", "-TERM", "-f", "openai.api_server"])[0] == 0
        assert exit_code(container, timeout_s=5) == 0


def test_without_a_model_path_the_start_fails(client: docker.DockerClient, llama_image: str) -> None:
    with started(client, llama_image, {}) as container:
        assert exit_code(container) == 1
        assert log(container, stderr=False).splitlines()[:8] == DEFAULT_LINES
        assert "Invalid repository ID or local directory specified: 'default_model_path'" in log(container)


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"MAX_MODEL_LEN": "4096"}, "max_num_batched_tokens (3000) is smaller than max_model_len (4096)"),
        (
            {"MAX_MODEL_LEN": "9000", "MAX_NUM_BATCHED_TOKENS": "9000"},
            "User-specified max_model_len (9000) is greater than the derived max_model_len",
        ),
        (
            {"MAX_MODEL_LEN": "100", "MAX_NUM_BATCHED_TOKENS": "200"},
            "max_num_batched_tokens (200) must be greater than or equal to max_num_seqs (256)",
        ),
    ],
)
def test_settings_that_contradict_each_other_end_the_start(
    client: docker.DockerClient, llama_image: str, env: dict[str, str], line: str
) -> None:
    with started(client, llama_image, {**SERVED, **env}) as container:
        assert exit_code(container) == 1
        assert line in log(container)


def test_fault_lag_is_silent_between_the_cause_and_the_exit(
    client: docker.DockerClient, llama_image: str
) -> None:
    env = {"MODEL_PATH": "/llm/models/fault-lag", "MAX_MODEL_LEN": "2048", "VLLM_RPC_TIMEOUT": "3000"}
    with started(client, llama_image, env) as container:
        wait_for_line(container, "max seq len (2048) is larger")
        assert is_running(container)
        before = time.monotonic()
        assert exit_code(container) == 1
        assert time.monotonic() - before > 2
        text = log(container)
    assert "that can be stored in KV cache (1312)" in text
    assert text.rstrip().endswith(
        "RuntimeError: Engine process failed to start. See stack trace for the root cause."
    )


def test_fault_lag_takes_100_s_as_the_real_image_does(client: docker.DockerClient, llama_image: str) -> None:
    assert "VLLM_RPC_TIMEOUT=100000" in client.images.get(llama_image).attrs["Config"]["Env"]


def test_fault_lag_is_cured_by_the_length_that_it_names(
    client: docker.DockerClient, llama_image: str
) -> None:
    env = {"MODEL_PATH": "/llm/models/fault-lag", "MAX_MODEL_LEN": "1312"}
    with started(client, llama_image, env) as container:
        wait_until_ready(container)


@pytest.mark.parametrize("limit", [None, "96m"])
def test_fault_oom_ends_in_137(client: docker.DockerClient, llama_image: str, limit: str | None) -> None:
    env = {"MODEL_PATH": "/llm/models/fault-oom"}
    with started(client, llama_image, env, mem_limit=limit) as container:
        assert exit_code(container) == 137
        container.reload()
        assert container.attrs["State"]["OOMKilled"] is (limit is not None)


def test_fault_slow_loads_for_ten_seconds_and_then_serves(
    client: docker.DockerClient, llama_image: str
) -> None:
    with started(client, llama_image, {"MODEL_PATH": "/llm/models/fault-slow"}) as container:
        before = time.monotonic()
        wait_until_ready(container)
        assert time.monotonic() - before > 8


def test_fault_silent_says_nothing_and_serves_nothing(client: docker.DockerClient, llama_image: str) -> None:
    with started(client, llama_image, {"MODEL_PATH": "/llm/models/fault-silent"}) as container:
        with pytest.raises(AssertionError, match="not ready"):
            wait_until_ready(container, timeout_s=4)
        assert is_running(container)
        assert len(log(container).splitlines()) == 8


def test_the_tiny_image_ends_when_asked(client: docker.DockerClient, tiny_image: str) -> None:
    with started(client, tiny_image, {}) as container:
        assert container.exec_run(["true"])[0] == 0
        container.stop(timeout=20)
        assert exit_code(container) == 0


def test_a_render_node_can_be_passed_on(
    client: docker.DockerClient, tiny_image: str, render_node: Path
) -> None:
    with started(client, tiny_image, {}, devices=["/dev/dri"]) as container:
        assert container.exec_run(["test", "-c", str(render_node)])[0] == 0


@pytest.fixture
def private(tmp_path: Path, docker_engine: DockerEngine, tiny_image: str) -> Iterator[PrivateEngine]:
    with private_engine(tmp_path) as private:
        private.load_image(docker_engine, tiny_image)
        yield private


def test_a_private_engine_can_go_and_come_back(
    private: PrivateEngine, client: docker.DockerClient, tiny_image: str
) -> None:
    with (
        docker_client(private.engine) as own_client,
        started(own_client, tiny_image, {}, command=["sh", "-c", TINY_SERVER]) as container,
    ):
        wait_until_ready(container)
        assert container.id not in [other.id for other in client.containers.list(all=True)]

        private.stop()
        assert not answers(private.host)
        private.start()
        assert exit_code(container) == 0, "a daemon that is stopped asks its containers to end"

        container.start()
        url = wait_until_ready(container)
        private.kill()
        assert not answers(private.host)
        private.start()
        assert not is_running(container)
        assert not is_healthy(url)

        container.start()
        wait_until_ready(container)
    assert client.ping()
