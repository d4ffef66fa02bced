"""The energy counters of recorded machines: the right files, no sleeping card, no invented value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arcdesk.core.energy import joules_between
from arcdesk.core.gpu import Why
from arcdesk.telemetry.gpu_energy import HwmonEnergy
from arcdesk.telemetry.gpu_recorded import RecordedHost

RECORDINGS = Path(__file__).parents[2] / "data" / "gpu" / "recordings"


def recording(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("name", ["b580_xe", "dual_b580_xe", "a770_i915", "a380_i915"])
def test_joules_fit_the_recorded_power(name: str) -> None:
    data = recording(name)
    host = RecordedHost(data)
    counters = HwmonEnergy(host)

    before = counters.read()
    host.advance()
    after = counters.read()

    expected = data["expected"]["gpus"]
    assert [counter.address for counter in after] == list(expected)
    for first, second in zip(before, after, strict=True):
        used = joules_between(first, second)
        wanted = expected[first.address]
        assert second.at - first.at == pytest.approx(host.dt_s)
        assert used.value == pytest.approx(wanted["power_w"] * host.dt_s, abs=0.1 * host.dt_s)
        assert used.source == f"hwmon {wanted['power_from']}"


def test_a_sleeping_card_is_not_woken() -> None:
    data = recording("b580_xe_suspended")
    host = RecordedHost(data)

    (counter,) = HwmonEnergy(host).read()

    assert counter.unknown is not None and counter.unknown.why is Why.ASLEEP
    assert not counter.channels_uj
    assert host.touched
    waking = data["permissions"]["wakes_gpu"]
    assert not [path for path in host.touched for start in waking if path.startswith(start)]


def test_a_busy_counter_is_asked_once_more() -> None:
    data = recording("b580_xe")
    files = [path for path in data["files"] if path.endswith("/energy2_input")]
    data["permissions"]["eagain_once"] = files

    (counter,) = HwmonEnergy(RecordedHost(data)).read()

    assert counter.channels_uj["energy2/pkg"] == int(data["files"][files[0]])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"text": "no number"}, Why.ERROR),
        ({"text": "-4"}, Why.ERROR),
        ({"text": ""}, Why.ERROR),
        ({"gone": True}, Why.NOT_PROVIDED),
        ({"refused": True}, Why.ERROR),
    ],
)
def test_what_can_not_be_read_is_unknown(change: dict[str, Any], why: Why) -> None:
    data = recording("a770_i915")
    path = next(path for path in data["files"] if path.endswith("/energy1_input"))
    if change.get("gone"):
        for overlay in (data["files"], data["t1"]):
            overlay.pop(path, None)
    elif change.get("refused"):
        data["permissions"]["eacces"] = [*data["permissions"].get("eacces", []), path]
    else:
        data["files"][path] = change["text"]

    (counter,) = HwmonEnergy(RecordedHost(data)).read()

    assert not counter.channels_uj
    assert counter.unknown is not None and counter.unknown.why is why


def test_an_integrated_gpu_has_no_counter_and_says_so() -> None:
    (counter,) = HwmonEnergy(RecordedHost(recording("lunarlake_xe_igpu"))).read()

    assert counter.unknown is not None and counter.unknown.why is Why.NOT_PROVIDED


@pytest.mark.parametrize("name", ["no_gpu", "nvidia_only", "wsl2", "b580_no_driver"])
def test_a_machine_without_a_driven_card_has_no_counters(name: str) -> None:
    assert HwmonEnergy(RecordedHost(recording(name))).read() == ()
