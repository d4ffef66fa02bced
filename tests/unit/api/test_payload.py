"""The JSON body of a question."""

from __future__ import annotations

import json
from typing import Any

from arcdesk.api.payload import chat_body, probe_body, spoken
from arcdesk.core.chat import ChatRequest, Message, MessageState, Role
from arcdesk.core.image import Image

OPTIONS = '"stream_options":{"include_usage":true}'


def user(text: str) -> Message:
    return Message(role=Role.USER, text=text)


def answer(text: str, state: MessageState = MessageState.DONE) -> Message:
    return Message(role=Role.ASSISTANT, text=text, state=state)


def body(*messages: Message, **rest: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(chat_body("m", ChatRequest(messages=messages, **rest)))
    return decoded


def test_what_is_not_set_is_left_to_the_server() -> None:
    assert body(user("Hi")) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_set_parameters_are_sent_zero_too() -> None:
    sent = body(user("Hi"), temperature=0.0, max_tokens=7, extra={"top_k": 1})
    assert (sent["temperature"], sent["max_tokens"], sent["top_k"]) == (0.0, 7, 1)


def test_extras_can_add_to_the_stream_options_but_not_switch_streaming_off() -> None:
    extra = {
        "stream": False,
        "model": "x",
        "stream_options": {"include_usage": False, "continuous_usage_stats": True},
    }
    sent = body(user("Hi"), extra=extra)
    assert (sent["stream"], sent["model"]) == (True, "m")
    assert sent["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}


def test_cut_off_answers_are_sent_as_far_as_they_came() -> None:
    stopped, failed = answer("b…", MessageState.STOPPED), answer("d…", MessageState.FAILED)
    turns = spoken([user("a"), stopped, user("c"), failed])
    assert [turn["content"] for turn in turns] == ["a", "b…", "c", "d…"]


def test_answers_without_text_are_left_out_and_the_questions_around_them_joined() -> None:
    turns = spoken([user("a"), answer("", MessageState.FAILED), user("b"), answer(" ", MessageState.WAITING)])
    assert turns == [{"role": "user", "content": "a\n\nb"}]


def test_the_system_message_comes_first_wherever_it_was() -> None:
    turns = spoken([user("a"), Message(role=Role.SYSTEM, text="s"), answer("b"), user("c")])
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user"]


def test_half_a_surrogate_pair_is_replaced_and_a_whole_character_kept() -> None:
    (message,) = body(user("x\ud83d y \U0001f600 \udc00"))["messages"]
    assert message["content"] == "x\ufffd y \U0001f600 \ufffd"


def test_a_probe_asks_for_one_token_in_one_piece() -> None:
    sent = json.loads(probe_body("m"))
    assert (sent["max_tokens"], sent["stream"]) == (1, False)


PNG = Image(mime="image/png", data=b"\x89PNG\xfb\xff")
JPEG = Image(mime="image/jpeg", data=b"\xff\xd8")


def test_a_question_with_images_is_a_list_of_parts() -> None:
    asked = Message(role=Role.USER, text="What is this?", images=(PNG, JPEG))
    assert body(asked)["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR/v/"}},
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9g="}},
            ],
        }
    ]


def test_an_image_alone_is_asked_without_an_empty_text() -> None:
    (turn,) = spoken([Message(role=Role.USER, text=" ", images=(PNG,))])
    assert turn["content"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBOR/v/"}}]


def test_questions_in_a_row_keep_their_images_when_they_become_one() -> None:
    first = Message(role=Role.USER, text="a", images=(PNG,))
    turns = spoken([first, answer("", MessageState.FAILED), user("b"), answer("c"), user("d")])
    (text, image), *rest = (turn["content"] for turn in turns)  # type: ignore[misc]
    assert text == {"type": "text", "text": "a\n\nb"}
    assert image["type"] == "image_url"  # type: ignore[index]
    assert rest == ["c", "d"]


def test_without_images_the_body_is_what_it_was_to_the_byte() -> None:
    sent = chat_body("m", ChatRequest(messages=(user("ä"), user("b"), answer("c"), user(" \n"))))
    turns = '[{"role":"user","content":"ä\\n\\nb"},{"role":"assistant","content":"c"}]'
    assert sent.decode() == f'{{"model":"m","messages":{turns},"stream":true,{OPTIONS}}}'
