"""`arcdesk ask`: one question from the terminal, streamed to standard output."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from dataclasses import dataclass, replace

from arcdesk.app.parts import Parts
from arcdesk.app.snapshot_json import answer_json, problem_json
from arcdesk.core.chat import AnswerFailed, AnswerFinished, ChatRequest, Message, Role, TokenArrived
from arcdesk.core.engine_state import EngineKind, EnginePhase
from arcdesk.core.errors import AnswerError, DockerUnreachable, NotReadyError, Problem, UsageError
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import Settings
from arcdesk.core.store import Store
from arcdesk.desktop.instance_client import call
from arcdesk.services.engine_problems import not_ready_problem
from arcdesk.services.engine_service import EngineService

APP_PATIENCE_S = 30.0  # an embedded engine starts in about a second; a large GGUF takes longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and where: None if no app runs, or the command line names an engine."""

    request: ChatRequest
    endpoint: Endpoint | None


def prepare(options: argparse.Namespace) -> Question:
    """Read the question, find the running app's engine. Blocks, so it comes before the loop: there
    Ctrl+C would wait for the read. Raises UsageError, NotReadyError."""
    request = ChatRequest(
        messages=(Message(role=Role.USER, text=_prompt(options)),),
        temperature=options.temperature,
        max_tokens=options.max_tokens,
    )
    return Question(request=request, endpoint=_endpoint_of_app() if options.engine is None else None)


async def ask(options: argparse.Namespace, settings: Settings, parts: Parts, question: Question) -> int:
    """Ask and print; returns the exit code."""
    request = question.request
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a terminal can't show must not end the answer
        sys.stdout.reconfigure(errors="replace")
    if question.endpoint is not None:
        parts.ledger.declare_address(question.endpoint.base_url)  # the person chose it in the app
        return await _stream(options, parts, question.endpoint, request)
    store = Store()
    service = EngineService(
        store=store, settings=settings, make_driver=parts.make_driver, runtime=parts.runtime
    )
    kind = await service.resolve()
    driver = parts.make_driver(kind, settings, lambda snapshot: store.update(engine=snapshot))
    try:
        await (driver.look_once() if kind is EngineKind.CONTAINER else driver.start())
        endpoint = driver.endpoint
        if endpoint is None or store.state.engine.phase is not EnginePhase.READY:
            raise NotReadyError(_with_command(not_ready_problem(store.state.engine)))
        return await _stream(options, parts, endpoint, request)
    finally:
        await driver.aclose()


def _prompt(options: argparse.Namespace) -> str:
    text = " ".join(options.prompt)
    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "replace")
    if not text.strip():
        raise UsageError(Problem(cause="bad_setting", title="The question is empty", hint="Type one."))
    return text


def _with_command(problem: Problem) -> Problem:
    if problem.cause != "not_ready":
        return problem
    return replace(problem, hint="Start it with `arcdesk start`, or ask with `--engine embedded`.")


def _endpoint_of_app() -> Endpoint | None:
    """Where the running app would ask; None when none runs. Raises ArcDeskError with the app's reason."""
    try:
        answer = call({"command": "endpoint"}, timeout_s=APP_PATIENCE_S)
    except TimeoutError as error:
        raise NotReadyError(_still_loading()) from error
    except (OSError, ValueError):
        return None
    if answer is None:
        return None
    if "endpoint" not in answer:
        problem = Problem(**{**answer.get("problem", {}), "actions": ()})
        raise DockerUnreachable(problem) if answer.get("exit_code") == 4 else NotReadyError(problem)
    return Endpoint(**answer["endpoint"])


def _still_loading() -> Problem:
    return Problem(
        cause="not_ready",
        title="The engine of the running ArcDesk is still loading",
        detail=f"It did not answer within {APP_PATIENCE_S:.0f} s.",
        hint="See how far it is with `arcdesk status`, or ask with `--engine embedded`.",
    )


async def _stream(options: argparse.Namespace, parts: Parts, endpoint: Endpoint, request: ChatRequest) -> int:
    pieces: list[str] = []
    closing: AnswerFinished | AnswerFailed | None = None
    async with contextlib.aclosing(parts.backend.ask(endpoint, request)) as events:
        async for event in events:
            match event:
                case TokenArrived():
                    pieces.append(event.text)
                    if not options.json:
                        sys.stdout.write(event.text)
                        sys.stdout.flush()
                case AnswerFinished() | AnswerFailed():
                    closing = event
    assert closing is not None
    text = "".join(pieces)
    if not options.json and text:
        sys.stdout.write("\n")
    problem = closing.problem if isinstance(closing, AnswerFailed) else None
    if options.json:
        answer = answer_json(text, closing.stats)
        if problem is not None:
            answer["error"] = problem_json(problem)
        print(json.dumps(answer, ensure_ascii=False))  # noqa: T201
    if problem is not None:
        print(f"arcdesk: {problem.sentence()}", file=sys.stderr)  # noqa: T201
        return AnswerError(problem).exit_code
    return 0
