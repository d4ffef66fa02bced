"""Fits of entries and repositories on this computer's cards, and what a start teaches."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from arcdesk.app.fit_here import card_table, fit_cards, host_memory_bytes, memory_as_card, why_no_card
from arcdesk.app.fit_teller import FitTeller
from arcdesk.core.fit import Verdict
from arcdesk.core.gpu import Figure, GpuClient, GpuReading, GpuSnapshot
from arcdesk.core.hub import HubFile, HubRepo
from arcdesk.core.models import Format, ModelEntry, Place
from arcdesk.core.settings import Settings
from arcdesk.engine.log_facts import read_figures
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.services.fit_service import FitService
from arcdesk.storage.fit_factors import FitFactorsFile
from arcdesk.telemetry.gpu_host import RecordedHost
from arcdesk.telemetry.gpu_reader import CardReader
from tests.rig.gpu_tree import load_recording
from tests.unit.core import model_shapes as shapes

LOG = Path(__file__).parents[2] / "data" / "logs" / "107.log"
MIB = 1024**2
READING = GpuReading(
    address="0000:03:00.0",
    at=1.0,
    name="Intel Arc B580",
    pci_id="8086:e20b",
    driver="xe",
    kernel="6.12",
    vram_total_bytes=Figure(12216 * MIB, "ioctl"),
    vram_used_bytes=Figure(6000 * MIB, "ioctl"),
    clients=(
        GpuClient(pid=1, name="python3", client_id=2, container="arcdesk-engine", vram_bytes=5000 * MIB),
    ),
)


def recorded(name: str) -> GpuSnapshot:
    return CardReader(RecordedHost(load_recording(name))).sample()


async def log_tail(lines: int) -> list[str]:
    return LOG.read_text("utf-8").splitlines()[-lines:]


def teller(tmp_path: Path, snapshot: GpuSnapshot, **container: object) -> FitTeller:
    settings = Settings()
    changed = replace(settings.container, hf_cache_dir=str(tmp_path / "hf"), **container)  # type: ignore[arg-type]

    async def now() -> GpuSnapshot:
        return snapshot

    service = FitService(FitFactorsFile(), read_figures, log_tail)
    return FitTeller(lambda: replace(settings, container=changed), service, now)


def test_what_our_own_engine_holds_will_be_free() -> None:
    snapshot = GpuSnapshot(cards=(READING,))
    (card,) = fit_cards(snapshot, ("arcdesk-engine",))
    assert (card.total_bytes, card.held_bytes, card.is_measured) == (12216 * MIB, 1000 * MIB, True)
    (card,) = fit_cards(snapshot)
    assert card.held_bytes == 6000 * MIB


def test_a_lower_bound_is_better_than_nothing() -> None:
    reading = replace(READING, vram_used_bytes=Figure(), vram_used_at_least_bytes=Figure(700 * MIB))
    assert fit_cards(GpuSnapshot(cards=(reading,)))[0].held_bytes == 700 * MIB
    reading = replace(reading, vram_used_at_least_bytes=Figure())
    assert fit_cards(GpuSnapshot(cards=(reading,)))[0].held_bytes == 0


def test_a_sleeping_card_has_the_size_of_its_kind() -> None:
    (card,) = fit_cards(recorded("b580_xe_suspended"))
    assert (card.total_bytes, card.is_measured) == (12216 * MIB, False)


@pytest.mark.parametrize(
    ("recording", "word"),
    [("lunarlake_xe_igpu", "integrated"), ("no_gpu", "card"), ("nvidia_only", "NVIDIA")],
)
def test_why_there_is_no_card(recording: str, word: str) -> None:
    snapshot = recorded(recording)
    assert fit_cards(snapshot) == ()
    assert word in why_no_card(snapshot)


def test_main_memory(tmp_path: Path) -> None:
    assert (host_memory_bytes() or 0) > 100 * MIB
    assert host_memory_bytes(str(tmp_path / "none")) is None
    (tmp_path / "meminfo").write_text("MemTotal: 5 kB\nMemAvailable:\n")
    assert host_memory_bytes(str(tmp_path / "meminfo")) is None
    assert memory_as_card()[0].name == "main memory"
    assert len(card_table()) > 30


async def test_of_a_repository(tmp_path: Path) -> None:
    repo = HubRepo(
        id="Qwen/Qwen2.5-7B",
        commit="0",
        files=(HubFile(path="model.safetensors", size_bytes=15_231_233_024),),
        config=dict(shapes.QWEN25_7B),
    )
    fit = await teller(tmp_path, recorded("b580_xe")).of_repo(repo, low_bit="fp16")
    assert (fit.verdict, fit.low_bit, fit.model) == (Verdict.DOES_NOT, "fp16", "Qwen/Qwen2.5-7B")
    gated = replace(repo, config=None, is_gated=True)
    fit = await teller(tmp_path, recorded("b580_xe")).of_repo(gated)
    assert fit.verdict is Verdict.UNKNOWN and "licence" in fit.reasons[0]
    fit = await teller(tmp_path, recorded("no_gpu")).of_repo(repo)
    assert fit.verdict is Verdict.UNKNOWN and fit.weights_bytes and fit.reasons[-1]


async def test_of_an_entry(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(shapes.TINYLLAMA))
    entry = ModelEntry(id="tiny", place=Place.FOLDER, path=str(folder), format=Format.SAFETENSORS)
    fit = await teller(tmp_path, GpuSnapshot(cards=(READING,))).of_entry(entry)
    assert fit.weights_bytes == pytest.approx(680e6, rel=0.01) and fit.low_bit == "sym_int4"
    gone = ModelEntry(id="gone", place=Place.FOLDER, path=str(tmp_path / "gone"))
    fit = await teller(tmp_path, GpuSnapshot(cards=(READING,))).of_entry(gone)
    assert fit.verdict is Verdict.UNKNOWN
    file = find_starter_model()
    starter = ModelEntry(id="starter", place=Place.STARTER, path=str(file), format=Format.GGUF)
    fit = await teller(tmp_path, recorded("no_gpu")).of_entry(starter)
    assert fit.cards[0].name == "main memory"


async def test_a_start_teaches_the_next_prediction(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(shapes.TINYLLAMA))
    tells = teller(tmp_path, recorded("b580_xe"), models_dir=str(tmp_path / "models"))
    entry = ModelEntry(id="tiny", place=Place.FOLDER, path=str(folder), format=Format.SAFETENSORS)
    assert (await tells.of_entry(entry)).factors.n == 0
    await tells.after_start("/llm/models/nowhere")
    assert (await tells.of_entry(entry)).factors.n == 0
    await tells.after_start("/llm/models/tiny")
    assert (await tells.of_entry(entry)).factors.n == 1
    await tells.after_start("/llm/models/tiny")
    assert (await tells.of_entry(entry)).factors.n == 1
