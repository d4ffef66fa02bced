"""Prompts of any length, and files that are no prompts."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcdesk.core.bench_prompts import (
    CHARS_PER_TOKEN,
    TEXT,
    image_url_of,
    long_text,
    prompts_of_file,
    prompts_of_sharegpt,
    text_of_tokens,
)
from arcdesk.core.errors import UsageError


@settings(max_examples=30)
@given(tokens=st.integers(min_value=1, max_value=20_000))
def test_a_text_of_about_so_many_tokens(tokens: int) -> None:
    text = text_of_tokens(tokens)
    assert text.strip() and len(text) <= tokens * CHARS_PER_TOKEN + 1
    assert len(text) > tokens * CHARS_PER_TOKEN - 20


@settings(max_examples=30)
@given(chars=st.integers(min_value=0, max_value=50_000))
def test_a_long_text_is_as_long_as_wanted_and_begins_the_same(chars: int) -> None:
    text = long_text(chars)
    assert len(text) == chars and (TEXT.startswith(text) or text.startswith(TEXT))


def test_a_long_text_does_not_repeat_itself_word_for_word() -> None:
    assert "Part 2." in long_text(3 * len(TEXT)) and "Part 3." in long_text(3 * len(TEXT))


def test_a_file_has_a_prompt_a_line_or_is_one() -> None:
    assert prompts_of_file("\ufeffone\r\ntwo\n".encode(), "f") == ("one", "two")
    assert prompts_of_file(b"a story\n\nthat goes on\n", "f") == ("a story\n\nthat goes on",)


def test_sharegpt_gives_the_first_words_of_each_human() -> None:
    human = {"from": "human", "value": " Why? "}
    told = [
        {"conversations": [{"from": "system", "value": "be kind"}, human, {"from": "gpt", "value": "So."}]},
        {"messages": [{"role": "user", "content": "How?"}]},
        {"conversations": []},
        {"conversations": "text"},
        {"conversations": [{"from": "human", "value": 7}]},
        "text",
        None,
    ]
    assert prompts_of_sharegpt(json.dumps(told).encode(), "f") == ("Why?", "How?")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"{}", "list of conversations"),
        (b"[]", "None of its 0"),
        (b'[{"conversations": [{"from": "gpt", "value": "x"}]}]', "None of its 1"),
        (b"\xff\xfe", "Byte 0 is no UTF-8"),
    ],
)
def test_bad_sharegpt_files_are_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        prompts_of_sharegpt(data, "talks.json")
    assert words in str(caught.value) and "talks.json" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b" \n\n ", b"\xc3"])
def test_bad_text_files_are_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        prompts_of_file(data, "f.txt")


def test_an_image_becomes_a_data_url() -> None:
    start, _, rest = image_url_of(b"\x89PNG", "Cat.PNG").partition(",")
    assert (start, b64decode(rest)) == ("data:image/png;base64", b"\x89PNG")
    for data, name in ((b"x", "cat.svg"), (b"x", "cat"), (b"", "cat.png")):
        with pytest.raises(UsageError):
            image_url_of(data, name)
