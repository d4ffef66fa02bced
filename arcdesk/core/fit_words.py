"""Says in plain sentences why a model fits or does not, each with its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arcdesk.core.fit import Fit, FitCard, FitWish
from arcdesk.core.fit_formats import GIB, Stack, bits_of
from arcdesk.core.fit_kv import KvShape
from arcdesk.core.fit_weights import Weights
from arcdesk.core.model_config import ModelConfig

SPACE = "\u202f"  # narrow, does not break
WORTH_TELLING = 0.05  # of a card


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the sentences are made of, beside the result."""

    config: ModelConfig
    wish: FitWish
    stack: Stack
    weights: Weights | None
    kv: KvShape | None
    refused: tuple[str, ...] = ()


def gib(size_bytes: int) -> str:
    """'4.5 GiB', with more digits for small sizes."""
    size = size_bytes / GIB
    return f"{size:.1f}{SPACE}GiB" if abs(size) >= 1 else f"{size:.2f}{SPACE}GiB"


def tokens_word(tokens: int) -> str:
    """'39 000 tokens'."""
    return f"{tokens:,}".replace(",", SPACE) + (" token" if tokens == 1 else " tokens")


def refusals(config: ModelConfig, cards: Sequence[FitCard], wish: FitWish) -> tuple[str, ...]:
    """What the server refuses whatever the memory: cards, heads, layers, context."""
    tp, pp = wish.tensor_parallel, wish.pipeline_parallel
    found = []
    if cards and tp * pp > len(cards):
        count = "one is" if len(cards) == 1 else f"{len(cards)} are"
        found.append(f"It would take {tp * pp} cards; {count} there.")
    if config.heads and config.heads % tp:
        found.append(f"Its {config.heads} attention heads can't be divided among {tp} cards.")
    elif config.kv_heads and config.kv_heads % tp and tp % config.kv_heads:
        found.append(f"Its {config.kv_heads} key/value heads can't be divided among {tp} cards.")
    if config.layers and pp > config.layers:
        found.append(f"Its {config.layers} layers can't be divided among {pp} cards.")
    if wish.context is not None and config.context and wish.context > config.context:
        found.append(f"The model itself ends at {tokens_word(config.context)}.")
    return tuple(found)


def reasons(fit: Fit, facts: Facts) -> tuple[str, ...]:
    """The most telling sentence first."""
    if facts.weights is None or facts.kv is None:
        return (*facts.refused, *_unknown(facts))
    found = [*facts.refused]
    if not fit.cards:
        found.append(f"Weights take {gib(fit.weights_bytes or 0)}. No card to put them on is known.")
    else:
        found += _room(fit, facts)
    found += _host(fit, facts)
    found += _cards(fit)
    found += _kind(facts)
    if fit.factors.n:
        runs = "one run" if fit.factors.n == 1 else f"{fit.factors.n} runs"
        found.append(f"Corrected by {runs} on this computer.")
    return tuple(found)


def _unknown(facts: Facts) -> list[str]:
    if facts.stack.converts and not facts.config.quantization and bits_of(facts.wish.low_bit) is None:
        return [f"The format '{facts.wish.low_bit}' is unknown."]
    if not facts.stack.converts:
        return ["Its GGUF file does not say enough, so nothing can be reckoned."]
    if facts.config == ModelConfig():
        return ["There is no config.json that could be understood, so nothing can be reckoned."]
    needed = {
        "layers": facts.config.layers,
        "attention heads": facts.config.heads,
        "hidden size": facts.config.hidden_size,
        "vocabulary": facts.config.vocab_size,
    }
    missing = [name for name, value in needed.items() if not value]
    what = ", ".join(missing) if missing else "its layers"
    return [f"The model's config.json does not say enough ({what}), so nothing can be reckoned."]


def _room(fit: Fit, facts: Facts) -> list[str]:
    reserve = next((part.size_bytes for part in fit.parts if part.name == "Reserve"), 0)
    weights, room = fit.weights_bytes or 0, fit.kv_room_bytes or 0
    both = f"Weights {gib(weights)} + reserve {gib(reserve)}"
    if not room:
        missing = gib(-(fit.margin_bytes or 0))
        return [f"{both} leave nothing for the cache: {missing} are missing."]
    token = fit.kv_bytes_per_token or 0
    longest = facts.kv.tokens_in(room) if facts.kv is not None and token else None
    found = [
        f"{both} leave {gib(room)} for the cache"
        + (f": {tokens_word(_round(longest))}." if longest is not None else ".")
    ]
    context, largest = fit.context or 0, fit.largest_context or 0
    own = facts.config.context
    if (fit.margin_bytes or 0) < 0:
        missing = gib(-(fit.margin_bytes or 0))
        found.append(
            f"A context of {tokens_word(context)} needs {missing} more; at most {tokens_word(largest)} fit."
        )
    elif own and largest < own:
        found.append(f"Its own context of {tokens_word(own)} does not fit; {tokens_word(largest)} do.")
    if facts.stack.prefills_whole and token and largest * 1.5 < min(room // token, own or room):
        found.append("This engine reads a prompt in one piece, so the reserve grows with the context.")
    return found


def _round(tokens: int) -> int:
    """Three digits that count."""
    step = int(10 ** max(0, len(str(tokens)) - 3))
    return tokens // step * step


def _host(fit: Fit, facts: Facts) -> list[str]:
    ram, peak, weights = facts.wish.host_ram_bytes, fit.host_peak_bytes or 0, facts.weights
    if weights is None or ram is None or peak <= ram:
        return []
    if weights.host_bytes > ram:
        return [
            f"While it loads, the computer needs {gib(weights.host_bytes)} of memory; {gib(ram)} are free."
        ]
    swap = gib(peak - weights.host_bytes)
    return [
        f"Loading takes {gib(weights.host_bytes)} of memory and {swap} of swap space; {gib(ram)} are free."
    ]


def _cards(fit: Fit) -> list[str]:
    found = []
    if len({card.total_bytes for card in fit.cards}) > 1:
        smallest = min(fit.cards, key=lambda card: card.total_bytes)
        found.append(f"The cards differ: {smallest.name} with {gib(smallest.total_bytes)} sets the limit.")
    held = [card for card in fit.cards if card.held_bytes > card.total_bytes * WORTH_TELLING]
    return found + [f"Others hold {gib(card.held_bytes)} of {card.name} now." for card in held]


def _kind(facts: Facts) -> list[str]:
    config, wish, found = facts.config, facts.wish, []
    is_packed = not config.quantization and (bits_of(wish.low_bit) or 16) < 16
    if config.experts and is_packed and not facts.stack.experts_convert and facts.weights:
        found.append(f"This engine leaves its {config.experts} experts per layer in 16 bit.")
    if config.kv_heads and wish.tensor_parallel > config.kv_heads and config.mla is None:
        found.append(f"It has {config.kv_heads} key/value heads: each card holds copies.")
    if config.is_multimodal:
        found.append("Pictures take more while they are read; that is not counted.")
    return found
