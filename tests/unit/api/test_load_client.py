"""The load generator's client against a scripted server on a real socket."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from arcdesk.api.load_client import STALE_S, LoadClient
from arcdesk.core.bench import Api, RequestRecord
from arcdesk.core.egress import Reason
from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import Endpoint
from tests.rig.fast_sse import (
    DONE,
    END,
    HEAD,
    Answer,
    Asked,
    Cut,
    SseServer,
    Step,
    Write,
    chunk,
    completion,
    plain,
    stream,
    usage,
)
from tests.unit.api.load_rig import PATIENCE_S, Gate, ScriptedClock, until

GOOD = stream(completion("a"), completion("b"), completion("", "length"), usage(3, 2), DONE)
BODY = b'{"max_tokens":2}'


def always(*steps: Step) -> Callable[[Asked], Answer]:
    return lambda asked: steps


@asynccontextmanager
async def client_of(
    server: SseServer, gate: Gate | None = None, clock: Callable[[], float] | None = None
) -> AsyncIterator[LoadClient]:
    endpoint = Endpoint(base_url=server.base_url, model="small", api_key="k3y")
    # The look at silent connections reads the clock too, and a script takes each reading for an arrival.
    scripted = {} if clock is None else {"clock": clock, "look_every_s": 1e6}
    made = LoadClient(endpoint, egress=gate, **scripted)
    async with aclosing(made), asyncio.timeout(PATIENCE_S):
        yield made


async def ask(client: LoadClient, tokens: int = 2) -> RequestRecord:
    return await client.ask(Api.COMPLETIONS, BODY, tokens)


async def test_what_is_sent() -> None:
    async with SseServer(always(GOOD)) as server, client_of(server) as client:
        record = await ask(client)
        host = f"127.0.0.1:{server.port}"
    (asked,) = server.asked
    assert (record.is_good, record.prompt_tokens, record.completion_tokens) == (True, 3, 2)
    assert (asked.path, asked.body) == ("/v1/completions", {"max_tokens": 2})
    assert asked.headers["authorization"] == "Bearer k3y"
    assert asked.headers["host"] == host
    assert asked.headers["accept-encoding"] == "identity"


async def test_the_scripted_times_are_measured_to_the_digit_over_1000_requests() -> None:
    clock, random = ScriptedClock(), Random(5)
    wanted: list[tuple[float, ...]] = []

    def answer(asked: Asked) -> Answer:
        now_s, times, steps = clock.now_s, [], []
        for _ in range(random.randint(1, 6)):
            now_s += random.choice((0.0003, 0.01, 0.5, 59.0)) * random.random()
            words = [completion("w") for _ in range(random.choice((1, 1, 1, 3)))]
            times += [now_s] * len(words)
            steps.append(clock.arrival(now_s, (b"" if steps else HEAD) + b"".join(map(chunk, words))))
        last = chunk(completion("", "length")) + chunk(usage(9, len(times))) + chunk(DONE) + END
        steps.append(clock.arrival(now_s + 0.25, last))
        wanted.append(tuple(times))
        return steps

    async with SseServer(answer) as server, client_of(server, clock=clock) as client:
        records = [await ask(client, 99) for _ in range(1000)]
    assert [record.events_s for record in records] == wanted
    assert [record.completion_tokens for record in records] == [len(times) for times in wanted]
    assert all(record.is_good and record.ended_s == record.events_s[-1] + 0.25 for record in records)
    assert [one.ended_s for one in records[:-1]] == [one.sent_s for one in records[1:]]
    assert server.connections == 1


async def test_streams_side_by_side_keep_their_own_times() -> None:
    clock, streams, tokens, random = ScriptedClock(), 16, 8, Random(7)
    writers: list[Write] = []

    async def join(write: Write) -> None:
        writers.append(write)
        if len(writers) == streams:
            conducted.set_result(None)
        await over.wait()

    conducted, over = asyncio.get_running_loop().create_future(), asyncio.Event()
    async with SseServer(always(join)) as server, client_of(server, clock=clock) as client:
        asking = [asyncio.ensure_future(ask(client, tokens)) for _ in range(streams)]
        await conducted
        order = [number for number in range(streams) for _ in range(tokens)]
        random.shuffle(order)
        wanted: dict[int, list[float]] = {number: [] for number in range(streams)}
        for tick, number in enumerate(order, start=1):
            wanted[number].append(1000.0 + tick)
            first = HEAD if len(wanted[number]) == 1 else b""
            await clock.arrival(1000.0 + tick, first + chunk(completion(f"{number}")))(writers[number])
        for number in range(streams):
            end = chunk(completion("", "length")) + chunk(usage(number + 1, tokens)) + chunk(DONE) + END
            await clock.arrival(5000.0, end)(writers[number])
        records = await asyncio.gather(*asking)
        over.set()
    found = {(record.prompt_tokens or 0) - 1: list(record.events_s) for record in records}
    assert found == wanted
    assert server.connections == streams


async def test_the_time_to_connect_is_none_on_a_kept_connection() -> None:
    clock = ScriptedClock()
    async with SseServer(always(GOOD)) as server, client_of(server, clock=clock) as client:
        records = [await ask(client) for _ in range(3)]
    assert server.connections == 1
    assert all(record.connected_s == record.sent_s for record in records)


@pytest.mark.parametrize("end", [Cut.CLOSE, Cut.RESET])
async def test_a_server_that_dies_half_way_fails_the_request_and_the_next_one_connects_anew(end: Cut) -> None:
    answers: list[Answer] = [(HEAD + chunk(completion("a")), _pause, end), (GOOD,)]
    async with SseServer(lambda asked: answers.pop(0)) as server, client_of(server) as client:
        broken, good = await ask(client), await ask(client)
    assert not broken.is_good and "connection" in broken.error and broken.ended_s is not None
    assert good.is_good and server.connections == 2


async def _pause(write: Write) -> None:
    await asyncio.sleep(0.02)  # so that the reset does not overtake what was sent


async def test_a_server_that_restarts_is_asked_again_without_a_failure() -> None:
    async with SseServer(always(GOOD)) as server, client_of(server) as client:
        assert (await ask(client)).is_good
        port = server.port
        await server.close()
        refused = await ask(client)
        await server.open(port)
        assert (await ask(client)).is_good
    assert "nothing listens" in refused.error and refused.connected_s is None and not refused.events_s


async def test_a_kept_connection_that_the_server_closes_at_that_moment_loses_nothing() -> None:
    """Its end arrives only after the request was written: the client can't know before."""
    answers: list[Answer] = [(GOOD,), (Cut.CLOSE,), (GOOD,)]
    async with SseServer(lambda asked: answers.pop(0)) as server, client_of(server) as client:
        assert [(await ask(client)).error for _ in range(2)] == ["", ""]
    assert server.connections == 2 and len(server.asked) == 3


async def test_what_hangs_on_a_kept_connection_is_not_asked_twice() -> None:
    async def think(write: Write) -> None:
        await asyncio.sleep(STALE_S + 0.5)

    answers: list[Answer] = [(GOOD,), (think, Cut.CLOSE)]  # it dies while it reads the prompt
    async with SseServer(lambda asked: answers.pop(0)) as server, client_of(server) as client:
        assert (await ask(client)).is_good
        assert "closed the connection" in (await ask(client)).error
    assert len(server.asked) == 2


async def test_a_new_connection_closed_without_a_word_is_a_failure() -> None:
    async with SseServer(always(Cut.CLOSE)) as server, client_of(server) as client:
        assert "closed the connection" in (await ask(client)).error
    assert len(server.asked) == 1


async def test_a_minute_of_silence_is_waited_out_and_measured() -> None:
    clock = ScriptedClock()
    steps = (clock.arrival(1000.0, HEAD + chunk(completion("a"))), clock.arrival(1061.0, GOOD[len(HEAD) :]))
    async with SseServer(always(*steps)) as server, client_of(server, clock=clock) as client:
        record = await ask(client)
    assert record.is_good and record.events_s == (1000.0, 1061.0, 1061.0)


async def test_silence_without_end_is_given_up() -> None:
    clock, over = ScriptedClock(), asyncio.Event()

    async def hang(write: Write) -> None:
        clock.now_s += 601.0
        await over.wait()

    first = clock.arrival(1000.0, HEAD + chunk(completion("a")))
    async with SseServer(always(first, hang)) as server:
        endpoint = Endpoint(base_url=server.base_url, model="small")
        async with aclosing(LoadClient(endpoint, clock=clock, look_every_s=0.01)) as client:
            record = await asyncio.wait_for(ask(client), PATIENCE_S)
        over.set()
    assert record.error == "The server was silent for 600 s."


async def test_a_server_that_does_not_end_after_done_is_not_waited_for() -> None:
    over = asyncio.Event()

    async def hang(write: Write) -> None:
        await over.wait()

    clock = ScriptedClock()
    async with (
        SseServer(always(GOOD.removesuffix(END), hang)) as server,
        client_of(server, clock=clock) as client,
    ):
        record = await ask(client)
        over.set()
    assert record.is_good and record.completion_tokens == 2


async def test_a_cancelled_question_closes_its_connection_at_once() -> None:
    left, over = asyncio.Event(), asyncio.Event()

    async def stay(write: Write) -> None:
        left.set()
        await over.wait()

    gate = Gate()
    async with SseServer(always(HEAD, stay)) as server, client_of(server, gate) as client:
        asking = asyncio.ensure_future(ask(client))
        await left.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: len(gate.contacts) == 1)
        over.set()


async def test_each_connection_passes_the_gate_once_and_tells_its_bytes() -> None:
    gate = Gate()
    async with SseServer(always(GOOD)) as server, client_of(server, gate) as client:
        for _ in range(5):
            await ask(client)
        assert gate.contacts == []
    (contact,) = gate.contacts
    assert gate.asked == ["127.0.0.1"]
    assert (contact.host, contact.reason, contact.bytes_in) == ("127.0.0.1", Reason.QUESTION, 5 * len(GOOD))
    assert contact.bytes_out > 5 * len(BODY)


async def test_a_host_that_nobody_named_is_not_contacted() -> None:
    gate = Gate(hosts=())
    async with SseServer(always(GOOD)) as server, client_of(server, gate) as client:
        with pytest.raises(AnswerError) as caught:
            await ask(client)
    assert caught.value.problem.cause == "undeclared_host"
    assert server.connections == 0 and [one.is_refused for one in gate.contacts] == [True]


@pytest.mark.parametrize(
    "url", ["ftp://a/v1", "http:///v1", "http://[::1/v1", "http://a:99999999/v1", "nothing"]
)
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(AnswerError):
        LoadClient(Endpoint(base_url=url, model="m"))


async def test_a_key_can_not_smuggle_a_header() -> None:
    with pytest.raises(AnswerError) as caught:
        LoadClient(Endpoint(base_url="http://127.0.0.1:1/v1", model="m", api_key="a\r\nHost: evil"))
    assert "evil" not in str(caught.value)


async def test_a_whole_answer_can_be_asked_for() -> None:
    async with SseServer(always(plain(200, {"count": 3}))) as server, client_of(server) as client:
        assert await client.post(server.base_url + "/x?y=1", b"{}") == (200, b'{"count": 3}')
        assert server.asked[0].path == "/v1/x?y=1"


async def test_no_whole_answer_is_told_in_words() -> None:
    async with SseServer(always(plain(200, {}))) as server, client_of(server) as client:
        await server.close()
        with pytest.raises(AnswerError) as caught:
            await client.post("http://127.0.0.1/x", b"{}")
        await server.open()
    assert "nothing listens" in caught.value.problem.detail


async def test_a_server_with_a_certificate_is_asked_if_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with SseServer(always(GOOD), tls=context) as server:
        async with client_of(server) as client:
            assert "certificate is not trusted" in (await ask(client)).error
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with client_of(server) as client:
            records = [await ask(client) for _ in range(3)]
    assert all(record.is_good and len(record.events_s) == 2 for record in records)
    assert server.connections == 1  # the refused one never came to HTTP


def make_certificate(folder: Path) -> Path:
    """A certificate and its key for 127.0.0.1, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form, plain_key = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(form, serialization.PrivateFormat.PKCS8, plain_key)
    file = folder / "server.pem"
    file.write_bytes(private + made.public_bytes(form))
    return file
