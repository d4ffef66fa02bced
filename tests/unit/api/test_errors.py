"""The servers' own words for what went wrong, turned into sentences."""

from __future__ import annotations

import json

import httpx
import pytest

from arcdesk.api.errors import problem_of_exception, problem_of_response
from arcdesk.core.errors import ActionKind, Problem
from arcdesk.core.ports import Endpoint

HERE = Endpoint(base_url="http://127.0.0.1:8001/v1", model="tinyllama", engine="container")
FAR = Endpoint(base_url="https://models.example/v1", model="tinyllama", engine="remote")


def refusal(status: int, body: object, endpoint: Endpoint = HERE) -> Problem:
    return problem_of_response(status, json.dumps(body).encode(), endpoint)


TOO_LONG = {
    "vLLM 0.8": "This model's maximum context length is 2048 tokens. However, you requested 2900 tokens "
    "(2388 in the messages, 512 in the completion). Please reduce the length of the messages or completion.",
    "vLLM 0.10": "This model's maximum context length is 2048 tokens. However, your request has 2900 input "
    "tokens. Please reduce the length of the input messages.",
    "vLLM, decoder": "The decoder prompt (length 2900) is longer than the maximum model length of 2048. "
    "Make sure that `max_model_len` is no smaller than the number of text tokens.",
    "llama.cpp": "request (2900 tokens) exceeds the available context size (2048 tokens), try increasing it",
}


@pytest.mark.parametrize("message", TOO_LONG.values(), ids=TOO_LONG.keys())
def test_too_long_is_told_with_both_figures(message: str) -> None:
    problem = refusal(400, {"error": {"message": message, "code": 400}})
    assert problem.cause == "too_long"
    assert problem.title == "The conversation is too long for this model"
    assert problem.detail == "It holds 2048 tokens, 2900 were asked for."
    assert [action.kind for action in problem.actions] == [ActionKind.NEW_CHAT]
    assert problem.evidence == message


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 2048 tokens. However, you requested 5020 tokens "
        "(20 in the messages, 5000 in the completion). Please reduce the length of the messages.",
        "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is "
        "2048 tokens and your request has 20 input tokens (5000 > 2048 - 20).",
    ],
)
def test_too_long_an_answer_says_how_long_it_may_be(message: str) -> None:
    problem = refusal(400, {"object": "error", "message": message, "code": 400})
    assert problem.cause == "too_long"
    assert problem.detail == "It holds 2048 tokens, and the conversation takes 20 of them."
    assert "at most 2028 tokens" in problem.hint


def test_too_long_without_figures_is_still_recognised() -> None:
    problem = refusal(400, {"object": "error", "message": "too much", "code": 40303})
    assert problem.cause == "too_long"
    assert not any(sign.isdigit() for sign in problem.sentence())


def test_llama_cpp_sends_its_figures_as_fields() -> None:
    body = {"type": "exceed_context_size_error", "message": "no", "n_prompt_tokens": 2031, "n_ctx": 512}
    assert refusal(400, {"error": body}).detail == "It holds 512 tokens, 2031 were asked for."


def test_the_way_out_of_a_refused_key_depends_on_whose_server_it_is() -> None:
    ours = refusal(401, {"error": "Unauthorized"})
    theirs = refusal(401, {"error": "Unauthorized"}, FAR)
    assert [action.kind for action in ours.actions] == [ActionKind.RESTART]
    assert [action.kind for action in theirs.actions] == [ActionKind.RETRY]
    assert "models.example" in theirs.detail


def test_an_unknown_error_is_quoted_in_one_line_and_shortened() -> None:
    problem = refusal(500, {"error": {"message": "first\nsecond " + "x" * 5000}})
    assert problem.cause == "server_error"
    assert "first second" in problem.detail
    assert len(problem.evidence) == 500


def test_a_busy_server_is_worth_a_wait() -> None:
    assert refusal(429, {"detail": "slow down"}).title == "The server is busy"
    assert refusal(503, {"error": {"message": "Loading model"}}).title == "The server isn't ready"


@pytest.mark.parametrize("body", [None, 7, [], {}, {"error": None}, {"error": {}}, {"detail": [1, {"x": 2}]}])
def test_any_body_makes_a_sentence(body: object) -> None:
    problem = refusal(500, body)
    assert problem.cause == "server_error"
    assert problem.title == "The server failed"


@pytest.mark.parametrize(
    ("error", "cause", "word"),
    [
        (httpx.ConnectTimeout(""), "unreachable", "in time"),
        (httpx.ConnectError("[Errno -2] Name or service not known"), "unreachable", "name"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate"), "unreachable", "certificate"),
        (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER]"), "unreachable", "http://"),
        (httpx.ConnectError("All connection attempts failed"), "unreachable", "No connection"),
        (httpx.ProxyError("407"), "unreachable", "No connection"),
        (httpx.ReadError(""), "server_gone", "before it answered"),
        (httpx.WriteError(""), "server_gone", "before it answered"),
        (httpx.DecodingError("gzip"), "bad_answer", "HTTP"),
    ],
)
def test_each_exception_has_its_cause(error: Exception, cause: str, word: str) -> None:
    problem = problem_of_exception(error, FAR, answering=False)
    assert problem.cause == cause
    assert word in problem.detail


def test_a_refused_connection_is_found_behind_several_attempts() -> None:
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = OSError("several")
    error.__cause__.__cause__ = ExceptionGroup("attempts", [TimeoutError(), ConnectionRefusedError()])
    assert problem_of_exception(error, HERE, answering=False).cause == "server_refused"


NO_IMAGES = {
    "llama.cpp": (
        500,
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
    ),
    "vLLM, text only": (400, "HuggingFaceTB/SmolLM2-135M-Instruct is not a multimodal model"),
    "vLLM 0.8, text only": (400, "Unknown image model type: llama"),
    "vLLM 0.8, none allowed": (400, "At most 0 image(s) may be provided in one request."),
    "vLLM, newer": (400, "At most 0 image(s) may be provided in one prompt."),
}


@pytest.mark.parametrize(("status", "message"), NO_IMAGES.values(), ids=NO_IMAGES.keys())
def test_a_model_that_takes_no_images_is_told_with_a_way_out(status: int, message: str) -> None:
    problem = refusal(status, {"error": {"message": message, "code": status, "type": "server_error"}})
    assert (problem.cause, problem.title) == ("no_images", "This model takes no images")
    assert problem.hint.startswith("Start a new chat without the image")
    assert [action.kind for action in problem.actions] == [ActionKind.NEW_CHAT]
    assert problem.evidence == message


def test_a_model_that_takes_fewer_images_is_told_apart() -> None:
    message = "At most 2 image(s) may be provided in one prompt."
    problem = refusal(400, {"object": "error", "message": message, "code": 400})
    assert (problem.cause, problem.title) == ("no_images", "This model takes at most 2 images")
