"""A benchmark as values: what is asked, what each request gave, what was kept of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Api(Enum):
    """Which kind of request is sent."""

    CHAT = "chat"
    COMPLETIONS = "completions"


class Dataset(Enum):
    """Where the prompts come from."""

    TEXT = "text"  # a fixed text, cut to `input_tokens`
    FILE = "file"  # a text file, one prompt a line or one whole
    SHAREGPT = "sharegpt"  # JSON: [{"conversations": [{"from": "human", "value": "…"}, …]}, …]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """One benchmark: each concurrency is a step. Either `requests` or `duration_s` ends a step.

    `rate_per_s` None is a closed loop (the next request when one ends), else a Poisson process.
    """

    concurrencies: tuple[int, ...] = (1,)
    input_tokens: int = 1024
    output_tokens: int = 512
    requests: int | None = None  # per step; None with no duration: 4 x concurrency, as the documents' script
    duration_s: float | None = None
    rate_per_s: float | None = None
    warm_up_requests: int | None = None  # None: 2 x concurrency
    api: Api = Api.COMPLETIONS
    is_ignoring_eos: bool = True
    dataset: Dataset = Dataset.TEXT
    is_same_prompt: bool = False  # TEXT: each request the same, so a prefix cache answers for the prefill
    dataset_path: str = ""
    image_path: str = ""
    temperature: float = 0.0
    seed: int = 0
    ttft_limit_ms: float | None = None  # for goodput
    tpot_limit_ms: float | None = None
    e2e_limit_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request. Times are monotonic seconds from the start of its step.

    `events_s` are the arrivals of events with text (several tokens may share one). `completion_tokens` is
    the server's `usage`; None: it told none. A failed request has `error` and counts in no figure.
    """

    sent_s: float
    connected_s: float | None = None
    events_s: tuple[float, ...] = ()
    ended_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str = ""
    silent_s: tuple[float, ...] = ()  # events that carried a choice without text: a role, a withheld token
    usage_problem: str = ""  # why `completion_tokens` is None although the server told a number

    @property
    def is_good(self) -> bool:
        """It was answered to its end."""
        return not self.error and self.ended_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchStep:
    """What one concurrency gave. `duration_s` is from the first request sent to the last one ended."""

    concurrency: int
    records: tuple[RequestRecord, ...]
    duration_s: float
    cpu_s: float | None = None  # of the load generator
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run was made on; '' or None where it is not known."""

    model: str = ""
    engine: str = ""
    base_url: str = ""
    image: str = ""
    image_digest: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    driver: str = ""
    kernel: str = ""
    cards: tuple[str, ...] = ()
    host_load: float | None = None  # load average over a minute, before
    arcdesk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRun:
    """A whole benchmark. `at` is Unix seconds."""

    id: int = 0
    at: float = 0.0
    plan: BenchPlan = field(default_factory=BenchPlan)
    surroundings: Surroundings = field(default_factory=Surroundings)
    steps: tuple[BenchStep, ...] = ()
    vram_peak_bytes: int | None = None
    energy_j: float | None = None
    note: str = ""
