"""Models and cards on the program as it is started: tray menu, keys, a search and a download from a hub."""

from __future__ import annotations

import hashlib
import json
import struct
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.desktop.driver import ArcDesk, arcdesk, choose_in_tray_menu
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import need, run, wait_for
from tests.rig.hub_server import Fault, HubServer, Repo

pytestmark = pytest.mark.desktop

MODELS, CARDS = "Models — ArcDesk$", "Graphics cards — ArcDesk$"
# From the foot of the menu, whatever of the engine's entries is greyed out.
QUIT, CARDS_ENTRY, MODELS_ENTRY = ("Up",), ("Up",) * 5, ("Up",) * 6
MODEL = "acme/Tiny-1.1B-Chat"
CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 2048,
    "torch_dtype": "bfloat16",
}
WEIGHTS = "model.safetensors"
PATIENCE_S = 30.0


def weights(size_bytes: int) -> bytes:
    """One tensor, without a pattern."""
    head = {"w": {"dtype": "U8", "shape": [size_bytes], "data_offsets": [0, size_bytes]}}
    said = json.dumps(head).encode()
    return struct.pack("<Q", len(said)) + said + hashlib.shake_128(b"w").digest(size_bytes)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A hub with one model that is small, and one that has other words in its name."""
    with HubServer() as made:
        files = {"config.json": json.dumps(CONFIG).encode(), WEIGHTS: weights(400_000)}
        made.repos[MODEL] = Repo(files=files, downloads=12_345)
        made.repos["acme/Other"] = Repo(files={"config.json": b"{}"})
        yield made


@pytest.fixture
def app(session_bus: Desktop, hub: HubServer) -> Iterator[ArcDesk]:
    """ArcDesk that knows this hub and has no Docker; not started."""
    with arcdesk(session_bus, ARCDESK_HUB_ENDPOINT=hub.endpoint) as made:
        made.env = {name: value for name, value in made.env.items() if not name.startswith("HF_")}
        yield made


def start(app: ArcDesk) -> None:
    """Into the tray, as at log-in; what is used goes to the container."""
    app.start("--background", "--engine", "container")


def choose(app: ArcDesk, panel: TrayHost, entry: tuple[str, ...], window: str) -> int:
    """An entry of the tray's menu, and the window that it opens."""
    panel.desktop.park_pointer()
    panel.wait_for_icon()
    choose_in_tray_menu(panel, *entry, "Return")
    return app.wait_for_window(window, PATIENCE_S)


def search(app: ArcDesk, hub: HubServer) -> None:
    """By keys alone: the hub's tab, its search field, the first hit, until the hub was asked about it."""
    before = len(hub.requests("/config.json"))
    app.desktop.key("ctrl+Next", "ctrl+f")
    app.desktop.type("tiny")
    app.desktop.key("Return")

    def look() -> bool:
        app.desktop.key("Down")  # the list may not be filled yet
        return len(hub.requests("/config.json")) > before

    wait_for(look, "its config, of which the fit is reckoned", PATIENCE_S)


def settings(app: ArcDesk) -> dict[str, Any]:
    """What the program has kept."""
    file = app.home / "config" / "arcdesk" / "config.toml"
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def snapshot(app: ArcDesk, hub: HubServer) -> Path:
    """Where the cache has the model as soon as it is whole."""
    folder = app.home / ".cache" / "huggingface" / "hub" / f"models--{MODEL.replace('/', '--')}"
    return folder / "snapshots" / hub.repos[MODEL].commit


def unfinished(app: ArcDesk) -> list[Path]:
    """Parts of downloads."""
    return [*(app.home / ".cache" / "huggingface").rglob("*.incomplete")]


def press_until(app: ArcDesk, key: str, done: Any, what: str) -> None:
    """What a person does who waits for a button to come alive."""

    def look() -> bool:
        app.desktop.key(key)
        return bool(done())

    wait_for(look, what, PATIENCE_S)


def quit_by_menu(app: ArcDesk, panel: TrayHost) -> None:
    """The menu's last entry."""
    choose_in_tray_menu(panel, *QUIT, "Return")
    app.assert_ended_in_order()


def test_a_model_is_found_downloaded_and_used_by_keys_alone(
    app: ArcDesk, sni_tray: TrayHost, hub: HubServer
) -> None:
    start(app)
    choose(app, sni_tray, MODELS_ENTRY, MODELS)
    assert not hub.seen, "nothing is asked of the hub before a person does"
    search(app, hub)
    app.desktop.key("Return")  # Download
    arrived = snapshot(app, hub) / WEIGHTS
    wait_for(arrived.exists, "the weights in the cache", PATIENCE_S)
    assert arrived.read_bytes() == hub.repos[MODEL].files[WEIGHTS]
    # the same key goes on from there
    press_until(app, "Return", lambda: MODEL in str(settings(app).get("container")), "the choice, kept")
    assert not unfinished(app)
    assert len(hub.requests(f"/storage/{MODEL}/{WEIGHTS}")) == 1, "it was fetched once"
    assert {one.token for one in hub.seen} == {""}, "there is no token to be told"
    assert {"acme/Other"} & {one.path for one in hub.seen} == set()
    quit_by_menu(app, sni_tray)


def test_quitting_ends_a_download_in_order_and_another_run_goes_on(
    app: ArcDesk, sni_tray: TrayHost, hub: HubServer
) -> None:
    hub.fails(f"/storage/{MODEL}/{WEIGHTS}", Fault(stall_after=100_000))
    start(app)
    choose(app, sni_tray, MODELS_ENTRY, MODELS)
    search(app, hub)
    app.desktop.key("Return")
    wait_for(lambda: sum(part.stat().st_size for part in unfinished(app)), "some of it", PATIENCE_S)
    choose(app, sni_tray, CARDS_ENTRY, CARDS)  # both windows are open
    quit_by_menu(app, sni_tray)
    assert not (snapshot(app, hub) / WEIGHTS).exists()
    assert unfinished(app), "what came is kept"
    hub.release()
    start(app)
    choose(app, sni_tray, MODELS_ENTRY, MODELS)
    search(app, hub)
    app.desktop.key("Return")
    arrived = snapshot(app, hub) / WEIGHTS
    wait_for(arrived.exists, "the weights in the cache", PATIENCE_S)
    assert arrived.read_bytes() == hub.repos[MODEL].files[WEIGHTS]
    assert hub.requests(f"/storage/{MODEL}/{WEIGHTS}")[-1].range, "only the rest was fetched"
    quit_by_menu(app, sni_tray)


def test_the_cards_window_says_what_the_command_says(app: ArcDesk, xembed_tray: TrayHost) -> None:
    need("xclip")
    said = app.run("gpu").stdout.splitlines()
    start(app)
    choose(app, xembed_tray, CARDS_ENTRY, CARDS)
    app.desktop.key(*["shift+Tab"] * 4)  # from the cards back to the first button at the foot

    def copied() -> list[str]:
        app.desktop.key("space")
        return run(["xclip", "-o", "-selection", "clipboard"], app.env, timeout_s=5).splitlines()

    text = wait_for(copied, "the figures in the clipboard", PATIENCE_S)
    assert text[0] == said[0], "the first card, or why there is none"
    app.desktop.key("Escape")
    wait_for(lambda: not app.windows(CARDS), "the window to go")
    quit_by_menu(app, xembed_tray)
