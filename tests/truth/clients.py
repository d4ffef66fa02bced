"""The load generators as processes: ArcDesk's own, `vllm bench serve` and guidellm."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from arcdesk.app.bench_job import BenchJob
from arcdesk.core.bench import Api, BenchPlan, BenchStep, Dataset
from arcdesk.core.bench_progress import BenchFailed, BenchStepDone
from arcdesk.core.ports import Endpoint
from tests.rig.model_folder import model_folder
from tests.rig.packages import guidellm_environment, vllm_environment
from tests.truth.figures import Figures, of_arcdesk, of_guidellm, of_vllm

CHILD = Path(__file__).with_name("vllm_child.py")


@dataclass(frozen=True)
class Load:
    """What each client is to ask: the same prompts in the same order."""

    base_url: str
    model: str
    concurrency: int
    requests: int
    output_tokens: int
    prompts: tuple[str, ...]
    warm_up: int


def arcdesk(load: Load) -> Figures:
    """The load generator as the window and the command run it."""
    return of_arcdesk(arcdesk_step(load))


def arcdesk_step(load: Load) -> BenchStep:
    """Its records."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prompts.txt"
        file.write_text("\n".join(load.prompts), encoding="utf-8")
        plan = BenchPlan(
            concurrencies=(load.concurrency,),
            output_tokens=load.output_tokens,
            requests=load.requests,
            warm_up_requests=load.warm_up,
            api=Api.COMPLETIONS,
            dataset=Dataset.FILE,
            dataset_path=str(file),
        )
        return asyncio.run(_step(Endpoint(base_url=load.base_url, model=load.model), plan))


async def _step(endpoint: Endpoint, plan: BenchPlan) -> BenchStep:
    async with aclosing(BenchJob(endpoint, plan).events()) as events:
        async for event in events:
            if isinstance(event, BenchFailed):
                raise SystemExit(event.problem.sentence())
            if isinstance(event, BenchStepDone):
                return event.step
    raise SystemExit("The load generator told no step.")


def vllm(load: Load) -> Figures:
    """`vllm bench serve`, told to measure the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prompts, cpu = folder / "prompts.json", folder / "cpu.json"
        prompts.write_text(json.dumps(load.prompts), encoding="utf-8")
        root = load.base_url.removesuffix("/v1")
        command = [
            *(str(vllm_environment() / "bin" / "python"), str(CHILD), str(prompts), str(cpu)),
            *("--backend", "openai", "--base-url", root, "--endpoint", "/v1/completions"),
            *("--model", load.model, "--tokenizer", str(model_folder())),
            *("--dataset-name", "custom", "--custom-output-len", str(load.output_tokens), "--ignore-eos"),
            *("--temperature", "0", "--num-prompts", str(load.requests), "--num-warmups", str(load.warm_up)),
            *("--max-concurrency", str(load.concurrency), "--percentile-metrics", "ttft,tpot,itl,e2el"),
            *("--ready-check-timeout-sec", "0"),  # no request but those that count
            *("--save-result", "--result-dir", str(folder), "--result-filename", "result.json"),
            "--disable-tqdm",
        ]
        _run("vllm bench serve", command, folder)
        return of_vllm(folder / "result.json", cpu)


def guidellm(load: Load) -> Figures:
    """guidellm, told to measure the same; its first requests are the warm-up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prompts, report = folder / "prompts.jsonl", folder / "report.json"
        rows = [
            {"prompt": load.prompts[number % len(load.prompts)], "output_tokens_count": load.output_tokens}
            for number in range(load.warm_up + load.requests)
        ]
        prompts.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        backend = {
            "target": load.base_url.removesuffix("/v1"),
            "model": load.model,
            "request_format": "/v1/completions",
            "validate_backend": "false",  # the scripted server has no /health
        }
        command = [
            *(str(guidellm_environment() / "bin" / "guidellm"), "run", "--backend"),
            ",".join(["kind=openai_http", *(f"{key}={value}" for key, value in backend.items())]),
            *("--profile", f"kind=concurrent,streams={load.concurrency}"),
            *("--constraint", f"kind=max_requests,count={len(rows)}"),
            *("--tokenizer", f"kind=hf_auto,model={model_folder()}"),
            *("--data", f"kind=json_file,path={prompts}", "--output", f"kind=json,path={report}"),
            "--disable-console",
        ]
        _run("guidellm", command, folder)
        return of_guidellm(report, load.requests)


def _run(name: str, command: Sequence[str], folder: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        raise SystemExit(f"{name} failed: {done.stderr.strip()[-2000:]}")
