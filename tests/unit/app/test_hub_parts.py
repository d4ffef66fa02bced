"""The downloads as window and terminal build them: settings, secrets, the person's list of contacts."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from arcdesk.app.hub_parts import hub_cache, make_downloads
from arcdesk.core.egress import Reason
from arcdesk.core.errors import ArcDeskError
from arcdesk.core.hub import DownloadPhase
from arcdesk.core.settings import Settings
from arcdesk.engine.container_spec import hf_cache_folder
from arcdesk.services.egress import EgressLedger
from arcdesk.storage.egress_db import EgressDb
from arcdesk.storage.model_disk import ModelDisk
from arcdesk.storage.secret_file import SecretFile
from arcdesk.storage.secrets import SecretStore
from tests.rig.hub_server import HubServer
from tests.unit.api.hub_rig import model, noise, until
from tests.unit.app.command import environment, run
from tests.watch.contacts import seen, watching

PULL = """
import asyncio, sys
from arcdesk.app.hub_parts import make_downloads
from arcdesk.core.settings import Settings
from arcdesk.services.egress import EgressLedger
from arcdesk.storage.egress_db import EgressDb
from arcdesk.storage.secret_file import SecretFile
from arcdesk.storage.secrets import SecretStore

async def main():
    over = asyncio.Event()
    ledger = EgressLedger(EgressDb)
    settings = Settings(hub_endpoint=sys.argv[1])
    downloads = make_downloads(settings, SecretStore(), ledger, on_over=lambda one: over.set())
    await downloads.hub.search("model")
    await downloads.start("org/model")
    await over.wait()
    print([(one.phase.value, one.problem) for one in downloads.list()])
    await downloads.aclose()
    await ledger.aclose()

asyncio.run(main())
"""


def settings_for(folder: Path, endpoint: str) -> Settings:
    settings = Settings(hub_endpoint=endpoint)
    return replace(settings, container=replace(settings.container, hf_cache_dir=str(folder)))


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[HubServer]:
    with HubServer() as hub:
        hub.repos["org/model"] = model(model_safetensors=noise(50_000))
        yield hub


def test_the_cache_is_the_one_that_the_container_mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/x")
    assert hub_cache(settings_for(Path("/mnt/hf"), "")) == Path("/mnt/hf/hub")
    assert hub_cache(Settings()) == Path("/home/x/.cache/huggingface/hub")
    none = settings_for(Path("/x"), "")
    none = replace(none, container=replace(none.container, hf_cache_dir=""))
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert hub_cache(none) == Path("/home/x/.cache/huggingface/hub")
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert hub_cache(none) == Path("/c/huggingface/hub")
    monkeypatch.setenv("HF_HOME", "~/h")
    assert hub_cache(none) == Path("/home/x/h/hub")
    monkeypatch.setenv("HF_HUB_CACHE", "$HOME/hub")
    assert hub_cache(none) == Path("/home/x/hub")


@pytest.mark.parametrize("folder", ["/mnt/$HOME/hf", "~/hf", "relative", ""])
@pytest.mark.parametrize("variable", ["HUGGINGFACE_HUB_CACHE", "HF_HUB_CACHE", "HF_HOME"])
def test_what_is_downloaded_is_listed_first_and_mounted(
    folder: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "$HOME/elsewhere")
    settings = Settings()
    settings = replace(settings, container=replace(settings.container, hf_cache_dir=folder))
    assert hub_cache(settings) == ModelDisk(lambda: settings).hubs()[0]
    if folder:
        assert str(hub_cache(settings)) == f"{hf_cache_folder(settings.container)}/hub"


async def test_settings_count_from_the_next_request_on(hub: HubServer, tmp_path: Path) -> None:
    settings = Settings(hub_offline=True)
    async with aclosing(EgressLedger(EgressDb)) as ledger:
        downloads = make_downloads(lambda: settings, SecretStore(environ={}), ledger)
        with pytest.raises(ArcDeskError, match="switched off"):
            await downloads.hub.search("x")
        settings = settings_for(tmp_path, hub.endpoint)
        assert [one.id for one in await downloads.hub.search("model")] == ["org/model"]
        await downloads.start("org/model")
        await until(lambda: downloads.list()[0].phase is DownloadPhase.DONE)
        await downloads.aclose()
        (tally,) = [one for one in (await ledger.view()).tallies if one.host == "localhost"]
    assert tally.reason is Reason.HUB and tally.bytes_in > 50_000
    assert (tmp_path / "hub" / "models--org--model" / "refs" / "main").is_file()


async def test_the_token_comes_from_where_secrets_are(hub: HubServer, tmp_path: Path) -> None:
    hub.repos["org/model"].gated, hub.token = "auto", "hf_accepted"
    async with aclosing(EgressLedger(EgressDb)) as ledger:
        secrets = SecretStore(environ={"HF_TOKEN": "hf_accepted"})
        downloads = make_downloads(settings_for(tmp_path, hub.endpoint), secrets, ledger)
        assert (await downloads.hub.repo("org/model")).config is not None
        await downloads.aclose()


async def test_a_locked_keyring_does_not_stop_what_needs_no_token(hub: HubServer, tmp_path: Path) -> None:
    async with aclosing(EgressLedger(EgressDb)) as ledger:
        folder = tmp_path / "secrets"
        folder.mkdir()  # nothing can be read from it: it stands for a keyring that refuses
        secrets = SecretStore(environ={}, file=SecretFile(folder))
        with pytest.raises(ArcDeskError):
            await secrets.get("hf_token")
        downloads = make_downloads(settings_for(tmp_path, hub.endpoint), secrets, ledger)
        assert (await downloads.hub.repo("org/model")).config is not None
        await downloads.aclose()


async def test_a_download_contacts_nobody_but_the_hub(hub: HubServer, tmp_path: Path) -> None:
    """Seen below all libraries, in a process of its own: no telemetry, no look for updates, no other way."""
    watch = tmp_path / "watch"
    environ = environment(HF_HUB_CACHE=str(tmp_path / "hub"), HOME=str(tmp_path), **watching(watch))
    program = (sys.executable, "-c", textwrap.dedent(PULL), hub.endpoint)
    done = await run(env=environ, program=program)
    assert done.out.strip() == "[('done', None)]", done.err
    assert {host for _, host in seen(watch)} <= {"127.0.0.1", "localhost"}
