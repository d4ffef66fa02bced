"""Writes the JSON body of a benchmark's request."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from arcdesk.api.payload import encode
from arcdesk.core.bench import Api, BenchPlan
from arcdesk.core.bench_prompts import NUMBER, NUMBER_DIGITS, NUMBERED


def bench_body(model: str, plan: BenchPlan, prompt: str, image_url: str = "") -> bytes:
    """A streamed answer with usage at its end. `image_url` is a data URL, for chats only."""
    body: dict[str, object] = {
        "model": model,
        "max_tokens": plan.output_tokens,
        "temperature": plan.temperature,
        "top_p": 1.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if plan.is_ignoring_eos:
        body["ignore_eos"] = True  # sent only when meant: a strict server refuses what it does not know
    if plan.api is Api.CHAT:
        body["messages"] = [{"role": "user", "content": _content(prompt, image_url)}]
    else:
        body["prompt"] = prompt
    return encode(body)


def numbered(body: bytes, first: int) -> Iterator[bytes]:
    """The body for ever, its NUMBER counted up from `first`; the same each time if it holds none."""
    before, mark, tail = body.partition(NUMBERED.encode())  # a model's name may hold as many zeros
    head = before + mark.removesuffix(NUMBER.encode())
    for each in count(first):
        yield head + b"%0*d" % (NUMBER_DIGITS, each % 10**NUMBER_DIGITS) + tail if mark else body


def _content(prompt: str, image_url: str) -> object:
    if not image_url:
        return prompt
    return [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": image_url}}]
