"""Reads the error bodies of the servers: every shape into one, and the figures in its words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

# How the servers say that a conversation is too long: vLLM 0.8, later ones, llama.cpp, FastChat.
# Compiled when an error comes: at import that would take longer than all the rest.
_TOO_LONG = (
    r"maximum context length|exceeds? the available context size|context_length_exceeded"
    r"|exceed_context_size|longer than the maximum model length|context length is only"
)
_LIMIT = (
    r"(?:maximum context length is|context length is only|available context size \(|maximum model length of)"
    r"\s*(\d+)"
)
_ASKED = (
    r"you requested (\d+) tokens|for a total of at least (\d+) tokens|request \((\d+) tokens\)"
    r"|(?:request|prompt) (?:has|contains)(?: at least)? (\d+) (?:input )?tokens|\(length (\d+)\)"
    r"|passed (\d+) input tokens"
)
_PROMPT = (
    r"\((\d+) in the messages|(?:request|prompt) (?:has|contains)(?: at least)? (\d+) (?:input )?tokens"
    r"|passed (\d+) input tokens"
)
# How they say that they take no images, or not so many: llama.cpp; vLLM, old and new.
_NO_IMAGES = (
    r"image input is not supported|not a multimodal model|unknown image model type"
    r"|does not support (?:image|multimodal)"
)
_MOST_IMAGES = r"at most (\d+) image"
_FASTCHAT_TOO_LONG, _FASTCHAT_MODEL = "40303", "40301"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """An error as a server words it. `limit_tokens` and `asked_tokens` are llama.cpp's own figures."""

    message: str
    kind: str = ""
    code: str = ""
    limit_tokens: int | None = None
    asked_tokens: int | None = None

    @property
    def is_too_long(self) -> bool:
        """The conversation, or it and its answer, don't fit into the context."""
        told = f"{self.message} {self.kind} {self.code}"
        return self.code == _FASTCHAT_TOO_LONG or re.search(_TOO_LONG, told, re.IGNORECASE) is not None

    @property
    def is_unauthorized(self) -> bool:
        """The key is missing or wrong."""
        return self.message == "Unauthorized" or self.code in ("401", "invalid_api_key")

    @property
    def most_images(self) -> int | None:
        """How many images the server takes, when that is why it refused."""
        if re.search(_NO_IMAGES, self.message, re.IGNORECASE):
            return 0
        return _figure(_MOST_IMAGES, self.message)

    @property
    def is_model_unknown(self) -> bool:
        """The server has no model of that name."""
        if self.code in ("model_not_found", _FASTCHAT_MODEL):
            return True
        text = self.message.lower()
        missing = "model" in text and ("not exist" in text or "not found" in text)
        return missing and (self.code in ("404", "") or "notfound" in self.kind.lower())

    @property
    def context_tokens(self) -> int | None:
        """How many tokens the model holds."""
        return self.limit_tokens or _figure(_LIMIT, self.message)

    @property
    def wanted_tokens(self) -> int | None:
        """How many tokens were asked for: of the conversation, and of the answer where that was counted."""
        return self.asked_tokens or _figure(_ASKED, self.message)

    @property
    def prompt_tokens(self) -> int | None:
        """How many tokens the conversation alone has."""
        return self.asked_tokens or _figure(_PROMPT, self.message)


def parse_error(body: bytes) -> ErrorBody | None:
    """The error in the body of an HTTP answer; None if it is no JSON, or none that tells of an error."""
    try:
        return error_in(json.loads(body))
    except (ValueError, RecursionError):
        return None


def error_in(body: object) -> ErrorBody | None:
    """The error in a JSON value, in any of its shapes; None if there is none.

    {"error": {…}} (vLLM from 0.10, llama.cpp, every stream), {"error": "…"} (vLLM's 401, Ollama),
    {"object": "error", …} (vLLM 0.8, FastChat), {"text": …, "error_code": …} (FastChat's streams),
    {"detail": …} (FastAPI).
    """
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict):
        return _error(error)
    if isinstance(error, str):
        return ErrorBody(message=error)
    if body.get("object") == "error":
        return _error(body)
    if body.get("error_code"):
        return ErrorBody(message=str(body.get("text", "")), code=str(body["error_code"]))
    if "detail" in body:
        return ErrorBody(message="; ".join(_details(body["detail"])))
    return None


def _error(error: dict[str, object]) -> ErrorBody:
    return ErrorBody(
        message=_text(error.get("message")),
        kind=_text(error.get("type")),
        code=_text(error.get("code")),
        limit_tokens=_count(error.get("n_ctx")),
        asked_tokens=_count(error.get("n_prompt_tokens")),
    )


def _details(detail: object) -> Iterator[str]:
    for item in detail if isinstance(detail, list) else [detail]:
        yield str(item.get("msg", item)) if isinstance(item, dict) else str(item)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _figure(pattern: str, message: str) -> int | None:
    found = re.search(pattern, message, re.IGNORECASE)
    return int(next(group for group in found.groups() if group)) if found else None
