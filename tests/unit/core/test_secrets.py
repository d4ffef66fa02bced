"""Secrets stay out of texts that others may read."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.secrets import Mask, mask, remote_key

KEY = "sk-marked-in-core"


def test_a_known_secret_is_masked_in_every_shape_it_takes() -> None:
    known = Mask()
    known.remember('a"b/c d+long')
    for text in ('a"b/c d+long', json.dumps('a"b/c d+long'), "k=a%22b%2Fc%20d%2Blong&x"):
        assert "long" not in known(f"before {text} after")
    assert known("a b c") == "a b c"


def test_what_is_too_short_is_no_secret() -> None:
    known = Mask()
    known.remember("the")
    assert known("the answer") == "the answer"


@given(secret=st.text(min_size=4, max_size=40), before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_text_keeps_a_known_secret(secret: str, before: str, after: str) -> None:
    known = Mask()
    known.remember(secret)
    if len(secret.strip()) >= 4:
        assert secret.strip() not in known(before + secret + after).replace("…", "\0")


@given(st.text())
def test_masking_twice_is_masking_once(text: str) -> None:
    assert mask(mask(text)) == mask(text)


def test_a_servers_key_belongs_to_its_origin() -> None:
    assert remote_key("https://Models.Example:8443/v1/") == "remote:https://models.example:8443"
    assert remote_key("https://models.example/v1") == remote_key("https://models.example/other")
    assert remote_key("http://a/v1") != remote_key("https://a/v1")
    assert remote_key("http://[::1").startswith("remote:")
