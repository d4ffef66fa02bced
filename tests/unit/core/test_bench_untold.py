"""Why memory and energy are unknown: what is certain is said, a note is a note, nothing is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.core.bench import BenchRun
from arcdesk.core.bench_report import render
from arcdesk.core.bench_untold import (
    ELSEWHERE,
    NO_CARD,
    NOT_RECORDED,
    NOT_TOLD,
    ON_CPU,
    untold,
    why_no_card,
    why_untold,
)
from tests.unit.core.bench_runs import run_of, steady, step_of

HERE, AWAY = "http://127.0.0.1:8001/v1", "http://192.0.2.7:8000/v1"


def a_run(*, engine: str = "container", base_url: str = HERE, kernel: str = "6.14") -> BenchRun:
    """Of a computer with a card."""
    run = run_of(step_of(1, steady()), engine=engine, base_url=base_url, kernel=kernel)
    return replace(run, surroundings=replace(run.surroundings, cards=("B580 (0000:03:00.0)",)))


def cardless(run: BenchRun) -> BenchRun:
    return replace(run, surroundings=replace(run.surroundings, cards=()))


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (a_run(engine="embedded"), ON_CPU),
        (a_run(engine="remote", base_url=AWAY), ELSEWHERE),
        (cardless(a_run(engine="remote")), NO_CARD),
        (cardless(a_run()), NO_CARD),
        (cardless(a_run(kernel="")), NOT_RECORDED),  # nobody looked at that computer
        (a_run(), NOT_RECORDED),
        (a_run(engine="", base_url="", kernel=""), NOT_RECORDED),
        (BenchRun(), NOT_RECORDED),
    ],
)
def test_the_reason_is_what_is_certain(run: BenchRun, why: str) -> None:
    assert why_untold(run) == why
    assert untold(run) == {"vram_peak_bytes": why, "energy_j": why}
    for fmt in ("text", "markdown"):
        assert render(run, fmt).count(f"unknown: {why}") == 2


def test_the_cards_words_are_in_the_note() -> None:
    run = replace(a_run(), note="The kernel hides it.\n token: hf_abcdefghijklmno")

    assert why_untold(run).startswith(f"{NOT_TOLD} The run's note: The kernel hides it. token")
    assert "hf_abc" not in why_untold(run) and NOT_RECORDED not in why_untold(run)


def test_a_card_that_told_one_figure_was_there() -> None:
    run = replace(cardless(a_run(engine="embedded")), vram_peak_bytes=5 << 30, note="It jumped.")

    assert untold(run) == {"energy_j": f"{NOT_TOLD} The run's note: It jumped."}
    assert untold(replace(run, energy_j=0.0)) == {}


@pytest.mark.parametrize(
    ("engine", "base_url", "why"),
    [
        ("embedded", HERE, ON_CPU),
        ("container", HERE, ""),
        ("remote", "http://localhost:8000/v1", ""),
        ("remote", AWAY, ELSEWHERE),
        ("remote", "", ""),
    ],
)
def test_only_an_own_or_a_far_server_has_surely_no_card_here(engine: str, base_url: str, why: str) -> None:
    assert why_no_card(engine, base_url) == why


def test_the_words_of_the_scripts_stay_as_they_are() -> None:
    assert "unknown" not in render(a_run(), "ipex")
