"""Reads what a GGUF file says of itself: a bounded walk over its header, whatever the header claims."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAGIC = b"GGUF"
VERSIONS = (2, 3)
HEADER_LIMIT_BYTES = 64 << 20  # the largest vocabularies take some 15 MB
KEY_LIMIT_BYTES = 1 << 16
TEXT_LIMIT_BYTES = 1 << 16  # longer texts (chat templates) are passed over
PAIRS_LIMIT = 100_000
TENSORS_LIMIT = 100_000
DIMENSIONS_LIMIT = 8
TEXTS_LIMIT = 1_000_000  # in the lists of one header; the largest vocabularies have some 600 000 with merges
READ_BYTES = 1 << 16

_STRING, _ARRAY = 8, 9
_NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}

# general.file_type of llama.cpp; those that its quantiser makes today, under the names that people use.
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16",
    36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip

# Of each tensor type: how many weights are stored together, and in how many bytes.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 30: (1, 2), 39: (32, 17),
}  # fmt: skip

Value = str | int | float | bool


class BadGguf(ValueError):
    """The file is no GGUF file, is cut, or claims what can't be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufTensor:
    """Where a tensor's data begins after the header, and how long it is (None: of a type unknown here)."""

    name: str
    offset: int
    size_bytes: int | None


class GgufReader:
    """Walks over one open file. Every length is checked against the file before anything is read."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file = file
        self._limit = min(size_bytes, HEADER_LIMIT_BYTES)
        self._buffer = b""
        self._at = 0  # in the buffer
        self._base = 0  # of the buffer in the file
        self._texts_left = TEXTS_LIMIT
        if self._take(4) != MAGIC:
            raise BadGguf("it does not begin with GGUF")
        self.version = self._number("<I")
        if self.version not in VERSIONS:
            raise BadGguf(f"its version {self.version} is unknown")
        self.tensor_count = self._number("<Q")
        self.pair_count = self._number("<Q")
        if self.pair_count > PAIRS_LIMIT or self.tensor_count > TENSORS_LIMIT:
            raise BadGguf("its header claims more entries than any model has")

    def pairs(self) -> Iterator[tuple[str, Value | None]]:
        """Each key with its value; None for lists and long texts, which are passed over."""
        for _ in range(self.pair_count):
            key = self._text(KEY_LIMIT_BYTES)
            if key is None:
                raise BadGguf("a key is too long")
            yield key, self._value(self._number("<I"))

    def tensors(self) -> Iterator[GgufTensor]:
        """All tensors; only after all pairs."""
        for _ in range(self.tensor_count):
            name = self._text(KEY_LIMIT_BYTES)
            dimensions = self._number("<I")
            if name is None or dimensions > DIMENSIONS_LIMIT:
                raise BadGguf("a tensor's entry makes no sense")
            count = 1
            for _ in range(dimensions):
                count *= self._number("<Q")
            kind, offset = self._number("<I"), self._number("<Q")
            block = _BLOCKS.get(kind)
            size_bytes = count // block[0] * block[1] if block else None
            yield GgufTensor(name=name, offset=offset, size_bytes=size_bytes)

    @property
    def position(self) -> int:
        """Where in the file the walk is, bytes."""
        return self._base + self._at

    def _value(self, kind: int) -> Value | None:
        if kind == _STRING:
            return self._text(TEXT_LIMIT_BYTES)
        if kind == _ARRAY:
            self._skip_array()
            return None
        layout = _NUMBERS.get(kind)
        if layout is None:
            raise BadGguf(f"a value has the unknown kind {kind}")
        value: int | float | bool = struct.unpack(layout, self._take(struct.calcsize(layout)))[0]
        return value

    def _skip_array(self) -> None:
        kind, count = self._number("<I"), self._number("<Q")
        if kind == _STRING:
            self._texts_left -= count
            if self._texts_left < 0:
                raise BadGguf("its lists are longer than any model's")
            for _ in range(count):
                self._skip(self._number("<Q"))
        elif kind in _NUMBERS:
            self._skip(count * struct.calcsize(_NUMBERS[kind]))
        else:
            raise BadGguf("a list holds what no list holds")

    def _text(self, limit: int) -> str | None:
        length = self._number("<Q")
        if length > limit:
            self._skip(length)
            return None
        return self._take(length).decode("utf-8", "replace")

    def _number(self, layout: str) -> int:
        value: int = struct.unpack(layout, self._take(struct.calcsize(layout)))[0]
        return value

    def _take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._buffer):
            self._check(length)
            self._base += self._at
            rest = self._buffer[self._at :]
            self._buffer = rest + self._file.read(max(READ_BYTES, length) - len(rest))
            self._at, end = 0, length
            if end > len(self._buffer):
                raise BadGguf("its header is cut")
        piece = self._buffer[self._at : end]
        self._at = end
        return piece

    def _skip(self, length: int) -> None:
        self._check(length)
        if self._at + length <= len(self._buffer):
            self._at += length
            return
        self._base += self._at + length
        self._file.seek(self._base)
        self._buffer, self._at = b"", 0

    def _check(self, length: int) -> None:
        if self.position + length > self._limit:
            raise BadGguf("its header is cut, or claims more than the file holds")
