"""The SSE parser against a reference that sees the whole input at once."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arcdesk.api.sse import MAX_EVENT_BYTES, SseParser, TooLarge


def reference(stream: bytes) -> list[str]:
    """The specification read aloud: lines, fields, blank lines; an open event counts at the end."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    events: list[str] = []
    data: list[str] = []
    for line in [*re.split("\r\n|\n|\r", text), ""]:
        if line == "" and data:
            events.append("\n".join(data))
            data = []
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value[1:] if value.startswith(" ") else value)
    return events


def parse(pieces: list[bytes]) -> list[str]:
    parser = SseParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.close()


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[start:end] for start, end in pairwise(edges)]


ends = st.sampled_from(["\n", "\r", "\r\n"])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=12)
lines = st.one_of(
    st.just(""),
    texts,
    texts.map("data: {}".format),
    texts.map("data:{}".format),
    texts.map(": {}".format),
    st.sampled_from(["data", "data:", "data: ", "database: x", "event: x", "id: 7", ":", "data : x"]),
)
streams = st.lists(st.tuples(lines, ends), max_size=12).map(
    lambda parts: "".join(line + end for line, end in parts).encode()
)


@given(stream=streams, tail=texts.map(str.encode), places=st.lists(st.integers(0, 10_000), max_size=30))
@example(stream="data: \U0001f600é\r\n\r\n".encode(), tail=b"", places=list(range(40)))
@example(stream="\ufeffdata: a\r\r".encode(), tail=b"data: b", places=list(range(40)))
@example(stream=b"data: a\r\n\r\ndata: b\n\ndata: c\r\r", tail=b"", places=[7, 8, 9, 10, 11])
def test_cuts_anywhere_change_nothing(stream: bytes, tail: bytes, places: list[int]) -> None:
    assert parse(cut(stream + tail, places)) == reference(stream + tail)


@given(stream=st.binary(max_size=200), places=st.lists(st.integers(0, 200), max_size=20))
def test_any_bytes_are_parsed_without_an_error(stream: bytes, places: list[int]) -> None:
    assert parse(cut(stream, places)) == parse([stream])


def test_an_event_is_given_out_with_the_byte_that_completes_it() -> None:
    parser = SseParser()
    assert parser.feed(b'data: {"a":') == []
    assert parser.feed(b"1}\n") == []
    assert parser.feed(b"\n") == ['{"a":1}']
    assert parser.feed(b"data: x\n\n") == ["x"]
    assert parser.feed(b"data: y\r\n\r") == ["y"]
    assert parser.feed(b"\ndata: z\r\n\r\n") == ["z"]
    assert parser.close() == []


def test_several_lines_of_data_are_one_event() -> None:
    assert parse([b"data: a\ndata: b\nid: 1\ndata:\n\n"]) == ["a\nb\n"]


def test_comments_between_events_are_read_over() -> None:
    assert parse([b": ping\n\n", b"data: a\n\n: ping\n\ndata: b\n\n"]) == ["a", "b"]


def test_a_character_cut_off_for_good_becomes_a_replacement_sign() -> None:
    assert parse(["data: é".encode()[:-1]]) == ["\ufffd"]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * MAX_EVENT_BYTES + b"\n\n"],
        [b"data: ", *[b"x" * 65536] * 256],
        [b"data: " + b"x" * 65536 + b"\n"] * 256,
        [b": " + b"x" * MAX_EVENT_BYTES],
    ],
    ids=["one read", "a line without end", "many lines", "a comment"],
)
def test_more_than_16_mib_in_one_event_is_refused(pieces: list[bytes]) -> None:
    parser = SseParser()
    *first, last = pieces
    for piece in first:
        assert parser.feed(piece) == []
    with pytest.raises(TooLarge):
        parser.feed(last)


def test_a_long_stream_of_small_events_is_not_too_large() -> None:
    parser = SseParser()
    event = b"data: " + b"x" * 1_000_000 + b"\n\n"
    assert sum(len(parser.feed(piece)) for _ in range(20) for piece in (event[:10], event[10:])) == 20
