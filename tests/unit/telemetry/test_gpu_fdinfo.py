"""What the kernel tells of a program's use of a card is parsed, and rates are taken of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.telemetry.gpu_fdinfo import DrmClient, EngineUse, parse_fdinfo, parse_grep, rates_pct

HEAD = "drm-driver:\txe\ndrm-client-id:\t7\ndrm-pdev:\t0000:03:00.0\n"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("192 KiB", 192 << 10),
        ("10944 MiB", 10944 << 20),
        ("2 GiB", 2 << 30),
        ("-4 KiB", None),
        ("many", None),
        ("4 parsecs", None),
        ("", None),
        ("99999999999999999999 MiB", None),
    ],
)
def test_sizes_of_every_unit(text: str, size: int | None) -> None:
    client = parse_fdinfo(f"{HEAD}drm-resident-vram0:\t{text}\n")

    assert client is not None
    assert client.vram_bytes == size


def test_only_resident_memory_counts_by_where_it_lies() -> None:
    client = parse_fdinfo(
        HEAD + "drm-total-vram0:\t900 MiB\ndrm-resident-vram0:\t3 MiB\ndrm-resident-vram1:\t4 MiB\n"
        "drm-resident-gtt:\t5 MiB\ndrm-resident-system:\t6 MiB\ndrm-resident-stolen:\t7 MiB\n"
    )

    assert client is not None
    assert client.vram_bytes == 7 << 20
    assert client.shared_bytes == 11 << 20


def test_i915_names_its_regions_otherwise() -> None:
    client = parse_fdinfo(
        HEAD
        + "drm-resident-local0:\t3 MiB\ndrm-resident-system0:\t5 MiB\ndrm-resident-stolen-local0:\t7 MiB\n"
    )

    assert client is not None
    assert (client.vram_bytes, client.shared_bytes) == (3 << 20, 5 << 20)


def test_memory_that_is_not_told_is_unknown() -> None:
    client = parse_fdinfo(HEAD)

    assert client is not None
    assert client.vram_bytes is None
    assert client.shared_bytes is None


@pytest.mark.parametrize("text", ["", "pos:\t0\n", "drm-driver:\txe\n", "drm-client-id:\tx\ndrm-pdev:\ta\n"])
def test_what_is_no_client(text: str) -> None:
    assert parse_fdinfo(text) is None


def test_engines_of_both_drivers() -> None:
    client = parse_fdinfo(
        HEAD + "drm-cycles-vcs:\t10\ndrm-total-cycles-vcs:\t100\ndrm-engine-capacity-vcs:\t2\n"
        "drm-cycles-odd:\t10\ndrm-engine-video-enhance:\t50 ns\ndrm-engine-capacity-video-enhance:\t2\n"
    )

    assert client is not None
    assert client.engines == {"vcs": EngineUse(10, 100, 2), "video-enhance": EngineUse(50, None, 2)}


def of(**engines: EngineUse) -> DrmClient:
    return DrmClient(address="0000:03:00.0", client_id=1, engines=engines)


def test_rates_of_cycles_need_no_clock() -> None:
    before, now = of(ccs=EngineUse(100, 1000, 2)), of(ccs=EngineUse(200, 1100, 2))

    assert rates_pct(before, now, 12345.0) == {"ccs": 50.0}


def test_rates_of_nanoseconds() -> None:
    before, now = of(compute=EngineUse(0, None)), of(compute=EngineUse(500_000_000, None))

    assert rates_pct(before, now, 2.0) == {"compute": 25.0}


def test_counters_that_go_back_are_no_work() -> None:
    before, now = of(ccs=EngineUse(500, 1000)), of(ccs=EngineUse(400, 1100))

    assert rates_pct(before, now, 1.0) == {"ccs": 0.0}


def test_a_clock_that_went_back_tells_nothing() -> None:
    before, now = of(ccs=EngineUse(500, 1000)), of(ccs=EngineUse(600, 900))

    assert rates_pct(before, now, 1.0) == {}


def test_grep_lines_of_several_files_and_rubbish() -> None:
    lines = [f"/proc/9/fdinfo/3:{line}" for line in HEAD.splitlines()]
    lines += [f"/proc/9/fdinfo/4:{line}" for line in HEAD.splitlines()]
    lines += ["grep: /proc/8/fdinfo/1: Permission denied", "/proc/10/fdinfo/5:drm-driver:\txe", "/proc/11/fd"]

    found = list(parse_grep("\n".join(lines)))

    assert [(pid, client.client_id) for pid, client in found] == [(9, 7), (9, 7)]


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    parse_fdinfo(f"{HEAD}drm-{text}")
    list(parse_grep(f"/proc/1/fdinfo/1:drm-{text}"))
