"""Counts the events of one streamed answer, reading no more of each than is needed."""

from __future__ import annotations

import json
from array import array

from arcdesk.api.error_body import error_in
from arcdesk.api.token_count import token_count
from arcdesk.core.bench import Api

ERROR_CHARS = 300
_THOUGHT_KEYS = ("reasoning_content", "reasoning")
_MARKS = {Api.COMPLETIONS: '"text":"', Api.CHAT: '"content":"'}
DONE = "[DONE]"


class AnswerTally:
    """What came of one answer, as far as it has come. Times are the caller's seconds.

    An event of the middle of an answer is known by two keys as the servers write them: a quotation mark
    inside of a JSON string is escaped, so these can't be the model's words. All else is parsed as JSON.
    """

    __slots__ = (
        "_answer_tokens",
        "_mark",
        "_mark_chars",
        "completion_tokens",
        "done_s",
        "error",
        "events_s",
        "finish_reason",
        "prompt_tokens",
        "silent_s",
        "usage_problem",
    )

    def __init__(self, api: Api, answer_tokens: int | None = None) -> None:
        """`answer_tokens` is what was asked for: a server that tells more has miscounted."""
        self._mark = _MARKS[api]
        self._mark_chars = len(self._mark)
        self._answer_tokens = answer_tokens
        self.events_s = array("d")  # a tuple of floats would take four times the memory
        self.silent_s = array("d")
        self.done_s: float | None = None  # when [DONE] came
        self.finish_reason: str | None = None
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.usage_problem = ""
        self.error = ""

    def take(self, payload: str, now_s: float) -> None:
        """The data of one event."""
        is_plain = '"usage":{' not in payload and '"error":{' not in payload
        if is_plain and '"finish_reason":null' in payload:
            at = payload.find(self._mark)
            if at >= 0 and payload[at + self._mark_chars : at + self._mark_chars + 1] != '"':
                self.events_s.append(now_s)
                return
        self._take_slowly(payload, now_s)

    @property
    def is_whole(self) -> bool:
        """The server brought the answer to its end, whether or not it said [DONE]."""
        if self.finish_reason is not None:
            return self.finish_reason not in ("abort", "error")  # vLLM's words when it gives a request up
        return self.done_s is not None and bool(self.events_s or self.silent_s)

    def _take_slowly(self, payload: str, now_s: float) -> None:
        if payload.strip() == DONE:
            self.done_s = now_s
            return
        try:
            chunk = json.loads(payload)
        except (ValueError, RecursionError):
            chunk = None
        if not isinstance(chunk, dict):
            self.fail(f"The server sent something that is no part of an answer: {payload}")
            return
        self._note_usage(chunk.get("usage"))
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(choice, dict):
            self._note_choice(choice, now_s)
        if (error := error_in(chunk)) is not None and (chunk.get("error") or not isinstance(choice, dict)):
            self.fail(error.message or "The server reported an error without words.")

    def fail(self, text: str) -> None:
        """The first reason stays."""
        self.error = self.error or clipped(text)

    def _note_choice(self, choice: dict[str, object], now_s: float) -> None:
        finish = choice.get("finish_reason")
        if finish:  # some servers write '' where others write null
            self.finish_reason = str(finish)
        (self.events_s if _has_text(choice) else self.silent_s).append(now_s)

    def _note_usage(self, usage: object) -> None:
        if not isinstance(usage, dict) or not usage:
            return
        self.prompt_tokens = token_count(usage.get("prompt_tokens")) or None  # there is no empty prompt
        self.completion_tokens, self.usage_problem = None, ""
        answer = usage.get("completion_tokens")
        if answer is None:
            return
        counted = token_count(answer)
        if counted is None:
            self.usage_problem = f"The server's count of tokens is no number: {clipped(str(answer), 40)}"
        elif self._answer_tokens is not None and counted > self._answer_tokens:
            self.usage_problem = f"The server counts {counted} tokens where {self._answer_tokens} were asked."
        else:
            self.completion_tokens = counted

    def close(self) -> None:
        """The answer is over: judge what can be judged only now."""
        if self.completion_tokens == 0 and self.events_s:
            self.completion_tokens = None
            self.usage_problem = "The server counts no tokens, but text came."
        if not self.error and not self.is_whole:
            self.error = "The server ended the stream before the answer was finished."


def clipped(text: str, most_chars: int = ERROR_CHARS) -> str:
    """One line of it, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= most_chars else line[: most_chars - 1] + "…"


def _has_text(choice: dict[str, object]) -> bool:
    if choice.get("text"):
        return True
    delta = choice.get("delta") or choice.get("message")
    if not isinstance(delta, dict):
        return False
    return bool(delta.get("content") or delta.get("tool_calls") or any(map(delta.get, _THOUGHT_KEYS)))
