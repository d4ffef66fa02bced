"""Puts a question into the JSON body of /chat/completions."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field

from arcdesk.core.chat import ChatRequest, Message, Role
from arcdesk.core.image import Image


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


@dataclass(slots=True)
class _Turn:
    role: str
    texts: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)

    def spoken(self) -> dict[str, object]:
        text = "\n\n".join(self.texts)
        if not self.images:
            return {"role": self.role, "content": text}
        parts: list[dict[str, object]] = [{"type": "text", "text": text}] if text else []
        for image in self.images:
            url = f"data:{image.mime};base64,{b64encode(image.data).decode()}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        return {"role": self.role, "content": parts}


def spoken(messages: Iterable[Message]) -> list[dict[str, object]]:
    """The messages as a chat template takes them: one system message in front, then turns that alternate.

    A message without text or images (an answer that failed at once) is left out, a cut-off answer is sent
    as far as it came. Two messages of one speaker in a row, as a failed answer leaves them, become one:
    many templates refuse the conversation otherwise. With images a turn is a list of parts, without them
    plain text.
    """
    told = [message for message in messages if message.text.strip() or message.images]
    system = [message for message in told if message.role is Role.SYSTEM]
    turns: list[_Turn] = []
    for message in (*system, *(other for other in told if other.role is not Role.SYSTEM)):
        if not turns or turns[-1].role != message.role.value:
            turns.append(_Turn(message.role.value))
        if message.text.strip():
            turns[-1].texts.append(message.text)
        turns[-1].images += message.images
    return [turn.spoken() for turn in turns]


def _body(model: str, request: ChatRequest) -> dict[str, object]:
    body: dict[str, object] = dict(request.extra)
    body["model"] = model
    body["messages"] = spoken(request.messages)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    return body
