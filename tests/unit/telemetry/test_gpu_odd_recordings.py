"""Machines of other people: rarer cards, newer kernels, recordings with gaps; read as the facts say."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from arcdesk.app.gpu_json import gpu_json
from tests.unit.telemetry.gpu_changed import A770, B580, Changed, as_json, read_both, why

MIB = 1 << 20
SECOND = "0000:08:00.0"


def regions(driver: str, total: int, second: int, visible: int) -> str:
    """A driver's answer: main memory, and the card's own."""
    head = struct.pack("<II", 2, 0) if driver == "xe" else struct.pack("<IIII", 2, 0, 0, 0)
    main = struct.pack("<HHIQQQ", 0, 0, 4096, 32 << 30, 1 << 30, 0)
    own = struct.pack("<HHIQQQ", 1, 0, 65536, total, second, visible)
    return (head + main + bytes(56) + own + bytes(56)).hex()


def fdinfo(address: str, client: int, *lines: str, driver: str = "xe") -> str:
    head = ("pos:\t0", "flags:\t02100002", f"drm-driver:\t{driver}", f"drm-client-id:\t{client}")
    return "\n".join((*head, f"drm-pdev:\t{address}", *lines, ""))


def nulls_have_reasons(card: dict[str, Any]) -> list[str]:
    """Each null, also inside of a table, that has no reason."""
    keys = [key for key, value in card.items() if value is None]
    keys += [
        f"{key}.{name}"
        for key, value in card.items()
        if isinstance(value, dict)
        for name, one in value.items()
        if one is None
    ]
    return [key for key in keys if key not in card["unknown"]]


def test_an_a580_on_xe_tells_the_package_alone() -> None:
    changed = Changed("b580_xe").put(f"{B580}/device", "0x56a2\n")
    for gone in ("/energy1_", "/tile0/gt1/", "/fan", "/power1_", "/in1"):
        if any(gone in path for path in changed.data["files"]):
            changed.remove(gone)
    changed.add("hwmon4/name", "power2_max", "150000000\n")
    changed.put("gt0/freq0/rpa_freq", "627200\n")
    for node in changed.data["ioctl"].values():
        node["xe:mem_regions:unprivileged"] = regions("xe", 8128 * MIB, 0, 256 * MIB)
    changed.put(f"{B580}/resource", "0x0 0x0 0x0\n0x0 0x0 0x0\n0x4000000000 0x400fffffff 0x14220c\n")

    card = changed.card()

    assert (card["name"], card["driver"]) == ("Intel Arc A580", "xe")
    assert (card["power_w"], card["power_from"], card["power_limit_w"]) == (95.0, "energy2/pkg", 150.0)
    assert card["temp_c"] == {"pkg": 61.0, "vram": 60.0}
    assert card["fans_rpm"] == []
    assert card["act_mhz"] == {"gt0": 2850}
    assert card["vram_total"] == 8128 * MIB
    assert card["rebar"] is False
    assert nulls_have_reasons(card) == []


def test_both_halves_of_a_dual_b60_are_cards_of_their_own() -> None:
    changed = Changed("dual_b580_xe").put("00.0/device", "0xe211\n")
    for node in changed.data["ioctl"].values():
        node["xe:mem_regions:unprivileged"] = regions("xe", 24480 * MIB, 5 << 30, 24480 * MIB)

    cards = changed.cards()

    assert [card["name"] for card in cards.values()] == ["Intel Arc Pro B60"] * 2
    assert [card["vram_used"] for card in cards.values()] == [5 << 30] * 2
    assert len({card["render"] for card in cards.values()}) == 2


def test_a_meteor_lake_on_i915_beside_an_a770() -> None:
    both, small = Changed("a770_i915"), Changed("a770_i915")
    small.remove("/hwmon")
    small.rename("0000:00:01.0/0000:01:00.0/0000:02:01.0/0000:03:00.0", "0000:00:02.0")
    small.rename(A770, "0000:00:02.0").rename("card0", "card1").rename("renderD128", "renderD129")
    small.put("0000:00:02.0/device", "0x7d55\n")
    small.put("0000:00:02.0/current_link_speed", "Unknown\n").put("current_link_width", "0\n")
    for key in ("files", "links", "t1"):
        kept = {path: text for path, text in small.data[key].items() if "0000:00:02.0" in path}
        both.data[key] |= kept
    both.data["ioctl"]["renderD129"] = {
        "i915:memory_regions:unprivileged": struct.pack("<IIII", 1, 0, 0, 0).hex()
        + struct.pack("<HHIQQQ", 0, 0, 0, 32 << 30, 31 << 30, 0).hex()
        + bytes(56).hex()
    }
    both.data["files"]["proc/4000/fdinfo/5"] = fdinfo(
        "0000:00:02.0", 77, "drm-resident-system0:\t300 MiB", "drm-engine-render:\t0 ns", driver="i915"
    )
    both.data["t1"]["proc/4000/fdinfo/5"] = fdinfo(
        "0000:00:02.0",
        77,
        "drm-resident-system0:\t300 MiB",
        "drm-engine-render:\t500000000 ns",
        driver="i915",
    )
    both.data["links"]["proc/4000/fd/5"] = "../../../dev/dri/renderD129"

    cards = both.cards()

    little, big = cards["0000:00:02.0"], cards[A770]
    assert (little["kind"], little["name"]) == ("integrated", "Meteor Lake-P [Intel Arc Graphics]")
    assert little["shared_used"] == 300 * MIB
    assert little["engines_visible_pct"] == {"render": 25.0}
    assert little["vram_total"] is little["link"] is little["power_w"] is little["hwmon"] is None
    assert big["containers"] == {"ollama": 3330277376}  # its client has the number 77, too
    assert big["vram_used_lower_bound"] == 3657433088
    assert nulls_have_reasons(little) == nulls_have_reasons(big) == []


def test_a_panther_lake_is_integrated() -> None:
    card = Changed("lunarlake_xe_igpu").put("00:02.0/device", "0xb080\n").card()

    assert (card["name"], card["kind"]) == ("Panther Lake [Arc B390]", "integrated")
    assert card["shared_used"] == 5693767680
    assert nulls_have_reasons(card) == []


def test_kernel_7_tells_each_channel_and_all_reasons() -> None:
    changed = Changed("b580_xe").put("sys/kernel/osrelease", "7.3.4-amd64\n")
    for number, label in {4: "mctrl", 5: "pcie", 6: "vram_ch_0", 7: "vram_ch_1"}.items():
        changed.add("hwmon4/name", f"temp{number}_label", f"{label}\n")
        changed.add("hwmon4/name", f"temp{number}_input", f"{50000 + number * 1000}\n")
        changed.add("hwmon4/name", f"temp{number}_crit", "105000\n")
    changed.add("gt0/freq0/throttle/status", "reasons", "reason_pl1 reason_thermal\n")
    changed.data["files"][f"{changed.paths(f'{B580}/device')[0].removesuffix('device')}gpu_health"] = "ok\n"
    for node in changed.data["ioctl"].values():
        node["xe:mem_regions:unprivileged"] = node["xe:mem_regions:perfmon"]
    host = changed.host()

    card = as_json(read_both(host)[1])["gpus"][B580]

    assert card["temp_c"] == {
        "pkg": 61.0,
        "vram": 60.0,
        "mctrl": 54.0,
        "pcie": 55.0,
        "vram_ch_0": 56.0,
        "vram_ch_1": 57.0,
    }
    assert card["throttle"] == ["pl1", "thermal"]
    assert card["vram_used"] == 12173967360
    assert not [path for seen in host.trail for path in seen if path.endswith("gpu_health")]


def test_channels_without_labels_have_the_drivers_names() -> None:
    changed = Changed("b580_xe")
    for number in (4, 5, 6, 21):
        changed.add("hwmon4/name", f"temp{number}_input", "50000\n")
    changed.remove("_label")

    temps = changed.card()["temp_c"]

    assert list(temps) == ["pkg", "vram", "mctrl", "pcie", "vram_ch_0", "vram_ch_15"]


def test_the_board_counter_moves_and_that_of_the_package_is_stuck() -> None:
    card = Changed("b580_xe").put("energy1_input", "0\n", "200000000\n").put("energy2_input", "7\n").card()

    assert (card["power_w"], card["power_from"], card["energy_j"]) == (100.0, "energy1/card", 200.0)


def test_every_file_may_be_busy_once() -> None:
    changed = Changed("b580_xe")
    changed.data["permissions"]["eagain_once"] = sorted(changed.data["files"])

    assert changed.card() == Changed("b580_xe").card()


def test_refusals_may_name_a_file_by_its_link() -> None:
    changed = Changed("b580_xe")
    changed.data["permissions"]["eacces"].append("sys/class/hwmon/hwmon4/energy2_input")
    changed.data["permissions"]["eagain_once"] = ["sys/class/hwmon/hwmon4/fan2_input"]

    card = changed.card()

    assert why(card, "power_w") == why(card, "energy_j") == "no permission"
    assert card["fans_rpm"] == [0, 1320, 0]


def test_a_refused_folder_of_sensors_is_no_old_kernel() -> None:
    changed = Changed("b580_xe")
    changed.data["permissions"]["eacces"].append(changed.paths("hwmon4/name")[0].removesuffix("name"))

    card = changed.card()

    for key in ("power_w", "temp_c", "fans_rpm"):
        assert why(card, key) == "no permission"


def test_programs_that_are_all_refused_make_no_zero() -> None:
    changed = Changed("b580_xe")
    changed.data["docker"] = {}
    changed.data["permissions"]["eacces"] += ["proc/2101", "proc/3300/"]

    card = changed.card()

    assert card["unreadable_pids"] == [1, 2101, 3300, 48211]
    assert card["vram_used_lower_bound"] is None
    assert why(card, "vram_used_lower_bound") == "no permission"
    assert nulls_have_reasons(card) == []


def test_sizes_of_every_unit_and_equal_client_numbers_on_two_cards() -> None:
    changed = Changed("dual_b580_xe")
    changed.data["docker"] = {}
    changed.data["permissions"]["eacces"] = []
    changed.remove("proc/")
    changed.data["files"] |= {
        "proc/10/comm": "one\n",
        "proc/10/fdinfo/3": fdinfo(A770, 5, "drm-resident-vram0:\t1000"),
        "proc/10/fdinfo/4": fdinfo(SECOND, 5, "drm-resident-vram0:\t3 KiB"),
        "proc/11/fdinfo/3": fdinfo(A770, 6, "drm-resident-vram0:\t2 MiB", "drm-resident-gtt:\t9 MiB"),
        "proc/12/fdinfo/3": fdinfo(A770, 6, "drm-resident-vram0:\t2 MiB"),  # forked from 11
        "proc/13/fdinfo/3": fdinfo(SECOND, 7, "drm-resident-vram0:\t1 GiB"),
        "proc/14/fdinfo/3": fdinfo(A770, 8, "drm-resident-vram0:\t4 MiB"),
    }
    changed.data["t1"]["proc/14/fdinfo/3"] = None  # it ends
    changed.data["links"] |= {
        "proc/10/fd/3": "../../../dev/dri/renderD128",
        "proc/10/fd/4": "../../../dev/dri/card2",
        "proc/11/fd/3": "../../../dev/dri/renderD128",
        "proc/12/fd/3": "../../../dev/dri/renderD128",
        "proc/13/fd/3": "../../../dev/dri/renderD129",
        "proc/14/fd/3": "../../../dev/dri/card1",
    }

    cards = changed.cards()

    assert cards[A770]["clients_host"] == {"10": 1000, "11": 2 * MIB}
    assert cards[SECOND]["clients_host"] == {"10": 3072, "13": 1 << 30}
    assert cards[A770]["vram_used_lower_bound"] == 1000 + 2 * MIB


@pytest.mark.parametrize(
    ("code", "text"),
    [(127, ""), (126, 'OCI runtime exec failed: exec: "sh": executable file not found in $PATH\n')],
)
def test_a_container_without_a_shell_has_its_reason(code: int, text: str) -> None:
    changed = Changed("b580_xe")
    changed.data["docker"]["llama-sycl"] |= {"exec_rc": code, "exec_t0": text, "exec_t1": text}

    host = changed.host()
    snapshot = read_both(host)[1]
    card = gpu_json(snapshot, host.containers())["gpus"][B580]

    assert card["containers"] == {}
    assert str(code) in card["unknown"]["containers.llama-sycl"]


@pytest.mark.parametrize(
    "text", ["gar\x00bage\n::\n/proc/x/fdinfo/1:drm-pdev:\n", "\udcff\n", "drm-pdev:\t0\n"]
)
def test_a_container_that_talks_nonsense_is_survived(text: str) -> None:
    changed = Changed("b580_xe")
    changed.data["docker"]["llama-sycl"] |= {"exec_t0": text, "exec_t1": text}
    changed.data["docker"]["llama-sycl"]["State"] = {"Running": True, "Pid": "many"}

    card = changed.card()

    assert card["containers"] == {}
    assert card["clients_host"] == {"2101": 196083712, "3300": 225443840}


def test_a_container_that_answered_once_holds_what_it_held() -> None:
    changed = Changed("b580_xe")
    del changed.data["docker"]["llama-sycl"]["exec_t1"]

    card = changed.card()

    assert card["containers"] == {"llama-sycl": 11475615744}
    assert card["engines_visible_pct"]["ccs"] == 0.0  # of the others: its own work is not known


@pytest.mark.parametrize("gap", ["absent", "null", "empty"])
def test_without_a_second_sample_no_rate_is_made_up(gap: str) -> None:
    changed = Changed("b580_xe")
    if gap == "absent":
        del changed.data["t1"]
    else:
        changed.data["t1"] = None if gap == "null" else {}

    card = changed.card()

    assert card["busy_pct"] == card["engines_visible_pct"] == {}
    for key in ("busy_pct", "engines_visible_pct", "power_w"):
        assert why(card, key) == "second look"
    assert card["temp_c"] == {"pkg": 46.0, "vram": 48.0}


@pytest.mark.parametrize("dt_s", [None, "2", 0, -1, float("inf"), float("nan"), True])
def test_without_the_time_between_no_rate_is_made_up(dt_s: Any) -> None:
    changed = Changed("b580_xe")
    changed.data["meta"]["dt_s"] = dt_s

    card = changed.card()

    assert card["power_w"] is None
    assert card["busy_pct"] == {}
    assert card["act_mhz"] == {"gt0": 2850, "gt1": 0}


def test_half_a_second_between_is_reckoned() -> None:
    changed = Changed("b580_xe").put("idle_residency_ms", "1000\n", "1125\n")
    changed.put("energy2_input", "0\n", "12345678\n")
    changed.data["meta"]["dt_s"] = 0.5

    card = changed.card()

    assert card["power_w"] == 24.69
    assert card["busy_pct"] == {"gt0": 75.0, "gt1": 75.0}


@pytest.mark.parametrize("key", ["docker", "ioctl", "permissions", "meta"])
@pytest.mark.parametrize("is_null", [True, False])
def test_whole_parts_may_be_missing(key: str, is_null: bool) -> None:
    changed = Changed("b580_xe")
    changed.data[key] = None
    if not is_null:
        del changed.data[key]

    card = changed.card()

    assert card["name"] == "Intel Arc B580"
    assert card["fans_rpm"] == [0, 1320, 0]
    assert nulls_have_reasons(card) == []


def test_pcie_5_without_a_switch_on_the_card() -> None:
    changed = Changed("b580_xe").put(f"{B580}/current_link_speed", "32.0 GT/s PCIe\n")
    changed.put(f"{B580}/current_link_width", "8\n").put(f"{B580}/max_link_speed", "32.0 GT/s PCIe\n")
    changed.put(f"{B580}/max_link_width", "8\n")

    card = changed.card()

    assert (card["link"], card["link_max"]) == (["32.0 GT/s PCIe", 8], ["32.0 GT/s PCIe", 8])
    assert card["link_device"] == B580


def test_a_link_that_is_not_known() -> None:
    changed = Changed("b580_xe").put("09:00.0/current_link_speed", "Unknown\n")
    assert changed.card()["link"] is None

    half = Changed("b580_xe").put("09:00.0/max_link_speed", "Unknown\n").put("max_link_width", "255\n")
    card = half.card()

    assert card["link"] == ["16.0 GT/s PCIe", 8]
    assert card["link_max"] is None
    assert nulls_have_reasons(card) == []


def test_another_pci_domain_and_a_boot_screen_as_card0() -> None:
    changed = Changed("b580_xe").rename(B580, "0001:0b:00.0")
    changed.data["files"] |= {
        "sys/devices/platform/simple-framebuffer.0/drm/card0/dev": "226:0\n",
        "dev/dri/card0": "",
    }
    changed.data["docker"] = {}

    cards = changed.cards()

    assert list(cards) == ["0001:0b:00.0"]
    card = cards["0001:0b:00.0"]
    assert (card["card"], card["kind"], card["power_w"]) == ("card1", "discrete", 95.0)
    assert card["link_device"] == "0000:09:00.0"


def test_a_card_in_deep_sleep_without_a_runtime_status() -> None:
    changed = Changed("b580_xe_suspended").remove("power/runtime_status")
    changed.data["files"][changed.paths("09:00.0/device")[0].removesuffix("device") + "power_state"] = (
        "D3cold\n"
    )
    host = changed.host()

    card = as_json(read_both(host)[1])["gpus"]["0000:09:00.0"]

    assert card["suspended"] is True
    wakes = changed.data["permissions"]["wakes_gpu"]
    touched = {path for seen in host.trail for path in seen}
    assert not [
        path for path in touched for prefix in wakes if path == prefix or path.startswith(f"{prefix}/")
    ]


def test_a_small_window_of_a_card_without_figures_is_known_without_the_ioctl() -> None:
    changed = Changed("b580_xe").put(f"{B580}/device", "0xe2ff\n").refuse("dev/dri/renderD128")
    changed.put(f"{B580}/resource", "0x0 0x0 0x0\n0x0 0x0 0x0\n0x4000000000 0x400fffffff 0x14220c\n")

    card = changed.card()

    assert card["rebar"] is False
    assert card["vram_total"] is None


def test_reasons_that_nobody_knows_yet() -> None:
    changed = Changed("b580_xe").put("gt1/freq0/throttle/status", "0\n", "1\n")
    changed.add("gt1/freq0/throttle/status", "reason_mem_thermal", "0\n", "1\n")

    assert changed.card()["throttle"] == ["mem_thermal"]


def test_a_32_bit_turn_of_the_idle_counter_is_unknown_not_busy() -> None:
    changed = Changed("b580_xe").put("gt0/gtidle/idle_residency_ms", "5497558\n", "12\n")

    assert changed.card()["busy_pct"] == {"gt1": 0.0}


def test_root_sees_what_the_kernel_hides_from_others() -> None:
    changed = Changed("a770_i915")
    changed.data["meta"]["user"] = {"uid": 0, "gid": 0, "groups": ["root"]}
    assert changed.card()["vram_used"] == 3818913792

    changed.data["meta"]["user"] = {}
    assert changed.card()["vram_used"] is None


@pytest.mark.parametrize(
    ("visible", "is_on", "source"),
    [(256 * MIB, False, "ioctl"), (0, True, "BAR size"), (1 << 40, True, "ioctl")],
)
def test_what_the_driver_says_of_the_window_comes_before_the_bus(
    visible: int, is_on: bool, source: str
) -> None:
    changed = Changed("b580_xe")  # its window on the bus is 16 GiB
    for node in changed.data["ioctl"].values():
        node["xe:mem_regions:unprivileged"] = regions("xe", 12216 * MIB, 0, visible)

    card = changed.card()

    assert (card["rebar"], card["sources"]["rebar"]) == (is_on, source)


def test_after_a_long_pause_a_turn_of_the_counter_may_be_lost() -> None:
    changed = Changed("b580_xe").put("energy2_input", "0\n", "38000000000\n")
    changed.data["meta"]["dt_s"] = 691.0  # 380 W make 32 bits go round in 690 s

    card = changed.card()

    assert card["power_w"] is None
    assert card["energy_j"] == 38000.0  # at least


def test_parts_need_not_be_numbered_in_a_row() -> None:
    changed = Changed("b580_xe").rename("tile0/gt1", "tile0/gt2")

    assert changed.card()["busy_pct"] == {"gt0": 91.0, "gt2": 0.0}


def test_a_card_whose_files_are_gone_at_the_second_look_is_gone() -> None:
    changed = Changed("dual_b580_xe")
    gone = [path for path in changed.data["files"] if "/0000:08:00.0/" in path]
    changed.data["t1"] |= dict.fromkeys(gone)  # links have no second sample

    assert list(changed.cards()) == [A770]
