"""Recordings changed for a test, and what the reader makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from arcdesk.app.gpu_json import gpu_json
from arcdesk.core.gpu import GpuSnapshot
from arcdesk.telemetry.gpu_reader import CardReader
from arcdesk.telemetry.gpu_recorded import RecordedHost
from tests.rig.gpu_tree import load_recording

B580 = "0000:0b:00.0"
A770 = "0000:03:00.0"


class Changed:
    """A recording by name. Paths are told by how they end; all that end so are meant."""

    def __init__(self, name: str) -> None:
        self.data = load_recording(name)

    def paths(self, end: str) -> list[str]:
        """Every file that ends so. Fails the test if there is none."""
        found = [path for path in self.data["files"] if path.endswith(end)]
        assert found, end
        return found

    def put(self, end: str, first: str, second: str | None = None) -> Changed:
        """Another text at both samples, or one at each."""
        for path in self.paths(end):
            self.data["files"][path] = first
            self.data["t1"][path] = first if second is None else second
        return self

    def add(self, folder_of: str, name: str, first: str, second: str | None = None) -> Changed:
        """A further file beside the one that ends so."""
        path = f"{self.paths(folder_of)[0].rpartition('/')[0]}/{name}"
        self.data["files"][path] = first
        self.data["t1"][path] = first if second is None else second
        return self

    def remove(self, part: str) -> Changed:
        """Without the files and links whose path has `part`."""
        for key in ("files", "links", "t1"):
            left = {path: text for path, text in self.data[key].items() if part not in path}
            assert key != "files" or len(left) < len(self.data[key]), part
            self.data[key] = left
        return self

    def refuse(self, *ends: str) -> Changed:
        """Not for this user."""
        for end in ends:
            paths = [end] if end.startswith("dev/") else self.paths(end)
            self.data["permissions"]["eacces"] += paths
        return self

    def rename(self, old: str, new: str) -> Changed:
        """Each path and link with `old` gets `new` instead."""
        for key in ("files", "links", "t1"):
            self.data[key] = {
                path.replace(old, new): text if key != "links" else text.replace(old, new)
                for path, text in self.data[key].items()
            }
        return self

    def ioctl(self, change: Callable[[dict[str, str]], None]) -> Changed:
        """Change each node's answers."""
        for node in self.data["ioctl"].values():
            change(node)
        return self

    def host(self) -> RecordedHost:
        """As a machine."""
        return RecordedHost(self.data)

    def read(self) -> GpuSnapshot:
        """The second of two samples."""
        return read_both(self.host())[1]

    def cards(self) -> dict[str, dict[str, Any]]:
        """The second sample as JSON, by address."""
        found: dict[str, dict[str, Any]] = as_json(self.read())["gpus"]
        return found

    def card(self) -> dict[str, Any]:
        """The only card's JSON."""
        (found,) = self.cards().values()
        return found


def read_both(host: RecordedHost) -> tuple[GpuSnapshot, GpuSnapshot]:
    """Both samples of a recording."""
    reader = CardReader(host)
    first = reader.sample(host.containers())
    host.advance()
    return first, reader.sample(host.containers())


def as_json(snapshot: GpuSnapshot) -> dict[str, Any]:
    """Through text, as a script gets it."""
    found: dict[str, Any] = json.loads(json.dumps(gpu_json(snapshot)))
    return found


def why(card: dict[str, Any], key: str) -> str:
    """The kind of reason why `key` is unknown."""
    return str(card["unknown"][key]).partition(":")[0]


def differences(got: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """What of `expected` is otherwise in `got`; percent within 0.5, watts within 0.1, the rest exactly."""
    wrong = []
    if got["gpus"].keys() != expected["gpus"].keys():
        wrong.append(f"cards {sorted(got['gpus'])}")
    for address, card in expected["gpus"].items():
        for key, value in card.items():
            found = got["gpus"].get(address, {}).get(key, "(missing)")
            if not _is_same(key, found, value):
                wrong.append(f"{address} {key}: {found!r}, not {value!r}")
    if got.get("environment") != expected.get("environment"):
        wrong.append(f"environment {got.get('environment')!r}")
    return wrong


def _is_same(key: str, found: Any, value: Any) -> bool:
    if isinstance(value, dict):
        is_alike = isinstance(found, dict) and found.keys() == value.keys()
        return is_alike and all(_is_same(key, found[name], one) for name, one in value.items())
    if isinstance(value, float) and isinstance(found, int | float):
        return abs(found - value) <= (0.5 if key.endswith("_pct") else 0.1)
    return bool(found == value) and type(found) is type(value)
