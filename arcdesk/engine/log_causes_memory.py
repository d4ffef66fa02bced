"""Signs of the card's memory: the model, its cache or the context do not fit, or others use it."""

from __future__ import annotations

import re

from arcdesk.core.errors import Action, Problem
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.log_causes import (
    START_AGAIN,
    Explain,
    Found,
    Sign,
    apply,
    fill,
    grouped,
    pretty,
    problem_of,
    say,
)

_LEAST_CONTEXT = 256  # tokens; less is of no use to a chat


def _smaller(settings: ContainerSettings | None) -> tuple[Action, ...]:
    """Settings that need less of the card's memory, as buttons."""
    if settings is None:
        return (START_AGAIN,)
    actions: list[Action] = []
    context = settings.max_model_len // 2
    if context >= _LEAST_CONTEXT:
        batched = max(context, settings.max_num_seqs)
        label = f"Use a {grouped(context)}-token context and restart"
        actions.append(apply(label, max_model_len=context, max_num_batched_tokens=batched))
    if settings.load_in_low_bit != "sym_int4":
        actions.append(apply("Use sym_int4 and restart", load_in_low_bit="sym_int4"))
    return tuple(actions) or (START_AGAIN,)


def _card_full(cause: str, title: str, detail: str, hint: str) -> Explain:
    def explain(found: Found) -> Problem:
        return problem_of(found, cause, title, fill(detail, found), hint, *_smaller(found.settings))

    return explain


_LESS = "Use a smaller model, a lower bit format or a shorter context, and close programs that use the card."
_OOM_HOW_MUCH = _card_full(
    "vram_oom",
    "The graphics card ran out of memory",
    "Another {asked} were asked for, more than is free.",
    _LESS,
)
_OOM = _card_full(
    "vram_oom",
    "The graphics card ran out of memory",
    "The model and its cache need more than is free.",
    _LESS,
)
_RESOURCES = _card_full(
    "out_of_resources",
    "The graphics card ran out of resources",
    "The driver could not give what the model asked for, usually memory.",
    _LESS,
)
_BIG_BLOCK_ASKED = _card_full(
    "alloc_4gb",
    "The card can't give such a big block of memory",
    "{asked} were asked for in one piece; this card gives 4\u202fGB at most.",
    "Use a shorter context or fewer batched tokens.",
)
_BIG_BLOCK = _card_full(
    "alloc_4gb",
    "The card can't give such a big block of memory",
    "More than 4\u202fGB were asked for in one piece.",
    "Use a shorter context or fewer batched tokens.",
)
_NO_BLOCKS = _card_full(
    "kv_no_blocks",
    "The model leaves no memory for the conversation",
    "Its weights fill the card; nothing is left for the KV cache.",
    "Use a smaller model, a lower bit format, or fewer batched tokens and sequences.",
)
_NEGATIVE = _card_full(
    "kv_no_blocks",
    "The model leaves no memory for the conversation",
    "{missing} are missing for the KV cache.",
    "Use a smaller model, a lower bit format, or fewer batched tokens and sequences.",
)
_NEGATIVE_MEMORY = re.compile(r"Available KV cache memory: -(?P<missing>[\d.]+ ?GiB)")
_ZERO_BLOCKS = re.compile(r"# \w+ blocks: 0,")


def _context_too_long(found: Found) -> Problem:
    asked, room = found.number("asked"), found.number("room")
    need, free = pretty(found.text("need")), pretty(found.text("free"))
    parts = []
    if room is not None and asked is not None:
        parts.append(f"The card has room for {grouped(room)} tokens, {grouped(asked)} were asked for.")
    elif asked is not None:
        parts.append(f"{grouped(asked)} tokens were asked for, more than the card has room for.")
    if need and free:
        parts.append(f"They need {need} of cache, {free} are there.")
        if room is None and asked is not None:
            room = _room_from(asked, need, free)
    fixes: tuple[Action, ...] = (START_AGAIN,)
    if room is not None and room >= _LEAST_CONTEXT:
        fixes = (apply(f"Use {grouped(room)} and restart", max_model_len=room),)
    return problem_of(
        found,
        "kv_context_too_long",
        "The context is too long for this card",
        " ".join(parts),
        "Use a shorter context, a smaller model or a lower bit format.",
        *fixes,
    )


def _room_from(asked: int, need: str, free: str) -> int | None:
    """Tokens that fit, from what so many would need; a little less, in steps of 256."""
    need_gib, free_gib = (float(re.sub(r"[^\d.]", "", size) or 0) for size in (need, free))
    return int(asked * free_gib / need_gib * 0.98) // 256 * 256 if need_gib > 0 else None


_V0_CONTEXT = re.compile(
    r"max seq len \((?P<asked>\d+)\) is larger than the maximum number of tokens that can be stored "
    r"in KV cache \((?P<room>\d+)\)"
)
_V1_CONTEXT = re.compile(
    r"To serve at least one request with .{0,20}?max seq len \((?P<asked>\d+)\)"
    r"(?:.{0,10}?(?P<need>[\d.]+ [GM]iB) KV cache is needed)?"
    r"(?:.{0,80}?available KV cache memory \((?P<free>[\d.]+ [GM]iB)\))?"
    r"(?:.{0,120}?estimated maximum model length is (?P<room>\d+))?"
)

_BUSY = say(
    "vram_busy",
    "Another program uses the graphics card",
    "Only {free} of {total}{unit} are free, {wanted} are wanted.",
    "Close programs that use the card, then start again.",
    START_AGAIN,
)
_FREE = re.compile(
    r"Free memory on device .*?\((?P<free>[\d.]+)/(?P<total>[\d.]+)(?P<unit> [GM]iB)\)"
    r".*less than desired GPU memory "
    r"utilization(?: \([\d.]+, (?P<wanted>[\d.]+ [GM]iB)\))?"
)
_BUSY_PLAIN = say(
    "vram_busy",
    "Another program uses the graphics card",
    "Less of the card's memory is free than the server wants.",
    "Close programs that use the card, then start again.",
    START_AGAIN,
)
_PROFILING = say(
    "mem_profiling",
    "The card's memory changed during the start",
    "Another program took or freed graphics memory while the server measured it.",
    "Close programs that use the card, then start again.",
    START_AGAIN,
)
_OOM_ASKED = re.compile(
    r"(?:XPU|CUDA|HIP|GPU) out of memory\..*?Tried to allocate (?P<asked>[\d.]+ [KMG]i?B)"
)
_OOM_CODES = re.compile(
    r"_OUT_OF_DEVICE_MEMORY|(?:Native API returns: -?|backend failed with error: )39\b"
    r"|MEM_OBJECT_ALLOCATION_FAILURE"
)
_RESOURCE_CODES = re.compile(
    r"_OUT_OF_RESOURCES|Native API returns: -5\b|(?:Native API returns: |backend failed with error: )40\b"
)

MEMORY_SIGNS: tuple[Sign, ...] = (
    Sign(
        needles=("larger than 4GB",),
        pattern=re.compile(r"larger than 4GB.*?Tried to allocate (?P<asked>[\d.]+ [KMG]i?B)"),
        explain=_BIG_BLOCK_ASKED,
        at_runtime=True,
    ),
    Sign(needles=("larger than 4GB",), explain=_BIG_BLOCK, at_runtime=True),
    Sign(needles=("out of memory",), pattern=_OOM_ASKED, explain=_OOM_HOW_MUCH, at_runtime=True),
    Sign(
        needles=("XPU out of memory", "CUDA out of memory", "HIP out of memory", "torch.OutOfMemoryError"),
        explain=_OOM,
        at_runtime=True,
    ),
    Sign(needles=("cuda.OutOfMemoryError", "xpu.OutOfMemoryError"), explain=_OOM, at_runtime=True),
    Sign(
        needles=(
            "OUT_OF_DEVICE_MEMORY",
            "Native API returns",
            "backend failed with error",
            "ALLOCATION_FAILURE",
        ),
        pattern=_OOM_CODES,
        explain=_OOM,
        at_runtime=True,
    ),
    Sign(
        needles=("OUT_OF_RESOURCES", "Native API returns", "backend failed with error"),
        pattern=_RESOURCE_CODES,
        explain=_RESOURCES,
        at_runtime=True,
    ),
    Sign(needles=("stored in KV cache",), pattern=_V0_CONTEXT, explain=_context_too_long),
    Sign(needles=("To serve at least one request",), pattern=_V1_CONTEXT, explain=_context_too_long),
    Sign(needles=("No available memory for the cache blocks",), explain=_NO_BLOCKS),
    Sign(
        needles=("Available KV cache memory: -",),
        pattern=_NEGATIVE_MEMORY,
        explain=_NEGATIVE,
        at_any_level=True,
    ),
    Sign(needles=(" blocks: 0,",), pattern=_ZERO_BLOCKS, explain=_NO_BLOCKS, at_any_level=True),
    Sign(needles=("Free memory on device",), pattern=_FREE, explain=_BUSY),
    Sign(needles=("is less than desired GPU memory utilization",), explain=_BUSY_PLAIN),
    Sign(needles=("Error in memory profiling",), explain=_PROFILING),
)
