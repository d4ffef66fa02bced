"""A server of streamed answers that notes what it really did: `python -m tests.rig.scripted_server …`.

Each answer has scripted times of its own, by its number: a first token after `--ttft-ms`, the others
`--itl-ms` apart, each with `--jitter`. The script says when a token falls due; the truth is when it was
handed to the kernel, by the clock that all processes of a machine share. Prints its address; for each line
of stdin it prints the notes since the last one; ends with stdin.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from random import Random

from tests.rig.fast_sse import DONE, END, HEAD, MODELS, chunk, completion, plain, usage

PATH = b"/v1/completions"
PROMPT_TOKENS = 8


@dataclass
class Note:
    """What happened with one request; seconds of CLOCK_MONOTONIC."""

    read_s: float  # it had come whole
    sent_s: list[float] = field(default_factory=list)  # each token
    late_s: list[float] = field(default_factory=list)  # how long after it was due
    ended_s: float | None = None  # the last byte; None: the client went away


@dataclass(frozen=True)
class Script:
    """How answers come."""

    tokens: int
    ttft_s: float
    itl_s: float
    jitter: float
    seed: int

    def delays_s(self, number: int) -> list[float]:
        """From the request to each token of answer `number`."""
        random = Random(self.seed * 1_000_003 + number)
        at_s, delays = 0.0, []
        for mean_s in (self.ttft_s, *(self.itl_s,) * (self.tokens - 1)):
            at_s += mean_s * random.uniform(1 - self.jitter, 1 + self.jitter)
            delays.append(at_s)
        return delays


class Connection(asyncio.Protocol):
    """One connection; answers one request after another."""

    def __init__(self, script: Script, notes: list[Note], numbers: list[int]) -> None:
        self._script = script
        self._notes = notes
        self._numbers = numbers
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        head, blank, body = self._rest.partition(b"\r\n\r\n")
        if not blank:
            return
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        if len(body) < length:
            return
        self._rest = b""
        assert self._transport is not None
        path = head.split(b" ", 2)[1]
        if path == PATH:
            self._begin()
        else:
            is_list = path == b"/v1/models"
            self._transport.write(MODELS if is_list else plain(404, {"detail": "Not Found"}))

    def _begin(self) -> None:
        note = Note(time.monotonic())
        self._notes.append(note)
        self._numbers[0] += 1
        delays = self._script.delays_s(self._numbers[0])
        self._wait(note, delays)

    def _wait(self, note: Note, delays: list[float]) -> None:
        due_s = note.read_s + delays[len(note.sent_s)]
        asyncio.get_running_loop().call_at(due_s, self._send, note, delays, due_s)

    def _send(self, note: Note, delays: list[float], due_s: float) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        is_last = len(note.sent_s) == len(delays) - 1
        data = b"" if note.sent_s else HEAD
        data += LAST if is_last else TOKEN
        if is_last:
            data += chunk(usage(PROMPT_TOKENS, len(delays))) + chunk(DONE) + END
        note.sent_s.append(time.monotonic())
        note.late_s.append(note.sent_s[-1] - due_s)
        self._transport.write(data)
        if is_last:
            note.ended_s = note.sent_s[-1]
        else:
            self._wait(note, delays)


TOKEN, LAST = chunk(completion(" word")), chunk(completion(" word", "length"))


async def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--ttft-ms", type=float, default=200.0)
    parser.add_argument("--itl-ms", type=float, default=20.0)
    parser.add_argument("--jitter", type=float, default=0.5, help="of a delay, both ways; below 1")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    script = Script(
        options.tokens, options.ttft_ms / 1000, options.itl_ms / 1000, options.jitter, options.seed
    )
    notes: list[Note] = []
    numbers = [0]
    loop = asyncio.get_running_loop()
    assert loop.time() - time.monotonic() < 1  # due times are the loop's
    server = await loop.create_server(
        lambda: Connection(script, notes, numbers), "127.0.0.1", 0, backlog=1024
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    over = asyncio.Event()

    def read() -> None:
        if not sys.stdin.readline():
            over.set()
            return
        print(json.dumps([asdict(note) for note in notes]), flush=True)
        notes.clear()
        numbers[0] = 0

    loop.add_reader(sys.stdin.fileno(), read)
    await over.wait()
    loop.remove_reader(sys.stdin.fileno())
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
