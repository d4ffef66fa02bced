"""Runs teach: once each, from their own log, into the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from arcdesk.core.fit import FitCard, FitWish
from arcdesk.core.fit_formats import IPEX_LLM
from arcdesk.core.fit_measured import ratio_of
from arcdesk.core.model_config import parse_config
from arcdesk.engine.log_facts import read_figures
from arcdesk.services.fit_service import FitService, ModelShape
from arcdesk.storage.fit_factors import FitFactorsFile
from tests.unit.core import model_shapes as shapes

LOG = Path(__file__).parents[2] / "data" / "logs" / "107.log"
TINY = ModelShape(config=parse_config(shapes.TINYLLAMA))
B580 = FitCard(name="B580", total_bytes=12216 * 1024**2, is_measured=True)
WISH = FitWish()


@dataclass
class Log:
    """A container's log."""

    lines: list[str] = field(default_factory=lambda: LOG.read_text("utf-8").splitlines())

    async def tail(self, lines: int) -> list[str]:
        return self.lines[-lines:]


@pytest.fixture
def log() -> Log:
    return Log()


def service(log: Log) -> FitService:
    return FitService(FitFactorsFile(), read_figures, log.tail, clock=lambda: 7.0)


async def test_a_run_teaches_once(log: Log) -> None:
    taught = await service(log).learn("tiny", TINY, [B580], WISH)
    assert taught is not None
    assert taught.weights == pytest.approx(0.6327 / 0.634, rel=0.001)
    assert taught.reserve is not None and 0.4 < taught.reserve < 1.0
    assert (taught.model, taught.low_bit, taught.at) == ("tiny", "sym_int4", 7.0)
    again = service(log)
    assert await again.learn("tiny", TINY, [B580], WISH) is None
    assert (await again.factors()).n == 1
    log.lines = [line.replace("10:51", "11:51") for line in log.lines]
    assert await again.learn("tiny", TINY, [B580], WISH) is not None
    assert (await again.factors()).n == 2


async def test_the_next_prediction_is_nearer(log: Log) -> None:
    fit_service = service(log)
    wish = FitWish(context=2048, memory_share=0.95, max_num_batched_tokens=3000)
    before = await fit_service.predict("tiny", TINY, [B580], wish)
    await fit_service.learn("tiny", TINY, [B580], wish)
    after = await fit_service.predict("tiny", TINY, [B580], wish)
    assert before.kv_blocks is not None and after.kv_blocks is not None
    assert abs(after.kv_blocks - 61_014) < abs(before.kv_blocks - 61_014) / 10
    assert after.factors.n == 1 and after.model == "tiny"


async def test_a_log_without_figures_teaches_nothing(log: Log) -> None:
    log.lines = log.lines[:30]
    assert await service(log).learn("tiny", TINY, [B580], WISH) is None
    assert (await service(log).factors()).n == 0


async def test_another_models_log_teaches_nothing(log: Log) -> None:
    large = ModelShape(config=parse_config(shapes.GEMMA3_27B))
    assert await service(log).learn("large", large, [B580], WISH) is None
    unknown = ModelShape(config=parse_config({}))
    assert await service(log).learn("unknown", unknown, [B580], WISH) is None


def test_a_card_whose_size_is_not_measured_teaches_no_reserve() -> None:
    figures = read_figures(LOG.read_text("utf-8").splitlines())
    card = FitCard(name="B580", total_bytes=12 * 1024**3)
    ratio = ratio_of(figures, TINY.config, None, [card], WISH, IPEX_LLM)
    assert ratio is not None and ratio.reserve is None
