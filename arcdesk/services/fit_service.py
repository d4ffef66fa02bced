"""Predicts whether models fit, and learns from each run how far off it was on this computer."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from arcdesk.core.fit import Fit, FitCard, FitFactors, FitWish
from arcdesk.core.fit_formats import IPEX_LLM, Stack
from arcdesk.core.fit_measured import RUNS_KEPT, RunFigures, RunRatio, factors_of, ratio_of
from arcdesk.core.fit_predict import predict
from arcdesk.core.model_config import ModelConfig
from arcdesk.services.threads import in_thread

log = logging.getLogger(__name__)

LOG_LINES = 4000  # a start prints some hundred


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What a prediction needs of a model: its config, and the bytes of its weights if known."""

    config: ModelConfig
    weights_bytes: int | None = None


class RunStore(Protocol):
    """Keeps the ratios of earlier runs. Blocking."""

    def load(self) -> tuple[RunRatio, ...]:
        """The oldest first. Never raises."""
        ...

    def save(self, runs: Sequence[RunRatio]) -> None:
        """Keep them. May raise ArcDeskError."""
        ...


class FitService:
    """`read` turns a server's log into figures; `log_tail` asks for its last lines."""

    def __init__(
        self,
        store: RunStore,
        read: Callable[[Iterable[str]], RunFigures],
        log_tail: Callable[[int], Awaitable[list[str]]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._read = read
        self._log_tail = log_tail
        self._clock = clock
        self._runs: tuple[RunRatio, ...] | None = None

    async def factors(self) -> FitFactors:
        """What this computer taught so far."""
        return factors_of(await self._known())

    async def predict(
        self,
        model: str,
        shape: ModelShape,
        cards: Sequence[FitCard],
        wish: FitWish,
        stack: Stack = IPEX_LLM,
    ) -> Fit:
        """Whether `shape` fits on `cards`, corrected by earlier runs."""
        factors = await self.factors()
        return predict(shape.config, shape.weights_bytes, cards, wish, factors, stack=stack, model=model)

    async def learn(
        self,
        model: str,
        shape: ModelShape,
        cards: Sequence[FitCard],
        wish: FitWish,
        stack: Stack = IPEX_LLM,
    ) -> RunRatio | None:
        """Compare the run that has just become READY with its prediction, once per run; None: nothing new.

        `cards` are those it runs on, with the sizes that the driver reports. Raises what `log_tail` raises,
        and ArcDeskError if the result can't be kept (it counts until the end of the program all the same).
        """
        figures = self._read(await self._log_tail(LOG_LINES))
        ratio = ratio_of(figures, shape.config, shape.weights_bytes, cards, wish, stack)
        runs = await self._known()
        if ratio is None or any(run.key == ratio.key for run in runs):
            return None
        ratio = replace(ratio, model=model, at=self._clock())
        self._runs = runs = (*runs, ratio)[-RUNS_KEPT:]
        reserve = "unknown" if ratio.reserve is None else f"{ratio.reserve:.2f}"
        log.info("fit of %s: weights × %.2f, reserve × %s", model, ratio.weights, reserve)
        await in_thread("arcdesk-fit", lambda: self._store.save(runs))
        return ratio

    async def _known(self) -> tuple[RunRatio, ...]:
        if self._runs is None:
            self._runs = await in_thread("arcdesk-fit", self._store.load)
        return self._runs
