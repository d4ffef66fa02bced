"""The examination of cards, on recordings as they are and changed."""

from __future__ import annotations

import pytest

from arcdesk.core.doctor import Status
from arcdesk.telemetry.doctor_cards import card_findings
from arcdesk.telemetry.doctor_cards_facts import NodeGroup
from arcdesk.telemetry.gpu_recorded import RecordedHost, is_under
from tests.rig.drm_kernel import Region, answer
from tests.unit.telemetry.card_trees import RECORDINGS, by_kind, changed, recording

# 'id' or 'id status' where it is not ok; '@' stands for the card's address.
EXPECTED = {
    "a380_i915": {"0000:0b:00.0": "driver render rebar:warn link kernel:unknown", "": "firmware:unknown"},
    "a770_i915": {"0000:03:00.0": "driver render rebar:warn link kernel:unknown", "": "firmware:unknown"},
    "b580_no_driver": {"0000:03:00.0": "driver:bad"},
    "b580_xe": {"0000:0b:00.0": "driver render rebar link kernel:unknown", "": "firmware:unknown"},
    "b580_xe_suspended": {"0000:09:00.0": "driver render asleep rebar", "": "firmware:unknown"},
    "dual_b580_xe": {
        "0000:03:00.0": "driver render rebar link power kernel",
        "0000:08:00.0": "driver render rebar link:warn power kernel",
        "": "together firmware:unknown",
    },
    "lunarlake_xe_igpu": {"0000:00:02.0": "driver render", "": "firmware:unknown"},
    "no_gpu": {"": "cards:warn"},
    "nvidia_only": {"": "cards:warn"},
    "wsl2": {"": "cards"},
}


def expected(name: str) -> list[tuple[str, str]]:
    """(id, status) in the order in which they are shown."""
    rows = []
    for address, words in EXPECTED[name].items():
        for word in words.split():
            kind, _, status = word.partition(":")
            id_ = kind if kind == "cards" else f"cards.{kind}{'.' if address else ''}{address}"
            rows.append((id_, status or "ok"))
    return rows


def test_each_recording_is_in_the_table() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in RECORDINGS.glob("*.json"))


@pytest.mark.parametrize("name", EXPECTED)
def test_the_findings_of_a_recording(name: str) -> None:
    found = card_findings(RecordedHost(recording(name)))
    assert [(one.id, one.status.value) for one in found] == expected(name)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_not_ok_has_a_way_out(name: str) -> None:
    found = card_findings(RecordedHost(recording(name)))
    assert [one.id for one in found if one.status is not Status.OK and not one.fix] == []


def test_of_a_sleeping_card_nothing_is_touched_that_wakes_it() -> None:
    host = RecordedHost(recording("b580_xe_suspended"))
    assert card_findings(host)
    wakes = recording("b580_xe_suspended")["permissions"]["wakes_gpu"]
    assert "ioctl:renderD128" in wakes
    assert [path for path in host.touched if any(is_under(path, one) for one in wakes)] == []


def test_no_device_folder_is_read_as_a_whole() -> None:
    """Reading whatever is there has crashed machines: only names that are known are opened."""
    host = RecordedHost(recording("dual_b580_xe"))
    card_findings(host)
    dangerous = ("config", "rom", "reset", "remove", "telem", "cur_freq", "resource0", "resource2_wc")
    assert [path for path in host.touched if path.endswith(tuple(f"/{one}" for one in dangerous))] == []


def test_equal_cards_are_told_apart_by_their_place() -> None:
    titles = [one.title for one in card_findings(RecordedHost(recording("dual_b580_xe")))]
    assert len(set(titles)) == len(titles)
    assert "Intel Arc B580 (08:00.0) has its driver" in titles


def test_the_driver_is_told_with_the_kernel() -> None:
    driver = by_kind(RecordedHost(recording("b580_xe")))["driver"]
    assert (driver.title, driver.detail) == (
        "Intel Arc B580 has its driver",
        "xe, kernel 6.16.3-arch1-1, at 0b:00.0",
    )


def test_a_kernel_without_sensors_still_drives() -> None:
    """Debian 13: power, but neither temperatures nor fans."""
    host = changed(
        "b580_xe",
        files={"osrelease": "6.12.107+deb13-amd64\n"},
        gone=("/temp2_", "/temp3_", "/fan"),
    )
    kernel = by_kind(host)["kernel"]
    assert kernel.status is Status.UNKNOWN
    assert "temperatures (from 6.15); fans (from 6.16)" in kernel.detail
    assert "power" not in kernel.detail


def test_a_figure_that_a_new_kernel_lacks_is_not_in_the_card() -> None:
    host = changed("dual_b580_xe", gone=("hwmon5/fan",))
    assert card_findings(host)[5].id == "cards.kernel.0000:03:00.0"
    assert card_findings(host)[5].status is Status.OK


def test_an_old_i915_lacks_nearly_all() -> None:
    """Debian 12: no sensors, nothing per program."""
    host = changed("a770_i915", files={"osrelease": "6.1.0-40-amd64\n"}, gone=("/hwmon/",))
    detail = by_kind(host)["kernel"].detail
    for words in (
        "power (from 6.2)",
        "fans (from 6.12)",
        "temperature (from 6.13)",
        "from 6.8",
        "CAP_PERFMON",
    ):
        assert words in detail


def test_a_smaller_limit_than_the_boards_is_told() -> None:
    host = changed("dual_b580_xe", files={"hwmon5/power1_cap": "150000000\n"})
    power = {one.id: one for one in card_findings(host)}["cards.power.0000:03:00.0"]
    assert (power.status, power.title) == (Status.WARN, "Intel Arc B580 (03:00.0) is limited to 150 W")
    path = "/sys/bus/pci/devices/0000:03:00.0/hwmon/hwmon*/power1_cap"
    assert power.command == f"echo 190000000 | sudo tee {path}"


def test_the_limit_of_a_chip_is_not_held_against_the_board() -> None:
    """i915 limits the package: 190 W of an A770 whose board is sold with 225 W is no limit of anybody's."""
    assert "power" not in by_kind(RecordedHost(recording("a770_i915")))
    host = changed("a770_i915", files={"power1_rated_max": "190000000\n", "power1_max": "120000000\n"})
    assert by_kind(host)["power"].status is Status.WARN


def test_a_slow_link_is_told_from_a_narrow_one() -> None:
    host = changed("b580_xe", files={"0000:09:00.0/current_link_speed": "8.0 GT/s PCIe\n"})
    link = by_kind(host)["link"]
    assert (link.status, "8.0 GT/s PCIe, 8 lanes instead of 16.0" in link.detail) == (Status.WARN, True)
    assert "while the card works" in link.fix
    assert "-s 0000:09:00.0 " in link.command


def test_a_link_that_only_the_card_tells_is_unknown() -> None:
    """In a virtual machine the switch on the card is not there, and the card tells 2.5 GT/s for ever."""
    told = recording("b580_xe")
    for path in [path for path in told["files"] if path.endswith("0000:0a:01.0/vendor")]:
        told["files"][path] = "0x1b36\n"
    assert by_kind(RecordedHost(told))["link"].status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("group", "command"),
    [
        (NodeGroup(name="render"), "sudo usermod -aG render $USER"),
        (NodeGroup(name="video"), "sudo usermod -aG video $USER"),
        (NodeGroup(name="render", is_enrolled=True), ""),
        (NodeGroup(name=""), "ls -l /dev/dri/renderD128"),
        (NodeGroup(name="root"), "ls -l /dev/dri/renderD128"),
    ],
)
def test_a_node_that_may_not_be_used_has_its_way_in(group: NodeGroup, command: str) -> None:
    render = by_kind(changed("b580_xe", refused=("dev/dri/renderD128",)), group=group)["render"]
    assert (render.status, render.title) == (Status.WARN, "You may not use /dev/dri/renderD128")
    assert render.command == command
    assert ("log out" in render.fix) is (group.name in ("render", "video"))


def test_without_any_node_there_is_one_finding_for_all_cards() -> None:
    found = card_findings(changed("dual_b580_xe", gone=("dev/dri",)))
    assert (found[0].id, found[0].status) == ("cards.dri", Status.BAD)
    assert not any("render" in one.id for one in found)


def test_a_node_that_a_sandbox_hides_is_bad() -> None:
    render = by_kind(changed("b580_xe", gone=("dev/dri/renderD128", "pci-0000:0b:00.0-render")))["render"]
    assert (render.status, render.title) == (Status.BAD, "/dev/dri/renderD128 is missing")


def test_a_refused_ioctl_hides_no_other_finding() -> None:
    host = changed("b580_xe", refused=("ioctl:renderD128",))
    found = by_kind(host)
    assert (found["rebar"].status, found["render"].status) == (Status.OK, Status.OK)


def test_a_lying_memory_answer_hides_no_other_finding() -> None:
    assert by_kind(changed("b580_xe", regions="ffffffff00000000"))["rebar"].status is Status.OK


def test_different_cards_are_not_equal() -> None:
    told = recording("dual_b580_xe")
    for path in [path for path in told["files"] if path.endswith("0000:08:00.0/device")]:
        told["files"][path] = "0xe20c\n"
    found = {one.id: one for one in card_findings(RecordedHost(told))}
    assert found["cards.together"].status is Status.WARN
    assert "Intel Arc B580 (03:00.0) and Intel Arc B570 (08:00.0)" in found["cards.together"].detail
    assert "sycl-ls" in found["cards.order"].command


@pytest.mark.parametrize(("other_mib", "status"), [(12200, Status.OK), (8128, Status.WARN)])
def test_cards_of_one_id_are_told_apart_by_their_memory(other_mib: int, status: Status) -> None:
    """8086:56a0 is the A770 with 16 GB and the one with 8."""
    told = recording("dual_b580_xe")
    told["ioctl"]["renderD129"]["xe:mem_regions:unprivileged"] = answer(
        "xe", Region(total=other_mib << 20, second=1 << 30)
    ).hex()
    found = {one.id: one for one in card_findings(RecordedHost(told))}
    assert found["cards.together"].status is status
    assert ("cards.order" in found) is (status is Status.WARN)


def test_equal_cards_without_rebar_should_not_share_a_model() -> None:
    told = recording("dual_b580_xe")
    for path in [path for path in told["files"] if path.endswith("0000:08:00.0/resource")]:
        lines = told["files"][path].splitlines()
        lines[2] = "0x0000004000000000 0x000000400fffffff 0x000000000014220c"
        told["files"][path] = "\n".join(lines) + "\n"
    told["ioctl"]["renderD129"]["xe:mem_regions:unprivileged"] = answer(
        "xe", Region(total=12216 << 20, second=1 << 30, visible=256 << 20)
    ).hex()
    found = {one.id: one for one in card_findings(RecordedHost(told))}
    assert found["cards.together"].status is Status.WARN
    assert "Resizable BAR" in found["cards.together"].title
    assert found["cards.rebar.0000:03:00.0"].status is Status.OK
    assert found["cards.rebar.0000:08:00.0"].status is Status.WARN


def test_what_the_driver_says_of_the_window_counts_most() -> None:
    """The PCI bus may not show the window, as in some virtual machines."""
    rebar = by_kind(changed("b580_xe", gone=("0000:0b:00.0/resource",)))["rebar"]
    assert (rebar.status, rebar.detail) == (Status.OK, "All of its memory can be reached at once")
    small = answer("xe", Region(total=12216 << 20, second=1 << 30, visible=256 << 20)).hex()
    rebar = by_kind(changed("b580_xe", gone=("0000:0b:00.0/resource",), regions=small))["rebar"]
    assert (rebar.status, "256 MiB of 11.9 GiB" in rebar.detail) == (Status.WARN, True)


def test_the_processors_graphics_beside_a_card_asks_for_the_order() -> None:
    told, other = recording("b580_xe"), recording("lunarlake_xe_igpu")
    for part in ("files", "links"):
        integrated = {path: text for path, text in other[part].items() if "0000:00:02.0" in path}
        told[part] |= {
            path.replace("renderD128", "renderD129"): text.replace("renderD128", "renderD129")
            for path, text in integrated.items()
        }
    told["files"]["dev/dri/renderD129"] = ""
    found = {one.id: one for one in card_findings(RecordedHost(told))}
    assert found["cards.order"].status is Status.UNKNOWN
    assert "/dev/dri/renderD128" in found["cards.order"].fix  # the card's, not the processor's
    assert "cards.together" not in found
