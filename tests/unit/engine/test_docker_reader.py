"""What Docker leaves out at the end of a followed log is fetched; nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from arcdesk.core.ports import LogLine
from arcdesk.engine.docker_reader import _LastSeen, _missed, lines_of

LINES = [
    "2026-01-02T03:04:05.000000001Z one",
    "2026-01-02T03:04:05.000000900Z two",
    "2026-01-02T03:04:05.000000900Z three",
    "2026-01-02T03:04:05.000000900Z four",
    "2026-01-02T03:04:06.5Z five",
]


class Daemon:
    """Docker's answer to a read that does not follow, from `since` on."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def logs(self, container_id: str, **options: Any) -> Iterator[bytes]:
        self.asked.append(options)
        assert options["stream"]
        assert not options["follow"]
        lines = [line for line in lines_of(frames(LINES)) if line.at >= options.get("since", 0)]
        by_text = {line.rpartition(" ")[2]: line for line in LINES}
        return frames([by_text[line.text] for line in lines])


def frames(lines: list[str]) -> Iterator[bytes]:
    return iter([f"{line}\n".encode() for line in lines])


def read(followed: list[str], daemon: Daemon) -> list[LogLine]:
    seen = _LastSeen()
    first = [seen.note(line) for line in lines_of(frames(followed))]
    client = cast(Any, SimpleNamespace(api=daemon))
    return first + list(_missed(client, "0123456789ab", seen, {}))


@pytest.mark.parametrize("came", range(len(LINES) + 1))
def test_each_line_comes_once_wherever_the_stream_ended(came: int) -> None:
    daemon = Daemon()
    assert [line.text for line in read(LINES[:came], daemon)] == ["one", "two", "three", "four", "five"]
    assert len(daemon.asked) == 1
    assert ("since" in daemon.asked[0]) == (came > 0)


def test_lines_of_two_outputs_that_change_places_do_not_come_twice() -> None:
    swapped = [LINES[0], LINES[4], LINES[1], LINES[2], LINES[3]]
    assert len(read(swapped, Daemon())) == len(LINES)
