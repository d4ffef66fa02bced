"""Every recording is read as its `expected` says, and its permissions are honoured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arcdesk.core.gpu import Why
from arcdesk.telemetry.gpu_host import LiveHost, RecordedHost, is_under
from arcdesk.telemetry.gpu_reader import CardReader
from arcdesk.telemetry.gpu_record import record
from tests.rig.gpu_tree import NAMES, load_recording, make_tree
from tests.unit.telemetry.gpu_changed import Changed, as_json, differences, read_both

EMPTY_IS_UNKNOWN = {"temp_c", "fans_rpm", "act_mhz", "max_mhz", "busy_pct", "engines_visible_pct"}


def test_the_recordings_are_here() -> None:
    assert len(NAMES) == 10


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_read_as_expected(name: str) -> None:
    data = load_recording(name)

    _, second = read_both(RecordedHost(data))

    assert differences(as_json(second), data["expected"]) == []


@pytest.mark.parametrize("name", NAMES)
def test_each_unknown_has_its_reason(name: str) -> None:
    for card in as_json(read_both(RecordedHost(load_recording(name)))[1])["gpus"].values():
        unknown = {key for key, value in card.items() if value is None}
        unknown |= {key for key in EMPTY_IS_UNKNOWN if not card[key]}
        assert unknown == {key for key in card["unknown"] if not key.startswith("containers.")}
        assert all(": " in why or why in {one.value for one in Why} for why in card["unknown"].values())
        known = card.keys() - unknown
        assert set(card["sources"]) <= known


@pytest.mark.parametrize("name", NAMES)
def test_the_first_sample_has_no_rates_but_says_why(name: str) -> None:
    first, _ = read_both(RecordedHost(load_recording(name)))

    for card in first.cards:
        for figure in (card.power_w, card.busy_pct, card.engines_pct):
            assert not figure.is_known
            assert figure.unknown is not None
        if card.busy_pct.unknown and not card.is_asleep and not card.problem:
            assert card.busy_pct.unknown.why is Why.SECOND_LOOK


@pytest.mark.parametrize("name", [name for name in NAMES if load_recording(name)["permissions"]["eacces"]])
def test_what_is_refused_fails(name: str) -> None:
    data = load_recording(name)
    host = RecordedHost(data)

    for refused in data["permissions"]["eacces"]:
        for path in (path for path in data["files"] if is_under(path, refused)):
            with pytest.raises(PermissionError):
                host.text(path)
        with pytest.raises(PermissionError):
            host.names(refused)


def test_a_folder_is_not_refused_for_its_name_alone() -> None:
    data = load_recording("b580_xe")
    data["permissions"]["eacces"] = ["proc/2101/fd"]

    assert "drm-driver" in RecordedHost(data).text("proc/2101/fdinfo/9")


def test_a_busy_file_fails_once() -> None:
    changed = Changed("b580_xe")
    (path,) = changed.paths("fan2_input")
    changed.data["permissions"]["eagain_once"] = [path]
    host = changed.host()

    with pytest.raises(BlockingIOError):
        host.text(path)
    assert host.text(path) == "418\n"


def touched_by_waking(host: RecordedHost, data: dict[str, Any]) -> set[str]:
    return {
        path
        for touched in host.trail
        for path in touched
        for waking in data["permissions"]["wakes_gpu"]
        if is_under(path, waking)
    }


@pytest.mark.parametrize("use", [read_both, lambda host: record(host, containers=host.containers)])
def test_nothing_that_wakes_a_sleeping_card_is_touched(use: Any) -> None:
    data = load_recording("b580_xe_suspended")
    host = RecordedHost(data)

    use(host)

    assert touched_by_waking(host, data) == set()
    assert not any(path.startswith(("ioctl:", "dev/dri/")) for touched in host.trail for path in touched)


def test_the_trail_sees_what_an_awake_card_is_asked() -> None:
    data = load_recording("b580_xe")
    host = RecordedHost(data)

    read_both(host)

    assert len(touched_by_waking(host, data)) > 20
    assert "ioctl:renderD128" in host.trail[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_tree_of_files_is_read_alike(name: str, tmp_path: Path) -> None:
    """Through LiveHost; plain files refuse the ioctl, nobody refuses files, and there is no Docker."""
    data = load_recording(name)
    make_tree(data, tmp_path)
    moments = iter((100.0, 100.0 + data["meta"]["dt_s"]))
    host = LiveHost(str(tmp_path), scan_interval_s=0.0)
    now = [next(moments)]
    host.clock = lambda: now[0]  # type: ignore[method-assign]
    reader = CardReader(host)
    reader.sample()
    for path, text in data["t1"].items():
        (tmp_path / path).write_text(text)
    now[0] = next(moments)

    got = as_json(reader.sample())

    for card in data["expected"]["gpus"].values():
        for key in list(card):
            if key.startswith(("vram", "shared", "clients", "containers", "engines", "unreadable", "rebar")):
                del card[key]
    assert differences(got, data["expected"]) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_of_a_recording_reads_the_same(name: str) -> None:
    data = load_recording(name)
    host = RecordedHost(data)

    again = record(host, containers=host.containers, pause=host.advance)
    got = as_json(read_both(RecordedHost(again))[1])

    for card in data["expected"]["gpus"].values():
        card.pop("vram_used_perfmon", None)  # nobody without CAP_PERFMON can record it
        sizes = card.pop("containers")
        address = next(one for one, other in data["expected"]["gpus"].items() if other is card)
        assert sorted(got["gpus"][address]["containers"].values()) == sorted(sizes.values())
    assert differences(got, data["expected"]) == []


def test_a_recording_has_nothing_personal() -> None:
    import json

    data = load_recording("dual_b580_xe")
    data["files"]["proc/2400/comm"] = "secret-tool\n"
    data["files"]["proc/2400/fdinfo/11"] += "drm-client-name:\tsecret-name\n"
    data["files"]["proc/2400/environ"] = "SECRET=1"
    data["docker"]["secret-box"] = data["docker"].pop("llama-b")
    data["meta"]["user"]["groups"] += ["secret-club"]
    host = RecordedHost(data)

    text = json.dumps(record(host, containers=host.containers, pause=host.advance))

    for word in (
        "secret",
        "SECRET",
        "gnome",
        "vllm",
        "intel/vllm",
        "user-1000",
        "cmdline",
        "comm",
        "environ",
    ):
        assert word not in text, word
