"""The command line as real processes: data on stdout, words on stderr, and the exit codes."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from arcdesk import __version__
from tests.fakes.openai_server import (
    ANSWER,
    CONTEXT_TOKENS,
    MODEL,
    STREAM_HEAD,
    Cut,
    OpenAIServer,
    Step,
    chunked,
    delta,
    event,
)
from tests.unit.app.command import PATIENCE_S, all_gone, environment, finish, run, started

QUESTION = "What is the capital of France?"
LONG = "Write a very long story about a dragon, with ten chapters."


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


def half() -> list[Step]:
    return [STREAM_HEAD, chunked(event(delta(content="Half ")))]


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# the grammar


async def test_the_version_is_data() -> None:
    done = await run("--version")
    assert (done.code, done.out, done.err) == (0, f"arcdesk {__version__}\n", "")


async def test_help_names_every_command() -> None:
    done = await run("--help")
    assert (done.code, done.err) == (0, "")
    for command in ("start", "stop", "restart", "status", "logs", "ask", "--engine", "--json"):
        assert command in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fly"], "invalid choice: 'fly'"),
        (["--wings"], "unrecognized arguments"),
        (["ask"], "the following arguments are required"),
        (["logs", "-n", "0"], "'0' is no number above 0"),
        (["logs", "-n", "many"], "'many' is no number above 0"),
        (["ask", "--max-tokens", "-5", "Hi"], "'-5' is no number above 0"),
        (["status", "--engine", "dokcer"], "'dokcer' is no engine"),
        (["ask", "--engine", "http://[::1", "Hi"], "is no server address"),
        (["ask", "--engine", "embedded", ""], "The question is empty"),
        (["ask", "--engine", "embedded", "  ", "\n"], "The question is empty"),
        (["stop", "--engine", "http://127.0.0.1:1"], "can't stop a server that runs elsewhere"),
    ],
)
async def test_a_wrong_call_is_two_and_says_why(arguments: list[str], said: str) -> None:
    done = await run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


async def test_options_count_before_and_after_the_command(server: OpenAIServer) -> None:
    before = await run("--engine", server.base_url, "--json", "status")
    after = await run("status", "--json", "--engine", server.base_url)
    assert before.code == after.code == 0
    assert json.loads(before.out)["engine"]["model"] == json.loads(after.out)["engine"]["model"] == MODEL


async def test_the_engine_can_be_set_in_the_environment(server: OpenAIServer) -> None:
    done = await run("status", "--json", env=environment(ARCDESK_ENGINE=server.base_url))
    assert json.loads(done.out)["engine"]["kind"] == "remote"


# ask, embedded


async def test_ask_json_has_the_answer_and_its_figures() -> None:
    done = await run("ask", "--engine", "embedded", "--json", "--temperature", "0", QUESTION)
    assert (done.code, done.err) == (0, "")
    answer = json.loads(done.out)
    assert "Paris" in answer["text"]
    assert (answer["model"], answer["engine"]) == ("smollm2-135m-instruct", "embedded")
    assert (answer["device"], answer["finish_reason"]) == ("CPU", "stop")
    assert 0 < answer["ttft_ms"] < answer["total_ms"]
    assert answer["decode_tokens_per_s"] > 0
    assert answer["prompt_tokens"] > 5
    assert answer["completion_tokens"] >= 7
    assert "error" not in answer


async def test_ask_without_docker_streams_the_text_of_the_embedded_engine() -> None:
    done = await run("ask", "--temperature", "0", "What", "is the capital of", "France?")
    assert (done.code, done.err) == (0, "")
    assert "Paris" in done.out
    assert done.out.endswith("\n")


async def test_ctrl_c_ends_the_embedded_engine_too() -> None:
    async with started("ask", "--engine", "embedded", LONG) as process:
        assert process.stdout is not None
        first = await asyncio.wait_for(process.stdout.read(1), PATIENCE_S)
        children = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        assert children
        process.send_signal(signal.SIGINT)
        done = await finish(process)
    assert first
    assert done.code == 130
    assert "Traceback" not in done.err
    assert await all_gone(children)


async def test_ctrl_c_while_the_engine_starts() -> None:
    async with started("ask", "--engine", "embedded", QUESTION) as process:
        this = psutil.Process(process.pid)
        async with asyncio.timeout(PATIENCE_S):
            while not (found := this.children(recursive=True)):
                await asyncio.sleep(0.005)
        process.send_signal(signal.SIGINT)
        done = await finish(process)
    assert (done.code, done.out) == (130, "")
    assert "Traceback" not in done.err
    assert await all_gone([child.pid for child in found])


# ask, a server elsewhere


async def test_ask_streams_each_piece_as_it_comes(server: OpenAIServer) -> None:
    go_on = asyncio.Event()
    server.script(*half(), go_on, chunked(event(delta("stop", content="way"))))
    async with started("ask", "--engine", server.base_url, QUESTION) as process:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readexactly(5), PATIENCE_S) == b"Half "
        go_on.set()
        done = await finish(process)
    assert (done.code, done.out, done.err) == (0, "way\n", "")


async def test_ask_reads_the_question_from_standard_input(server: OpenAIServer) -> None:
    done = await run("ask", "--engine", server.base_url, "-", text="Größe?\n".encode() + b"\xff")
    assert (done.code, done.out) == (0, "".join(ANSWER) + "\n")
    asked = server.requests[-1].body["messages"]
    assert [(turn["role"], turn["content"]) for turn in asked] == [("user", "Größe?\n\ufffd")]


async def test_an_empty_standard_input_is_a_wrong_call(server: OpenAIServer) -> None:
    done = await run("ask", "--engine", server.base_url, "-", text=b" \n")
    assert (done.code, done.out) == (2, "")
    assert "The question is empty" in done.err
    assert server.requests == []


async def test_ask_hands_its_options_on(server: OpenAIServer) -> None:
    done = await run(
        "ask", "--engine", server.base_url, "--json", "--max-tokens", "3", "--temperature", "0", "Hi"
    )
    assert json.loads(done.out)["finish_reason"] == "length"
    body = server.requests[-1].body
    assert (body["max_tokens"], body["temperature"]) == (3, 0)


async def test_the_key_comes_from_the_environment_and_stays_secret() -> None:
    async with OpenAIServer(api_key="sk-test-cli") as server:
        arguments = ("ask", "-v", "--engine", server.base_url, QUESTION)
        assert (await run(*arguments, env=environment(ARCDESK_API_KEY="sk-test-cli"))).code == 0
        for key in (None, "sk-wrong"):
            done = await run(*arguments, env=environment(ARCDESK_API_KEY=key))
            assert (done.code, done.out) == (3, "")
            assert "API key" in done.err
            assert "sk-" not in done.err


@pytest.mark.parametrize("as_json", [False, True])
async def test_a_closed_port_is_said_plainly(as_json: bool) -> None:
    address = f"http://127.0.0.1:{closed_port()}"
    done = await run("ask", "--engine", address, *(["--json"] if as_json else []), QUESTION)
    assert done.code == 3
    assert done.err.startswith("arcdesk: The server isn't running. Nothing listens at 127.0.0.1:")
    assert len(done.err.splitlines()) == 1
    if as_json:
        assert json.loads(done.out)["error"]["cause"] == "server_refused"
    else:
        assert done.out == ""


async def test_an_answer_cut_off_keeps_its_part_and_fails(server: OpenAIServer) -> None:
    server.script(*half(), 0.01, Cut.RESET)
    done = await run("ask", "--engine", server.base_url, QUESTION)
    assert (done.code, done.out) == (1, "Half \n")
    assert done.err.startswith("arcdesk: The server went away.")
    server.script(*half(), 0.01, Cut.RESET)
    done = await run("ask", "--json", "--engine", server.base_url, QUESTION)
    answer = json.loads(done.out)
    assert (done.code, answer["text"], answer["error"]["cause"]) == (1, "Half ", "server_gone")
    assert answer["completion_tokens"] is None


async def test_a_question_that_is_too_long_says_so(server: OpenAIServer) -> None:
    text = b"word " * (CONTEXT_TOKENS + 1)
    done = await run("ask", "--engine", server.base_url, "-", text=text)
    assert (done.code, done.out) == (1, "")
    assert "too long for this model" in done.err


async def test_ctrl_c_in_the_answer_releases_the_server(server: OpenAIServer) -> None:
    server.script(*half(), asyncio.Event())
    async with started("ask", "--engine", server.base_url, QUESTION) as process:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readexactly(5), PATIENCE_S)
        process.send_signal(signal.SIGINT)
        await server.until(lambda server: server.chats_given_up == 1, PATIENCE_S)
        done = await finish(process)
    assert done.code == 130
    assert "Traceback" not in done.err


async def test_ctrl_c_while_the_question_is_typed_ends_it() -> None:
    async with started("ask", "--engine", "embedded", "-", stdin=PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"What is")
        await process.stdin.drain()
        status = psutil.Process(process.pid)
        async with asyncio.timeout(PATIENCE_S):  # until it waits in its read
            while not _waits_for_input(status):
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 130
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()


def _waits_for_input(process: psutil.Process) -> bool:
    return Path(f"/proc/{process.pid}/syscall").read_text().startswith("0 0x0 ")  # read(0, …)


async def test_a_reader_that_leaves_ends_the_answer_quietly(server: OpenAIServer) -> None:
    go_on = asyncio.Event()
    server.script(*half(), go_on, *([chunked(event(delta(content="more ")))] * 500), asyncio.Event())
    command = (
        f"exec 3>&1; {{ {_shell('ask', '--engine', server.base_url, QUESTION)}; echo $? >&3; }} | head -c 5"
    )
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", command, env=environment(), stdout=PIPE, stderr=PIPE, cwd=_root()
    )
    assert shell.stdout is not None
    assert await asyncio.wait_for(shell.stdout.readexactly(5), PATIENCE_S) == b"Half "
    go_on.set()
    done = await finish(shell)
    assert done.out.strip() == "1"
    assert done.err == ""
    await server.until(lambda server: server.chats_given_up == 1, PATIENCE_S)


async def test_a_reader_that_never_reads_is_no_traceback(server: OpenAIServer) -> None:
    command = f"{_shell('status', '--json', '--engine', server.base_url)} | true; echo ${{PIPESTATUS[0]}}"
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", command, env=environment(), stdout=PIPE, stderr=PIPE, cwd=_root()
    )
    done = await finish(shell)
    assert (done.out.strip(), done.err) == ("1", "")


async def test_a_terminal_that_cannot_show_a_sign_gets_the_rest(server: OpenAIServer) -> None:
    server.script(STREAM_HEAD, chunked(event(delta("stop", content="café ☕ au lait"))))
    done = await run("ask", "--engine", server.base_url, "Hi", env=environment(PYTHONIOENCODING="ascii"))
    assert (done.code, done.out, done.err) == (0, "caf? ? au lait\n", "")


# the engine


async def test_status_json_of_the_embedded_engine() -> None:
    done = await run("status", "--json")
    assert (done.code, done.err) == (0, "")
    status = json.loads(done.out)
    engine = status["engine"]
    assert (engine["kind"], engine["phase"], engine["profile"]) == (
        "embedded",
        "stopped",
        "embedded starter model",
    )
    assert {"model", "base_url", "error"} <= engine.keys()
    assert engine["model"] is engine["base_url"] is engine["error"] is None
    assert status["app"] == {"running": False}


async def test_status_of_a_server_elsewhere(server: OpenAIServer) -> None:
    done = await run("status", "--json", "--engine", server.base_url)
    engine = json.loads(done.out)["engine"]
    assert (engine["phase"], engine["model"], engine["base_url"]) == ("ready", MODEL, server.base_url)
    done = await run("status", "--engine", server.base_url)
    assert done.out.startswith(f"Ready · {MODEL} · 127.0.0.1:")
    assert done.out.count("\n") == 1


async def test_status_of_a_server_that_is_gone_has_the_error() -> None:
    done = await run("status", "--json", "--engine", f"http://127.0.0.1:{closed_port()}")
    engine = json.loads(done.out)["engine"]
    assert (engine["phase"], engine["error"]["cause"]) == ("failed", "server_refused")
    assert engine["error"]["hint"]


async def test_status_without_docker_is_four_and_still_data() -> None:
    done = await run("status", "--json", "--engine", "container")
    assert done.code == 4
    assert "arcdesk: " in done.err
    assert "Traceback" not in done.err
    engine = json.loads(done.out)["engine"]
    assert (engine["kind"], engine["phase"]) == ("container", "unavailable")
    assert engine["error"]["title"]
    assert engine["error"]["actions"]
    assert engine["profile"] == "ipex-llm-serving-xpu:0.2.0-b2"


@pytest.mark.parametrize("command", ["start", "stop", "restart", "logs"])
async def test_commands_for_a_container_without_docker_are_four(command: str) -> None:
    done = await run(command, "--engine", "container")
    assert done.code == 4
    assert "Docker" in done.err
    assert "Traceback" not in done.err


async def test_ask_for_a_container_without_docker_is_four() -> None:
    done = await run("ask", "--engine", "container", QUESTION)
    assert (done.code, done.out) == (4, "")
    assert "Docker" in done.err


@pytest.mark.parametrize("command", ["start", "stop", "restart", "logs"])
async def test_the_embedded_engine_needs_the_app(command: str) -> None:
    done = await run(command, "--engine", "embedded", "--json")
    assert done.code == 3
    assert "lives and ends with the ArcDesk window" in done.err
    assert json.loads(done.out)["error"]["cause"] == "not_ready"


async def test_without_a_display_it_says_what_works_there() -> None:
    done = await run()
    assert (done.code, done.out) == (1, "")
    assert "no display" in done.err
    assert "arcdesk ask" in done.err
    assert "arcdesk status" in done.err


def _root() -> str:
    from tests.unit.app.command import ROOT

    return str(ROOT)


def _shell(*arguments: str) -> str:
    import shlex

    from tests.unit.app.command import ARCDESK

    return shlex.join([*ARCDESK, *arguments])
