"""What may go wrong with a question besides its engine and its server."""

from __future__ import annotations

from arcdesk.core.errors import Action, ActionKind, Problem, mistake_of_ours


def busy() -> Problem:
    """A second question while the first is being answered."""
    return Problem(
        cause="busy",
        title="This chat is still answering",
        detail="Your question is kept.",
        hint="Stop the answer or wait for its end, then ask again.",
        actions=(Action(kind=ActionKind.RETRY, label="Ask again"),),
    )


def unexpected(error: Exception) -> Problem:
    """A mistake of ours."""
    return mistake_of_ours(
        error,
        cause="answer_broke",
        what="The answer",
        kept="What had come is kept.",
        again="Ask again",
        actions=(Action(kind=ActionKind.RETRY, label="Ask again"),),
    )


def silent_end() -> Problem:
    """The stream was over without saying how it ended."""
    return Problem(
        cause="cut_off",
        title="The answer ended without an end",
        hint="Ask again.",
        actions=(Action(kind=ActionKind.RETRY, label="Ask again"),),
    )
