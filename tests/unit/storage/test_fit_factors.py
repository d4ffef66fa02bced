"""The file that keeps what runs taught: private, whole, and of no harm when it is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arcdesk.core.fit_measured import RUNS_KEPT, RunRatio, factors_of
from arcdesk.storage.fit_factors import FitFactorsFile


def run(number: int, weights: float = 1.0, reserve: float | None = None) -> RunRatio:
    return RunRatio(
        key=f"run{number}", weights=weights, reserve=reserve, model="a/b", low_bit="fp8", at=float(number)
    )


def test_runs_are_kept_in_the_persons_own_folder() -> None:
    file = FitFactorsFile()
    assert file.load() == ()
    file.save([run(1), run(2, 1.1, 0.8)])
    assert FitFactorsFile().load() == (run(1), run(2, 1.1, 0.8))
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_the_oldest_runs_go() -> None:
    FitFactorsFile().save([run(number) for number in range(RUNS_KEPT + 5)])
    kept = FitFactorsFile().load()
    assert len(kept) == RUNS_KEPT and kept[0].key == "run5"


def test_forgetting_begins_anew() -> None:
    file = FitFactorsFile()
    file.forget()
    file.save([run(1)])
    file.forget()
    assert file.load() == () and not file.path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe\x00",
        b'{"version": 2, "runs": [{"key": "a", "weights": 1}]}',
        b'{"version": 1, "runs": {}}',
        b'{"version": 1, "runs": [1, null, {"key": ""}, {"key": "a"}, {"key": "a", "weights": "x"}]}',
        b'{"version": 1, "runs": [{"key": "a", "weights": -1}, {"key": "a", "weights": NaN}]}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_counts_as_none(tmp_path: Path, content: bytes) -> None:
    file = FitFactorsFile(tmp_path / "factors.json")
    file.path.write_bytes(content)
    assert file.load() == ()
    file.save([run(1)])
    assert file.load() == (run(1),)


def test_a_sound_run_among_damaged_ones_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "factors.json"
    path.write_text(
        json.dumps({"version": 1, "runs": [7, {"key": "a", "weights": 1.2, "reserve": "x", "at": "y"}]})
    )
    assert FitFactorsFile(path).load() == (RunRatio(key="a", weights=1.2),)


def test_factors_are_medians_between_a_half_and_two() -> None:
    assert (factors_of([]).weights, factors_of([]).n) == (1.0, 0)
    found = factors_of([run(1, 1.1, 0.7), run(2, 1.3), run(3, 9.0, 0.1)])
    assert (found.weights, found.reserve, found.n) == (1.3, 0.5, 3)
    assert factors_of([run(1, 9.0)]).weights == 2.0


@pytest.mark.parametrize("at", [10**400, float("nan"), float("inf"), -1, "now", None])
def test_an_absurd_time_is_no_reason_to_fail(tmp_path: Path, at: object) -> None:
    file = FitFactorsFile(tmp_path / "factors.json")
    file.path.write_text(json.dumps({"version": 1, "runs": [{"key": "a", "weights": 1.2, "at": at}]}))

    assert [(one.key, one.at) for one in file.load()] == [("a", 0.0)]
