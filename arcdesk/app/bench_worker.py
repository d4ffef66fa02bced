"""The load generator as a process of its own: `python -m arcdesk.app.bench_worker`.

Reads one job (a JSON line) from stdin, writes what happens as JSON lines to stdout. SIGTERM, or the end of
stdin, ends it with what is done: the step under way is told as cancelled. The window's work can't disturb
its times, nor it the window.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

from arcdesk.api.load_address import no_answer
from arcdesk.api.load_body import bench_body, numbered
from arcdesk.api.load_client import LoadClient
from arcdesk.api.load_run import LoadRun
from arcdesk.api.load_tokens import Tokenizer
from arcdesk.app import bench_lines
from arcdesk.app.bench_files import image_in, prompts_in
from arcdesk.core.bench import Api, BenchPlan, Dataset
from arcdesk.core.bench_progress import BenchPhase, BenchProgress, BenchPrompts
from arcdesk.core.bench_prompts import NUMBERED_HEAD, long_text, text_of_tokens
from arcdesk.core.egress import Contact, host_of
from arcdesk.core.errors import AnswerError, ArcDeskError
from arcdesk.core.ports import Endpoint

EXIT_FAILURE, EXIT_USAGE = 1, 2
MOST_CHARS_PER_TOKEN = 8  # enough text for any tokenizer to be cut
Write = Callable[[bytes], None]


class OneHost:
    """An EgressGate for the job's own host; the parent, which let it pass, is told of each contact."""

    def __init__(self, endpoint: Endpoint, write: Write) -> None:
        self._host = host_of(endpoint.base_url)
        self._write = write

    def allows(self, host: str) -> bool:
        """The job's host, and no other."""
        return host == self._host

    def record(self, contact: Contact) -> None:
        """The parent keeps it."""
        self._write(bench_lines.contact_line(contact))


class Worker:
    """One job from its prompts to its last step."""

    def __init__(self, endpoint: Endpoint, plan: BenchPlan, write: Write) -> None:
        """Raises AnswerError for an address that can't be asked."""
        self._endpoint = endpoint
        self._plan = plan
        self._write = write
        self._client = LoadClient(endpoint, egress=OneHost(endpoint, write))
        self._run: LoadRun | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_cancelled = False
        self._is_numbered = plan.dataset is Dataset.TEXT and not plan.is_same_prompt

    async def work(self) -> None:
        """Raises ArcDeskError with the reason why it can't go on."""
        self._task = asyncio.current_task()
        try:
            bodies = await self._bodies()
            self._run = LoadRun(self._client, self._plan, bodies, tell=self._tell)
            for number, concurrency in enumerate(self._plan.concurrencies, start=1):
                if not self._is_cancelled:
                    await self._step(self._run, concurrency, number)
        finally:
            await self._client.aclose()

    def cancel(self) -> None:
        """End with what is done."""
        self._is_cancelled = True
        if self._run is not None:
            self._run.cancel()
        elif self._task is not None:
            self._task.cancel()

    async def _step(self, run: LoadRun, concurrency: int, number: int) -> None:
        gc.collect()
        gc.disable()  # a collection in the middle would be measured as the server's
        try:
            step = await run.step(concurrency, number)
        finally:
            gc.enable()
        for line in bench_lines.step_lines(step):
            self._write(line)
        failed = [record.error for record in step.records if record.error]
        if failed and len(failed) == len(step.records):  # more of it would tell nothing new
            raise AnswerError(no_answer(f"None of {len(failed)} requests was answered. {failed[0]}"))

    def _tell(self, progress: BenchProgress) -> None:
        self._write(bench_lines.progress_line(progress))

    async def _bodies(self) -> list[bytes] | Iterator[bytes]:
        plan, model = self._plan, self._endpoint.model
        self._tell(BenchProgress(phase=BenchPhase.PREPARING, steps=len(plan.concurrencies)))
        image_url = image_in(plan)
        prompts = prompts_in(plan) or (await self._text(),)
        if plan.dataset_path:
            self._write(bench_lines.prompts_line(BenchPrompts(count=len(prompts))))
        bodies = [bench_body(model, plan, prompt, image_url) for prompt in prompts]
        if not self._is_numbered:
            return bodies
        first = time.time_ns() // 1000  # no number of an earlier run, which a cache may still know
        return numbered(bodies[0], first)

    async def _text(self) -> str:
        tokens = self._plan.input_tokens
        tokenizer = Tokenizer(self._client, self._endpoint)
        is_marked = self._plan.api is Api.COMPLETIONS
        whole = (NUMBERED_HEAD if self._is_numbered else "") + long_text(tokens * MOST_CHARS_PER_TOKEN)
        text = await tokenizer.cut(whole, tokens, is_marked=is_marked)
        note = "" if text else f"The server counts no tokens: the length of {tokens} tokens is an estimate."
        told = BenchPrompts(count=1, tokens=tokens if text else None, note=note)
        self._write(bench_lines.prompts_line(told))
        return text or text_of_tokens(tokens, is_numbered=self._is_numbered)


def main() -> int:
    """Returns the exit code."""
    try:
        endpoint, plan = bench_lines.read_job(sys.stdin.buffer.readline())
    except (ValueError, KeyError, TypeError) as error:
        print(f"no job: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in the parent's terminal is the parent's matter
    _allow_many_connections()
    try:
        return asyncio.run(_work(endpoint, plan))
    except BrokenPipeError:  # the parent is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE


async def _work(endpoint: Endpoint, plan: BenchPlan) -> int:
    def write(line: bytes) -> None:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    try:
        worker = Worker(endpoint, plan, write)
        _end_on_request(worker.cancel)
        with contextlib.suppress(asyncio.CancelledError):  # before the first step: nothing is done
            await worker.work()
    except ArcDeskError as error:
        write(bench_lines.failure_line(error.problem))
        return error.exit_code
    finally:
        _stop_listening()
    return 0


def _end_on_request(cancel: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            cancel()

    loop.add_signal_handler(signal.SIGTERM, cancel)
    with contextlib.suppress(PermissionError):  # a job from a file, by hand: nobody will say 'end' that way
        loop.add_reader(sys.stdin.fileno(), read)


def _stop_listening() -> None:
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())


def _allow_many_connections() -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
