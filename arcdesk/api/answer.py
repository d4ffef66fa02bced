"""Reads the chunks of one answer: JSON text in, chat events out, and what is to be said at the end."""

from __future__ import annotations

import json
from collections.abc import Sequence

from arcdesk.api.error_body import ErrorBody, error_in
from arcdesk.api.errors import cut_off, problem_of_error, unreadable
from arcdesk.api.payload import whole_text
from arcdesk.api.token_count import token_count
from arcdesk.core.chat import AnswerFailed, AnswerFinished, ChatEvent, ThoughtArrived, TokenArrived
from arcdesk.core.errors import Problem
from arcdesk.core.latency import LatencyMeter
from arcdesk.core.ports import Endpoint

_THOUGHT_KEYS = ("reasoning_content", "reasoning")  # vLLM 0.14 sends both, with the same text


class AnswerReader:
    """Follows one answer. `read` each payload until `is_over`, then ask for the `outcome`."""

    __slots__ = (
        "_completion_tokens",
        "_endpoint",
        "_finish_reason",
        "_is_done",
        "_model",
        "_prompt_tokens",
        "_timings",
        "has_choice",
        "meter",
        "problem",
    )

    def __init__(self, endpoint: Endpoint, meter: LatencyMeter) -> None:
        self._endpoint = endpoint
        self.meter = meter
        self.problem: Problem | None = None
        self.has_choice = False  # the server has begun to answer
        self._is_done = False
        self._finish_reason: str | None = None
        self._model: str | None = None
        self._prompt_tokens: int | None = None
        self._completion_tokens: int | None = None
        self._timings: dict[str, object] | None = None

    @property
    def is_over(self) -> bool:
        """Nothing worth reading follows."""
        return self._is_done or self.problem is not None

    def read(self, payload: str | bytes) -> Sequence[ChatEvent]:
        """Take the data of one event (or the body of an answer that came in one piece)."""
        if payload == "[DONE]":
            self._is_done = True
            return ()
        chunk = _object(payload)
        if chunk is None:
            text = payload if isinstance(payload, str) else payload.decode("utf-8", "replace")
            self.problem = unreadable(text, self._endpoint)
            return ()
        if self._model is None:
            self._note_model(chunk)
        if "usage" in chunk or "timings" in chunk:
            self._note_usage(chunk)
        choices = chunk.get("choices")
        if not choices:
            self._note_error(chunk)
            return ()
        if not isinstance(choices, list):
            return ()
        self.has_choice = True
        return self._read_choice(choices[0])

    def read_rest(self, payloads: Sequence[str]) -> Sequence[ChatEvent]:
        """Take what stood in the stream without a line end behind: whole, or cut in its middle."""
        return [event for text in payloads if _object(text) or text == "[DONE]" for event in self.read(text)]

    def fail(self, problem: Problem) -> None:
        """Something went wrong on the way; after the last word of the answer that doesn't matter."""
        if self.problem is None and not self._is_whole:
            self.problem = problem

    def outcome(self) -> AnswerFinished | AnswerFailed:
        """How the answer ended, with its figures."""
        counted = self._tokens(self._completion_tokens, "predicted_n")
        if counted == 0 and self.meter.chunks:
            counted = None  # a 0 beside text is no count
        stats = self.meter.stats(
            prompt_tokens=self._tokens(self._prompt_tokens, "prompt_n", "cache_n"),
            completion_tokens=counted,
            finish_reason=self._finish_reason,
            model=self._model,
            device=self._endpoint.device,
            engine=self._endpoint.engine or None,
        )
        problem = self.problem or (None if self._is_whole else cut_off())
        return AnswerFinished(stats) if problem is None else AnswerFailed(problem, stats)

    @property
    def _is_whole(self) -> bool:
        if self._finish_reason is not None:
            return self._finish_reason != "abort"  # vLLM's word when it gives a request up
        return self._is_done and self.meter.chunks > 0

    def _read_choice(self, choice: object) -> Sequence[ChatEvent]:
        if not isinstance(choice, dict):
            return ()
        finish = choice.get("finish_reason")
        if finish is not None:
            self._note_finish(finish)
        delta = choice.get("delta") or choice.get("message")
        if not isinstance(delta, dict):
            return ()
        thought = self._thought(delta) if len(delta) > 1 or "content" not in delta else None
        text = delta.get("content")
        if not text or not isinstance(text, str):
            return (thought,) if thought else ()
        self.meter.chunk()
        token = TokenArrived(text if text.isascii() else whole_text(text))
        return (thought, token) if thought else (token,)

    def _thought(self, delta: dict[str, object]) -> ThoughtArrived | None:
        for key in _THOUGHT_KEYS:
            text = delta.get(key)
            if text and isinstance(text, str):
                self.meter.chunk()
                return ThoughtArrived(whole_text(text))
        return None

    def _note_finish(self, reason: object) -> None:
        self._finish_reason = str(reason)
        if reason == "error":
            self.problem = problem_of_error(ErrorBody(message=""), self._endpoint)

    def _note_model(self, chunk: dict[str, object]) -> None:
        model = chunk.get("model")
        if model and isinstance(model, str):
            self._model = model

    def _note_usage(self, chunk: dict[str, object]) -> None:
        usage, timings = chunk.get("usage"), chunk.get("timings")
        if isinstance(usage, dict):
            self._prompt_tokens = token_count(usage.get("prompt_tokens"))
            self._completion_tokens = token_count(usage.get("completion_tokens"))
        if isinstance(timings, dict):
            self._timings = timings

    def _note_error(self, chunk: dict[str, object]) -> None:
        error = error_in(chunk)
        if error is not None:
            self.problem = problem_of_error(error, self._endpoint)

    def _tokens(self, counted: int | None, *names: str) -> int | None:
        """The server's `usage`, or the sum of llama.cpp's own counters, or None."""
        if counted is not None or self._timings is None:
            return counted
        first, *others = (token_count(self._timings.get(name)) for name in names)
        return None if first is None else first + sum(number or 0 for number in others)


def _object(payload: str | bytes) -> dict[str, object] | None:
    try:
        chunk = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return chunk if isinstance(chunk, dict) else None
