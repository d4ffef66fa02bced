"""The engine's state and an answer as JSON objects for the terminal and the socket."""

from __future__ import annotations

from typing import Any

from arcdesk.core.chat import AnswerStats
from arcdesk.core.engine_state import EngineSnapshot
from arcdesk.core.errors import Problem

Json = dict[str, Any]


def problem_json(problem: Problem | None) -> Json | None:
    """A problem; its actions by their words."""
    if problem is None:
        return None
    return {
        "cause": problem.cause,
        "title": problem.title,
        "detail": problem.detail,
        "hint": problem.hint,
        "evidence": problem.evidence,
        "actions": [action.label for action in problem.actions],
    }


def status_json(engine: EngineSnapshot, *, is_app_running: bool) -> Json:
    """What `arcdesk status --json` prints. Unknown is null."""
    progress = engine.progress
    return {
        "engine": {
            "kind": engine.kind.value,
            "phase": engine.phase.value,
            "profile": engine.profile or None,
            "model": engine.model,
            "base_url": engine.base_url,
            "device": engine.device,
            "place": engine.place or None,
            "step": progress.step.value if progress else None,
            "since": engine.since or None,
            "error": problem_json(engine.problem),
        },
        "app": {"running": is_app_running},
    }


def answer_json(text: str, stats: AnswerStats) -> Json:
    """What `arcdesk ask --json` prints. Times in milliseconds; unknown is null."""
    return {
        "text": text,
        "model": stats.model,
        "engine": stats.engine,
        "device": stats.device,
        "ttft_ms": stats.ttft_ms,
        "decode_tokens_per_s": stats.decode_tokens_per_s,
        "prompt_tokens": stats.prompt_tokens,
        "completion_tokens": stats.completion_tokens,
        "total_ms": stats.total_ms,
        "finish_reason": stats.finish_reason,
    }
