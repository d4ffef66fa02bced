"""What is said: messages, conversations, and the events of an answer on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from arcdesk.core.errors import Problem
from arcdesk.core.image import Image

if TYPE_CHECKING:
    from arcdesk.core.xray_record import XRayRecord


class Role(Enum):
    """Who speaks, in the words of the OpenAI API."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class MessageState(Enum):
    """How far a message got. WAITING and STREAMING found at start-up mean: cut off by a crash."""

    WAITING = "waiting"  # the answer waits for the engine
    STREAMING = "streaming"
    DONE = "done"
    STOPPED = "stopped"  # by the person
    FAILED = "failed"  # `problem` says why; the text so far is kept

    @property
    def is_open(self) -> bool:
        """More text may come."""
        return self in (MessageState.WAITING, MessageState.STREAMING)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerStats:
    """Measured figures of one answer; None is unknown.

    Times are client side, from the moment the request was sent. The first token is the first piece with
    text of either kind, thought or word: `ttft_ms` ends there, `chunks` counts both kinds, as the server's
    token count does. `decode_tokens_per_s` is (n - 1) / (t_last - t_first) with n = `completion_tokens`
    from the server's `usage`; without a `usage`, or with n < 2, it is None. `reason_unknown` says why for
    the tooltip. `energy_j` is what the card(s) used meanwhile, all of it; it comes a moment after the rest.

    For the X-ray: `connect_ms` until the connection stood (0: it was open already), `last_ms` until the
    last piece, `parse_ms` spent in reading and handing on what came, all together; `via` is a proxy
    between. `xray` holds what was learned beside the stream; it too comes a moment later.
    """

    ttft_ms: float | None = None
    decode_tokens_per_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_ms: float | None = None
    chunks: int = 0
    finish_reason: str | None = None
    model: str | None = None
    device: str | None = None
    engine: str | None = None
    energy_j: float | None = None
    reason_unknown: str = ""
    connect_ms: float | None = None
    last_ms: float | None = None
    parse_ms: float | None = None
    via: str = ""
    xray: XRayRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation. `id` is 0 until it is stored; `created_at` is Unix seconds.

    `thoughts` is a reasoning model's thinking on the way to `text`: kept and shown, never sent back.
    """

    id: int = 0
    role: Role
    text: str
    thoughts: str = ""
    state: MessageState = MessageState.DONE
    created_at: float = 0.0
    stats: AnswerStats | None = None
    problem: Problem | None = None
    images: tuple[Image, ...] = ()  # of a question


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation in the list: without its messages, which are loaded when it is opened."""

    id: int
    title: str
    created_at: float
    updated_at: float
    draft: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """What is asked of a server. None leaves a parameter to the server's own default."""

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    extra: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TokenArrived:
    """A piece of the answer: usually one token, sometimes several or a part of one."""

    text: str


@dataclass(frozen=True, slots=True)
class ThoughtArrived:
    """A piece of a reasoning model's thinking (`reasoning_content` or `reasoning`)."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """The answer is whole; nothing follows."""

    stats: AnswerStats


@dataclass(frozen=True, slots=True)
class AnswerFailed:
    """The answer broke off; what came before stays valid. Nothing follows."""

    problem: Problem
    stats: AnswerStats


def conversation_to_send(messages: Sequence[Message]) -> tuple[Message, ...]:
    """What a server is told: all up to the last question, and one answer to each question before it.

    Of several answers to one question (it was asked again) the last one with text counts. What stands
    behind the last question is an earlier try at its answer: sent along, the model would go on from it.
    """
    told: list[Message] = []
    for message in messages:
        if message.role is Role.ASSISTANT and told and told[-1].role is Role.ASSISTANT:
            if not message.text.strip():
                continue
            told.pop()
        told.append(message)
    while told and told[-1].role is Role.ASSISTANT:
        told.pop()
    return tuple(told)


ChatEvent = TokenArrived | ThoughtArrived | AnswerFinished | AnswerFailed
