"""`arcdesk bench --preset`: the window's benchmarks, and what an option beside one changes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from arcdesk.app import cli_bench
from arcdesk.core.bench import Api, BenchPlan, Dataset
from arcdesk.core.bench_presets import PRESETS, PresetId, plan_of, preset_of
from arcdesk.core.errors import UsageError
from tests.rig.paced_server import PacedServer
from tests.unit.app.command import run
from tests.unit.app.test_cli_bench import parse


def planned(words: str) -> BenchPlan:
    return cli_bench.plan_of(parse(*words.split()))


def preset(name: str) -> BenchPlan:
    plan = plan_of(PresetId(name))
    assert plan is not None
    return plan


def test_the_terminal_offers_what_the_window_offers() -> None:
    assert tuple(each.id.value for each in PRESETS) == cli_bench.PRESETS
    for name in cli_bench.PRESETS:
        assert planned(f"--preset {name}") == preset(name)
        assert f"\n  {name} " in cli_bench.EXAMPLES


def test_the_documents_benchmark_stays_itself_with_another_concurrency() -> None:
    plan = planned("--preset documents --concurrency 8")
    assert plan.concurrencies == (8,) and preset_of(plan) is PresetId.DOCUMENTS


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("--preset suite --input 1024", {"input_tokens": 1024}),  # explicit, although the usual default
        ("--preset suite --output 512 --concurrency 1", {"output_tokens": 512, "concurrencies": (1,)}),
        ("--preset suite --warm-up 0", {"warm_up_requests": 0}),
        ("--preset suite --seed 0 --no-ignore-eos", {"is_ignoring_eos": False}),
        ("--preset quick --same-prompt --api chat", {"is_same_prompt": True, "api": Api.CHAT}),
        ("--preset quick --requests 9", {"requests": 9, "duration_s": None}),
        ("--preset suite --duration 5", {"requests": None, "duration_s": 5.0}),
        ("--preset quick --rate 2.5", {"rate_per_s": 2.5}),
        ("--preset quick --ttft-limit 500", {"ttft_limit_ms": 500.0}),
    ],
)
def test_an_option_changes_its_part_of_the_preset_only(words: str, changes: dict[str, object]) -> None:
    assert planned(words) == replace(preset(words.split()[1]), **changes)  # type: ignore[arg-type]


def test_files_can_be_named_beside_a_preset(tmp_path: Path) -> None:
    (prompts := tmp_path / "prompts.txt").write_text("One.\nTwo.\n")
    (image := tmp_path / "cat.png").write_bytes(b"\x89PNG")
    plan = planned(f"--preset quick --dataset file:{prompts} --image {image}")
    assert (plan.dataset, plan.dataset_path) == (Dataset.FILE, str(prompts))
    assert (plan.api, plan.image_path) == (Api.CHAT, str(image))
    assert plan.concurrencies == (1, 4)


def test_the_plan_made_by_hand_is_the_suite_too() -> None:
    words = "--concurrency 1,4 --input 256 --output 64 --requests 40 --warm-up 4"
    assert preset_of(planned(words)) is PresetId.SUITE


def test_a_rate_needs_an_end_beside_a_preset_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="A rate needs an end"):
        planned("--preset documents --rate 5")
    with pytest.raises(SystemExit):
        parse("--preset", "own")
    assert "invalid choice: 'own'" in capsys.readouterr().err


async def test_the_command_measures_the_preset() -> None:
    async with PacedServer(first_s=0.001, token_s=0.0001) as server:
        arguments = ("--preset", "autotp", "--requests", "3", "--output", "4", "--json")
        done = await run("bench", "--engine", server.base_url, *arguments)
        assert done.code == 0, done.err
        report = json.loads(done.out)
        assert [(step["concurrency"], step["good"]) for step in report["steps"]] == [(1, 3), (2, 3), (3, 3)]
        asked = [one.body for one in server.asked if one.body and one.body.get("stream")]
    assert len({body["prompt"] for body in asked}) == 1  # the same for all, as the preset has it
    assert {body["max_tokens"] for body in asked} == {4}
    told = await asyncio.wait_for(run("bench", "--help"), 60)
    assert "--preset {quick,documents,autotp,suite}" in told.out and "\n  suite " in told.out
