"""Log frames, events and download messages become values, whatever way they are cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.ports import ContainerEventKind
from arcdesk.engine.docker_streams import LogJoiner, PullMeter, StreamLink, ThreadStream, parse_event

TIME = b"1970-01-01T00:01:00.500000000Z "


def joined(*frames: bytes) -> list[tuple[str, float]]:
    joiner = LogJoiner()
    lines = [line for frame in frames for line in joiner.feed(frame)]
    return [(line.text, line.at) for line in (*lines, *joiner.flush())]


def test_a_frame_is_a_line_with_dockers_time() -> None:
    assert joined(TIME + b"hello world\n") == [("hello world", 60.5)]


def test_an_empty_line_stays_and_an_end_without_line_end_counts() -> None:
    assert joined(TIME + b"\n", TIME + b"last") == [("", 60.5), ("last", 60.5)]


def test_parts_of_a_long_line_are_joined_even_within_a_character() -> None:
    letter = "ä".encode()
    assert joined(TIME + b"a" + letter[:1], TIME + letter[1:] + b"b\n") == [("aäb", 60.5)]


def test_carriage_returns_make_lines_and_windows_line_ends_do_not() -> None:
    assert [text for text, _ in joined(TIME + b"\r1/2\r2/2\n", TIME + b"end\r\n")] == ["1/2", "2/2", "end"]


def test_a_line_that_begins_like_a_time_keeps_it() -> None:
    assert joined(TIME + b"2026-01-01T00:00:00Z is new year\n") == [
        ("2026-01-01T00:00:00Z is new year", 60.5)
    ]


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n"), max_size=40), max_size=6), st.integers(1, 7)
)
def test_lines_come_out_as_they_went_in_however_docker_cuts_them(lines: list[str], size: int) -> None:
    frames = []
    for line in lines:
        raw = line.encode("utf-8", errors="replace") + b"\n"
        frames += [TIME + raw[start : start + size] for start in range(0, len(raw), size)]
    expected = [line.encode("utf-8", errors="replace").decode() for line in lines]
    assert [text for text, _ in joined(*frames)] == expected


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_break_the_joiner(frames: list[bytes]) -> None:
    assert all("\n" not in text for text, _ in joined(*frames))


def test_an_event_with_its_numbers() -> None:
    event = parse_event(
        {
            "Action": "kill",
            "Actor": {"ID": "abc", "Attributes": {"signal": "15", "name": "x"}},
            "time": 60,
            "timeNano": 60_500_000_000,
        }
    )
    assert event is not None
    assert (event.kind, event.container_id, event.at) == (ContainerEventKind.SIGNALLED, "abc", 60.5)
    assert (event.signal, event.exit_code) == (15, None)


@pytest.mark.parametrize("action", ["exec_create: bash -c true", "subscribed", "", "attach"])
def test_other_events_are_nothing(action: str) -> None:
    assert parse_event({"Action": action, "Actor": {"ID": "abc", "Attributes": {}}, "time": 60}) is None


def downloading(layer: str, current: int, total: int) -> dict[str, object]:
    return {"status": "Downloading", "id": layer, "progressDetail": {"current": current, "total": total}}


def test_layers_add_up_and_a_second_try_does_not_go_back() -> None:
    meter = PullMeter()
    assert meter.feed({"status": "Pulling from model", "id": "1"}).done_bytes is None
    assert meter.feed(downloading("a", 10, 100)).total_bytes == 100
    meter.feed(downloading("b", 5, 50))
    again = meter.feed(downloading("a", 3, 100))
    assert (again.done_bytes, again.total_bytes, again.line) == (15, 150, "a Downloading")
    assert meter.feed({"status": "Download complete", "id": "a", "progressDetail": {}}).done_bytes == 105
    unpacking = {"status": "Extracting", "id": "a", "progressDetail": {"current": 1, "total": 100}}
    assert meter.feed(unpacking).done_bytes == 105
    assert meter.feed({"status": "Already exists", "id": "c"}).total_bytes == 150


class Stream:
    """Blocks its reader until it is closed, as a socket does."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


async def test_a_fast_reader_waits_for_its_consumer_and_nothing_is_lost() -> None:
    read = 0

    def produce(_: StreamLink) -> Iterator[int]:
        nonlocal read
        for number in range(20_000):
            read = number
            yield number

    stream = ThreadStream("docker-test", produce)
    items = stream.items()
    first = await anext(items)
    async with asyncio.timeout(5):
        while read < 5000:  # a thread counts
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert read < 10_001  # one batch taken, one waiting
    assert [first, *[item async for item in items]] == list(range(20_000))


async def test_an_error_of_the_reader_comes_after_its_items() -> None:
    def produce(_: StreamLink) -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    items = ThreadStream("docker-test", produce).items()
    assert await anext(items) == 1
    with pytest.raises(LookupError, match="gone"):
        await anext(items)


async def test_a_stream_that_opens_after_it_was_given_up_is_closed_at_once() -> None:
    stream, may_open = Stream(), threading.Event()

    def produce(link: StreamLink) -> Iterator[int]:
        may_open.wait(5)
        link.attach(stream)
        stream.closed.wait(5)
        yield 1

    reading = ThreadStream("docker-test", produce)
    first = asyncio.ensure_future(anext(reading.items(), None))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(reading.aclose())
    await asyncio.sleep(0)
    may_open.set()
    await closing
    assert await first is None
    assert stream.closed.is_set()
