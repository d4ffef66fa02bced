"""Runs the tests tier by tier, each in a process of its own, and sums up: `python -m tests.run [TIER …]`.

unit     no Qt importable              ui       real widgets, offscreen
desktop  Xvfb, window manager, tray    docker   a real Docker Engine
vllm     a real vLLM in a container
A tier that can't run is reported with its reason; with CI=true that is a failure.

Tests that start programs, desktops, daemons or servers share few cores with them. Up to four of a tier that
fail are tried once more, alone: one that fails again is a failure, one that passes is listed as unsteady.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NO_QT = ["-p", "no:pytest-qt", "-W", "ignore::pytest.PytestConfigWarning"]
TIERS: dict[str, list[str]] = {
    "unit": ["tests/unit", *NO_QT],
    "ui": ["tests/ui"],
    "docker": ["tests/rig", "tests/docker", *NO_QT],
    "desktop": ["tests/desktop"],
    "vllm": ["tests/vllm"],
}
EXIT_NO_TESTS = 5
EXIT_FAILED = 1
MOST_UNSTEADY = 4


@dataclass(frozen=True)
class Outcome:
    """What one tier did. `reasons` are those of skipped tests, `failures` the names of what failed to the
    end; `unsteady` passed at the second try only."""

    tier: str
    passed: int
    failed: int
    skipped: int
    reasons: tuple[str, ...]
    seconds: float
    exit_code: int
    failures: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()


def run_tier(tier: str) -> Outcome:
    """One tier; its output goes straight through."""
    print(f"\n=== {tier} ===", flush=True)
    outcome = _run(tier)
    names = outcome.failures
    if outcome.exit_code != EXIT_FAILED or len(names) > MOST_UNSTEADY:
        return outcome
    print(f"\n=== {tier}: once more, alone: {', '.join(names)} ===", flush=True)
    again = _run(tier, "--last-failed", "--last-failed-no-failures=none")
    return replace(
        outcome,
        passed=outcome.passed + again.passed,
        failed=again.failed,
        seconds=outcome.seconds + again.seconds,
        exit_code=again.exit_code,
        failures=again.failures,
        unsteady=tuple(name for name in names if name not in again.failures),
    )


def _run(tier: str, *options: str) -> Outcome:
    environment = {**os.environ, "ARCDESK_TEST_TIER": tier, "PYTHONDONTWRITEBYTECODE": "1"}
    if tier in ("unit", "ui", "docker"):
        environment["QT_QPA_PLATFORM"] = "offscreen"
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        cache = ["-o", f"cache_dir=.pytest_cache/{tier}"]
        command = [
            sys.executable,
            "-m",
            "pytest",
            *TIERS[tier],
            *cache,
            f"--junitxml={report}",
            "-q",
            *options,
        ]
        exit_code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        return _read(tier, report, time.monotonic() - began, exit_code)


def _read(tier: str, report: Path, seconds: float, exit_code: int) -> Outcome:
    passed = skipped = 0
    reasons: list[str] = []
    failed: dict[str, None] = {}  # a test may fail, and then its taking down
    cases = ElementTree.parse(report).iter("testcase") if report.exists() else []
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failed[f"{case.get('classname')}.{case.get('name')}"] = None
        elif (skip := case.find("skipped")) is not None:
            skipped += 1
            reasons.append(str(skip.get("message")))
        else:
            passed += 1
    told = tuple(dict.fromkeys(reasons))
    return Outcome(tier, passed, len(failed), skipped, told, seconds, exit_code, tuple(failed))


def main(tiers: list[str]) -> int:
    """Run the tiers, print a table; 0 if all of them passed."""
    outcomes = [run_tier(tier) for tier in tiers or TIERS]
    is_ci = os.environ.get("CI") == "true"
    print("\n=== summary ===")
    is_good = True
    for outcome in outcomes:
        ran = outcome.exit_code == 0 and outcome.passed > 0 and not (is_ci and outcome.skipped)
        is_good &= ran or (outcome.exit_code == 0 and not is_ci)
        print(
            f"{outcome.tier:8} {outcome.passed:5} passed {outcome.failed:4} failed "
            f"{outcome.skipped:4} skipped {outcome.seconds:7.0f} s  {'ok' if ran else 'NOT OK'}"
        )
        for reason in outcome.reasons:
            print(f"         can't run here: {reason}")
        for name in outcome.failures:
            print(f"         FAILED: {name}")
        for name in outcome.unsteady:
            print(f"         UNSTEADY, passed at the second try only: {name}")
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
