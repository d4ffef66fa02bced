"""The stand-in for the kernel refuses what the kernel refuses, or tests through it would prove little."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path

import pytest

from tests.rig.drm_kernel import I915_QUERY, XE_DEVICE_QUERY, Node, Region, answer
from tests.rig.drm_shim import run_shimmed

CLIENT = """
import ctypes, fcntl, json, os, struct, sys
path, request, layout, fields = sys.argv[1], int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
room = ctypes.create_string_buffer(bytes.fromhex(sys.argv[5]), 4096)
names = {"room": ctypes.addressof(room), "item": ctypes.addressof(room) + 2048, "wild": 64}
if len(sys.argv) > 6:
    item = [names.get(one, one) for one in json.loads(sys.argv[6])]
    struct.pack_into("<QiIQ", room, 2048, *item)
argument = bytearray(struct.pack(layout, *[names.get(one, one) for one in fields]))
try:
    fcntl.ioctl(os.open(path, os.O_RDWR), request, argument, True)
except OSError as error:
    print(json.dumps({"errno": error.errno}))
else:
    length = struct.unpack_from("<i", room, 2048 + 8)[0]
    print(json.dumps({"argument": argument.hex(), "room": room.raw[:512].hex(), "length": length}))
"""
REGIONS = {driver: answer(driver, Region(total=1 << 30, second=1 << 20)) for driver in ("xe", "i915")}
XE, I915 = "<QIIQQQ", "<IIQ"
XE_SIZE, I915_SIZE = len(REGIONS["xe"]), len(REGIONS["i915"])


def ask(
    folder: Path, driver: str, request: int, layout: str, fields: list[int | str], *more: str
) -> dict[str, object]:
    """One ioctl with just these fields; words stand for addresses."""
    path = folder / "renderD128"
    path.touch()
    dirt = more[0] if more else ""
    call = [str(path), str(request), layout, json.dumps(fields), dirt, *more[1:]]
    done = run_shimmed(
        [sys.executable, "-c", CLIENT, *call], {path.name: Node(driver=driver, regions=REGIONS[driver])}
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout)
    return said


def test_xe_answers_into_the_room_it_was_given(tmp_path: Path) -> None:
    said = ask(tmp_path, "xe", XE_DEVICE_QUERY, XE, [0, 1, XE_SIZE, "room", 0, 0])
    assert str(said["room"]).startswith(REGIONS["xe"].hex())


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ([0, 1, XE_SIZE - 1, "room", 0, 0], errno.EINVAL),
        ([0, 1, XE_SIZE + 1, "room", 0, 0], errno.EINVAL),
        ([0, 99, 0, 0, 0, 0], errno.EINVAL),
        ([8, 1, 0, 0, 0, 0], errno.EINVAL),
        ([0, 1, 0, 0, 0, 1], errno.EINVAL),
        ([0, 1, XE_SIZE, "wild", 0, 0], errno.EFAULT),
        ([0, 1, XE_SIZE, 2**64 - 8, 0, 0], errno.EFAULT),
    ],
)
def test_xe_refuses(tmp_path: Path, fields: list[int | str], number: int) -> None:
    assert ask(tmp_path, "xe", XE_DEVICE_QUERY, XE, fields) == {"errno": number}


@pytest.mark.parametrize(
    ("fields", "number"), [([1, 1, "item"], errno.EINVAL), ([1, 0, "wild"], errno.EFAULT)]
)
def test_i915_refuses(tmp_path: Path, fields: list[int | str], number: int) -> None:
    item = json.dumps([4, 0, 0, 0])
    assert ask(tmp_path, "i915", I915_QUERY, I915, fields, "", item) == {"errno": number}


@pytest.mark.parametrize(
    ("item", "dirt", "length"),
    [
        ([4, 0, 0, 0], "", I915_SIZE),
        ([4, I915_SIZE, 0, "room"], "", I915_SIZE),
        ([4, I915_SIZE - 1, 0, "room"], "", -errno.EINVAL),
        ([4, I915_SIZE, 0, "room"], "01", -errno.EINVAL),
        ([4, I915_SIZE, 3, "room"], "", -errno.EINVAL),
        ([77, 0, 0, 0], "", -errno.EINVAL),
    ],
)
def test_i915_tells_of_each_item(tmp_path: Path, item: list[int | str], dirt: str, length: int) -> None:
    said = ask(tmp_path, "i915", I915_QUERY, I915, [1, 0, "item"], dirt, json.dumps(item))
    assert said["length"] == length


def test_the_other_drivers_call_is_not_known(tmp_path: Path) -> None:
    assert ask(tmp_path, "i915", XE_DEVICE_QUERY, XE, [0, 1, 0, 0, 0, 0]) == {"errno": errno.ENOTTY}
