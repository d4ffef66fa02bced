"""What of a conversation is sent to a server."""

from __future__ import annotations

import pytest

from arcdesk.core.chat import Message, MessageState, Role, conversation_to_send

KINDS = {"q": Role.USER, "a": Role.ASSISTANT, "s": Role.SYSTEM}


def conversation(*lines: str) -> list[Message]:
    """'q:Why?' is a question, 'a:' an answer without text, 's:' the system's words."""
    return [Message(role=KINDS[line[0]], text=line[2:]) for line in lines]


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ([], []),
        (["q:1"], ["q:1"]),
        (["q:1", "a:one", "q:2"], ["q:1", "a:one", "q:2"]),
        (["q:1", "a:half"], ["q:1"]),
        (["q:1", "a:half", "a:third of it"], ["q:1"]),
        (["q:1", "a:half", "a:whole", "q:2"], ["q:1", "a:whole", "q:2"]),
        (["q:1", "a:half", "a:", "q:2"], ["q:1", "a:half", "q:2"]),
        (["q:1", "a:", "a:whole", "q:2", "a:"], ["q:1", "a:whole", "q:2"]),
        (["q:1", "q:2", "a:half"], ["q:1", "q:2"]),
        (["s:Be brief.", "q:1", "a:half"], ["s:Be brief.", "q:1"]),
        (["s:Be brief."], ["s:Be brief."]),
        (["a:nobody asked"], []),
    ],
)
def test_each_question_is_sent_with_one_answer_and_the_last_with_none(
    stored: list[str], sent: list[str]
) -> None:
    assert list(conversation_to_send(conversation(*stored))) == conversation(*sent)


def test_a_message_is_sent_as_it_is() -> None:
    stopped = Message(id=2, role=Role.ASSISTANT, text="Half", state=MessageState.STOPPED, thoughts="Hm.")
    first, last = conversation("q:1", "q:2")
    assert conversation_to_send([first, stopped, last]) == (first, stopped, last)
