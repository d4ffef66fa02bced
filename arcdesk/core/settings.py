"""What a person can choose, with the defaults of the image's documents, and what is refused at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from arcdesk.core.errors import Action, ActionKind, Problem, UsageError

# The image's start script does not quote its variables: a space would become another option.
SAFE_VALUE = re.compile(r"^[A-Za-z0-9._/:-]+$")

THEMES = ("system", "light", "dark")

LOW_BIT_FORMATS = (
    "sym_int4",
    "asym_int4",
    "woq_int4",
    "fp6",
    "fp8",
    "fp8_e4m3",
    "fp8_e5m2",
    "fp16",
    "bf16",
    "sym_int5",
    "asym_int5",
    "sym_int8",
    "nf3",
    "nf4",
    "fp4",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSettings:
    """How the container is made. Defaults: the IPEX-LLM image and TinyLlama, as its users run it."""

    profile: str = "ipex-llm-serving-xpu:0.2.0-b2"
    image: str = "intelanalytics/ipex-llm-serving-xpu:0.2.0-b2"
    name: str = "arcdesk-engine"
    host_port: int = 8001
    model_path: str = "TinyLlama/TinyLlama-1.1B-Chat-v1.0"
    served_model_name: str = "tinyllama"
    tensor_parallel_size: int = 1
    max_num_seqs: int = 8
    max_num_batched_tokens: int = 3000
    max_model_len: int = 2048
    load_in_low_bit: str = "sym_int4"
    port: int = 8000  # inside the container
    shm_size: str = "16g"
    device: str = "/dev/dri"
    hf_cache_dir: str = "~/.cache/huggingface"
    models_dir: str = ""  # mounted read-only at /llm/models when set


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. `engine` is auto, container, embedded or the URL of an OpenAI-compatible server."""

    engine: str = "auto"
    container: ContainerSettings = field(default_factory=ContainerSettings)
    gguf_path: str = ""  # of the embedded engine; empty: the starter model
    theme: str = "system"  # system, light or dark
    stop_engine_on_quit: bool = False
    start_engine_with_app: bool = False
    stay_in_tray: bool = True  # closing the window leaves the icon, where a panel shows one
    confirmed_close_without_tray: bool = False
    notify_ready: bool = True
    notify_failed: bool = True
    notify_answer: bool = True  # an answer that ended while nobody looked
    hotkey: str = "Ctrl+Alt+Space"  # of the quick prompt; empty: none
    quick_hides_on_blur: bool = False
    quick_takes_clipboard: bool = False
    model_folders: str = ""  # the person's own, a colon between them (';' on Windows)
    hub_endpoint: str = "https://huggingface.co"  # or a mirror that speaks the same HTTP
    hub_offline: bool = False  # never contact the hub
    bench_offers: bool = True  # ask once for the small suite when the engine is ready on something new
    live_export: bool = False  # the live figures as a page for Prometheus, on this computer only
    live_export_port: int = 9185
    presets: tuple[tuple[str, str], ...] = ()  # the person's own: (name without '/', text)


def change_container(settings: Settings, changes: tuple[tuple[str, str], ...]) -> Settings:
    """Apply (name, text value) pairs to the container's settings; numbers are converted by the field."""
    values: dict[str, object] = {}
    for name, text in changes:
        current = getattr(settings.container, name)
        values[name] = int(text) if isinstance(current, int) else text
    return replace(settings, container=replace(settings.container, **values))  # type: ignore[arg-type]


def check_container(settings: ContainerSettings) -> None:
    """Refuse what the server would refuse minutes later. Raises UsageError with a way out."""
    for check in (_check_words, _check_numbers, _check_low_bit, _check_tokens):
        problem = check(settings)
        if problem is not None:
            raise UsageError(problem)


def _check_words(settings: ContainerSettings) -> Problem | None:
    for label, value in (
        ("model path", settings.model_path),
        ("served model name", settings.served_model_name),
    ):
        why = word_refusal(value)
        if why is not None:
            return Problem(
                cause="bad_setting",
                title=f"The {label} can't be used",
                detail=why,
                hint="Rename the folder, or choose another model.",
                evidence=value,
            )
    return None


def word_refusal(value: str) -> str | None:
    """Why the image's start script can't take `value`; None if it can."""
    if SAFE_VALUE.fullmatch(value):
        return None
    bad = "".join(sorted({char for char in value if not SAFE_VALUE.fullmatch(char)}))
    why = f"It contains {_spell(bad)}." if bad else "It is empty."
    return f"{why} The image's start script takes letters, digits and . _ / : - only."


def _spell(characters: str) -> str:
    return ", ".join("a space" if char == " " else f"'{char}'" for char in characters)


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest number that the server takes; `label` names it in an error."""

    label: str
    low: int
    high: int


RANGES: dict[str, Range] = {
    "host_port": Range("port", 1024, 65535),
    "port": Range("port inside the container", 1, 65535),
    "tensor_parallel_size": Range("tensor parallel size", 1, 64),
    "max_num_seqs": Range("number of parallel sequences", 1, 4096),
    "max_num_batched_tokens": Range("number of batched tokens", 1, 10_000_000),
    "max_model_len": Range("context length", 1, 10_000_000),
}
APP_RANGES = {"live_export_port": Range("port of the live figures", 1024, 65535)}  # no server takes these


def _check_numbers(settings: ContainerSettings) -> Problem | None:
    for name, limits in RANGES.items():
        value: int = getattr(settings, name)
        if not limits.low <= value <= limits.high:
            return Problem(
                cause="bad_setting",
                title=f"The {limits.label} can't be {value}",
                detail=f"It must be between {limits.low} and {limits.high}.",
                hint="Change it in the settings.",
            )
    return None


def _check_low_bit(settings: ContainerSettings) -> Problem | None:
    if settings.load_in_low_bit in LOW_BIT_FORMATS:
        return None
    return Problem(
        cause="low_bit_unknown",
        title=f"The format '{settings.load_in_low_bit}' is unknown",
        detail=f"The image knows {', '.join(LOW_BIT_FORMATS)}.",
        hint="Choose one of them.",
        actions=(
            Action(
                kind=ActionKind.APPLY_SETTINGS,
                label="Use sym_int4 and start",
                settings=(("load_in_low_bit", "sym_int4"),),
            ),
        ),
    )


def _check_tokens(settings: ContainerSettings) -> Problem | None:
    least = max(settings.max_model_len, settings.max_num_seqs)
    batched = settings.max_num_batched_tokens
    if batched >= least:
        return None
    too_long = settings.max_model_len > batched
    limit = (
        f"context length ({settings.max_model_len})" if too_long else f"sequences ({settings.max_num_seqs})"
    )
    return Problem(
        cause="batched_lt_context" if too_long else "batched_lt_seqs",
        title="The server would refuse these token limits",
        detail=f"MAX_NUM_BATCHED_TOKENS ({batched}) is smaller than the {limit}.",
        hint=f"Raise it to {least}.",
        actions=(
            Action(
                kind=ActionKind.APPLY_SETTINGS,
                label=f"Use {least} and start",
                settings=(("max_num_batched_tokens", str(least)),),
            ),
        ),
    )
