"""What an A/B comparison is to compare: two configurations, the prompts, and why a wish can't be done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath
from urllib.parse import urlsplit

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import UsageError
from arcdesk.core.model_names import short_name
from arcdesk.core.settings import Settings, check_container
from arcdesk.core.settings_info import Value, engine_refusal
from arcdesk.core.settings_table import BY_ID

TOKENS_LOW, TOKENS_USUAL, TOKENS_HIGH = 1, 200, 8192
MOST_PROMPTS = 200
STARTER = "starter model"
# What makes a configuration, in the order in which it is shown.
CONTAINER_FIELDS = (
    "model_path",
    "load_in_low_bit",
    "max_model_len",
    "max_num_batched_tokens",
    "max_num_seqs",
    "tensor_parallel_size",
    "image",
)
ENGINE_WORDS = {
    EngineKind.CONTAINER: "Container",
    EngineKind.EMBEDDED: "Embedded",
    EngineKind.REMOTE: "Server",
}
DEFAULT_PROMPTS = (
    "What is the capital of Australia, and why is it not Sydney? Answer in two sentences.",
    "A train leaves at 9:40 and arrives at 13:05. How long does it take? Show how you get there.",
    "Write a Python function that returns the second largest number of a list, without sorting it.",
    "Explain to a ten-year-old why the sky is blue, in at most five sentences.",
    "Rewrite politely: 'Your report is late again and nobody can use it.'",
    "List three differences between a bicycle and a tricycle as short bullet points.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbConfiguration:
    """One side: settings with which `kind` of engine is started."""

    name: str
    kind: EngineKind
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AbPlan:
    """One comparison. A is asked first; both get the same prompts in the same order."""

    a: AbConfiguration
    b: AbConfiguration
    prompts: tuple[str, ...]
    max_tokens: int = TOKENS_USUAL
    temperature: float = 0.0
    is_blind: bool = False  # the person votes before names and figures are shown

    @property
    def restarts(self) -> int:
        """How often an engine of this computer is started anew if A runs already and is put back."""
        kinds = (self.a.kind, self.b.kind)
        ends_a = kinds[0] is EngineKind.EMBEDDED or kinds == (EngineKind.CONTAINER, EngineKind.CONTAINER)
        return (self.b.kind is not EngineKind.REMOTE) + ends_a


def configure(settings: Settings, kind: EngineKind, values: tuple[tuple[str, Value], ...]) -> Settings:
    """A copy of `settings` for `kind` with other values: container fields by name, 'gguf_path', 'engine'."""
    outer = {name: value for name, value in values if name in ("gguf_path", "engine")}
    inner = {name: value for name, value in values if name not in outer}
    outer.setdefault("engine", kind.value)
    container = replace(settings.container, **inner)  # type: ignore[arg-type]
    return replace(settings, container=container, **outer)  # type: ignore[arg-type]


def rows_of(settings: Settings, kind: EngineKind) -> tuple[tuple[str, str], ...]:
    """(title, value) of all that makes this configuration; no path of the person's is in it."""
    engine = ("Engine", ENGINE_WORDS[kind])
    match kind:
        case EngineKind.CONTAINER:
            infos = (BY_ID[f"container.{name}"] for name in CONTAINER_FIELDS)
            return (engine, *((info.title, info.words_of(info.value_in(settings))) for info in infos))
        case EngineKind.EMBEDDED:
            return (engine, ("Model", PurePath(settings.gguf_path).name or STARTER))
        case EngineKind.REMOTE:
            return (engine, ("Address", _shown_address(settings.engine)))


def is_same(one: AbConfiguration, other: AbConfiguration) -> bool:
    """Both would start the same."""
    if one.kind is not other.kind:
        return False
    match one.kind:
        case EngineKind.CONTAINER:
            return one.settings.container == other.settings.container
        case EngineKind.EMBEDDED:
            return one.settings.gguf_path == other.settings.gguf_path
        case EngineKind.REMOTE:
            return one.settings.engine.rstrip("/") == other.settings.engine.rstrip("/")


def names_of(a: AbConfiguration, b: AbConfiguration) -> tuple[str, str]:
    """A short name for each: the model, with what else differs where that alone does not tell them apart."""
    names = _model_of(a), _model_of(b)
    if is_same(a, b):
        return names
    if a.kind is not b.kind:
        one, other = (ENGINE_WORDS[each.kind].lower() for each in (a, b))
        return ", ".join(filter(None, (names[0], one))), ", ".join(filter(None, (names[1], other)))
    told = _differing(a, b)
    if told:
        one, other = (" · ".join(words) for words in zip(*told, strict=True))
        return f"{names[0]} · {one}", f"{names[1]} · {other}"
    return names if names[0] != names[1] else (f"{names[0]} (A)", f"{names[1]} (B)")


def prompts_of(text: str) -> tuple[str, ...]:
    """The prompts of a text: an empty line stands between two of them."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            blocks[-1].append(line.rstrip())
        elif blocks[-1]:
            blocks.append([])
    return tuple("\n".join(block) for block in blocks if block)


def text_of(prompts: tuple[str, ...]) -> str:
    """The text that `prompts_of` reads."""
    return "\n\n".join(prompts)


def refusal(plan: AbPlan) -> str:
    """Why this plan can't be run, in one sentence; '' if it can."""
    if not plan.prompts:
        return "There is no prompt."
    if len(plan.prompts) > MOST_PROMPTS:
        return f"{len(plan.prompts)} prompts are too many: at most {MOST_PROMPTS}."
    if is_same(plan.a, plan.b):
        return "Both sides are the same: change something of B."
    return side_refusal(plan.b) or _server_refusal(plan)


def side_refusal(side: AbConfiguration) -> str:
    """Why this side can't be started; '' as far as can be known now."""
    match side.kind:
        case EngineKind.CONTAINER:
            try:
                check_container(side.settings.container)
            except UsageError as error:
                return error.problem.sentence()
            return ""
        case EngineKind.REMOTE:
            return engine_refusal(side.settings.engine) or ""
        case EngineKind.EMBEDDED:
            return ""


def _server_refusal(plan: AbPlan) -> str:
    for side in (plan.a, plan.b):
        settings = side.settings.container
        if side.kind is EngineKind.CONTAINER and plan.max_tokens >= settings.max_model_len:
            return (
                f"{plan.max_tokens} tokens per answer leave no room for the prompt in a context of "
                f"{settings.max_model_len}."
            )
    return ""


def _model_of(side: AbConfiguration) -> str:
    match side.kind:
        case EngineKind.CONTAINER:
            return short_name(side.settings.container.model_path)
        case EngineKind.EMBEDDED:
            return PurePath(side.settings.gguf_path).stem or STARTER
        case EngineKind.REMOTE:
            address = _shown_address(side.settings.engine).partition("//")[2]
            return address.removesuffix("/").removesuffix("/v1")


def _differing(a: AbConfiguration, b: AbConfiguration) -> list[tuple[str, str]]:
    """What else than the model differs of two containers, the two most telling."""
    if a.kind is not EngineKind.CONTAINER:
        return []
    told = []
    for name in CONTAINER_FIELDS[1:-1]:
        info = BY_ID[f"container.{name}"]
        one, other = info.value_in(a.settings), info.value_in(b.settings)
        if one != other:
            words = _SHORT.get(name, "{}")
            told.append((words.format(one), words.format(other)))
    return told[:2]


_SHORT = {
    "max_model_len": "context {}",
    "max_num_batched_tokens": "{} in a step",
    "max_num_seqs": "{} at a time",
    "tensor_parallel_size": "{} cards",
}


def _shown_address(url: str) -> str:
    """Without what may be a secret: a report is made to be shown to others."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no address; what is wrong with it is told elsewhere
        return url.partition("?")[0]
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
