"""Packs the requests of a step into bytes and back: arrivals as differences in whole microseconds.

Version byte, then zlib over: length of the head (4 bytes), head (JSON: one list for each plain field), and
for each field of arrivals one array of differences, the first of each request to its `sent_s`.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import accumulate
from typing import Any

from arcdesk.core.bench import RequestRecord

VERSION = 1
US = 1_000_000
SERIES = ("events_s", "silent_s")
_PLAIN = tuple(field.name for field in fields(RequestRecord) if field.name not in SERIES)
_SHORT, _LONG = "I", "q"  # 4 bytes hold gaps of up to 71 minutes, 8 whatever comes
_LIMIT = 1 << 32


class UnknownPacking(ValueError):
    """A newer ArcDesk packed it."""


def pack(records: Sequence[RequestRecord]) -> bytes:
    """The records as bytes; arrivals are kept to the microsecond, all else exactly."""
    columns = {name: [getattr(record, name) for record in records] for name in _PLAIN}
    arrays = {name: _deltas(records, name) for name in SERIES}
    head = {
        "count": len(records),
        "columns": columns,
        "series": {
            name: {"type": deltas.typecode, "counts": [len(getattr(record, name)) for record in records]}
            for name, deltas in arrays.items()
        },
    }
    packed_head = json.dumps(head, separators=(",", ":")).encode()
    body = b"".join(_little(deltas).tobytes() for deltas in arrays.values())
    return bytes([VERSION]) + zlib.compress(struct.pack("<I", len(packed_head)) + packed_head + body)


def unpack(blob: bytes) -> tuple[RequestRecord, ...]:
    """The records. Raises UnknownPacking, or ValueError if the bytes are damaged."""
    if not blob:
        raise ValueError("no bytes")
    if blob[0] > VERSION:
        raise UnknownPacking(f"packing {blob[0]}")
    try:
        return tuple(_records(zlib.decompress(blob[1:])))
    except (zlib.error, struct.error, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(str(error)) from error


def _records(payload: bytes) -> Iterator[RequestRecord]:
    (size,) = struct.unpack_from("<I", payload)
    head = json.loads(payload[4 : 4 + size])
    columns = {name: values for name, values in head["columns"].items() if name in _PLAIN}
    sent: list[float] = columns["sent_s"]
    series: dict[str, list[tuple[float, ...]]] = {}
    start = 4 + size
    for name, kind in head["series"].items():
        deltas = array(kind["type"])
        end = start + deltas.itemsize * sum(kind["counts"])
        deltas.frombytes(payload[start:end])
        series[name] = _arrivals(_little(deltas), kind["counts"], sent)
        start = end
    for place in range(head["count"]):
        values: dict[str, Any] = {name: column[place] for name, column in columns.items()}
        values |= {name: series[name][place] for name in SERIES if name in series}
        yield RequestRecord(**values)


def _deltas(records: Sequence[RequestRecord], name: str) -> array[int]:
    found: list[int] = []
    for record in records:
        sent = record.sent_s
        last = 0
        for at in getattr(record, name):
            now = round((at - sent) * US)
            found.append(now - last)
            last = now
    is_short = not found or (min(found) >= 0 and max(found) < _LIMIT)
    return array(_SHORT if is_short else _LONG, found)


def _arrivals(deltas: array[int], counts: Sequence[int], sent: Sequence[float]) -> list[tuple[float, ...]]:
    found, start = [], 0
    for count, sent_s in zip(counts, sent, strict=True):
        part = deltas[start : start + count]
        if len(part) < count:
            raise ValueError("arrivals are missing")
        found.append(tuple(sent_s + us / US for us in accumulate(part)))
        start += count
    return found


def _little(values: array[int]) -> array[int]:
    if sys.byteorder == "big":
        values.byteswap()
    return values
