"""What other kernels and drivers tell, and how they name it."""

from __future__ import annotations

import struct

import pytest

from arcdesk.telemetry.gpu_reader import CardReader
from tests.unit.telemetry.gpu_changed import A770, B580, Changed


def test_newer_kernels_tell_all_reasons_in_one_file() -> None:
    card = Changed("b580_xe").add("gt0/freq0/throttle/status", "reasons", "none\n", "thermal, pl1\n").card()

    assert card["throttle"] == ["pl1", "thermal"]


def test_reasons_that_are_refused_fall_back_to_the_older_files() -> None:
    changed = Changed("dual_b580_xe").add("gt0/freq0/throttle/status", "reasons", "none\n")
    changed.refuse("freq0/throttle/reasons")

    assert changed.cards()[A770]["throttle"] == ["pl1"]


def test_reasons_of_other_names_are_told() -> None:
    changed = Changed("b580_xe").add("gt0/freq0/throttle/status", "reason_soc_hot", "0\n", "1\n")

    assert changed.card()["throttle"] == ["soc_hot"]


def test_without_throttle_files_it_is_unknown_not_none() -> None:
    card = Changed("b580_xe").remove("/throttle/").card()

    assert card["throttle"] is None


def test_vram_used_is_trusted_once_the_kernel_shows_it() -> None:
    def show(node: dict[str, str]) -> None:
        node["xe:mem_regions:unprivileged"] = node["xe:mem_regions:perfmon"]

    card = Changed("b580_xe").ioctl(show).card()

    assert card["vram_used"] == 12173967360
    assert card["sources"]["vram_used"] == "ioctl"


def test_i915_used_is_shown_with_perfmon() -> None:
    def show(node: dict[str, str]) -> None:
        node["i915:memory_regions:unprivileged"] = node["i915:memory_regions:perfmon"]

    assert Changed("a770_i915").ioctl(show).card()["vram_used"] == 3818913792


def test_the_control_group_tells_what_the_driver_hides() -> None:
    changed = Changed("b580_xe")
    changed.data["files"]["sys/fs/cgroup/dmem.current"] = (
        f"drm/{B580}/vram0 12000000000\ndrm/{B580}/stolen 77\ndrm/0000:99:00.0/vram0 5\n"
    )

    card = changed.card()

    assert card["vram_used"] == 12000000000
    assert card["sources"]["vram_used"] == "cgroup dmem"


@pytest.mark.parametrize("raw", ["", "00", "ff" * 100, "zz", "0100000000000000"])
def test_lying_ioctl_answers_are_an_error_not_zero(raw: str) -> None:
    card = Changed("b580_xe").ioctl(lambda node: node.update({"xe:mem_regions:unprivileged": raw})).card()

    assert card["vram_total"] is None
    assert card["vram_used"] is None


def test_two_tiles_have_their_memory_and_parts_together() -> None:
    def double(node: dict[str, str]) -> None:
        raw = bytes.fromhex(node["xe:mem_regions:perfmon"])
        second = bytearray(raw[96:184])
        second[2:4] = struct.pack("<H", 2)
        grown = struct.pack("<II", 3, 0) + raw[8:] + bytes(second)
        node["xe:mem_regions:unprivileged"] = grown.hex()

    changed = Changed("b580_xe").ioctl(double)
    for part in ("files", "t1"):
        tile = {path.replace("tile0", "tile1"): text for path, text in changed.data[part].items()}
        changed.data[part] |= tile

    card = changed.card()

    assert card["vram_total"] == 2 * 12809404416
    assert card["vram_used"] == 2 * 12173967360
    assert set(card["busy_pct"]) == {"gt0", "gt1", "tile1/gt0", "tile1/gt1"}


def test_debian_12_tells_little_of_an_a770_but_never_zero() -> None:
    """Kernel 6.1: no sensors, no figures of programs; clocks, idle time and memory."""
    changed = Changed("a770_i915").remove("/hwmon/")
    changed.data["files"]["proc/sys/kernel/osrelease"] = "6.1.0-40-amd64\n"
    for part in ("files", "t1"):
        for path, text in changed.data[part].items():
            if "/fdinfo/" in path:
                lines = [
                    line for line in text.split("\n") if "drm-engine" not in line and "system0" not in line
                ]
                changed.data[part][path] = "\n".join(line for line in lines if "local0" not in line)
    changed.data["docker"] = {}

    card = changed.card()

    for key in ("power_w", "energy_j", "power_limit_w", "vram_used", "vram_used_lower_bound", "hwmon"):
        assert card[key] is None, key
    assert "Kernel 6.2 or newer" in card["unknown"]["power_w"]
    assert "Kernel 6.13 or newer" in card["unknown"]["temp_c"]
    assert "Kernel 6.12 or newer" in card["unknown"]["fans_rpm"]
    assert "Kernel 6.8 or newer" in card["unknown"]["vram_used_lower_bound"]
    assert card["temp_c"] == card["engines_visible_pct"] == card["clients_host"] == {}
    assert card["busy_pct"] == {"gt0": 80.0}
    assert card["vram_total"] == 17079205888


def test_programs_of_which_only_work_is_told_have_unknown_memory() -> None:
    changed = Changed("a770_i915")
    for part in ("files", "t1"):
        for path, text in changed.data[part].items():
            if "/fdinfo/" in path:
                changed.data[part][path] = text.replace("drm-resident", "drm-formerly")
    changed.data["docker"] = {}

    card = changed.card()

    assert card["clients_host"] == {"1820": None}
    assert card["engines_visible_pct"]["render"] == 3.0


def test_a_kernel_without_temperatures_says_which_has_them() -> None:
    changed = Changed("b580_xe").remove("temp2_").remove("temp3_").remove("/fan")
    changed.data["files"]["proc/sys/kernel/osrelease"] = "6.12.107+deb13-amd64\n"

    card = changed.card()

    assert card["temp_c"] == {}
    assert "6.15" in card["unknown"]["temp_c"]
    assert "6.16" in card["unknown"]["fans_rpm"]


def test_sensors_without_labels_get_the_drivers_names() -> None:
    card = Changed("dual_b580_xe").remove("energy1_label").remove("temp2_label").cards()[A770]

    assert card["power_from"] == "energy1/card"
    assert card["temp_c"] == {"pkg": 78.0, "vram": 82.0}


def test_a_limit_of_zero_is_no_limit() -> None:
    card = Changed("a770_i915").put("power1_max", "0\n").card()

    assert card["power_limit_w"] is None


def test_a_second_hwmon_of_i915_is_not_taken_for_the_card() -> None:
    changed = Changed("a770_i915")
    folder = changed.paths("hwmon3/name")[0].rpartition("/")[0].replace("hwmon3", "hwmon1")
    changed.data["files"] |= {f"{folder}/name": "i915_gt0\n", f"{folder}/energy1_input": "7\n"}

    card = changed.card()

    assert card["hwmon"] == "hwmon3"
    assert card["power_w"] == 45.0


def test_hwmon_that_gets_another_number_is_found_again() -> None:
    before, after = Changed("b580_xe"), Changed("b580_xe").rename("/hwmon4", "/hwmon9")
    host = before.host()
    reader = CardReader(host)
    reader.sample()
    host.advance()
    moved = after.host()
    moved.advance()
    host._files, host._links, host._folders = moved._files, moved._links, moved._folders
    host._real.clear()

    card = reader.sample().cards[0]

    assert card.hwmon == "hwmon9"
    assert card.temps_c.value == {"pkg": 61.0, "vram": 60.0}
    assert card.power_w.value == pytest.approx(95.0)


def test_i915_before_5_18_has_its_clocks_elsewhere() -> None:
    card = Changed("a770_i915").remove("/card0/gt/").card()

    assert card["act_mhz"] == card["max_mhz"] == {"gt0": 2400}
    assert card["busy_pct"] == {}


def test_a_card_whose_idle_state_is_off_is_not_called_busy() -> None:
    card = Changed("a770_i915").put("rc6_enable", "0\n").put("rc6_residency_ms", "901221\n").card()

    assert card["busy_pct"] == {}
    assert "RC6" in card["unknown"]["busy_pct"]
