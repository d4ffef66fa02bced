"""The memory ioctls, through the real system call against answers as the kernel gives them."""

from __future__ import annotations

import errno
import json
import os
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from arcdesk.telemetry.drm_ioctl import MemoryRegion, parse_regions, query_regions
from tests.rig.drm_kernel import I915_QUERY, VERSION, XE_DEVICE_QUERY, Node, Region, answer
from tests.rig.drm_shim import run_shimmed

GIB = 1 << 30
QUERY = {"xe": XE_DEVICE_QUERY, "i915": I915_QUERY}
BOTH = pytest.mark.parametrize("driver", ["xe", "i915"])

CLIENT = """
import json, os, sys
from arcdesk.telemetry.drm_ioctl import query_regions
before = os.listdir("/proc/self/fd")
try:
    said = {"raw": query_regions(sys.argv[1], sys.argv[2]).hex()}
except OSError as error:
    said = {"errno": error.errno, "text": str(error)}
print(json.dumps({**said, "leaked": len(os.listdir("/proc/self/fd")) - len(before)}))
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What query_regions returned or raised in the other process."""

    raw: bytes = b""
    number: int = 0
    text: str = ""


def ask(folder: Path, node: Node, driver: str = "", *, name: str = "renderD128") -> Answer:
    """Query it from another process, whose node is a plain file."""
    path = folder / name
    if not os.path.lexists(path):
        path.touch()
    arguments = [sys.executable, "-c", CLIENT, str(path), driver or node.driver]
    done = run_shimmed(arguments, {name: node})
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["leaked"] == 0
    return Answer(bytes.fromhex(said.get("raw", "")), said.get("errno", 0), said.get("text", ""))


def two_regions(driver: str, second: int = 3 * GIB) -> bytes:
    """Main memory and 12 GiB of the card's, of which the driver tells `second`."""
    return answer(
        driver,
        Region(kind=0, total=64 * GIB, second=GIB),
        Region(instance=1, total=12 * GIB, second=second, visible=GIB // 4),
    )


def region(**changed: object) -> MemoryRegion:
    """The card's region of two_regions."""
    facts = {
        "is_vram": True,
        "instance": 1,
        "total_bytes": 12 * GIB,
        "used_bytes": None,
        "cpu_visible_bytes": GIB // 4,
    }
    return MemoryRegion(**{**facts, **changed})  # type: ignore[arg-type]  # facts are typed above


@BOTH
def test_the_answer_comes_as_the_driver_wrote_it(tmp_path: Path, driver: str) -> None:
    node = Node(driver=driver, regions=two_regions(driver))
    assert ask(tmp_path, node) == Answer(raw=two_regions(driver))
    assert node.calls == [VERSION, QUERY[driver], QUERY[driver]]


def test_used_is_told_by_xe_and_reckoned_from_i915() -> None:
    assert parse_regions("xe", two_regions("xe"))[1] == region(used_bytes=3 * GIB)
    assert parse_regions("i915", two_regions("i915"))[1] == region(used_bytes=9 * GIB)


def test_hidden_use_is_unknown_and_never_0() -> None:
    assert parse_regions("xe", two_regions("xe", 0))[1] == region(used_bytes=None)
    assert parse_regions("i915", two_regions("i915", 12 * GIB))[1] == region(used_bytes=None)
    assert parse_regions("i915", two_regions("i915", 2**64 - 1))[1] == region(used_bytes=None)


def test_main_memory_is_not_hidden_by_xe() -> None:
    raw = answer("xe", Region(kind=0, total=64 * GIB, second=0))
    assert parse_regions("xe", raw)[0].used_bytes == 0


@BOTH
@pytest.mark.parametrize("count", [0, 1, 4])
def test_any_number_of_regions_is_read(tmp_path: Path, driver: str, count: int) -> None:
    """None: the administrator's function of a card shared out to virtual machines. Several: two tiles."""
    many = [Region(instance=index, total=GIB * (index + 1), second=GIB // 2) for index in range(count)]
    said = ask(tmp_path, Node(driver=driver, regions=answer(driver, *many)))
    regions = parse_regions(driver, said.raw)
    assert [(one.instance, one.total_bytes) for one in regions] == [(one.instance, one.total) for one in many]


@BOTH
def test_a_class_of_the_future_is_left_out(driver: str) -> None:
    raw = answer(driver, Region(kind=7, total=0), Region(total=GIB, second=GIB // 2))
    assert [one.total_bytes for one in parse_regions(driver, raw)] == [GIB]


@BOTH
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.ENODEV, errno.ENOTTY, errno.EIO])
@pytest.mark.parametrize("at", ["version", "query"])
def test_what_the_kernel_refuses_is_its_error(tmp_path: Path, driver: str, number: int, at: str) -> None:
    request = VERSION if at == "version" else QUERY[driver]
    node = Node(driver=driver, regions=two_regions(driver), errors={request: [number]})
    assert ask(tmp_path, node).number == number


@BOTH
def test_an_error_of_the_second_call_is_no_answer(tmp_path: Path, driver: str) -> None:
    node = Node(driver=driver, regions=two_regions(driver), errors={QUERY[driver]: [0, errno.EIO]})
    assert ask(tmp_path, node) == Answer(number=errno.EIO, text=f"[Errno {errno.EIO}] Input/output error")


@BOTH
def test_interruptions_are_borne_with(tmp_path: Path, driver: str) -> None:
    errors = {VERSION: [errno.EINTR, errno.EAGAIN], QUERY[driver]: [errno.EINTR, 0, errno.EAGAIN]}
    node = Node(driver=driver, regions=two_regions(driver), errors=errors)
    assert ask(tmp_path, node).raw == two_regions(driver)
    assert len(node.calls) == 7


@BOTH
def test_interruptions_without_end_are_not(tmp_path: Path, driver: str) -> None:
    node = Node(driver=driver, regions=two_regions(driver), errors={QUERY[driver]: [errno.EAGAIN] * 1000})
    assert ask(tmp_path, node).number == errno.EAGAIN
    assert len(node.calls) < 100


@BOTH
def test_an_answer_that_grows_meanwhile_is_asked_again(tmp_path: Path, driver: str) -> None:
    grown = answer(driver, *[Region(instance=one, total=GIB, second=GIB // 2) for one in range(3)])
    node = Node(driver=driver, regions=two_regions(driver), grown=grown)
    assert ask(tmp_path, node).raw == grown


@BOTH
def test_a_size_that_is_never_right_ends(tmp_path: Path, driver: str) -> None:
    errors = {QUERY[driver]: [0, errno.EINVAL] * 100}
    node = Node(driver=driver, regions=two_regions(driver), errors=errors)
    assert ask(tmp_path, node).number == errno.EINVAL
    assert len(node.calls) < 20


@BOTH
@pytest.mark.parametrize("size", [4, 1 << 20])
def test_an_absurd_size_is_refused(tmp_path: Path, driver: str, size: int) -> None:
    node = Node(driver=driver, regions=bytes(size))
    said = ask(tmp_path, node)
    assert (said.number, f"{size} bytes" in said.text) == (errno.EPROTO, True)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENODEV, errno.EACCES])
def test_the_error_of_an_i915_item_counts(tmp_path: Path, number: int) -> None:
    """The system call succeeds then; the item's negative length tells."""
    node = Node(driver="i915", regions=two_regions("i915"), item_error=number)
    assert ask(tmp_path, node).number == number


@BOTH
def test_another_drivers_node_is_not_asked(tmp_path: Path, driver: str) -> None:
    node = Node(driver=driver, regions=two_regions(driver), name="amdgpu")
    said = ask(tmp_path, node)
    assert (said.number, "amdgpu" in said.text) == (errno.ENODEV, True)
    assert node.calls == [VERSION]


def test_i915_is_not_asked_as_xe(tmp_path: Path) -> None:
    node = Node(driver="i915", regions=two_regions("i915"))
    assert ask(tmp_path, node, "xe").number == errno.ENODEV


def test_a_file_that_is_no_node_has_no_such_call(tmp_path: Path) -> None:
    path = tmp_path / "renderD128"
    path.touch()
    with pytest.raises(OSError, match=rf"\[Errno {errno.ENOTTY}\]"):
        query_regions(str(path), "xe")


def test_a_node_of_another_group_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "renderD128").touch(mode=0o000)
    node = Node(driver="xe", regions=two_regions("xe"))
    assert ask(tmp_path, node).number == errno.EACCES
    assert node.calls == []


@pytest.mark.parametrize("name", ["card0", "renderD", "renderD128x", "controlD64", "null"])
def test_only_render_nodes_are_opened(tmp_path: Path, name: str) -> None:
    node = Node(driver="xe", regions=two_regions("xe"))
    said = ask(tmp_path, node, name=name)
    assert (said.number, "render nodes" in said.text) == (errno.EINVAL, True)
    assert node.calls == []


def test_a_card_node_behind_a_link_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "card0").touch()
    (tmp_path / "renderD128").symlink_to("card0")
    assert ask(tmp_path, Node(driver="xe", regions=two_regions("xe"))).number == errno.ELOOP


def test_a_node_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        query_regions(str(tmp_path / "renderD128"), "xe")


def test_no_other_driver_is_asked(tmp_path: Path) -> None:
    (tmp_path / "renderD128").touch()
    with pytest.raises(OSError, match="amdgpu"):
        query_regions(str(tmp_path / "renderD128"), "amdgpu")
    with pytest.raises(ValueError, match="amdgpu"):
        parse_regions("amdgpu", two_regions("xe"))


@BOTH
def test_a_cut_answer_is_no_answer(driver: str) -> None:
    whole = two_regions(driver)
    for length in (0, 3, len(whole) // 2, len(whole) - 1):
        with pytest.raises(ValueError, match="bytes"):
            parse_regions(driver, whole[:length])


@BOTH
def test_what_follows_the_regions_is_of_a_newer_kernel(driver: str) -> None:
    assert parse_regions(driver, two_regions(driver) + bytes(64)) == parse_regions(
        driver, two_regions(driver)
    )


@BOTH
@pytest.mark.parametrize(
    "lie",
    [
        Region(total=0),
        Region(total=2**64 - 1),
        Region(total=GIB, second=2 * GIB),
    ],
)
def test_what_cannot_be_true_is_no_answer(driver: str, lie: Region) -> None:
    with pytest.raises(ValueError, match="bytes"):
        parse_regions(driver, answer(driver, lie))


@BOTH
def test_a_region_listed_twice_is_a_lie(driver: str) -> None:
    with pytest.raises(ValueError, match="twice"):
        parse_regions(driver, answer(driver, *[Region(total=GIB, second=GIB // 2)] * 2))


def test_a_count_beyond_the_answer_is_a_lie() -> None:
    with pytest.raises(ValueError, match="regions"):
        parse_regions("xe", struct.pack("<II", 2**32 - 1, 0) + bytes(88))
