"""The examination of cards on small trees of files, through the same reader as the live machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcdesk.core.doctor import Status
from arcdesk.telemetry.doctor_cards import card_findings
from arcdesk.telemetry.doctor_cards_facts import NodeGroup, live_group
from tests.unit.telemetry.card_trees import add_device, add_kernel, by_kind


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("debian bookworm", "sudo apt install -t bookworm-backports linux-image-amd64"),
        ("ubuntu noble", "sudo apt install linux-generic-hwe-24.04"),
        ("fedora forty", ""),
    ],
)
def test_a_kernel_that_is_too_old_is_named_with_the_newer_one(
    tmp_path: Path, system: str, command: str
) -> None:
    add_kernel(tmp_path, "6.8.0-40-generic", system=system)
    add_device(tmp_path, "0000:03:00.0", vendor="0x8086", device="0xe20b")
    driver = by_kind(tmp_path)["driver"]
    assert (driver.status, driver.command) == (Status.BAD, command)
    assert ("6.8.0-40-generic" in driver.detail, "6.12" in driver.detail) == (True, True)


@pytest.mark.parametrize(("device", "driver"), [("0xe20b", "xe"), ("0x56a0", "i915")])
def test_a_driver_that_is_not_loaded_can_be(tmp_path: Path, device: str, driver: str) -> None:
    add_kernel(tmp_path, "6.14.0")
    add_device(tmp_path, "0000:03:00.0", vendor="0x8086", device=device)
    assert by_kind(tmp_path)["driver"].command == f"sudo modprobe {driver}"


def test_nomodeset_is_the_cause(tmp_path: Path) -> None:
    add_kernel(tmp_path, "6.14.0", arguments="quiet nomodeset")
    add_device(tmp_path, "0000:03:00.0", vendor="0x8086", device="0xe20b")
    assert "nomodeset" in by_kind(tmp_path)["driver"].detail


def test_firmware_that_is_not_installed_is_the_cause(tmp_path: Path) -> None:
    add_kernel(tmp_path, "6.14.0", system="debian trixie")
    add_device(tmp_path, "0000:03:00.0", vendor="0x8086", device="0xe20b")
    (tmp_path / "lib/firmware/xe").mkdir(parents=True)
    (tmp_path / "lib/firmware/xe/lnl_guc_70.bin").touch()
    driver = by_kind(tmp_path)["driver"]
    assert "/lib/firmware/xe/bmg_guc*" in driver.detail
    assert driver.command == "sudo apt install firmware-intel-graphics"
    (tmp_path / "lib/firmware/xe/bmg_guc_70.bin.zst").touch()
    assert "firmware" not in by_kind(tmp_path)["driver"].detail.lower()


def test_a_driver_without_a_render_node_is_told(tmp_path: Path) -> None:
    add_kernel(tmp_path, "6.14.0")
    add_device(tmp_path, "0000:03:00.0", vendor="0x8086", device="0xe20b", driver="xe")
    driver = by_kind(tmp_path)["driver"]
    assert (driver.status, driver.title) == (Status.BAD, "Intel Arc B580 has no render node")


def test_a_card_lent_to_a_guest_can_be_given_back(tmp_path: Path) -> None:
    add_kernel(tmp_path, "6.14.0")
    add_device(tmp_path, "0000:03:00.0", vendor="0x8086", device="0x56a0", driver="vfio-pci")
    driver = by_kind(tmp_path)["driver"]
    assert (driver.status, "vfio-pci" in driver.detail) == (Status.BAD, True)
    assert "drivers/vfio-pci/unbind" in driver.command
    assert "drivers/i915/bind" in driver.command


def test_another_makers_card_is_no_intel_card(tmp_path: Path) -> None:
    add_device(tmp_path, "0000:01:00.0", vendor="0x10de", device="0x2684", driver="nvidia")
    (found,) = card_findings(tmp_path)
    assert (found.status, found.title) == (Status.WARN, "No Intel graphics card")
    assert "NVIDIA" in found.detail


def test_wsl_without_a_lent_card_is_told(tmp_path: Path) -> None:
    add_kernel(tmp_path, "6.6.87.2-microsoft-standard-WSL2")
    (found,) = card_findings(tmp_path)
    assert (found.id, found.status, found.command) == ("cards", Status.BAD, "wsl --update")


def test_a_system_that_tells_nothing_is_unknown(tmp_path: Path) -> None:
    (found,) = card_findings(tmp_path)
    assert found.status is Status.UNKNOWN


def test_this_computer_can_be_examined() -> None:
    assert card_findings()


def test_sixteen_cards_with_odd_figures_are_borne_with(tmp_path: Path) -> None:
    add_kernel(tmp_path, "of our own")
    for number in range(16):
        folder = add_device(
            tmp_path,
            f"0000:{number + 3:02x}:00.0",
            vendor="0x8086",
            device="0xe20b",
            driver="xe",
            render=f"renderD{128 + number}",
        )
        (folder / "resource").write_bytes(b"\xff\xfe nonsense\n\n0x1 0x0\n")
        (folder / "current_link_speed").write_text("")
        (folder / "hwmon/hwmon7").mkdir(parents=True)
        (folder / "hwmon/hwmon7/name").write_text("xe\n")
        (folder / "hwmon/hwmon7/power1_label").write_text("card\n")
        (folder / "hwmon/hwmon7/power1_cap").write_text("-5\n")
    found = card_findings(tmp_path)
    assert [one.status for one in found if ".driver." in one.id] == [Status.OK] * 16
    assert not any(".power." in one.id or ".rebar." in one.id for one in found)


def test_a_live_node_is_asked_for_its_group(tmp_path: Path) -> None:
    """The group of the file itself, by this system's databases."""
    (tmp_path / "node").touch()
    found = live_group(str(tmp_path))("node")
    assert found == NodeGroup(name=(tmp_path / "node").group(), is_enrolled=True)
    assert live_group(str(tmp_path))("missing") == NodeGroup(name="")


def test_the_first_kernel_that_knows_a_card_is_not_too_old(tmp_path: Path) -> None:
    add_kernel(tmp_path, "6.12.0-1-amd64")
    add_device(tmp_path, "0000:03:00.0", vendor="0x8086", device="0xe20b")
    assert by_kind(tmp_path)["driver"].command == "sudo modprobe xe"


@pytest.mark.parametrize(("last", "status"), [("0x400fffffff", Status.WARN), ("0x43ffffffff", None)])
def test_a_card_of_unknown_size_has_a_small_window_or_none_that_can_be_judged(
    tmp_path: Path, last: str, status: Status | None
) -> None:
    add_kernel(tmp_path, "7.3.0")
    folder = add_device(
        tmp_path, "0000:03:00.0", vendor="0x8086", device="0xe2fe", driver="xe", render="renderD128"
    )
    nothing = "0x0 0x0 0x0\n"
    (folder / "resource").write_text(f"{nothing * 2}0x4000000000 {last} 0x14220c\n{nothing}")
    rebar = by_kind(tmp_path).get("rebar")
    assert (rebar.status if rebar else None) is status
