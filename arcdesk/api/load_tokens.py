"""Has the server cut a text to a number of tokens, where it offers that."""

from __future__ import annotations

import json
from typing import Protocol

from arcdesk.api.payload import encode
from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import Endpoint


class Poster(Protocol):
    """What this needs of a LoadClient."""

    async def post(self, url: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of a whole answer. Raises AnswerError when there is none."""
        ...


class Tokenizer:
    """vLLM's /tokenize and /detokenize, or llama.cpp's, which have other names for their fields.

    Neither is guarded by the key in vLLM; both are beside /v1, not under it.
    """

    def __init__(self, poster: Poster, endpoint: Endpoint) -> None:
        self._poster = poster
        self._root_url = endpoint.root_url
        self._model = endpoint.model

    async def cut(self, text: str, tokens: int, *, is_marked: bool) -> str | None:
        """The beginning of `text` that has so many tokens; None if the server can't say.

        `is_marked`: a completion's prompt gets the model's mark of a beginning, which counts.
        """
        plain = await self._tokens(text, is_marked=False)
        if not plain or len(plain) < tokens:
            return None
        marks = 0
        if is_marked:
            marked = await self._tokens(text[:40], is_marked=True)
            bare = await self._tokens(text[:40], is_marked=False)
            marks = max(0, len(marked or ()) - len(bare or ()))
        return await self._text(plain[: max(1, tokens - marks)])

    async def _tokens(self, text: str, *, is_marked: bool) -> list[int] | None:
        answer = await self._ask(
            "/tokenize", {"model": self._model, "prompt": text, "add_special_tokens": is_marked}
        )
        tokens = answer.get("tokens")
        if not tokens:
            answer = await self._ask("/tokenize", {"content": text, "add_special": is_marked})
            tokens = answer.get("tokens")
        return tokens if isinstance(tokens, list) and all(isinstance(one, int) for one in tokens) else None

    async def _text(self, tokens: list[int]) -> str | None:
        answer = await self._ask("/detokenize", {"model": self._model, "tokens": tokens})
        text = answer.get("prompt") or answer.get("content")
        return text if isinstance(text, str) else None

    async def _ask(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """The answer; empty if there is none that helps."""
        try:
            status, answer = await self._poster.post(self._root_url + path, encode(body))
            parsed = json.loads(answer) if status == 200 else None
        except (AnswerError, ValueError, RecursionError):
            return {}
        return parsed if isinstance(parsed, dict) else {}
