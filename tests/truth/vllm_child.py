"""Runs `vllm bench serve` with its own arguments, our prompts, and a look at its processor time.

Run by the Python of vLLM's environment: `python vllm_child.py PROMPTS CPU_FILE bench-serve-arguments…`.
Its own reader of such a file wants pandas, which the rig does not have. The processor time is of the part
that its throughput counts: from its first request to its last answer.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vllm.benchmarks.serve as bench
from vllm.benchmarks.datasets import SampleRequest
from vllm.utils.argparse_utils import FlexibleArgumentParser


def main() -> None:
    """Measure, and write the seconds into CPU_FILE."""
    prompts_file, cpu_file, *arguments = sys.argv[1:]
    prompts = json.loads(Path(prompts_file).read_text(encoding="utf-8"))
    used_s: list[float] = []

    def our_prompts(args: argparse.Namespace, tokenizer: Callable[..., Any]) -> list[SampleRequest]:
        return [
            SampleRequest(
                prompt=prompts[number % len(prompts)],
                prompt_len=len(tokenizer(prompts[number % len(prompts)]).input_ids),
                expected_output_len=args.custom_output_len,
                request_id=str(number),
            )
            for number in range(args.num_prompts)
        ]

    get_request, calculate = bench.get_request, bench.calculate_metrics

    def get_noted(*args: object, **named: object) -> object:
        used_s.append(time.process_time())
        return get_request(*args, **named)

    def calculate_noted(*args: object, **named: object) -> object:
        used_s.append(time.process_time())
        return calculate(*args, **named)

    bench.get_samples, bench.get_request, bench.calculate_metrics = our_prompts, get_noted, calculate_noted
    parser = FlexibleArgumentParser()
    bench.add_cli_args(parser)
    asyncio.run(bench.main_async(parser.parse_args(arguments)))
    first_s, last_s = used_s
    Path(cpu_file).write_text(json.dumps({"cpu_s": last_s - first_s}), encoding="utf-8")


if __name__ == "__main__":
    main()
