"""Turns what can go wrong on the way to a server and back into Problems for people."""

from __future__ import annotations

import re

from arcdesk.api.error_body import ErrorBody, parse_error
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.ports import Endpoint

_EVIDENCE_CHARS = 500

_RETRY = Action(kind=ActionKind.RETRY, label="Try again")
_START = Action(kind=ActionKind.START, label="Start the engine")
_RESTART = Action(kind=ActionKind.RESTART, label="Restart the engine")
_SHOW_LOG = Action(kind=ActionKind.SHOW_LOG, label="Show log")
_NEW_CHAT = Action(kind=ActionKind.NEW_CHAT, label="New chat")


def problem_of_response(status: int, body: bytes, endpoint: Endpoint) -> Problem:
    """What a refusal means: an HTTP status of 400 and above, or a redirect, with its body."""
    error = parse_error(body)
    message = _clip(error.message if error else _plain(body), endpoint)
    if status in (401, 403):
        return _unauthorized(endpoint, message)
    if error is not None and (problem := _known(error, endpoint)):
        return problem
    if 300 <= status < 400:
        return _bad_answer(
            "The server sends us elsewhere",
            f"It answered with a redirect (HTTP {status}), which could hand your words to another host.",
            "Use the server's final address.",
        )
    if status == 404 and error is None:
        return _bad_answer(
            "No chat interface at this address",
            f"{endpoint.base_url} answered 'not found' (HTTP 404).",
            "Check the address: it usually ends in /v1.",
            message,
        )
    return _server_error(status, message, endpoint)


def problem_of_error(error: ErrorBody, endpoint: Endpoint) -> Problem:
    """What an error means that came with HTTP 200: in the stream, or as the body."""
    return _known(error, endpoint) or _server_error(None, _clip(error.message, endpoint), endpoint)


def problem_of_exception(error: Exception, endpoint: Endpoint, *, answering: bool) -> Problem:
    """What an exception of httpx means. `answering`: the server had begun its answer."""
    import httpx

    evidence = _clip(f"{type(error).__name__}: {error}", endpoint)
    if isinstance(error, httpx.ConnectError) and _is_refusal(error):
        return _server_refused(endpoint, evidence)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return _unreachable(endpoint, _why_unreachable(error), evidence)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError):
        return _unreachable(endpoint, "This is not an address that can be asked.", evidence)
    if isinstance(error, httpx.TimeoutException):
        return timed_out(endpoint, evidence)
    if isinstance(error, httpx.DecodingError) or _is_not_http(error):
        return _bad_answer(
            "The server's answer can't be read",
            f"{host_of(endpoint)} doesn't speak HTTP as expected.",
            "Check the address in the settings.",
            evidence,
        )
    return _server_gone(endpoint, evidence, answering=answering)


def timed_out(endpoint: Endpoint, evidence: str = "") -> Problem:
    """A call with a time limit got no answer."""
    return _unreachable(endpoint, "It didn't answer in time.", evidence)


def cut_off() -> Problem:
    """The stream ended as if all were well, but in the middle of the answer."""
    return Problem(
        cause="cut_off",
        title="The answer was cut off",
        detail="The server ended the stream before the answer was finished.",
        hint="Try again, or look into the server's log.",
        actions=(_RETRY, _SHOW_LOG),
    )


def unreadable(payload: str, endpoint: Endpoint) -> Problem:
    """Something in the stream is no JSON object of a chat."""
    return _bad_answer(
        "The server's answer can't be read",
        "It sent something that isn't part of an OpenAI chat stream.",
        "Check that the server is OpenAI-compatible.",
        _clip(payload, endpoint),
    )


def not_a_chat(content_type: str, body: bytes, endpoint: Endpoint) -> Problem:
    """HTTP 200, but neither a stream nor an answer."""
    what = content_type or "an answer without a type"
    return _bad_answer(
        "This server doesn't answer like a chat server",
        f"{endpoint.base_url} sent {what} instead of a stream.",
        "Check the address in the settings: it usually ends in /v1.",
        _clip(_plain(body), endpoint),
    )


def not_expected(wanted: str, body: bytes, endpoint: Endpoint) -> Problem:
    """HTTP 200 with a body that is not what was asked for; it may tell of an error."""
    error = parse_error(body)
    if error is not None:
        return problem_of_error(error, endpoint)
    return _bad_answer(
        "The server's answer can't be read",
        f"{endpoint.base_url} sent something other than {wanted}.",
        "Check that the server is OpenAI-compatible.",
        _clip(_plain(body), endpoint),
    )


def too_much(endpoint: Endpoint) -> Problem:
    """A single piece of an answer is larger than any chat's."""
    return _bad_answer(
        "The server's answer can't be read",
        f"{host_of(endpoint)} sent more than 16 MiB in one piece.",
        "Check that the server is OpenAI-compatible.",
    )


def host_of(endpoint: Endpoint) -> str:
    """The server's host and port, as a person knows it."""
    return endpoint.base_url.partition("://")[2].partition("/")[0].rpartition("@")[2] or endpoint.base_url


def _known(error: ErrorBody, endpoint: Endpoint) -> Problem | None:
    evidence = _clip(error.message, endpoint)
    if error.is_too_long:
        return _too_long(error, evidence)
    if error.is_unauthorized:
        return _unauthorized(endpoint, evidence)
    if (most := error.most_images) is not None:
        return _images_refused(most, evidence)
    if error.is_model_unknown:
        return _model_unknown(endpoint, evidence)
    return None


def _too_long(error: ErrorBody, evidence: str) -> Problem:
    limit, wanted, prompt = error.context_tokens, error.wanted_tokens, error.prompt_tokens
    title = "The conversation is too long for this model"
    detail = "It holds fewer tokens than were asked for."
    hint = "Start a new chat, or shorten your message."
    if limit and prompt and prompt < limit:
        title = "The conversation and its answer are too long for this model"
        detail = f"It holds {limit} tokens, and the conversation takes {prompt} of them."
        hint = f"Ask for at most {limit - prompt} tokens, or start a new chat."
    elif limit:
        asked = f", {wanted} were asked for" if wanted else ""
        detail = f"It holds {limit} tokens{asked}."
    return Problem(
        cause="too_long", title=title, detail=detail, hint=hint, evidence=evidence, actions=(_NEW_CHAT,)
    )


def _unauthorized(endpoint: Endpoint, message: str) -> Problem:
    ours = endpoint.engine in ("container", "embedded")
    hint = (
        "Restart the engine from ArcDesk, so that both use the same key."
        if ours
        else "Set its key under Settings, Privacy, or in the environment variable ARCDESK_API_KEY."
    )
    return Problem(
        cause="unauthorized",
        title="The server refused the API key" if endpoint.api_key else "The server wants an API key",
        detail=f"{host_of(endpoint)} lets nobody ask without the right key.",
        hint=hint,
        evidence=message,
        actions=(_RESTART,) if ours else (_RETRY,),
    )


def _images_refused(most: int, evidence: str) -> Problem:
    """It stays in the conversation and would be sent with each further question: hence the new chat."""
    title, detail = "This model takes no images", "The model that is served only reads text."
    hint = "Start a new chat without the image, or serve a model that sees."
    if most:
        title = f"This model takes at most {most} image{'s' if most > 1 else ''}"
        detail, hint = "The conversation holds more.", "Start a new chat with fewer images."
    return Problem(
        cause="no_images", title=title, detail=detail, hint=hint, evidence=evidence, actions=(_NEW_CHAT,)
    )


def _model_unknown(endpoint: Endpoint, message: str) -> Problem:
    return Problem(
        cause="model_unknown",
        title=f"The server has no model '{endpoint.model}'",
        detail=f"{host_of(endpoint)} serves other names.",
        hint="Choose a model that the server lists.",
        evidence=message,
        actions=(_RETRY,),
    )


def _server_error(status: int | None, message: str, endpoint: Endpoint) -> Problem:
    number = f" (HTTP {status})" if status else ""
    busy = {429: "The server is busy", 503: "The server isn't ready"}
    refused = status is not None and status < 500
    title = busy.get(status or 0) or ("The server refused the question" if refused else "The server failed")
    said = f"It said{number}: {message}" if message else f"It gave no reason{number}."
    wait = status in busy
    return Problem(
        cause="server_error",
        title=title,
        detail=said,
        hint="Wait a moment, then try again." if wait else "Look into the server's log, then try again.",
        evidence=message,
        actions=(_RETRY,) if wait else (_RETRY, _SHOW_LOG),
    )


def _server_refused(endpoint: Endpoint, evidence: str) -> Problem:
    ours = endpoint.engine in ("container", "embedded")
    return Problem(
        cause="server_refused",
        title="The server isn't running",
        detail=f"Nothing listens at {host_of(endpoint)}.",
        hint="Start the engine, then ask again." if ours else "Start the server, then try again.",
        evidence=evidence,
        actions=(_START,) if ours else (_RETRY,),
    )


def _unreachable(endpoint: Endpoint, why: str, evidence: str) -> Problem:
    return Problem(
        cause="unreachable",
        title=f"{host_of(endpoint)} can't be reached",
        detail=why,
        hint="Check the address and the network, then try again.",
        evidence=evidence,
        actions=(_RETRY,),
    )


def _server_gone(endpoint: Endpoint, evidence: str, *, answering: bool) -> Problem:
    when = "in the middle of the answer" if answering else "before it answered"
    return Problem(
        cause="server_gone",
        title="The server went away",
        detail=f"{host_of(endpoint)} closed the connection {when}.",
        hint="Look into the server's log: it may have crashed. Then try again.",
        evidence=evidence,
        actions=(_RETRY, _SHOW_LOG),
    )


def _bad_answer(title: str, detail: str, hint: str, evidence: str = "") -> Problem:
    return Problem(
        cause="bad_answer", title=title, detail=detail, hint=hint, evidence=evidence, actions=(_RETRY,)
    )


def _why_unreachable(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return "It didn't answer in time."
    text = str(error)
    if "CERTIFICATE" in text.upper():
        return "Its certificate isn't trusted on this machine."
    if "SSL" in text.upper():
        return "A secure connection could not be made; it may be a plain http:// server."
    if "Name or service" in text or "getaddrinfo" in text or "name resolution" in text:
        return "The name is not known to the network."
    return "No connection could be made."


def _is_refusal(error: BaseException) -> bool:
    """A ConnectionRefusedError is behind `error` (with several addresses: behind one of the group)."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionRefusedError):
            return True
        if isinstance(seen, BaseExceptionGroup) and any(_is_refusal(each) for each in seen.exceptions):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _is_not_http(error: Exception) -> bool:
    import httpx

    broken_off = re.search("disconnected|peer closed", str(error))
    return isinstance(error, httpx.RemoteProtocolError) and not broken_off


def _plain(body: bytes) -> str:
    return " ".join(body[: 4 * _EVIDENCE_CHARS].decode("utf-8", "replace").split())


def _clip(text: str, endpoint: Endpoint) -> str:
    """One short line, without the key that a server may repeat."""
    if endpoint.api_key:
        text = text.replace(endpoint.api_key, "…")
    line = " ".join(text.split())
    return line if len(line) <= _EVIDENCE_CHARS else line[: _EVIDENCE_CHARS - 1] + "…"
