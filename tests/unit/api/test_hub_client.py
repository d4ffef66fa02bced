"""Searching the hub and looking into a repository: the real library against a hub of this computer."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio

from arcdesk.api import hub_library
from arcdesk.api.hub_job import HubJob
from arcdesk.api.hub_transport import new_client
from arcdesk.core.egress import Reason
from arcdesk.core.errors import ActionKind
from arcdesk.core.hub_error import HubError, HubNotFound
from arcdesk.services.threads import in_thread
from tests.rig.hub_server import Fault, HubServer, Repo
from tests.unit.api.hub_rig import Rig, model, noise, until

INFO = "/api/models/org/model/revision/main"


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    with HubServer() as hub:
        hub.repos["org/model"] = model(model_safetensors=noise(20_000))
        rig = Rig(hub, tmp_path / "hub", silence_s=1.0)
        yield rig
        hub.release()
        await rig.aclose()


@contextmanager
def own_https_server(folder: Path) -> Iterator[int]:
    """With a certificate that it has signed itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection, context.wrap_socket(connection, server_side=True):
                    pass

        thread = threading.Thread(target=greet, name="https-server")
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join()


async def refusal(rig: Rig, repo_id: str = "org/model", revision: str = "main") -> HubError:
    with pytest.raises(HubError) as caught:
        await rig.client.repo(repo_id, revision=revision)
    return caught.value


async def test_models_that_write_text_come_first_and_then_by_downloads(rig: Rig) -> None:
    rig.hub.repos |= {
        "a/small-llama": Repo(files={}, downloads=5),
        "b/big-llama": Repo(files={}, downloads=50, gated="manual", tags=("license:llama3", "x")),
        "c/llama-that-sees": Repo(files={}, downloads=500, pipeline="image-to-text"),
        "d/other": Repo(files={}, downloads=5000),
    }
    found = await rig.client.search("llama")
    assert [one.id for one in found] == ["b/big-llama", "a/small-llama", "c/llama-that-sees"]
    first = found[0]
    assert (first.downloads, first.likes, first.licence, first.is_gated) == (50, 3, "llama3", True)
    assert (first.updated, first.pipeline) == ("2026-05-04", "text-generation")
    assert [one.id for one in await rig.client.search("llama", limit=1)] == ["b/big-llama"]


async def test_a_repository_is_known_before_any_download(rig: Rig) -> None:
    index = {"metadata": {"total_size": 20_000}, "weight_map": {"a": "model-00001-of-00001.safetensors"}}
    weights = noise(20_000)
    rig.hub.repos["org/model"] = Repo(
        files={
            "config.json": b'{"model_type": "llama"}',
            "model.safetensors.index.json": json.dumps(index).encode(),
            "other.safetensors.index.json": b"[]",
            "model-00001-of-00001.safetensors": weights,
        }
    )
    repo = await rig.client.repo("org/model")
    assert repo.commit == rig.hub.repos["org/model"].commit
    assert repo.config == {"model_type": "llama"}
    assert repo.index == index
    (large,) = [file for file in repo.files if file.sha256]
    assert (large.path, large.size_bytes) == ("model-00001-of-00001.safetensors", 20_000)
    assert large.sha256 == rig.blob(weights).name
    assert not rig.cache.exists()


@pytest.mark.parametrize("config", [b"{not json", b"[1]", b"\xff\xfe", b"[" * 100_000])
async def test_a_config_that_is_none_is_told_as_none(rig: Rig, config: bytes) -> None:
    rig.hub.repos["org/model"].files["config.json"] = config
    assert (await rig.client.repo("org/model")).config is None


async def test_a_gated_model_can_be_looked_at_but_for_its_config(rig: Rig) -> None:
    rig.hub.repos["org/model"].gated = "auto"
    repo = await rig.client.repo("org/model")
    assert repo.is_gated and repo.config is None and len(repo.files) == 2


async def test_the_token_is_the_persons_and_nobody_elses(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
    await rig.client.repo("org/model")
    assert {one.token for one in rig.hub.seen} == {""}
    rig.token = "hf_of_the_settings"
    await rig.client.repo("org/model")
    assert {one.token for one in rig.hub.seen[2:]} == {"hf_of_the_settings"}


async def test_each_contact_is_in_the_list_with_its_bytes(rig: Rig) -> None:
    await rig.client.repo("org/model")
    await asyncio.sleep(0)
    first, second = rig.gate.contacts
    assert (first.host, first.reason, first.is_refused) == ("127.0.0.1", Reason.HUB, False)
    assert first.bytes_out > 100 and first.bytes_in > second.bytes_in > 100


async def test_an_undeclared_host_is_refused_before_anything_is_sent(rig: Rig) -> None:
    await rig.client.search("x")
    seen = len(rig.hub.seen)
    job = HubJob(rig.gate, rig.endpoint)

    def sneak() -> None:
        with new_client() as client:
            client.get(f"http://localhost:{rig.hub.port}/api/models")

    with pytest.raises(HubError) as caught:
        await in_thread("sneak", lambda: job.run(sneak))
    await asyncio.sleep(0)
    assert caught.value.problem.cause == "undeclared_host"
    assert rig.gate.contacts[-1].is_refused and rig.gate.contacts[-1].host == "localhost"
    assert len(rig.hub.seen) == seen


async def test_the_library_has_no_way_out_beside_ours(rig: Rig) -> None:
    """Some code that uses it without asking us, in the same program."""
    await in_thread("load", hub_library.load)
    from huggingface_hub import HfApi, constants
    from huggingface_hub.utils._runtime import is_xet_available

    with pytest.raises(HubError, match="does not contact"):
        await in_thread("sneak", lambda: HfApi(endpoint=rig.endpoint).model_info("org/model"))
    assert rig.hub.seen == []
    assert not is_xet_available() and constants.HF_HUB_DISABLE_TELEMETRY


def test_nothing_is_loaded_before_somebody_asks() -> None:
    code = (
        "import sys, arcdesk.app.hub_parts, arcdesk.services.downloads, arcdesk.api.hub_client,"
        " arcdesk.api.hub_download, arcdesk.api.hub_caller\n"
        "print([name for name in ('huggingface_hub', 'httpx2', 'httpx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_persons_environment_is_as_it_was(rig: Rig) -> None:
    await rig.client.search("x")
    assert not [name for name in hub_library.ENVIRONMENT if name in os.environ]


async def test_offline_means_that_nothing_is_asked(rig: Rig) -> None:
    rig.is_offline = True
    error = await refusal(rig)
    assert (error.problem.cause, error.is_passing) == ("hub_offline", False)
    assert rig.hub.seen == [] and rig.gate.contacts == []


async def test_the_libraries_own_variable_for_offline_counts_too(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_thread("load", hub_library.load)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert (await refusal(rig)).problem.cause == "hub_offline"
    assert rig.hub.seen == []


async def test_closing_ends_a_question_under_way(rig: Rig) -> None:
    rig.hub.fails("/config.json", Fault(stall_after=3))
    question = asyncio.ensure_future(refusal(rig))
    await until(lambda: rig.hub.requests("/config.json"))
    await rig.client.aclose()
    assert (await question).problem.cause == "hub_closed"


async def test_a_certificate_that_nobody_vouches_for(rig: Rig, tmp_path: Path) -> None:
    with own_https_server(tmp_path) as port:
        rig.endpoint = f"https://localhost:{port}"
        error = await refusal(rig)
    assert (error.problem.cause, error.is_passing) == ("hub_untrusted", False)


async def test_a_token_is_not_sent_where_others_can_read_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the proxy of the test above, which sees what a network would."""
    monkeypatch.setenv("http_proxy", rig.endpoint)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    rig.token, rig.endpoint = "hf_secret", "http://mirror.example"
    await rig.client.repo("org/model")
    assert {(one.host, one.token) for one in rig.hub.seen} == {("mirror.example", "")}


async def test_a_model_that_is_not_there(rig: Rig) -> None:
    for repo_id, token in (("org/none", None), ("org/none", "hf_x"), ("no name!", None)):
        rig.token = token
        error = await refusal(rig, repo_id)
        assert isinstance(error, HubNotFound) and error.exit_code == 5
        assert repo_id in error.problem.title
    assert (await refusal(rig, revision="v9")).problem.cause == "hub_no_revision"


@pytest.mark.parametrize(
    ("fault", "cause", "is_passing"),
    [
        (Fault(status=401, headers={"X-Error-Message": "Invalid credentials in Authorization header"}),
         "hub_token", False),
        (Fault(status=403), "hub_forbidden", False),
        (Fault(status=429, headers={"Retry-After": "7"}), "hub_busy", True),
        (Fault(status=429, headers={"Retry-After": "86400"}), "hub_busy", False),
        (Fault(status=500), "hub_down", True),
        (Fault(status=503), "hub_down", True),
        (Fault(status=418), "hub_none", False),
        (Fault(status=200, body=b"<html>Log in to the network</html>"), "hub_none", False),
        (Fault(status=200, body=b'{"id": "org/model"}'), "hub_none", False),
        (Fault(status=200, body=b'["x"]'), "hub_none", False),
        (Fault(status=200, body=b" " * (17 * 1024 * 1024)), "hub_none", False),
        (Fault(status=302, headers={"Location": "ftp://127.0.0.1/x"}), "hub_none", False),
        (Fault(status=302, headers={"Location": INFO}, times=50), "hub_none", False),
    ],
)  # fmt: skip
async def test_what_the_hub_answers_is_explained(
    rig: Rig, fault: Fault, cause: str, is_passing: bool
) -> None:
    rig.token = "hf_secret"
    rig.hub.fails(INFO, fault)
    error = await refusal(rig)
    assert (error.problem.cause, error.is_passing) == (cause, is_passing)
    assert error.problem.title and error.problem.detail and error.problem.hint
    assert "hf_secret" not in str(error) + error.problem.evidence
    if fault.times == 1:
        assert len(rig.hub.requests(INFO)) <= 1 + (fault.status == 302)


async def test_an_answer_without_end_is_not_read_to_its_end(rig: Rig) -> None:
    rig.hub.fails(INFO, Fault(status=200, body=b" " * (17 * 1024 * 1024)))
    assert "more than 16 MiB" in (await refusal(rig)).problem.detail


async def test_the_hub_names_a_time_to_wait(rig: Rig) -> None:
    rig.hub.fails(INFO, Fault(status=429, headers={"Retry-After": "7"}))
    error = await refusal(rig)
    assert error.retry_after_s == 7.0 and "7 s" in error.problem.detail


async def test_nobody_listens(rig: Rig) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        rig.endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
        error = await refusal(rig)
    assert (error.problem.cause, error.is_passing) == ("hub_unreachable", True)
    assert error.problem.detail == "Nothing listens at this address."


async def test_silence_ends(rig: Rig) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        rig.endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        error = await refusal(rig)
    assert error.problem.detail == "Nothing came from it for too long."


async def test_plain_http_where_tls_was_wanted(rig: Rig) -> None:
    rig.endpoint = rig.endpoint.replace("http:", "https:")
    error = await refusal(rig)
    assert error.problem.cause == "hub_unreachable" and "SSL" in error.problem.evidence


async def test_a_proxy_of_the_environment_is_used_but_not_for_this_computer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's server stands in as the proxy: it is asked for a whole address."""
    monkeypatch.setenv("http_proxy", rig.endpoint)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    await rig.client.repo("org/model")
    await asyncio.sleep(0)
    assert {(one.host, one.via) for one in rig.gate.contacts} == {("127.0.0.1", "")}
    rig.endpoint = "http://hub.example"
    await rig.client.repo("org/model")
    await asyncio.sleep(0)
    assert rig.hub.seen[-1].host == "hub.example"
    assert (rig.gate.contacts[-1].host, rig.gate.contacts[-1].via) == ("hub.example", "127.0.0.1")


async def test_a_licence_that_has_to_be_accepted_is_explained(rig: Rig) -> None:
    gated = {"X-Error-Code": "GatedRepo", "X-Error-Message": "x"}
    page = f"{rig.endpoint}/org/model"
    rig.hub.fails(INFO, Fault(status=401, headers=gated))
    error = await refusal(rig)
    assert error.problem.cause == "hub_gated" and "put your token in the settings" in error.problem.hint
    assert page in error.problem.hint
    assert [action.target for action in error.problem.actions if action.kind is ActionKind.COPY] == [page]
    rig.token = "hf_x"
    rig.hub.fails(INFO, Fault(status=403, headers=gated))
    assert "has not accepted it" in (await refusal(rig)).problem.detail
    body = json.dumps({"error": "Your request to access model org/model is awaiting a review"}).encode()
    told = {**gated, "X-Error-Message": "Your request to access model org/model is awaiting a review"}
    rig.hub.fails(INFO, Fault(status=403, headers=told, body=body))
    assert "has not decided yet" in (await refusal(rig)).problem.detail
