"""`arcdesk fit`: models on the disk and on a hub, cards by name and of this computer."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from arcdesk.app import cli_fit, fit_teller
from arcdesk.core.fit_formats import GIB
from arcdesk.core.gpu import GpuSnapshot
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.telemetry.gpu_host import RecordedHost
from arcdesk.telemetry.gpu_reader import CardReader
from tests.rig.gpu_tree import load_recording
from tests.rig.hub_server import Fault, HubServer, Repo
from tests.unit.core import model_shapes as shapes

Json = dict[str, Any]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fit(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the command; its exit code, output and errors."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ARCDESK_CONTAINER_HF_CACHE_DIR", str(tmp_path / "hf"))

    def run(*words: str) -> tuple[int, str, str]:
        shared = argparse.ArgumentParser(add_help=False)
        shared.add_argument("--engine", default=None)
        shared.add_argument("--set", action="append", default=None)
        shared.add_argument("--json", action="store_true")
        parser = argparse.ArgumentParser(prog="arcdesk")
        cli_fit.add_parser(parser.add_subparsers(), shared)
        code = cli_fit.run(parser.parse_args(["fit", *words]))
        said = capsys.readouterr()
        return code, said.out.replace("\u202f", " "), said.err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> str:
    path = tmp_path / "qwen"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(shapes.QWEN25_7B))
    return str(path)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        index = json.dumps({"metadata": {"total_size": 15_231_233_024}, "weight_map": {"a": "b"}}).encode()
        files = {"config.json": json.dumps(shapes.QWEN25_7B).encode(), "model.safetensors.index.json": index}
        server.repos["Qwen/Qwen2.5-7B"] = Repo(files={**files, "model-00001-of-00001.safetensors": b"x" * 64})
        yield server


def seeing(monkeypatch: pytest.MonkeyPatch, recording: str) -> None:
    """This computer has the cards of a recording."""
    host = RecordedHost(load_recording(recording))
    monkeypatch.setattr(fit_teller, "read_cards", lambda: CardReader(host).sample())


def test_a_person_reads_why(fit: Run, folder: str) -> None:
    code, out, err = fit(folder, "--card", "b580")
    assert (code, err) == (0, "")
    first = out.splitlines()[0]
    assert (
        first == f"✓ {folder} in sym_int4 fits on Intel Arc B580 (11.9 GiB), with a context of 8 192 tokens."
    )
    assert "Best format" in out and "Largest context" in out
    assert "leave" in out.split("While it loads")[1]


def test_json_has_bytes(fit: Run, folder: str) -> None:
    code, out, _ = fit(folder, "--card", "b580", "--low-bit", "fp16", "--json")
    answer = json.loads(out)
    assert (code, answer["verdict"], answer["low_bit"]) == (0, "does not", "fp16")
    assert answer["weights"] == pytest.approx(14.2487 * GIB, rel=0.01)
    assert answer["cards"] == [
        {"name": "Intel Arc B580", "address": None, "total": 12216 * 2**20, "held": 0, "measured": False}
    ]
    assert answer["margin"] < 0 and answer["best_low_bit"]


def test_two_named_cards_share_the_model(fit: Run, folder: str) -> None:
    _, out, _ = fit(folder, "--card", "b580,b580", "--json")
    _, alone, _ = fit(folder, "--card", "b580", "--json")
    assert json.loads(out)["kv_per_token"] * 2 == json.loads(alone)["kv_per_token"]
    _, text, _ = fit(folder, "--card", "b580,b580")
    assert "2 × Intel Arc B580" in text
    _, piped, _ = fit(folder, "--card", "b580,b580", "--pp", "2", "--json")
    assert json.loads(piped)["kv_per_token"] * 2 == json.loads(alone)["kv_per_token"]
    _, refused, _ = fit(folder, "--card", "b580,b580,b580", "--json")
    assert "can't be divided among 3 cards" in json.loads(refused)["reasons"][0]


def test_the_cards_of_this_computer(fit: Run, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seeing(monkeypatch, "dual_b580_xe")
    code, out, _ = fit(folder, "--json")
    (card,) = json.loads(out)["cards"]
    assert code == 0
    assert (card["measured"], card["total"]) == (True, 12216 * 2**20)
    assert card["held"] > 0 and card["address"].startswith("0000:")


def test_too_little_main_memory_counts_for_this_computer_only(
    fit: Run, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeing(monkeypatch, "dual_b580_xe")
    monkeypatch.setattr(fit_teller, "host_memory_bytes", lambda: 8 * GIB)
    _, here, _ = fit(folder, "--json")
    assert json.loads(here)["verdict"] == "does not"
    assert any("the computer needs" in sentence for sentence in json.loads(here)["reasons"])
    _, there, _ = fit(folder, "--card", "b580", "--json")
    assert json.loads(there)["verdict"] == "fits"


def test_without_a_card_it_says_how(fit: Run, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fit_teller, "read_cards", lambda: GpuSnapshot(why_none="This computer has no Intel card.")
    )
    code, out, _ = fit(folder)
    assert code == 3
    assert "Weights take 4.5 GiB" in out
    assert "This computer has no Intel card. Name one: --card b580." in out


def test_integrated_graphics_are_no_card_for_it(
    fit: Run, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeing(monkeypatch, "lunarlake_xe_igpu")
    code, out, _ = fit(folder)
    assert code == 3 and "integrated graphics only" in out


def test_a_context_of_ones_own(fit: Run, folder: str) -> None:
    _, out, _ = fit(folder, "--card", "b580", "--context", "2048", "--json")
    assert json.loads(out)["context"] == 2048


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("--card", "b999"), "card_unknown"),
        (("--card", ""), "card_unknown"),
        (("--card", "b580,"), "card_unknown"),
        (("--card", "b580", "--low-bit", "int3"), "low_bit_unknown"),
    ],
)
def test_wrong_words_end_in_2(fit: Run, folder: str, words: tuple[str, ...], cause: str) -> None:
    code, out, err = fit(folder, *words, "--json")
    assert (code, json.loads(out)["error"]["cause"]) == (2, cause)
    assert err.startswith("arcdesk: ")


@pytest.mark.parametrize(
    "words", [("--context", "0"), ("--tp", "-1"), ("--pp", "x"), ("--context", "9" * 5000)]
)
def test_numbers_are_above_0(fit: Run, folder: str, words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as ended:
        fit(folder, *words)
    assert ended.value.code == 2


def test_a_model_on_the_hub_costs_two_small_files(fit: Run, hub: HubServer) -> None:
    code, out, err = fit(
        "Qwen/Qwen2.5-7B", "--card", "a770", "--set", f"models.hub_endpoint={hub.endpoint}", "--json"
    )
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert (answer["verdict"], answer["model"]) == ("fits", "Qwen/Qwen2.5-7B")
    assert not hub.requests(".safetensors"), "no weights are asked for"
    assert hub.requests("config.json")


def test_what_the_hub_refuses_is_said(fit: Run, hub: HubServer) -> None:
    at = ("--card", "a770", "--set", f"models.hub_endpoint={hub.endpoint}")
    code, _, err = fit("nobody/nothing", *at)
    assert code == 5 and "nobody/nothing" in err
    hub.fails("Qwen2.5-7B", Fault(status=503, times=99))
    hub.fails("revision/main", Fault(status=503, times=99))
    code, _, err = fit("Qwen/Qwen2.5-7B", *at)
    assert code == 1 and err.startswith("arcdesk: ")


def test_offline_the_hub_is_not_asked(fit: Run, hub: HubServer) -> None:
    at = (
        "--card",
        "b580",
        "--set",
        f"models.hub_endpoint={hub.endpoint}",
        "--set",
        "models.hub_offline=true",
    )
    code, _, err = fit("Qwen/Qwen2.5-7B", *at)
    assert code == 3 and "offline" in err
    assert hub.seen == []


def test_a_model_in_the_cache_needs_no_hub(fit: Run, tmp_path: Path, hub: HubServer) -> None:
    snapshot = tmp_path / "hf" / "hub" / "models--TinyLlama--TinyLlama-1.1B" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps(shapes.TINYLLAMA))
    at = ("--set", f"models.hub_endpoint={hub.endpoint}")
    code, out, _ = fit("TinyLlama/TinyLlama-1.1B", "--card", "b580", "--json", *at)
    assert (code, json.loads(out)["best_low_bit"]) == (0, "fp16")
    assert hub.seen == []


def test_a_gguf_file_is_fitted_into_main_memory(fit: Run) -> None:
    file = find_starter_model()
    assert file is not None
    code, out, _ = fit(str(file), "--json")
    answer = json.loads(out)
    assert code == 0 and answer["cards"][0]["name"] == "main memory"
    assert answer["weights"] == pytest.approx(file.stat().st_size, rel=0.05)


def test_words_of_a_gguf_file(fit: Run, tmp_path: Path) -> None:
    assert "fits in main memory (" in fit(str(find_starter_model()))[1]

    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(60))
    code, out, _ = fit(str(broken))
    assert code == 3 and "Its GGUF file does not say enough" in out
    assert "sym_int4" not in out


def test_what_is_not_there_ends_in_5(fit: Run) -> None:
    code, _, err = fit("/nothing/here")
    assert code == 5 and "There is no model at /nothing/here" in err


def test_a_config_that_is_none_is_said(fit: Run, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    code, out, _ = fit(str(tmp_path / "broken"), "--card", "b580")
    assert code == 3 and "There is no config.json that could be understood" in out
    assert "\n\n\n" not in out


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ('{"base_model_name_or_path": "Qwen/Qwen3-8B"}', "on top of Qwen/Qwen3-8B"),
        ("{", "on top of its base model"),
        ("[1]", "on top of its base model"),
    ],
)
def test_an_adapter_is_no_whole_model(fit: Run, tmp_path: Path, stated: str, words: str) -> None:
    (tmp_path / "adapter_config.json").write_text(stated)
    (tmp_path / "adapter_model.safetensors").write_bytes(bytes(100))
    code, _, err = fit(str(tmp_path), "--card", "b580")
    assert code == 5 and "is an adapter (LoRA)" in err and words in err


@pytest.mark.parametrize(
    "name", ["a/../b", "Qwen/..", "Qwen/.", "../x", "Qwen/x\n", "a/b/c", "a--b/c", "a/b.", "/", "a/b?x=1"]
)
def test_no_trick_with_slashes_and_dots_asks_the_hub(fit: Run, hub: HubServer, name: str) -> None:
    code, _, err = fit(name, "--card", "b580", "--set", f"models.hub_endpoint={hub.endpoint}")
    assert code == 5 and "There is no model at" in err
    assert hub.seen == []
