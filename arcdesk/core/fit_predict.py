"""Reckons whether a model fits on cards, how long its context may be and which format is the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from arcdesk.core.fit import Fit, FitCard, FitFactors, FitPart, FitWish, Verdict
from arcdesk.core.fit_formats import BY_EXACTNESS, IPEX_LLM, Stack
from arcdesk.core.fit_kv import KvShape, blocks_in, kv_shape
from arcdesk.core.fit_reserve import batched_tokens, reserve_bytes
from arcdesk.core.fit_weights import Weights, weights_on_card
from arcdesk.core.fit_words import Facts, gib, reasons, refusals, tokens_word
from arcdesk.core.model_config import ModelConfig

COMFORT_TOKENS = 8192  # a context that most chats never fill
LEAST_TOKENS = 512  # below this nobody can work
TIGHT_SHARE = 0.1  # of the card
MOST_TOKENS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sum:
    """Everything that does not depend on the context. Bytes on the fullest card."""

    config: ModelConfig
    stack: Stack
    wish: FitWish
    factors: FitFactors
    weights: Weights
    kv: KvShape
    card: FitCard
    budget_bytes: int

    @property
    def weights_bytes(self) -> int:
        return round(self.weights.total_bytes * self.factors.weights)

    def reserve_bytes(self, context: int) -> int:
        return round(reserve_bytes(self.config, self.stack, self.wish, context) * self.factors.reserve)

    def room_bytes(self, context: int) -> int:
        return self.budget_bytes - self.weights_bytes - self.reserve_bytes(context)

    def margin_bytes(self, context: int) -> int:
        return self.room_bytes(context) - self.kv.sequence_bytes(context)


def predict(
    config: ModelConfig,
    index_bytes: int | None,
    cards: Sequence[FitCard],
    wish: FitWish,
    factors: FitFactors | None = None,
    *,
    stack: Stack = IPEX_LLM,
    model: str = "",
) -> Fit:
    """Whether and how `config` runs on the first `tensor_parallel` × `pipeline_parallel` of `cards`.

    `index_bytes` is the `total_size` of the safetensors index or the sum of the weight files, None if not
    known. `wish.low_bit` has no meaning for a checkpoint that is quantised already. Never raises.
    """
    factors = factors or FitFactors()
    fit = _reckon(config, index_bytes, cards, wish, factors, stack, model)
    return replace(fit, best_low_bit=_best(fit, config, index_bytes, cards, wish, factors, stack))


def _best(
    fit: Fit,
    config: ModelConfig,
    index_bytes: int | None,
    cards: Sequence[FitCard],
    wish: FitWish,
    factors: FitFactors,
    stack: Stack,
) -> str:
    """The most exact format that fits, else the most exact that is tight."""
    if config.quantization or not stack.converts:
        return fit.low_bit if fit.verdict in (Verdict.FITS, Verdict.TIGHT) else ""
    tight = ""
    for low_bit in BY_EXACTNESS:
        tried = _reckon(config, index_bytes, cards, replace(wish, low_bit=low_bit), factors, stack, "")
        if tried.verdict is Verdict.FITS:
            return low_bit
        if tried.verdict is Verdict.TIGHT:
            tight = tight or low_bit
    return tight


def _reckon(
    config: ModelConfig,
    index_bytes: int | None,
    cards: Sequence[FitCard],
    wish: FitWish,
    factors: FitFactors,
    stack: Stack,
    model: str,
) -> Fit:
    tp, pp = max(1, wish.tensor_parallel), max(1, wish.pipeline_parallel)
    wish = replace(wish, tensor_parallel=tp, pipeline_parallel=pp, max_num_seqs=max(1, wish.max_num_seqs))
    weights = weights_on_card(config, index_bytes, wish.low_bit, stack, tp=tp, pp=pp)
    kv = kv_shape(config, stack, kv_dtype=wish.kv_dtype, tp=tp, pp=pp)
    used = tuple(cards[: tp * pp])
    host = weights.host_bytes + stack.swap_bytes * tp * pp if weights else None
    base = Fit(
        verdict=Verdict.UNKNOWN,
        model=model,
        low_bit=weights.stored_as if weights else wish.low_bit if stack.converts else "",
        cards=used,
        weights_bytes=round(weights.total_bytes * factors.weights) if weights else None,
        kv_bytes_per_token=kv.token_bytes if kv else None,
        host_peak_bytes=host,
        context=wish.context,
        factors=factors,
    )
    refused = refusals(config, cards, wish)
    facts = Facts(config=config, wish=wish, stack=stack, weights=weights, kv=kv, refused=refused)
    if weights is None or kv is None or not used:
        verdict = Verdict.DOES_NOT if refused and used else Verdict.UNKNOWN
        return replace(base, verdict=verdict, reasons=reasons(base, facts))
    budget, card = min(((_budget(one, wish), one) for one in used), key=lambda pair: pair[0])
    sums = _Sum(
        config=config,
        stack=stack,
        wish=wish,
        factors=factors,
        weights=weights,
        kv=kv,
        card=card,
        budget_bytes=budget,
    )
    return _judged(base, facts, sums)


def _budget(card: FitCard, wish: FitWish) -> int:
    """What the server may take of a card: its share, and no more than others leave."""
    return min(int(card.total_bytes * wish.memory_share), card.total_bytes - card.held_bytes)


def _judged(base: Fit, facts: Facts, sums: _Sum) -> Fit:
    limit = sums.config.context or MOST_TOKENS
    largest = _largest_context(sums, limit)
    context = _context(sums, limit, largest)
    margin = sums.margin_bytes(context)
    fit = replace(
        base,
        parts=_parts(sums, context),
        kv_room_bytes=max(0, sums.room_bytes(context)),
        kv_blocks=_blocks(sums, context),
        largest_context=largest,
        context=context,
        margin_bytes=margin,
    )
    verdict = _verdict(fit, facts, sums, limit)
    fit = replace(fit, verdict=verdict)
    return replace(fit, reasons=reasons(fit, facts))


def _verdict(fit: Fit, facts: Facts, sums: _Sum, limit: int) -> Verdict:
    context, margin = fit.context or 0, fit.margin_bytes or 0
    ram, host = sums.wish.host_ram_bytes, fit.host_peak_bytes or 0
    if facts.refused or margin < 0:
        return Verdict.DOES_NOT
    if ram is not None and sums.weights.host_bytes > ram:
        return Verdict.DOES_NOT
    is_short = sums.wish.context is None and context < min(limit, COMFORT_TOKENS)
    is_close = margin < TIGHT_SHARE * sums.card.total_bytes
    return Verdict.TIGHT if is_short or is_close or (ram is not None and host > ram) else Verdict.FITS


def _largest_context(sums: _Sum, limit: int) -> int:
    """The longest sequence that the card takes, at most `limit`; in whole blocks unless it is the limit."""
    if sums.margin_bytes(limit) >= 0:
        return limit
    if sums.margin_bytes(0) < 0:
        return 0
    low, high = 0, limit  # fits at low, not at high
    while high - low > 1:
        middle = (low + high) // 2
        if sums.margin_bytes(middle) >= 0:
            low = middle
        else:
            high = middle
    return low - low % sums.stack.block_tokens


def _context(sums: _Sum, limit: int, largest: int) -> int:
    """What was asked; else the model's own if it fits well, else a comfortable one, else the largest."""
    if sums.wish.context is not None:
        return sums.wish.context
    if limit < MOST_TOKENS and sums.margin_bytes(limit) >= TIGHT_SHARE * sums.card.total_bytes:
        return limit
    wanted = min(limit, COMFORT_TOKENS)
    return wanted if largest >= wanted else max(_round(largest), min(limit, LEAST_TOKENS))


def _round(tokens: int) -> int:
    """A figure that people would choose: a whole number of 256s."""
    return tokens - tokens % 256 if tokens > 1024 else tokens


def _kib(size_bytes: int) -> str:
    kib = size_bytes / 1024
    return f"{kib:.0f} KiB" if kib >= 10 else f"{kib:.1f} KiB"


def _blocks(sums: _Sum, context: int) -> int | None:
    """Blocks of the whole cache; None where the stack knows none."""
    is_paged = sums.stack.block_tokens > 1
    return blocks_in(sums.room_bytes(context), sums.kv, sums.stack) if is_paged else None


def _parts(sums: _Sum, context: int) -> tuple[FitPart, ...]:
    batch = batched_tokens(sums.stack, sums.wish, context)
    taught = f", × {sums.factors.weights:.2f} as this computer taught" if sums.factors.n else ""
    others = sums.card.held_bytes
    parts = [
        FitPart(name="Weights", size_bytes=sums.weights_bytes, how=sums.weights.how + taught),
        FitPart(
            name="Reserve",
            size_bytes=sums.reserve_bytes(context),
            how=f"{sums.stack.name} runtime, and batches of {tokens_word(batch)}",
        ),
        FitPart(
            name="One full sequence",
            size_bytes=sums.kv.sequence_bytes(context),
            how=f"{tokens_word(context)} of {_kib(sums.kv.token_bytes)} each in the cache",
        ),
    ]
    if others:
        parts.append(FitPart(name="Held by others", size_bytes=others, how=f"{gib(others)} in use now"))
    return tuple(parts)
