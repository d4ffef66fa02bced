"""Answers the memory ioctls of a render node as xe and i915 do, and refuses what they refuse."""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

VERSION = 0xC0406400
XE_DEVICE_QUERY = 0xC0286440
I915_QUERY = 0xC0106479

HEADERS = {"xe": "<I4x", "i915": "<I12x"}
XE_MEM_REGIONS = 1
I915_MEMORY_REGIONS = 4
I915_ITEM = "<QiIQ"


class Memory(Protocol):
    """The memory of the process that asks. Both raise OSError for an address that is not its own."""

    def read(self, address: int, length: int) -> bytes:
        """Bytes from there."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Put bytes there."""
        ...


class Refused(Exception):
    """The ioctl fails; the argument is the errno."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One memory region. `second` is 'used' for xe and 'unallocated' for i915; all in bytes."""

    kind: int = 1  # 0 system, 1 the card's own
    instance: int = 0
    total: int = 0
    second: int = 0
    visible: int = 0

    @property
    def packed(self) -> bytes:
        """As both drivers lay it out."""
        return struct.pack(
            "<HHIQQQ56x", self.kind, self.instance, 4096, self.total, self.second, self.visible
        )


def answer(driver: str, *regions: Region) -> bytes:
    """What the driver writes about these regions."""
    return struct.pack(HEADERS[driver], len(regions)) + b"".join(region.packed for region in regions)


@dataclass(slots=True, kw_only=True)
class Node:
    """One render node. Everything may be set at any time; `calls` tells which ioctls came.

    `errors` holds errnos per ioctl, one for each call to come (0: none). `grown` replaces `regions` after the
    size was told once. `item_error` is what i915 says of the item while the ioctl as a whole succeeds.
    """

    driver: str
    regions: bytes
    name: str = ""  # what the driver calls itself; empty: as it is
    grown: bytes = b""
    item_error: int = 0
    errors: dict[int, list[int]] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)

    def ioctl(self, request: int, argument: int, memory: Memory) -> int:
        """0, or a negative errno, as the system call returns it."""
        self.calls.append(request)
        planned = self.errors.get(request)
        if planned and (number := planned.pop(0)):
            return -number
        try:
            self._dispatch(request, argument, memory)
        except Refused as refused:
            return -refused.number
        except OSError:
            return -errno.EFAULT
        return 0

    def _dispatch(self, request: int, argument: int, memory: Memory) -> None:
        match (self.driver, request):
            case (_, 0xC0406400):
                self._version(argument, memory)
            case ("xe", 0xC0286440):
                self._xe_query(argument, memory)
            case ("i915", 0xC0106479):
                self._i915_query(argument, memory)
            case _:
                raise Refused(errno.ENOTTY)

    def _version(self, argument: int, memory: Memory) -> None:
        layout = struct.Struct("<iiiiQQQQQQ")
        fields = list(layout.unpack(memory.read(argument, layout.size)))
        texts = (self.name or self.driver, "20201103", "Intel Graphics")
        for place, text in zip((4, 6, 8), texts, strict=True):
            room, address = fields[place], fields[place + 1]
            if room and address:
                memory.write(address, text.encode()[:room])  # without a closing zero
            fields[place] = len(text)
        fields[:3] = (1, 1, 0)
        memory.write(argument, layout.pack(*fields))

    def _size_told(self) -> int:
        size = len(self.regions)
        if self.grown:
            self.regions, self.grown = self.grown, b""
        return size

    def _xe_query(self, argument: int, memory: Memory) -> None:
        layout = struct.Struct("<QIIQQQ")
        extensions, query, size, data, *reserved = layout.unpack(memory.read(argument, layout.size))
        if extensions or any(reserved) or query != XE_MEM_REGIONS:
            raise Refused(errno.EINVAL)
        if size == 0:
            told = self._size_told()
            memory.write(argument, layout.pack(extensions, query, told, data, *reserved))
            return
        if size != len(self.regions):
            raise Refused(errno.EINVAL)
        memory.write(data, self.regions)

    def _i915_query(self, argument: int, memory: Memory) -> None:
        count, flags, items = struct.unpack("<IIQ", memory.read(argument, 16))
        if flags:
            raise Refused(errno.EINVAL)
        for index in range(count):
            address = items + index * struct.calcsize(I915_ITEM)
            query, length, item_flags, data = struct.unpack(I915_ITEM, memory.read(address, 24))
            if query == 0:
                raise Refused(errno.EINVAL)
            said = self._i915_item(query, length, item_flags, data, memory)
            memory.write(address + 8, struct.pack("<i", said))

    def _i915_item(self, query: int, length: int, flags: int, data: int, memory: Memory) -> int:
        if query != I915_MEMORY_REGIONS or flags:
            return -errno.EINVAL
        if self.item_error:
            return -self.item_error
        if length == 0:
            return self._size_told()
        if length < len(self.regions) or any(memory.read(data, 16)):
            return -errno.EINVAL
        memory.write(data, self.regions)
        return len(self.regions)


Nodes = Mapping[str, Node]  # by the file's name: 'renderD128'
