"""Asks a render node for the card's memory regions, by one ioctl of xe or i915. Asking wakes the card."""

from __future__ import annotations

import errno
import os
import re
import struct
from array import array
from dataclasses import dataclass

VERSION = 0xC0406400  # DRM_IOCTL_VERSION, struct drm_version of 64 bytes
XE_DEVICE_QUERY = 0xC0286440  # struct drm_xe_device_query of 40 bytes
I915_QUERY = 0xC0106479  # struct drm_i915_query of 16 bytes
XE_MEM_REGIONS = 1
I915_MEMORY_REGIONS = 4

_RENDER_NODE = re.compile(r"renderD\d+", re.ASCII)
_VERSION = struct.Struct("<iiiiQQQQQQ")  # major, minor, patch, -, then length and address of name, date, text
_XE_QUERY = struct.Struct("<QIIQQQ")  # extensions, query, size, data, reserved
_I915_QUERY = struct.Struct("<IIQ")  # items, flags, address of the items
_I915_ITEM = struct.Struct("<QiIQ")  # query, length, flags, data
_REGION = struct.Struct("<HHIQQQ56x")  # class, instance, -, total, used or unallocated, cpu visible
_HEADER_BYTES = {"xe": 8, "i915": 16}

_NAME_BYTES = 32
_MAX_REGIONS = 64
_MAX_ANSWER_BYTES = 16 + _MAX_REGIONS * _REGION.size
_MAX_REGION_BYTES = 1 << 50  # a pebibyte: more is no memory but a mistake
_NOT_KNOWN = (1 << 64) - 1
_INTERRUPTIONS = 20  # how often EINTR and EAGAIN are borne with
_SIZE_CHANGES = 3  # how often the answer may grow between the two calls
_CLASSES = {0: False, 1: True}  # system memory, the card's own


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRegion:
    """One memory a card computes in. `used_bytes` is None where the kernel hides it from this user.

    `cpu_visible_bytes` is the part the processor reaches directly: as much as the whole with Resizable BAR.
    """

    is_vram: bool
    instance: int
    total_bytes: int
    used_bytes: int | None
    cpu_visible_bytes: int


def query_regions(node: str, driver: str) -> bytes:
    """The driver's raw answer about its memory. `node` is a render node, `driver` is 'xe' or 'i915'.

    Raises OSError: what the kernel refused, or that the node is none of `driver`. Blocks while a sleeping
    card wakes up: never ask for one of those.
    """
    if not _RENDER_NODE.fullmatch(os.path.basename(node)):
        # The first to open a card node may become its master, and then no desktop starts on it.
        raise OSError(errno.EINVAL, "Only render nodes are opened", node)
    if driver not in _HEADER_BYTES:
        raise OSError(errno.EINVAL, f"No memory query is known for the driver '{driver}'", node)
    handle = os.open(node, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        found = _driver_name(handle)
        if found != driver:
            raise OSError(errno.ENODEV, f"The node is driven by '{found}', not by '{driver}'", node)
        return _ask(handle, driver, node)
    finally:
        os.close(handle)


def parse_regions(driver: str, raw: bytes) -> list[MemoryRegion]:
    """The regions of an answer of query_regions. Classes that are not known are left out.

    Raises ValueError for an answer that is cut off or can't be true.
    """
    header = _HEADER_BYTES.get(driver)
    if header is None:
        raise ValueError(f"no memory query is known for the driver '{driver}'")
    if len(raw) < header:
        raise ValueError(f"an answer of {len(raw)} bytes has no header")
    (count,) = struct.unpack_from("<I", raw)
    if count > _MAX_REGIONS or len(raw) < header + count * _REGION.size:
        raise ValueError(f"{count} regions in an answer of {len(raw)} bytes")
    fields = [_REGION.unpack_from(raw, header + index * _REGION.size) for index in range(count)]
    regions = [_region(driver, *one) for one in fields if one[0] in _CLASSES]
    if len({(one.is_vram, one.instance) for one in regions}) < len(regions):
        raise ValueError("a region is listed twice")
    return regions


def _region(
    driver: str, kind: int, instance: int, _: int, total: int, second: int, visible: int
) -> MemoryRegion:
    if not 0 < total <= _MAX_REGION_BYTES:
        raise ValueError(f"a region of {total} bytes")
    is_vram = _CLASSES[kind]
    used = _xe_used(is_vram, second) if driver == "xe" else _i915_used(total, second)
    if used is not None and not 0 <= used <= total:
        raise ValueError(f"{used} bytes used of {total}")
    return MemoryRegion(
        is_vram=is_vram,
        instance=instance,
        total_bytes=total,
        used_bytes=used,
        cpu_visible_bytes=min(visible, total),
    )


def _xe_used(is_vram: bool, used: int) -> int | None:
    # A live driver always holds some of the card's memory itself, so 0 means: not told to you.
    return None if is_vram and used == 0 else used


def _i915_used(total: int, unallocated: int) -> int | None:
    return None if unallocated in (total, _NOT_KNOWN) else total - unallocated


def _driver_name(handle: int) -> str:
    name = array("B", bytes(_NAME_BYTES))
    version = bytearray(_VERSION.pack(0, 0, 0, 0, _NAME_BYTES, name.buffer_info()[0], 0, 0, 0, 0))
    _ioctl(handle, VERSION, version)
    length = min(_VERSION.unpack(version)[4], _NAME_BYTES)
    return name.tobytes()[:length].split(b"\0")[0].decode("ascii", "replace")


def _ask(handle: int, driver: str, node: str) -> bytes:
    """First the size, then the answer; again when it has grown in between."""
    fill = _xe_fill if driver == "xe" else _i915_fill
    for _ in range(_SIZE_CHANGES):
        size = fill(handle, None)
        if not _HEADER_BYTES[driver] <= size <= _MAX_ANSWER_BYTES:
            raise OSError(errno.EPROTO, f"The driver announced an answer of {size} bytes", node)
        answer = array("B", bytes(size))  # zeroed: i915 refuses a header that is not
        try:
            written = fill(handle, answer)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            continue  # another size than the driver has now
        return answer.tobytes()[: min(written, size)]
    raise OSError(errno.EINVAL, "The driver refused the size that it had told", node)


def _xe_fill(handle: int, answer: array[int] | None) -> int:
    address, size = answer.buffer_info() if answer is not None else (0, 0)
    query = bytearray(_XE_QUERY.pack(0, XE_MEM_REGIONS, size, address, 0, 0))
    _ioctl(handle, XE_DEVICE_QUERY, query)
    return int(_XE_QUERY.unpack(query)[2])


def _i915_fill(handle: int, answer: array[int] | None) -> int:
    address, size = answer.buffer_info() if answer is not None else (0, 0)
    item = array("B", _I915_ITEM.pack(I915_MEMORY_REGIONS, size, 0, address))
    _ioctl(handle, I915_QUERY, bytearray(_I915_QUERY.pack(1, 0, item.buffer_info()[0])))
    length = int(_I915_ITEM.unpack(item.tobytes())[1])
    if length < 0:  # the query as a whole succeeds; its item tells what went wrong
        raise OSError(-length, os.strerror(-length))
    return length


def _ioctl(handle: int, request: int, argument: bytearray) -> None:
    from fcntl import ioctl  # not there on Windows, where this module can at least be imported

    for attempt in range(_INTERRUPTIONS):
        try:
            ioctl(handle, request, argument, True)
        except (InterruptedError, BlockingIOError):
            if attempt == _INTERRUPTIONS - 1:
                raise
        else:
            return
