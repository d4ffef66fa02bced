"""Puts a question into the JSON body of /chat/completions."""

from __future__ import annotations

import json
from collections.abc import Iterable

from arcdesk.core.chat import ChatRequest, Message, Role


def chat_body(model: str, request: ChatRequest) -> bytes:
    """The body of a streamed answer with usage at its end. `request.extra` can't switch streaming off."""
    body = _body(model, request)
    asked = request.extra.get("stream_options")
    options = asked if isinstance(asked, dict) else {}
    body["stream"] = True
    body["stream_options"] = {**options, "include_usage": True}
    return encode(body)


def probe_body(model: str) -> bytes:
    """The smallest question that makes the model generate: one token, in one piece."""
    message = {"role": Role.USER.value, "content": "Hi"}
    return encode({"model": model, "messages": [message], "max_tokens": 1, "temperature": 0, "stream": False})


def encode(body: dict[str, object]) -> bytes:
    """JSON in UTF-8. Half a surrogate pair (from a clipboard, say) becomes U+FFFD: no server takes it."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return whole_text(text).encode()


def whole_text(text: str) -> str:
    """`text` with every lone half of a surrogate pair replaced: it can be stored and sent anywhere."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def spoken(messages: Iterable[Message]) -> list[dict[str, str]]:
    """The messages as a chat template takes them: one system message in front, then turns that alternate.

    A message without text (an answer that failed at once) is left out, a cut-off answer is sent as far
    as it came. Two messages of one speaker in a row, as a failed answer leaves them, become one: many
    templates refuse the conversation otherwise.
    """
    told = [message for message in messages if message.text.strip()]
    system = [message for message in told if message.role is Role.SYSTEM]
    turns: list[dict[str, str]] = []
    for message in (*system, *(other for other in told if other.role is not Role.SYSTEM)):
        role = message.role.value
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + message.text
        else:
            turns.append({"role": role, "content": message.text})
    return turns


def _body(model: str, request: ChatRequest) -> dict[str, object]:
    body: dict[str, object] = dict(request.extra)
    body["model"] = model
    body["messages"] = spoken(request.messages)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    return body
