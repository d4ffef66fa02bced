"""Secrets stay out of texts that others may read."""

from __future__ import annotations

import io
import json
import logging

from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.secrets import Mask, MaskingFilter, mask, remote_key

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


def test_log_records_are_masked_with_arguments_and_tracebacks() -> None:
    from arcdesk.core.secrets import MASK

    MASK.remember(KEY)
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(MaskingFilter())
    logger = logging.getLogger("arcdesk.test_secrets")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        logger.warning("asked with %s of %s", KEY, {"key": KEY})
        try:
            raise ValueError(f"bad header Bearer {KEY}")
        except ValueError:
            logger.exception("failed")
        logger.warning("harmless %s", "words")
    finally:
        logger.removeHandler(handler)
    text = out.getvalue()
    assert KEY not in text
    assert "asked with … of {'key': '…'}" in text
    assert "ValueError: bad header Bearer …" in text
    assert "harmless words" in text


def test_a_servers_key_belongs_to_its_origin() -> None:
    assert remote_key("https://Models.Example:8443/v1/") == "remote:https://models.example:8443"
    assert remote_key("https://models.example/v1") == remote_key("https://models.example/other")
    assert remote_key("http://a/v1") != remote_key("https://a/v1")
    assert remote_key("http://[::1").startswith("remote:")
