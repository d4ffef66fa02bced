"""Draws the models window in its states: `python -m tests.shots_models FOLDER [--scale 2]`.

The list comes from the program's own reader of a cache made for it, the fit from its own prediction, with a
card of the table; only the hub's answers are written down here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.fit import Fit, FitCard, FitWish
from arcdesk.core.fit_cards import find_card, parse_cards
from arcdesk.core.fit_predict import predict
from arcdesk.core.hub import Download, DownloadPhase, HubModel, HubRepo
from arcdesk.core.model_config import parse_config
from arcdesk.core.models import ModelEntry, ServedModel, SpeedSeen, StartModel
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.core.start_models import parse_start_models
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.services.model_list import ModelListing, Serving, join_models
from arcdesk.storage.model_disk import ModelDisk
from arcdesk.ui import theme
from arcdesk.ui.models_pane import HUB
from arcdesk.ui.models_view import Detail, HubSearch, ModelsView, Notice, Subject, Work
from arcdesk.ui.models_window import ModelsWindow
from arcdesk.ui.resources import resource_dir
from tests.model_cache_rig import QWEN_7B, TINY, fill_cache

GIB = 2**30
ENDPOINT = Endpoint(base_url="http://127.0.0.1:8001/v1", model="tinyllama")
SPEEDS = {"tinyllama": SpeedSeen(n=14, decode_tokens_per_s=84.2, ttft_ms=131.0, engine="container")}
HITS = (
    HubModel(
        id="Qwen/Qwen2.5-7B-Instruct",
        downloads=14_210_332,
        likes=812,
        updated="2025-01-12",
        licence="apache-2.0",
    ),
    HubModel(
        id="meta-llama/Llama-3.1-8B-Instruct",
        downloads=6_120_010,
        likes=4501,
        updated="2024-09-25",
        licence="llama3.1",
        is_gated=True,
    ),
    HubModel(
        id="Qwen/Qwen2.5-14B-Instruct",
        downloads=981_200,
        likes=280,
        updated="2024-09-25",
        licence="apache-2.0",
    ),
    HubModel(id="Qwen/Qwen2.5-7B-Instruct-AWQ", downloads=402_000, likes=31, updated="2024-10-09"),
)
OFFLINE = Problem(
    cause="hub_offline",
    title="The hub can't be reached",
    detail="huggingface.co does not answer: the name can't be resolved.",
    hint="Check the network, or name a mirror in the settings.",
    actions=(Action(kind=ActionKind.RETRY, label="Try again"),),
)


def card(name: str) -> FitCard:
    """A card of the table."""
    table = (resource_dir() / "gpu" / "arc_cards.csv").read_text(encoding="utf-8")
    found = find_card(name, parse_cards(table))
    assert found is not None
    return found


def fit_of(config: Mapping[str, object], size_bytes: int, name: str, low_bit: str = "sym_int4") -> Fit:
    """The program's own prediction."""
    wish = FitWish(low_bit=low_bit, memory_share=0.95)
    one = replace(card(name), held_bytes=int(0.4 * GIB), is_measured=True)
    return predict(parse_config(config), size_bytes, [one], wish, model="")


async def listing(folder: Path) -> ModelListing:
    """What the reader finds in a cache made for it, TinyLlama served."""
    hub = folder / "hub"
    fill_cache(hub)
    settings = Settings(container=ContainerSettings(hf_cache_dir=str(folder)))
    disk = ModelDisk(lambda: settings, starter=find_starter_model, environ={}, history=folder / "none.db")
    served = [ServedModel(id="tinyllama", root="TinyLlama/TinyLlama-1.1B-Chat-v1.0", max_model_len=2048)]
    entries = join_models(await disk.entries(), served, SPEEDS, Serving(endpoint=ENDPOINT))
    shown = tuple(
        replace(entry, path=entry.path.replace(str(folder), "/home/me/.cache/huggingface"))
        for entry in entries
    )
    return ModelListing(entries=shown, is_known=True)


def scenes(found: ModelListing) -> dict[str, tuple[ModelsView, Subject | None, int]]:
    """The view, the model that is chosen, and the tab."""
    start = start_list(found)
    base = ModelsView(listing=found, start=start)
    by_id = {entry.id: entry for entry in found.entries}
    qwen, tiny = by_id["Qwen/Qwen2.5-7B-Instruct"], by_id["TinyLlama/TinyLlama-1.1B-Chat-v1.0"]
    broken = next(entry for entry in found.entries if entry.troubles)
    qwen_fit = fit_of(QWEN_7B, int(15.2 * GIB), "b580")
    search = HubSearch(words="qwen 7b", results=HITS)
    repo = HubRepo(id=HITS[0].id, commit="0" * 40, config=dict(QWEN_7B))
    hub_detail = Detail(
        subject=HITS[0], repo=repo, repo_bytes=int(15.2 * GIB), fit=fit_of(QWEN_7B, int(15.2 * GIB), "b580")
    )
    too_big = fit_of(QWEN_7B, int(15.2 * GIB), "a750", "fp16")
    chosen = Notice(
        text="Qwen2.5-7B-Instruct is chosen. The engine still runs tinyllama.",
        detail="Name of the model for programs: tinyllama → qwen2.5-7b-instruct · "
        "Context length: 2048 tokens → 8192 tokens · Tokens in one step: 3000 tokens → 8192 tokens",
        buttons=(("restart", "Restart now"), ("close", "Later"), ("undo", "Undo")),
    )
    return {
        "list": (
            replace(base, detail=Detail(subject=tiny, fit=fit_of(TINY, int(2.2 * GIB), "b580"))),
            tiny,
            0,
        ),
        "fit": (replace(base, detail=Detail(subject=qwen, fit=qwen_fit), notice=chosen), qwen, 0),
        "no-fit": (replace(base, detail=Detail(subject=qwen, fit=too_big, low_bit="fp16")), qwen, 0),
        "trouble": (replace(base, detail=Detail(subject=broken)), broken, 0),
        "start": (replace(base, detail=Detail(subject=start[0])), start[0], 0),
        "hub": (replace(base, search=search, detail=replace(hub_detail, is_here=True)), HITS[0], HUB),
        "downloads": (
            replace(
                base,
                search=search,
                detail=replace(hub_detail, download=downloads()[0]),
                downloads=downloads(),
                work=Work(text="Reads Phi-3-mini-4k-instruct.", done_bytes=2 * GIB, total_bytes=7 * GIB),
            ),
            HITS[0],
            HUB,
        ),
        "empty": (ModelsView(listing=only_starter(found), start=start), None, 0),
        "error": (replace(base, search=HubSearch(words="qwen", problem=OFFLINE)), None, HUB),
    }


def start_list(found: ModelListing) -> tuple[StartModel, ...]:
    """As the controller leaves it."""
    here = {entry.id for entry in found.entries}
    models = parse_start_models((resource_dir() / "models.toml").read_text(encoding="utf-8"))
    return tuple(model for model in models if model.id not in here)


def only_starter(found: ModelListing) -> ModelListing:
    """A computer without downloads."""
    return replace(found, entries=tuple(entry for entry in found.entries if _is_starter(entry)))


def _is_starter(entry: ModelEntry) -> bool:
    return entry.place.value == "starter"


def downloads() -> tuple[Download, ...]:
    """One that runs, one paused, one that failed."""
    full = Problem(
        cause="no_space",
        title="The disk is full",
        detail="0.8 GiB are missing for the rest.",
        hint="Free some space, then try again: what has come is kept.",
    )
    return (
        Download(
            repo="Qwen/Qwen2.5-7B-Instruct",
            phase=DownloadPhase.RUNNING,
            done_bytes=int(5.7 * GIB),
            total_bytes=int(15.2 * GIB),
            bytes_per_s=38e6,
            seconds_left=268.0,
        ),
        Download(
            repo="microsoft/Phi-3-mini-4k-instruct",
            phase=DownloadPhase.PAUSED,
            done_bytes=3 * GIB,
            total_bytes=7 * GIB,
        ),
        Download(
            repo="deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
            phase=DownloadPhase.FAILED,
            done_bytes=14 * GIB,
            total_bytes=15 * GIB,
            problem=full,
        ),
    )


def draw(folder: Path, suffix: str = "") -> list[Path]:
    """Draw every scene in both themes; returns the files."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    with tempfile.TemporaryDirectory() as cache:
        found = asyncio.run(listing(Path(cache)))
    written = []
    for name, palette in (("light", theme.LIGHT), ("dark", theme.DARK)):
        theme.apply(app, palette)
        for scene, (view, subject, tab) in scenes(found).items():
            window = ModelsWindow()
            window.set_palette_colors(palette)
            window.show()
            window.pane.words.setText(view.search.words)
            window.pane.show_tab(tab)
            window.present(view)
            if subject is not None:
                window.choose(subject)
                window.present(view)
            for _ in range(5):  # labels that wrap tell their height when they know their width
                app.processEvents()
            written.append(folder / f"models-{scene}-{name}{suffix}.png")
            window.grab().save(str(written[-1]))
            window.close()
            window.deleteLater()
    return written


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.shots_models", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--suffix", default="")
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for file in draw(chosen.folder, chosen.suffix):
        print(file.name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
