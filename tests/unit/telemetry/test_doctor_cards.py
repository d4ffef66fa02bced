"""The examination of cards, on small trees as sysfs has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcdesk.core.doctor import Finding, Status
from arcdesk.telemetry.doctor_cards import card_findings


def add(root: Path, address: str, *, vendor: str, device: str, driver: str = "", render: str = "") -> None:
    """One display device, with its links as the kernel makes them."""
    folder = root / "sys/bus/pci/devices" / address
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "device").write_text(f"{device}\n")
    (folder / "class").write_text("0x030000\n")
    if driver:
        target = root / "sys/bus/pci/drivers" / driver
        target.mkdir(parents=True, exist_ok=True)
        (folder / "driver").symlink_to(target)
    if render:
        (folder / "drm" / "card1").mkdir(parents=True)
        (folder / "drm" / render).mkdir()
        (root / "dev/dri").mkdir(parents=True, exist_ok=True)
        (root / "dev/dri" / render).write_text("")


def look(root: Path, kernel: str = "6.14.0", *, may_use: bool = True) -> list[Finding]:
    return card_findings(root, kernel=kernel, may_use=lambda node: may_use)


def test_a_driven_card_is_ok_and_named(tmp_path: Path) -> None:
    add(tmp_path, "0000:03:00.0", vendor="0x8086", device="0xe20b", driver="xe", render="renderD128")
    driver, render = look(tmp_path)
    assert (driver.status, driver.title) == (Status.OK, "Intel Arc B580 has its driver")
    assert driver.detail == "xe, kernel 6.14.0, at 03:00.0"
    assert (render.status, render.title) == (Status.OK, "You may use /dev/dri/renderD128")


def test_two_cards_are_two_findings_each(tmp_path: Path) -> None:
    add(tmp_path, "0000:07:00.0", vendor="0x8086", device="0xe20b", driver="xe", render="renderD129")
    add(tmp_path, "0000:03:00.0", vendor="0x8086", device="0x56a0", driver="i915", render="renderD128")
    findings = look(tmp_path)
    assert [found.id for found in findings] == [
        "cards.driver.0000:03:00.0",
        "cards.driver.0000:07:00.0",
        "cards.render.0000:03:00.0",
        "cards.render.0000:07:00.0",
    ]


def test_without_the_group_there_is_a_command(tmp_path: Path) -> None:
    add(tmp_path, "0000:03:00.0", vendor="0x8086", device="0x56a0", driver="i915", render="renderD128")
    _, render = look(tmp_path, may_use=False)
    assert (render.status, render.command) == (Status.WARN, "sudo usermod -aG render $USER")


@pytest.mark.parametrize(
    ("kernel", "is_kernel"), [("6.1.0-28-amd64", True), ("6.12.1", False), ("7.0", False)]
)
def test_a_card_without_a_driver_tells_whether_the_kernel_is_too_old(
    tmp_path: Path, kernel: str, is_kernel: bool
) -> None:
    add(tmp_path, "0000:03:00.0", vendor="0x8086", device="0xe20b")
    (found,) = look(tmp_path, kernel)
    assert found.status is Status.BAD
    assert ("6.12" in found.detail and "newer kernel" in found.fix) is is_kernel
    assert (found.command == "sudo modprobe xe") is not is_kernel


def test_a_card_lent_to_a_guest_is_told(tmp_path: Path) -> None:
    add(tmp_path, "0000:03:00.0", vendor="0x8086", device="0x56a0", driver="vfio-pci")
    (found,) = look(tmp_path)
    assert found.status is Status.BAD
    assert "vfio-pci" in found.detail


def test_a_node_that_a_sandbox_hides_is_bad(tmp_path: Path) -> None:
    add(tmp_path, "0000:03:00.0", vendor="0x8086", device="0x56a0", driver="i915", render="renderD128")
    (tmp_path / "dev/dri/renderD128").unlink()
    _, render = look(tmp_path)
    assert (render.status, render.title) == (Status.BAD, "/dev/dri/renderD128 is missing")


def test_another_makers_card_is_no_intel_card(tmp_path: Path) -> None:
    add(tmp_path, "0000:01:00.0", vendor="0x10de", device="0x2684", driver="nvidia")
    (found,) = look(tmp_path)
    assert (found.status, found.title) == (Status.WARN, "No Intel graphics card")
    assert "NVIDIA" in found.detail


def test_wsl_lends_its_card(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/dxg").write_text("")
    (found,) = look(tmp_path)
    assert (found.status, "WSL" in found.detail) == (Status.OK, True)


def test_a_system_that_tells_nothing_is_unknown(tmp_path: Path) -> None:
    (found,) = look(tmp_path)
    assert found.status is Status.UNKNOWN


def test_this_computer_can_be_examined() -> None:
    assert card_findings()


def test_nothing_is_read_that_wakes_a_card(tmp_path: Path) -> None:
    """Of a device only what the PCI core keeps in memory: reading the rest would resume a sleeping card."""
    add(tmp_path, "0000:03:00.0", vendor="0x8086", device="0xe20b", driver="xe", render="renderD128")
    device = tmp_path / "sys/bus/pci/devices/0000:03:00.0"
    for name in ("config", "current_link_speed", "resource0"):
        (device / name).mkdir()  # reading a folder as a file would raise
    (device / "drm/card1/gt_cur_freq_mhz").mkdir()
    assert look(tmp_path)[0].status is Status.OK
