"""Signs of settings that the server refuses: token limits, formats, cards, options, ports."""

from __future__ import annotations

import re

from arcdesk.core.errors import Action, Problem
from arcdesk.core.settings import LOW_BIT_FORMATS
from arcdesk.engine.log_causes import START_AGAIN, Found, Sign, Weight, apply, grouped, problem_of, say


def _batched_lt_context(found: Found) -> Problem:
    batched, context = found.number("batched"), found.number("context")
    fixes: list[Action] = []
    if context is not None and batched is not None:
        seqs = found.settings.max_num_seqs if found.settings is not None else 0
        least = max(context, seqs)
        fixes = [
            apply(f"Use {grouped(least)} batched tokens and restart", max_num_batched_tokens=least),
            apply(f"Use a {grouped(batched)}-token context and restart", max_model_len=batched),
        ]
    return problem_of(
        found,
        "batched_lt_context",
        "The token limits do not fit together",
        f"{_or_unknown(batched)} tokens fit in a batch, but the context is {_or_unknown(context)} long.",
        "Raise the batched tokens to the context length, or shorten the context.",
        *fixes,
    )


def _batched_lt_seqs(found: Found) -> Problem:
    batched, seqs = found.number("batched"), found.number("seqs")
    fixes: list[Action] = []
    if seqs is not None and batched is not None:
        context = found.settings.max_model_len if found.settings is not None else 0
        least = max(seqs, context)
        fixes.append(apply(f"Use {grouped(least)} batched tokens and restart", max_num_batched_tokens=least))
    return problem_of(
        found,
        "batched_lt_seqs",
        "The token limits do not fit together",
        f"{_or_unknown(batched)} tokens fit in a batch, but {_or_unknown(seqs)} sequences may run at once.",
        "Raise the batched tokens, or allow fewer sequences.",
        *fixes,
    )


def _context_gt_model(found: Found) -> Problem:
    asked, limit = found.number("asked"), found.number("limit")
    fixes = [apply(f"Use {grouped(limit)} and restart", max_model_len=limit)] if limit else []
    return problem_of(
        found,
        "context_gt_model",
        "The context is longer than the model can read",
        f"The model reads {_or_unknown(limit)} tokens, {_or_unknown(asked)} were asked for.",
        "Use a shorter context.",
        *fixes,
    )


def _low_bit_unknown(found: Found) -> Problem:
    value = found.text("value").rstrip(",")
    return problem_of(
        found,
        "low_bit_unknown",
        f"The format '{value}' is unknown",
        f"The image knows {', '.join(LOW_BIT_FORMATS)}.",
        "Choose one of them.",
        apply("Use sym_int4 and restart", load_in_low_bit="sym_int4"),
    )


def _heads_tp(found: Found) -> Problem:
    heads = found.number("heads") or found.number("size")
    cards = found.number("cards") or found.number("parts")
    unit = " attention heads" if found.text("heads") else ""
    fixes: list[Action] = []
    if heads and cards and heads < 10_000_000:
        fitting = next((n for n in range(min(cards - 1, 64), 0, -1) if heads % n == 0), 1)
        name = "1 card" if fitting == 1 else f"{fitting} cards"
        fixes.append(apply(f"Use {name} and restart", tensor_parallel_size=fitting))
    return problem_of(
        found,
        "heads_tp",
        "The model can't be split over this many cards",
        f"{_or_unknown(heads)}{unit} can't be divided by {_or_unknown(cards)}.",
        "Use a number of cards that divides the model's attention heads.",
        *fixes,
    )


def _not_enough_gpus(found: Found) -> Problem:
    wanted, there = found.number("wanted"), found.number("there")
    detail = "More cards were asked for than the container sees."
    if wanted is not None and there is not None:
        detail = f"{grouped(wanted)} were asked for, the container sees {grouped(there)}."
    count = there or 1
    name = "1 card" if count == 1 else f"{count} cards"
    return problem_of(
        found,
        "not_enough_gpus",
        "There are not enough graphics cards",
        detail,
        "Use fewer cards, or pass all of them to the container.",
        apply(f"Use {name} and restart", tensor_parallel_size=count),
    )


def _port_in_use(found: Found) -> Problem:
    fixes: tuple[Action, ...] = (START_AGAIN,)
    if found.settings is not None:
        port = found.settings.port + 1
        fixes = (apply(f"Use port {port} and restart", port=port),)
    return problem_of(
        found,
        "port_in_use",
        "The server's port is taken",
        "Another program in the same network already listens there.",
        "Use another port, or stop the other program.",
        *fixes,
    )


def _or_unknown(number: int | None) -> str:
    return "–" if number is None else grouped(number)


_BAD_ARGUMENT = say(
    "bad_argument",
    "The server refused its settings",
    "It does not understand '{what}'.",
    "Correct or remove this setting.",
    START_AGAIN,
)
_BAD_VALUE = say(
    "bad_argument",
    "The server refused its settings",
    "It says: '{what}'.",
    "Correct or remove this setting.",
    START_AGAIN,
)

_BATCHED_CONTEXT = re.compile(
    r"max_num_batched_tokens \((?P<batched>\d+)\) is smaller than max_model_len \((?P<context>\d+)\)"
)
_BATCHED_SEQS = re.compile(
    r"max_num_batched_tokens \((?P<batched>\d+)\) must be greater than or equal to "
    r"max_num_seqs \((?P<seqs>\d+)\)"
)
_CONTEXT_MODEL = re.compile(
    r"max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len \((?:[^)]*?=)?(?P<limit>\d+)"
)
_LOW_BIT = re.compile(r"Unknown load_in_low_bit value: (?P<value>\S+)")
_HEADS = re.compile(
    r"attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<cards>\d+)\)"
    r"|AssertionError: (?P<size>\d+) is not divisible by (?P<parts>\d+)"
)
_GPUS = re.compile(
    r"number of required \w+ exceeds the total number of available"
    r"|[Ww]orld size \((?P<wanted>\d+)\) is (?:larger|greater) than the number of "
    r"available \w+ \((?P<there>\d+)\)"
    r"|world_size \(?\d*\)? is less than|Cannot provide a placement group|invalid device ordinal"
    r"|device index is out of range|local rank \d+ is out of bounds|No available node types can fulfill"
    r"|[Cc]urrent node has no \w+ available|cannot be larger than the number of available"
)
_USAGE_ARGUMENT = re.compile(r"error: (?P<what>(?:argument|ambiguous option|the following arguments) ?.*)")
_USAGE_UNKNOWN = re.compile(r"error: unrecognized arguments?: (?P<what>.+)")
_REFUSED = re.compile(r"^.{0,120}?\s(?:Value|Assertion) error, (?P<what>.+?)(?: \[type=.*)?$")
_INPUT = re.compile(r"(?P<what>Input should be .+?) \[type=")
_PORT = re.compile(r"\[Errno 98\]|[Aa]ddress already in use|EADDRINUSE")

CONFIG_SIGNS: tuple[Sign, ...] = (
    Sign(needles=("is smaller than max_model_len",), pattern=_BATCHED_CONTEXT, explain=_batched_lt_context),
    Sign(needles=("or equal to max_num_seqs",), pattern=_BATCHED_SEQS, explain=_batched_lt_seqs),
    Sign(needles=("derived max_model_len",), pattern=_CONTEXT_MODEL, explain=_context_gt_model),
    Sign(needles=("Unknown load_in_low_bit value",), pattern=_LOW_BIT, explain=_low_bit_unknown),
    Sign(needles=("divisible by",), pattern=_HEADS, explain=_heads_tp),
    Sign(
        needles=(
            "exceeds the total number",
            "world size (",
            "World size (",
            "world_size",
            "placement group",
            "invalid device ordinal",
            "device index is out",
            "out of bounds",
            "No available node types",
            "current node has no",
            "Current node has no",
            "cannot be larger than the number",
        ),
        pattern=_GPUS,
        explain=_not_enough_gpus,
    ),
    Sign(
        needles=("Errno 98]", "Address already in use", "address already in use", "EADDRINUSE"),
        pattern=_PORT,
        explain=_port_in_use,
        at_runtime=True,
    ),
    Sign(needles=("error: unrecognized argument",), pattern=_USAGE_UNKNOWN, explain=_BAD_ARGUMENT),
    Sign(needles=("error: ",), pattern=_USAGE_ARGUMENT, explain=_BAD_VALUE),
    Sign(
        needles=("Value error, ", "Assertion error, "),
        pattern=_REFUSED,
        explain=_BAD_VALUE,
        weight=Weight.HINT,
    ),
    Sign(needles=("Input should be ",), pattern=_INPUT, explain=_BAD_VALUE, weight=Weight.HINT),
)
