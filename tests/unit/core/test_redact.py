"""Nothing that belongs to a person stays in a cleaned text, and a cleaned text stays as it is."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.redact import Redactor, drop_talk, mask_secrets, printable

OURS = Redactor(
    user_names=("alice", "Alice Müller", "jo"),
    homes=("/home/alice", "/data/homes/alice"),
    host_names=("wonderbox.lan",),
    secrets=("correct horse",),
)
WORD = string.ascii_letters + string.digits
LEAKS = {
    "hub token": ("hf_AbCdEf123456", "hf_AbCd"),
    "openai": ("sk-proj-AbCdEf123456", "AbCdEf"),
    "github": ("ghp_AbCdEf123456", "AbCdEf"),
    "bearer": ("curl -H 'authorization: Bearer abc.def'", "abc.def"),
    "header": ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    "header in JSON": ('{"Authorization": "Token abcd", "b": 1}', "abcd"),
    "variable": ("HF_TOKEN=abcd1234", "abcd1234"),
    "option": ("--api-key abcd1234 --port 1", "abcd1234"),
    "JSON": ('"api_key": "two words", "x": 1', "two words"),
    "escaped": ('"password": "a\\"bcd", "x": 1', "bcd"),
    "query": ("GET /v1?key=abcd1234&b=2", "abcd1234"),
    "a password of figures": ("password=1234", "1234"),
    "URL": ("http://bob:geheim@127.0.0.1:8000/v1", "geheim"),
    "JSON web token": ("eyJhbGciOi.eyJzdWIiOi.SflKxwRJ", "SflKxwRJ"),
    "private key": ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----", "MIIB"),
    "in a repr": ("'one\\nhf_AbCdEf123456'", "hf_AbCd"),
    "known": ("it is correct horse, isn't it", "correct horse"),
    "user": ("hello Alice!", "Alice"),
    "user inside": ("/srv/alice-models/x", "alice"),
    "short user": ("chown jo: x", "jo"),
    "full name": ("by Alice Müller", "Müller"),
    "quoted name": ("file:///srv/Alice%20M%C3%BCller", "M%C3%BCller"),
    "home": ("/data/homes/alice/x", "homes"),
    "another home": ("/home/bob/x", "bob"),
    "host": ("root@WonderBox:~#", "onder"),
    "whole host": ("wonderbox.lan", "lan"),
    "IPv4": ("from 192.168.1.5:8000", "192.168"),
    "IPv6": ("at fe80::1ff:fe23:4567%eth0.", "fe80"),
    "network card": ("link aa:bb:cc:dd:ee:ff", "bb:cc"),
    "mail": ("write to a.b+c@example.org", "example"),
    "remote engine": ("https://llm.company.internal/v1", "company"),
}
KEPT = (
    "max_num_batched_tokens=3000, prompt_tokens: 12, token: 5, key=7",
    'hotkey = "Ctrl+Alt+Space"',
    "http://127.0.0.1:8001/v1 and http://localhost:8001 and ::1",
    "https://huggingface.co/TinyLlama and registry-1.docker.io",
    "0000:03:00.0 at 10:53:20 on 2026-11-21, version 6.11.3, sha256:0a1b2c",
    "intelanalytics/ipex-llm-serving-xpu:0.2.0-b2",
    "INFO 05-14 10:53:20 [logger.py:39] Avg prompt throughput: 5.0 tokens/s",
    "the journal of major joy",  # the user 'jo' is a word, not a syllable
)


@pytest.mark.parametrize("name", LEAKS)
def test_what_is_private_goes(name: str) -> None:
    text, leak = LEAKS[name]
    assert leak in text
    assert leak not in OURS.redact(text)


@pytest.mark.parametrize("text", KEPT)
def test_what_helps_stays(text: str) -> None:
    assert OURS.redact(text) == text


PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from([text for text, _ in LEAKS.values()]),
    st.sampled_from(
        ["[secret]", "[user]", "key=", "Bearer ", "://", "@", '"', "'", "\\n", "/home/", ":", "."]
    ),
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@given(TEXTS)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = OURS.redact(text)
    assert OURS.redact(once) == once


@given(TEXTS)
def test_no_name_survives_whatever_stands_around_it(text: str) -> None:
    cleaned = OURS.redact(f"{text}alice{text}wonderbox{text}correct horse").lower()
    for name in ("alice", "wonderbox", "correct horse"):
        assert name not in cleaned


@given(TEXTS, st.text(WORD, min_size=6, max_size=30))
def test_no_key_survives_as_a_word(around: str, body: str) -> None:
    token = f"hf_{body}Q7"
    assert token not in OURS.redact(f"{around} {token} {around}")


@given(st.sampled_from(["user", "secret", "host", "us", "ser", "e-mail", "text", "[user]", "address"]), TEXTS)
def test_a_person_may_be_called_like_a_mark(name: str, text: str) -> None:
    whose = Redactor(user_names=(name,), host_names=(name,))
    once = whose.redact(text)
    assert whose.redact(once) == once


def test_names_that_everybody_has_are_no_secret() -> None:
    nobody = Redactor(user_names=("root", ""), homes=("/", ""), host_names=("localhost", ""))
    assert nobody.redact("root at localhost has / and /usr") == "root at localhost has / and /usr"


def test_data_stays_data() -> None:
    value = {
        "api_key": "x",
        "nested": [{"token": "short", "tokens": 3, "path": "/home/alice/x"}],
        "none": None,
    }
    cleaned = OURS.redact_data(value)
    assert cleaned == {
        "api_key": "[secret]",
        "nested": [{"token": "[secret]", "tokens": 3, "path": "~/x"}],
        "none": None,
    }
    json.dumps(cleaned)


def test_a_log_line_loses_its_keys_and_nothing_else() -> None:
    line = "WARNING at 10.0.0.5: HF_TOKEN=hf_AbCdEf123456 for alice, id mine"
    assert mask_secrets(line, ["mine"]) == "WARNING at 10.0.0.5: HF_TOKEN=[secret] for alice, id [secret]"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (
            r"Received request chatcmpl-0: prompt: '<|user|>\nHello', params: X",
            "Received request chatcmpl-0: ",
        ),
        ('{"model": "x", "messages": [{"role": "user", "content": "Hello"}]}', '{"model": "x", '),
        ("prompt_token_ids: [1, 15043, 2] Hello", ""),
        ("Prompt: 'x', Generated text: ' Hello'", "Prompt: 'x', "),
        ('{"role": "user", "content": "Hello"}', '{"role": "user", '),
    ],
)
def test_what_was_asked_leaves_the_log(line: str, kept: str) -> None:
    cleaned = drop_talk(line)
    assert "Hello" not in cleaned and "15043" not in cleaned
    assert cleaned.startswith(kept)
    assert drop_talk(cleaned) == cleaned


@given(st.text())
def test_what_is_printable_is_one_kind_of_text(text: str) -> None:
    cleaned = printable(text)
    assert printable(cleaned) == cleaned
    assert not set(cleaned) & set("\r\u2028\u2029\x0b\x0c\x85\x00\u00a0")
    cleaned.encode()
