"""An answer is read the same however its bytes are cut, and a bad one is told in words."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.api.load_reader import NOT_HTTP, ResponseReader
from arcdesk.api.load_tally import AnswerTally
from arcdesk.core.bench import Api
from tests.rig.fast_sse import DONE, END, HEAD, chat, chunk, completion, event, plain, stream, usage

WORDS = st.lists(st.text(max_size=12), max_size=12)


def read(
    data: bytes, api: Api = Api.COMPLETIONS, cuts: tuple[int, ...] = (), tokens: int | None = None
) -> tuple[ResponseReader, AnswerTally]:
    """Feed `data` in pieces; the clock tells the number of the piece. Then the server closes."""
    tally = AnswerTally(api, tokens)
    reader = ResponseReader(tally)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for number, (start, end) in enumerate(pairwise(edges)):
        if end > start and not reader.is_over:
            reader.feed(data[start:end], float(number))
    reader.cut("", float(len(edges)))
    if not reader.error:
        tally.close()
    return reader, tally


def problem(data: bytes, api: Api = Api.COMPLETIONS) -> str:
    reader, tally = read(data, api)
    return reader.error or tally.error


@given(words=WORDS, cuts=st.lists(st.integers(min_value=0), max_size=40), is_chat=st.booleans())
def test_an_answer_cut_anywhere_has_the_same_events(words: list[str], cuts: list[int], is_chat: bool) -> None:
    say = chat if is_chat else completion
    data = stream(*map(say, words), say("", "length"), usage(7, len(words)), DONE)
    reader, tally = read(data, Api.CHAT if is_chat else Api.COMPLETIONS, tuple(cuts))
    assert (reader.error, tally.error, reader.can_keep) == ("", "", True)
    assert len(tally.events_s) == sum(map(bool, words))
    assert len(tally.silent_s) == len(words) - sum(map(bool, words)) + 1
    assert (tally.prompt_tokens, tally.completion_tokens) == (7, len(words))


@given(words=WORDS, spaced=st.booleans(), sorted_keys=st.booleans(), is_ascii=st.booleans())
def test_json_written_otherwise_is_understood(
    words: list[str], spaced: bool, sorted_keys: bool, is_ascii: bool
) -> None:
    """The short way must agree with a parser for any order of keys, blanks and escapes."""

    def written(word: str) -> bytes:
        body = {"choices": [{"index": 0, "text": word, "finish_reason": None}], "model": '"text":"'}
        separators = (", ", ": ") if spaced else (",", ":")
        text = json.dumps(body, separators=separators, sort_keys=sorted_keys, ensure_ascii=is_ascii)
        return b"data: " + text.encode("utf-8", "replace") + b"\n\n"

    _, tally = read(stream(*map(written, words), completion("", "stop"), DONE))
    assert (len(tally.events_s), tally.error) == (sum(map(bool, words)), "")


@pytest.mark.parametrize(
    "word", ['"text":"x"', '","finish_reason":null,"text":"', "\\", '{"usage":{}}', "[DONE]"]
)
def test_words_that_look_like_json_are_words(word: str) -> None:
    for api, say in ((Api.COMPLETIONS, completion), (Api.CHAT, chat)):
        _, tally = read(stream(say(word), say("", "stop"), usage(1, 1), DONE), api)
        assert (len(tally.events_s), tally.completion_tokens, tally.error) == (1, 1, "")


def test_events_of_one_read_share_its_time_and_those_of_two_do_not() -> None:
    first = HEAD + chunk(completion("a") + completion("b c d")) + chunk(completion("e"))
    data = first + chunk(completion("f")) + chunk(completion("", "length")) + END
    _, tally = read(data, cuts=(len(first),))
    assert list(tally.events_s) == [0.0, 0.0, 0.0, 1.0]


def test_an_event_split_over_two_chunks_arrives_with_its_end() -> None:
    one = completion("split")
    first = HEAD + chunk(one[:20])
    data = first + chunk(one[20:]) + chunk(completion("", "stop")) + END
    _, tally = read(data, cuts=(len(first),))
    assert list(tally.events_s) == [1.0]


def test_each_chunk_in_a_read_of_its_own_ends_the_answer_too() -> None:
    pieces = [HEAD, *map(chunk, (completion("a"), completion("", "stop"), DONE)), END]
    edges = tuple(len(b"".join(pieces[:count])) for count in range(1, len(pieces)))
    reader, tally = read(b"".join(pieces), cuts=edges)
    assert (reader.error, tally.error, reader.can_keep) == ("", "", True)
    assert (list(tally.events_s), tally.done_s) == ([1.0], 3.0)


def test_a_role_and_a_withheld_token_are_silent_events() -> None:
    data = stream(chat("", role="assistant"), chat("Hi"), chat(""), chat("!"), chat(None, "stop"), DONE)
    _, tally = read(data, Api.CHAT)
    assert (len(tally.events_s), len(tally.silent_s)) == (2, 3)


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_thoughts_are_text(key: str) -> None:
    _, tally = read(stream(chat(None, **{key: "Hm"}), chat("Yes"), chat(None, "stop"), DONE), Api.CHAT)
    assert len(tally.events_s) == 2


def test_an_answer_without_done_is_whole_if_it_was_finished() -> None:
    assert problem(stream(completion("a"), completion("", "length"))) == ""
    assert problem(stream(completion("a"), DONE)) == ""
    assert "before the answer was finished" in problem(stream(completion("a")))
    assert "before the answer was finished" in problem(stream(completion("a"), completion("", "abort")))


def test_an_answer_of_no_token_and_of_one() -> None:
    _, tally = read(stream(completion("", "stop"), usage(5, 0), DONE))
    assert (len(tally.events_s), tally.completion_tokens, tally.error) == (0, 0, "")
    _, tally = read(stream(completion("a", "length"), usage(5, 1), DONE))
    assert (len(tally.events_s), tally.completion_tokens, tally.error) == (1, 1, "")


def test_no_usage_leaves_the_tokens_unknown() -> None:
    _, tally = read(stream(completion("a"), completion("", "stop"), DONE))
    assert (tally.completion_tokens, tally.usage_problem) == (None, "")


@pytest.mark.parametrize(
    ("told", "words"),
    [(-1, "no number"), ("12", "no number"), (True, "no number"), (99, "99"), (0, "no tokens")],
)
def test_wrong_usage_leaves_the_tokens_unknown_and_says_why(told: object, words: str) -> None:
    _, tally = read(stream(completion("a"), completion("b", "length"), usage(3, told), DONE), tokens=8)
    assert tally.completion_tokens is None and words in tally.usage_problem and tally.prompt_tokens == 3


def test_usage_in_every_event_ends_with_the_last() -> None:
    def running(word: str, count: int) -> bytes:
        choice = {"index": 0, "text": word, "finish_reason": None}
        return event({"choices": [choice], "usage": {"prompt_tokens": 4, "completion_tokens": count}})

    _, tally = read(stream(running("a", 1), running("b", 2), completion("", "stop"), DONE))
    assert (len(tally.events_s), tally.completion_tokens) == (2, 2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (plain(401, {"error": "Unauthorized"}), "HTTP 401: Unauthorized"),
        (plain(400, {"object": "error", "message": "too long", "code": 400}), "HTTP 400: too long"),
        (plain(400, {"error": {"message": "too long", "code": 400}}), "HTTP 400: too long"),
        (plain(404, {"detail": "Not Found"}), "HTTP 404: Not Found"),
        (plain(500, b""), "HTTP 500: no reason given"),
        (plain(503, b"<h1>busy</h1>"), "HTTP 503: <h1>busy</h1>"),
        (plain(307, b""), "HTTP 307"),
        (plain(200, {"object": "error", "message": "no such task"}), "no such task"),
        (plain(200, b"hello"), "text/plain instead of a stream"),
        (stream(event({"error": {"message": "engine died"}}), DONE), "engine died"),
        (stream(completion("a"), event({"error": "gone"}), DONE), "gone"),
        (stream(b"data: <html>\n\n"), "no part of an answer"),
        (b"SSH-2.0-OpenSSH_9\r\n", NOT_HTTP),
        (b"\x16\x03\x01\x02\x00 TLS", NOT_HTTP),
        (HEAD + b"zz\r\n", NOT_HTTP),
        (HEAD + b"2\r\nabcd", NOT_HTTP),
        (HEAD.replace(b"content-type", b"Content-Encoding: gzip\r\ncontent-type"), "compresses"),
        (HEAD + chunk(completion("a")), "in the middle of the answer"),
        (HEAD[:30], "in the middle of the answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", NOT_HTTP),
    ],
)
def test_what_is_no_answer_is_told_in_words(answer: bytes, words: str) -> None:
    assert words in problem(answer)


def test_a_cut_behind_done_loses_nothing() -> None:
    data = HEAD + chunk(completion("a")) + chunk(completion("", "stop")) + chunk(DONE)
    reader, tally = read(data)
    assert (reader.error, tally.error, reader.can_keep) == ("", "", False)


def test_http_1_0_and_bodies_of_a_known_length_are_read() -> None:
    events = completion("a") + completion("", "stop") + DONE
    old = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + events
    reader, tally = read(old)
    assert (reader.error, len(tally.events_s), reader.can_keep) == ("", 1, False)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {len(events)}\r\n\r\n"
    reader, tally = read(b"HTTP/1.1 100 Continue\r\n\r\n" + head.encode() + events)
    assert (reader.error, len(tally.events_s), reader.can_keep) == ("", 1, True)


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(min_value=0), max_size=5))
def test_any_bytes_end_in_words_never_in_an_exception(data: bytes, cuts: list[int]) -> None:
    for start in (b"", HEAD, HEAD + b"5\r\n"):
        reader, tally = read(start + data, cuts=tuple(cuts))
        assert reader.error or tally.error


def test_an_end_without_a_reason_is_no_end() -> None:
    """Some servers write '' where others write null: a cut answer must not count as whole."""
    piece = event({"choices": [{"index": 0, "text": "one", "finish_reason": ""}]})
    assert "before the answer was finished" in problem(HEAD + chunk(piece) + END)
    _, tally = read(stream(piece, completion("", "length"), usage(7, 1), DONE))
    assert (tally.error, len(tally.events_s)) == ("", 1)


def test_an_empty_usage_takes_no_count_away() -> None:
    _, tally = read(
        stream(
            completion("a"), completion("", "stop"), usage(7, 1), event({"choices": [], "usage": {}}), DONE
        )
    )
    assert (tally.prompt_tokens, tally.completion_tokens) == (7, 1)


def test_an_error_beside_a_piece_is_an_error() -> None:
    piece = event(
        {"choices": [{"index": 0, "text": "x", "finish_reason": None}], "error": {"message": "out of memory"}}
    )
    assert "out of memory" in problem(stream(completion("a"), piece, DONE))
