"""The list of models: what the disk, the server and the measurements say together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import AnswerError, ArcDeskError, Problem
from arcdesk.core.models import Format, ModelEntry, Place, ServedModel, SpeedSeen
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.services.model_list import ModelList, ModelListing, Serving, join_models
from arcdesk.storage.model_disk import ModelDisk
from tests.model_cache_rig import QWEN_7B, TINY, put_model

TINY_ID, QWEN_ID = "TinyLlama/TinyLlama-1.1B-Chat-v1.0", "Qwen/Qwen2.5-7B-Instruct"
ENDPOINT = Endpoint(base_url="http://127.0.0.1:1/v1", model="tinyllama")
FAST = SpeedSeen(n=14, decode_tokens_per_s=84.0)
TROUBLE = Problem(cause="x", title="It did not work")


def cached(model_id: str) -> ModelEntry:
    folder = "/cache/hub/models--" + model_id.replace("/", "--")
    return ModelEntry(id=model_id, place=Place.CACHE, path=folder, format=Format.SAFETENSORS)


def gguf(path: str, place: Place = Place.FOLDER) -> ModelEntry:
    return ModelEntry(id=path, place=place, path=path, format=Format.GGUF)


def container(models_dir: str = "") -> Serving:
    return Serving(kind=EngineKind.CONTAINER, endpoint=ENDPOINT, models_dir=models_dir)


def shown(entries: Sequence[ModelEntry]) -> list[tuple[str, bool]]:
    return [(entry.id, entry.is_served) for entry in entries]


# joining


def test_what_the_container_serves_comes_first_then_the_names() -> None:
    entries = [cached("b/zebra"), cached(TINY_ID), cached("c/Apple")]
    joined = join_models(entries, [ServedModel(id="tinyllama", root=TINY_ID)], {}, container())
    assert shown(joined) == [(TINY_ID, True), ("c/Apple", False), ("b/zebra", False)]
    assert joined[0].served_name == "tinyllama"


def test_a_folder_is_known_by_its_path_inside_the_container() -> None:
    mine = ModelEntry(id="/m/qwen/7b", place=Place.FOLDER, path="/m/qwen/7b")
    other = ModelEntry(id="/n/qwen/7b", place=Place.FOLDER, path="/n/qwen/7b")
    served = [ServedModel(id="q", root="/llm/models/qwen/7b")]
    joined = join_models([other, mine], served, {}, container("/m"))
    assert shown(joined) == [("/m/qwen/7b", True), ("/n/qwen/7b", False)]
    nowhere = join_models([other, mine], served, {}, container(""))
    assert shown(nowhere)[0] == ("q", True)
    assert nowhere[0].place is Place.SERVER


def test_an_adapter_stands_under_its_base() -> None:
    served = [
        ServedModel(id="tinyllama", root=TINY_ID),
        ServedModel(id="sql", root="/llm/models/sql", parent="tinyllama"),
        ServedModel(id="another", root="x/another"),
    ]
    joined = join_models([cached(TINY_ID), cached("a/a")], served, {}, container())
    assert shown(joined) == [("another", True), (TINY_ID, True), ("sql", True), ("a/a", False)]
    adapter = joined[2]
    assert adapter.is_lora and adapter.parent == "tinyllama" and adapter.place is Place.SERVER


def test_a_server_elsewhere_has_none_of_our_files() -> None:
    serving = Serving(kind=EngineKind.REMOTE, endpoint=ENDPOINT)
    joined = join_models([cached(TINY_ID)], [ServedModel(id=TINY_ID, root=TINY_ID)], {}, serving)
    assert [(entry.place, entry.is_served) for entry in joined] == [
        (Place.SERVER, True),
        (Place.CACHE, False),
    ]


def test_the_embedded_engine_serves_its_file() -> None:
    starter = gguf("/lib/smollm2.gguf", Place.STARTER)
    mine = gguf("/m/mine.gguf")
    in_cache = ModelEntry(
        id="q/GGUF", place=Place.CACHE, path="/cache/hub/models--q--GGUF", format=Format.GGUF
    )
    entries, served = [starter, mine, in_cache], [ServedModel(id="anything")]
    for path, who in (
        ("", starter.id),
        ("/m/mine.gguf", mine.id),
        (f"{in_cache.path}/snapshots/0/q4.gguf", in_cache.id),
        ("/gone.gguf", "anything"),
    ):
        serving = Serving(kind=EngineKind.EMBEDDED, endpoint=ENDPOINT, gguf_path=path)
        joined = join_models(entries, served, {}, serving)
        assert [entry.id for entry in joined if entry.is_served] == [who]


def test_two_served_names_of_one_model_are_two_lines() -> None:
    served = [ServedModel(id="tiny", root=TINY_ID), ServedModel(id="gpt-4", root=TINY_ID)]
    joined = join_models([cached(TINY_ID)], served, {}, container())
    assert sorted(entry.served_name for entry in joined) == ["gpt-4", "tiny"]
    assert len(joined) == 2


def test_a_speed_is_found_under_each_name_that_a_model_had() -> None:
    once = SpeedSeen(n=2, decode_tokens_per_s=20.0)
    speeds = {"Qwen2.5-7B-instruct": FAST, QWEN_ID: once, "mine": once}
    joined = join_models([cached(QWEN_ID), gguf("/m/mine.gguf"), cached("x/none")], [], speeds, container())
    by_id = {entry.id: entry.speed for entry in joined}
    assert by_id == {QWEN_ID: FAST, "/m/mine.gguf": once, "x/none": None}  # the one with more answers


# reading


class Server:
    """Serves what it is told, or fails; counts how often it was asked."""

    def __init__(self) -> None:
        self.models: list[ServedModel] = []
        self.error: ArcDeskError | None = None
        self.asked = 0
        self.gate: asyncio.Event | None = None

    async def served_models(self, endpoint: Endpoint) -> list[ServedModel]:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.models


class BrokenDisk:
    async def entries(self) -> tuple[ModelEntry, ...]:
        raise ArcDeskError(TROUBLE)

    async def speeds(self) -> Mapping[str, SpeedSeen]:
        return {}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    hub = tmp_path / "hf" / "hub"
    put_model(hub, TINY_ID, TINY)
    put_model(hub, QWEN_ID, QWEN_7B, shards=2)
    return tmp_path / "hf"


def disk_of(cache: Path) -> ModelDisk:
    settings = Settings(container=ContainerSettings(hf_cache_dir=str(cache)))
    return ModelDisk(lambda: settings, environ={}, history=cache / "none.db")


async def test_the_list_is_read_from_real_files_when_it_is_told_to(cache: Path) -> None:
    disk, server = disk_of(cache), Server()
    server.models = [ServedModel(id="tinyllama", root=TINY_ID)]
    models = ModelList(disk=disk, served=server, speeds=disk, serving=container)
    told: list[ModelListing] = []
    end = models.listen(told.append)
    assert models.listing == ModelListing()
    listing = await models.refresh()
    assert shown(listing.entries) == [(TINY_ID, True), (QWEN_ID, False)]
    assert listing.is_known and not listing.is_loading and listing.problem is None
    assert told[0].is_loading and told[-1] == listing
    config = listing.entries[1].config
    assert config is not None and config.layers == 28
    end()
    put_model(cache / "hub", "new/model", TINY)
    count = len(told)
    assert len((await models.refresh()).entries) == 3
    assert len(told) == count  # nobody listens any more


async def test_without_an_engine_no_server_is_asked(cache: Path) -> None:
    disk, server = disk_of(cache), Server()
    models = ModelList(disk=disk, served=server, speeds=disk, serving=Serving)
    assert len((await models.refresh()).entries) == 2
    assert server.asked == 0


async def test_a_server_that_fails_leaves_the_disk_s_models(cache: Path) -> None:
    disk, server = disk_of(cache), Server()
    server.error = AnswerError(TROUBLE)
    models = ModelList(disk=disk, served=server, speeds=disk, serving=container)
    listing = await models.refresh()
    assert len(listing.entries) == 2 and listing.problem is None


async def test_a_disk_that_fails_is_told_beside_what_is_served() -> None:
    disk, server = BrokenDisk(), Server()
    server.models = [ServedModel(id="m")]
    listing = await ModelList(disk=disk, served=server, speeds=disk, serving=container).refresh()
    assert listing.problem == TROUBLE
    assert [entry.id for entry in listing.entries] == ["m"]


async def test_many_wishes_at_once_are_one_reading_and_one_more(cache: Path) -> None:
    disk, server = disk_of(cache), Server()
    server.gate = asyncio.Event()
    models = ModelList(disk=disk, served=server, speeds=disk, serving=container)
    first = asyncio.ensure_future(models.refresh())
    while not server.asked:
        await asyncio.sleep(0.01)
    others = [asyncio.ensure_future(models.refresh()) for _ in range(5)]
    await asyncio.sleep(0)
    server.gate.set()
    listings = await asyncio.gather(first, *others)
    assert server.asked == 2
    assert {len(listing.entries) for listing in listings} == {2}
