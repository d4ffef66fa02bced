"""`arcdesk bench` against a container that plays the image's contract, on a real Docker Engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arcdesk.core.settings import ContainerSettings
from tests.docker.engine_helpers import MODEL_DIR, daemon, own_daemon, settings
from tests.docker.test_cli_container import Terminal, terminal
from tests.rig.private_engine import PrivateEngine

__all__ = ["daemon", "own_daemon", "settings", "terminal"]  # fixtures
pytestmark = pytest.mark.docker
BENCH = ("bench", "--engine", "container", "--input", "16", "--output", "4", "--warm-up", "0")


def bench(terminal: Terminal, *arguments: str) -> dict[str, Any]:
    done = terminal.run(*BENCH, *arguments, "--json")
    assert done.code == 0, done.err
    return done.json


def test_a_container_is_measured_and_its_run_tells_what_it_was_made_on(
    terminal: Terminal, daemon: PrivateEngine, settings: ContainerSettings, tmp_path: Path
) -> None:
    assert terminal.run("bench", "--engine", "container", "--requests", "1").code == 3  # nothing runs yet
    assert terminal.run("start", "--engine", "container").code == 0

    first = bench(terminal, "--concurrency", "1,2", "--requests", "2", "--out", str(tmp_path / "out"))
    assert [(step["good"], step["failed"]) for step in first["steps"]] == [(2, 0), (2, 0)]
    assert all(step["output_tokens"]["value"] == 2 * 4 for step in first["steps"])
    assert all(0 < step["ttft_ms"]["p50"] < step["e2e_ms"]["p50"] for step in first["steps"])
    around = first["surroundings"]
    image_id = daemon.engine.docker("image", "inspect", "--format", "{{.Id}}", settings.image).strip()
    assert (around["engine"], around["image"], around["image_digest"]) == (
        "container",
        settings.image,
        image_id,
    )
    assert around["settings"]["model_path"] == MODEL_DIR
    assert around["settings"]["max_num_seqs"] == str(settings.max_num_seqs)
    assert around["kernel"] and around["host_load"] is not None
    assert first["energy_j"] is None or first["energy_j"] > 0
    assert (tmp_path / "out" / "2.log").read_text().startswith("Total time for 2 requests with 2")

    terminal.set(max_num_seqs=settings.max_num_seqs - 2)
    assert terminal.run("restart", "--engine", "container").code == 0
    second = bench(terminal, "--requests", "1")

    told = terminal.run("bench", "--compare", str(first["id"]), str(second["id"]))
    assert told.code == 0, told.err
    before, after = settings.max_num_seqs, settings.max_num_seqs - 2
    assert f"max_num_seqs: {before} → {after}." in told.out
    exported = json.loads(terminal.run("bench", "--export", str(first["id"])).out)
    assert exported["surroundings"]["image_digest"] == image_id
