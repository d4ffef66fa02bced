"""Joules of answers and of waiting, from scripted counters and from recordings."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from arcdesk.core.chat import AnswerStats
from arcdesk.core.energy import EnergyCounter, EnergyUsed
from arcdesk.core.gpu import GpuClient, GpuSnapshot, Unknown, Why
from arcdesk.services.gpu_energy import AnswerEnergy, others_on
from arcdesk.services.gpu_idle import IdleMeter
from tests.unit.services.gpu_rig import ADDRESS, ScriptedCounters, counted, gpu_threads, one, reading, until

SECOND = "0000:08:00.0"
STATS = AnswerStats(completion_tokens=50)


def measure(counters: ScriptedCounters, *cards: str, reread_every_s: float = 1000.0) -> AnswerEnergy:
    return AnswerEnergy(counters, cards=lambda: cards, idle_w=lambda: 30.0, reread_every_s=reread_every_s)


async def used(energy: AnswerEnergy, message_id: int = 1, stats: AnswerStats | None = STATS) -> EnergyUsed:
    result = await energy.end(message_id, stats)
    assert result is not None
    return result


class TestOneAnswer:
    async def test_it_costs_what_the_counter_moved(self) -> None:
        counters = ScriptedCounters([one(10, 1000), one(14, 1600)])
        energy = measure(counters, ADDRESS)

        energy.begin(1)
        await until(lambda: counters.reads == 1)
        assert energy.is_busy
        result = await used(energy)

        assert result.joules.value == pytest.approx(600)
        assert result.joules_per_token.value == pytest.approx(12)
        assert result.idle_part_j.value == pytest.approx(120)
        assert (result.seconds, result.tokens, result.cards) == (4.0, 50, (ADDRESS,))
        assert result.caveat == ""
        assert counters.reads == 2
        assert not energy.is_busy

    async def test_nothing_is_read_between_begin_and_end(self) -> None:
        counters = ScriptedCounters([one(10, 1000), one(14, 1600)])
        energy = measure(counters, ADDRESS)
        energy.begin(1)
        await until(lambda: counters.reads == 1)
        await until(lambda: gpu_threads() == [])
        await asyncio.sleep(0.05)

        assert counters.reads == 1
        await used(energy)
        await until(lambda: gpu_threads() == [])

    async def test_a_very_long_one_is_read_before_the_counter_can_go_round(self) -> None:
        counters = ScriptedCounters([one(0, 100), one(300, 50_100), one(600, 100_100), one(601, 100_200)])
        energy = measure(counters, ADDRESS, reread_every_s=0.01)
        energy.begin(1)
        await until(lambda: counters.reads >= 3)

        result = await used(energy)

        assert result.joules.value == pytest.approx(100_100)

    async def test_two_cards_add_up(self) -> None:
        counters = ScriptedCounters(
            [
                counted(0, (ADDRESS, {"energy1/card": 0}), (SECOND, {"energy1/card": 5})),
                counted(2, (ADDRESS, {"energy1/card": 40_000_000}), (SECOND, {"energy1/card": 20_000_005})),
            ]
        )
        energy = measure(counters, ADDRESS, SECOND)
        energy.begin(1)

        assert (await used(energy)).joules.value == pytest.approx(60)

    async def test_an_answer_that_was_never_begun_costs_nothing(self) -> None:
        counters = ScriptedCounters([one(0, 0)])

        assert await measure(counters, ADDRESS).end(1, STATS) is None
        assert counters.reads == 0

    async def test_a_dropped_one_is_forgotten(self) -> None:
        counters = ScriptedCounters([one(0, 0), one(1, 10)])
        energy = measure(counters, ADDRESS)
        energy.begin(1)
        energy.drop(1)

        assert not energy.is_busy
        assert await energy.end(1, STATS) is None
        await energy.aclose()


class TestUnknown:
    async def test_two_answers_at_once_are_not_told_apart(self) -> None:
        energy = measure(ScriptedCounters([one(0, 0), one(1, 10), one(2, 30), one(3, 60)]), ADDRESS)
        energy.begin(1)
        energy.begin(2)

        for message_id in (1, 2):
            result = await used(energy, message_id)
            assert result.joules.value is None
            assert result.joules.unknown is not None and "Another answer" in result.joules.unknown.detail

    async def test_one_after_the_other_is(self) -> None:
        counters = ScriptedCounters([one(0, 0), one(1, 10), one(2, 30), one(3, 60)])
        energy = measure(counters, ADDRESS)
        energy.begin(1)
        first = await used(energy, 1)
        energy.begin(2)
        second = await used(energy, 2)

        assert (first.joules.value, second.joules.value) == (10, 30)

    async def test_several_cards_of_which_none_is_known_to_work(self) -> None:
        before = counted(0, (ADDRESS, {"energy1/card": 0}), (SECOND, {"energy1/card": 0}))
        after = counted(1, (ADDRESS, {"energy1/card": 9}), (SECOND, {"energy1/card": 9}))
        energy = measure(ScriptedCounters([before, after]))
        energy.begin(1)

        result = await used(energy)
        assert result.joules.unknown is not None and "several cards" in result.joules.unknown.detail

    async def test_the_only_card_is_the_one(self) -> None:
        energy = measure(ScriptedCounters([one(0, 0), one(1, 25)]))
        energy.begin(1)

        result = await used(energy)
        assert (result.joules.value, result.cards) == (25, (ADDRESS,))

    async def test_a_card_beside_an_integrated_gpu_without_counter_is_the_one(self) -> None:
        integrated = EnergyCounter(address="0000:00:02.0", at=0, unknown=Unknown(Why.NOT_PROVIDED, "none"))
        energy = measure(ScriptedCounters([(*one(0, 0), integrated), (*one(1, 25), integrated)]))
        energy.begin(1)

        assert (await used(energy)).joules.value == 25

    async def test_a_card_that_went_away(self) -> None:
        energy = measure(ScriptedCounters([one(0, 0), ()]), ADDRESS)
        energy.begin(1)

        result = await used(energy)
        assert result.joules.unknown is not None and result.joules.unknown.why is Why.ERROR

    async def test_no_card_at_all(self) -> None:
        energy = measure(ScriptedCounters([()]))
        energy.begin(1)

        result = await used(energy)
        assert result.joules.value is None and result.joules.unknown is not None

    async def test_a_counter_that_hangs_is_given_up(self) -> None:
        counters = ScriptedCounters([one(0, 0)])
        counters.gate.clear()
        energy = AnswerEnergy(counters, cards=lambda: (ADDRESS,), read_patience_s=0.05)
        energy.begin(1)

        result = await used(energy)
        counters.gate.set()

        assert result.joules.unknown is not None and result.joules.unknown.why is Why.ERROR
        await until(lambda: gpu_threads() == [])

    async def test_others_on_the_card_are_named(self) -> None:
        energy = AnswerEnergy(
            ScriptedCounters([one(0, 0), one(1, 25)]),
            cards=lambda: (ADDRESS,),
            others=lambda cards: ("ollama",) if cards == (ADDRESS,) else (),
        )
        energy.begin(1)

        result = await used(energy)
        assert result.joules.value == 25
        assert result.caveat.startswith("ollama held the card as well")


def test_others_are_those_that_hold_much_of_the_same_card() -> None:
    def client(name: str, size: int, container: str = "") -> GpuClient:
        return GpuClient(pid=1, name=name, client_id=size, container=container, vram_bytes=size)

    gib = 1 << 30
    snapshot = GpuSnapshot(
        cards=(
            replace(
                reading(),
                clients=(
                    client("python3", 9 * gib, "arcdesk-engine"),
                    client("python3", 4 * gib, "ollama"),
                    client("blender", gib),
                    client("firefox", 100),
                ),
            ),
            replace(reading(SECOND), clients=(client("python3", 9 * gib, "elsewhere"),)),
        )
    )

    assert others_on(snapshot, (ADDRESS,), "arcdesk-engine") == ("ollama", "blender")


class TestIdle:
    def meter(self, quiet: list[bool]) -> IdleMeter:
        return IdleMeter(is_quiet=lambda: quiet[0], cards=lambda: (ADDRESS,))

    def look(self, at: float, watts: float | None = 32.0, **facts: object) -> GpuSnapshot:
        known = {} if watts is None else {"power_w": watts}
        return GpuSnapshot(at=at, cards=(reading(**known, **facts),))

    def test_quiet_looks_are_counted_once_the_card_has_calmed_down(self) -> None:
        meter = self.meter([True])
        counted = [meter.take(self.look(float(at))) for at in range(20)]

        assert counted == [False] * 5 + [True] * 15
        assert meter.cost.n == 15
        assert meter.cost.watts.value == 32.0
        assert meter.cost.cards == (ADDRESS,)

    def test_an_answer_in_between_begins_the_wait_anew(self) -> None:
        quiet = [True]
        meter = self.meter(quiet)
        for at in range(10):
            meter.take(self.look(float(at)))
        counted = meter.cost.n
        quiet[0] = False
        meter.take(self.look(10.0, 190.0))
        quiet[0] = True
        for at in range(11, 16):
            assert not meter.take(self.look(float(at), 120.0))

        assert meter.cost.n == counted
        assert meter.take(self.look(16.0))

    def test_what_others_ask_the_same_server_does_not_count(self) -> None:
        meter = self.meter([True])
        meter.take(self.look(0.0))

        assert not meter.take(self.look(10.0, 180.0, engines_pct={"ccs": 90.0}))
        assert meter.take(self.look(11.0, 30.0, engines_pct={"ccs": 0.5}))

    def test_without_power_or_card_there_is_no_cost(self) -> None:
        meter = self.meter([True])
        meter.take(self.look(0.0))

        assert not meter.take(self.look(10.0, None))
        assert not meter.take(GpuSnapshot(at=11.0))
        assert meter.cost.watts.value is None

    def test_another_model_begins_anew(self) -> None:
        meter = self.meter([True])
        for at in range(20):
            meter.take(self.look(float(at)))
        meter.forget()

        assert meter.cost.n == 0
