"""The verdict on whether a card is really used: each cause, and what must hold for any evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.errors import ActionKind
from arcdesk.core.gpu import Figure, Unknown, Why
from arcdesk.core.gpu_used import HELD_MIN_BYTES, JUMP_MIN_BYTES, judge, signs_of
from arcdesk.core.gpu_used_values import CardEvidence, Sign, UsedEvidence, UsedState

GIB = 1 << 30


def card(address: str = "0000:03:00.0", **facts: Any) -> CardEvidence:
    """A card of which only these facts are known; numbers become figures."""
    figures = {
        name: Figure(value) if name.endswith(("_bytes", "_pct", "_w", "_mhz")) else value
        for name, value in facts.items()
    }
    return CardEvidence(**{"address": address, "name": "Intel Arc B580", **figures})


FILLED = {"memory_before_bytes": GIB // 2, "memory_ready_bytes": 10 * GIB}
STILL = {"memory_before_bytes": GIB // 2, "memory_ready_bytes": GIB // 2 + 1000}


def test_memory_that_filled_is_enough() -> None:
    verdict = judge(UsedEvidence(cards=(card(**FILLED, busy_probe_pct=95.0),)))

    assert verdict.state is UsedState.USED
    (used,) = verdict.cards
    assert used.signs == (Sign.MEMORY,)
    assert used.memory_bytes == 10 * GIB - GIB // 2
    assert used.busy_pct == 95.0
    assert verdict.problem is None


def test_what_the_container_holds_is_enough_where_the_kernel_hides_the_rest() -> None:
    verdict = judge(UsedEvidence(cards=(card(held_bytes=9 * GIB),)))

    assert verdict.state is UsedState.USED
    assert verdict.cards[0].memory_bytes == 9 * GIB


def test_memory_that_another_program_took_is_no_evidence() -> None:
    verdict = judge(UsedEvidence(cards=(card(**FILLED, held_bytes=0),)))

    assert verdict.state is UsedState.NOT_USED


def test_a_card_that_was_full_already_is_not_accused() -> None:
    full = card(memory_before_bytes=9 * GIB, memory_ready_bytes=9 * GIB)

    assert judge(UsedEvidence(cards=(full,))).state is UsedState.UNKNOWN


def test_work_and_power_during_the_test_question_are_enough_together() -> None:
    working = card(busy_before_pct=3.0, busy_probe_pct=97.0, power_before_w=35.0, power_probe_w=160.0)

    assert judge(UsedEvidence(cards=(working,))).state is UsedState.USED


def test_a_desktop_that_draws_is_not_an_engine() -> None:
    drawing = card(busy_before_pct=3.0, busy_probe_pct=60.0, act_before_mhz=300, act_probe_mhz=2400)

    assert set(signs_of(drawing)) == {Sign.BUSY, Sign.FREQUENCY}
    assert judge(UsedEvidence(cards=(drawing,))).state is UsedState.UNKNOWN


def test_a_container_without_a_card_is_told_and_can_be_given_one() -> None:
    verdict = judge(UsedEvidence(cards=(card(),), devices=(), log_device="CPU"))

    assert verdict.state is UsedState.NOT_USED
    assert verdict.problem is not None and verdict.problem.cause == "gpu_not_passed"
    fix = verdict.problem.actions[0]
    assert (fix.kind, fix.settings) == (ActionKind.APPLY_SETTINGS, (("device", "/dev/dri"),))


@pytest.mark.parametrize(
    ("cards", "more", "cause"),
    [
        ((card(has_driver=False),), {}, "gpu_no_driver"),
        ((card(**STILL),), {"is_render_allowed": False}, "gpu_render_group"),
        ((card(),), {"log_device": "CPU", "devices": ("/dev/dri",)}, "gpu_cpu_only"),
        ((card(**STILL),), {"affinity_mask": "1"}, "gpu_affinity_mask"),
        ((card(**STILL),), {}, "gpu_not_used"),
        ((card(is_asleep=True),), {}, "gpu_not_used"),
        ((card(held_bytes=0),), {"log_device": "XPU"}, "gpu_not_used"),
        (
            (card(**STILL), card("0000:00:02.0", name="Intel Graphics", is_integrated=True, **FILLED)),
            {"log_device": "XPU"},
            "gpu_integrated_instead",
        ),
        (
            (card(**STILL), card("0000:00:02.0", name="Intel Graphics", is_integrated=True, **FILLED)),
            {"affinity_mask": "1"},
            "gpu_affinity_mask",
        ),
    ],
)
def test_each_likely_cause_is_named(
    cards: tuple[CardEvidence, ...], more: dict[str, Any], cause: str
) -> None:
    verdict = judge(UsedEvidence(cards=cards, **more))

    assert verdict.state is UsedState.NOT_USED
    assert verdict.problem is not None and verdict.problem.cause == cause
    assert verdict.problem.title and verdict.problem.detail and verdict.problem.hint
    assert verdict.problem.actions
    assert verdict.reason == verdict.problem.detail


def test_an_integrated_gpu_alone_may_be_meant() -> None:
    alone = card("0000:00:02.0", is_integrated=True, **FILLED)

    assert judge(UsedEvidence(cards=(alone,))).state is UsedState.USED


def test_main_memory_that_stood_still_accuses_no_integrated_gpu() -> None:
    # Its figure is the sum of what this user may read; the container's programs are not among them.
    alone = card("0000:00:02.0", is_integrated=True, **STILL)
    assert judge(UsedEvidence(cards=(alone,))).state is UsedState.UNKNOWN

    asked = card("0000:00:02.0", is_integrated=True, held_bytes=0, **STILL)
    assert judge(UsedEvidence(cards=(asked,))).state is UsedState.NOT_USED


def test_a_server_on_the_cpu_is_not_believed_to_use_a_card_that_filled_by_chance() -> None:
    verdict = judge(UsedEvidence(cards=(card(**FILLED),), log_device="CPU"))

    assert verdict.state is UsedState.NOT_USED


def test_memory_that_the_container_holds_overrules_the_log() -> None:
    verdict = judge(UsedEvidence(cards=(card(held_bytes=2 * GIB),), log_device="CPU"))

    assert verdict.state is UsedState.USED


def test_two_cards_wanted_and_one_at_work_is_partly() -> None:
    verdict = judge(
        UsedEvidence(cards=(card("a", **FILLED), card("b", **STILL)), cards_wanted=2, log_device="XPU")
    )

    assert verdict.state is UsedState.PARTLY
    assert [one.address for one in verdict.cards] == ["a"]
    assert verdict.problem is not None and verdict.problem.cause == "gpu_partly_used"
    assert verdict.problem.actions[0].settings == (("tensor_parallel_size", "1"),)


def test_a_second_card_that_can_not_be_seen_is_not_accused() -> None:
    verdict = judge(UsedEvidence(cards=(card("a", **FILLED), card("b")), cards_wanted=2))

    assert verdict.state is UsedState.USED
    assert verdict.reason


def test_both_cards_at_work() -> None:
    verdict = judge(UsedEvidence(cards=(card("a", **FILLED), card("b", held_bytes=GIB)), cards_wanted=2))

    assert verdict.state is UsedState.USED
    assert [one.address for one in verdict.cards] == ["a", "b"]
    assert not verdict.reason


def test_one_card_of_two_is_all_that_was_wanted() -> None:
    verdict = judge(UsedEvidence(cards=(card("a", **STILL), card("b", **FILLED)), cards_wanted=1))

    assert verdict.state is UsedState.USED


def test_what_is_hidden_has_a_reason() -> None:
    hidden: Figure[int] = Figure(unknown=Unknown(Why.HIDDEN, "The kernel shows it only to others."))
    verdict = judge(
        UsedEvidence(cards=(replace(card(), memory_ready_bytes=hidden),), why_hidden="It has no shell.")
    )

    assert verdict.state is UsedState.UNKNOWN
    assert verdict.reason == "It has no shell. The kernel shows it only to others."


def test_without_a_card_there_is_nothing_to_judge() -> None:
    verdict = judge(UsedEvidence())

    assert verdict.state is UsedState.UNKNOWN
    assert verdict.reason


BYTES = st.none() | st.integers(0, 64 * GIB)
PERCENT = st.none() | st.floats(0, 100)
WATTS = st.none() | st.floats(0, 400)
MHZ = st.none() | st.integers(0, 3000)


def figures(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values.map(lambda value: Figure(value))


CARDS = st.builds(
    CardEvidence,
    address=st.sampled_from(["a", "b", "c"]),
    name=st.text(max_size=5),
    is_integrated=st.booleans(),
    is_asleep=st.booleans(),
    has_driver=st.booleans(),
    memory_before_bytes=figures(BYTES),
    memory_ready_bytes=figures(BYTES),
    held_bytes=figures(BYTES),
    busy_before_pct=figures(PERCENT),
    busy_probe_pct=figures(PERCENT),
    engine_before_pct=figures(PERCENT),
    engine_probe_pct=figures(PERCENT),
    power_before_w=figures(WATTS),
    power_probe_w=figures(WATTS),
    act_before_mhz=figures(MHZ),
    act_probe_mhz=figures(MHZ),
)
EVIDENCE = st.builds(
    UsedEvidence,
    cards=st.lists(CARDS, max_size=3, unique_by=lambda one: one.address).map(tuple),
    log_device=st.sampled_from([None, "XPU", "CPU"]),
    devices=st.sampled_from([None, (), ("/dev/dri",)]),
    is_render_allowed=st.sampled_from([None, True, False]),
    cards_wanted=st.integers(1, 4),
    affinity_mask=st.sampled_from(["", "0"]),
)


def shows_something(one: CardEvidence) -> bool:
    """Something of this card was measured that can speak for its use."""
    pairs = (
        (one.memory_before_bytes, one.memory_ready_bytes),
        (one.engine_before_pct, one.engine_probe_pct),
        (one.power_before_w, one.power_probe_w),
    )
    return one.held_bytes.is_known or any(before.is_known and after.is_known for before, after in pairs)


@given(EVIDENCE)
def test_used_is_never_said_without_evidence(evidence: UsedEvidence) -> None:
    verdict = judge(evidence)

    by_address = {one.address: one for one in evidence.cards}
    for used in verdict.cards:
        assert used.signs
        assert shows_something(by_address[used.address])
    if verdict.state in (UsedState.USED, UsedState.PARTLY):
        assert verdict.cards


@given(
    st.lists(
        st.builds(
            CardEvidence, address=st.sampled_from(["a", "b"]), name=st.just("x"), is_integrated=st.booleans()
        ),
        max_size=2,
    ),
    st.integers(1, 4),
    st.sampled_from(["", "0"]),
    st.sampled_from([None, "XPU"]),
)
def test_nothing_is_accused_when_nothing_is_known(
    cards: list[CardEvidence], wanted: int, mask: str, log_device: str | None
) -> None:
    verdict = judge(
        UsedEvidence(cards=tuple(cards), cards_wanted=wanted, affinity_mask=mask, log_device=log_device)
    )

    assert verdict.state is UsedState.UNKNOWN
    assert verdict.reason and verdict.problem is None


@given(EVIDENCE)
def test_a_warning_always_has_a_way_out_and_praise_none(evidence: UsedEvidence) -> None:
    verdict = judge(evidence)

    if verdict.state in (UsedState.NOT_USED, UsedState.PARTLY):
        assert verdict.problem is not None and verdict.problem.actions and verdict.problem.hint
    else:
        assert verdict.problem is None
    assert verdict.reason or verdict.state is UsedState.USED


@given(EVIDENCE)
def test_a_card_that_holds_the_model_is_always_among_the_used(evidence: UsedEvidence) -> None:
    holding = {one.address for one in evidence.cards if (one.held_bytes.value or 0) >= HELD_MIN_BYTES}

    assert holding <= {one.address for one in judge(evidence).cards}


def test_the_limits_are_as_told() -> None:
    assert signs_of(card(held_bytes=HELD_MIN_BYTES - 1)) == ()
    assert signs_of(card(held_bytes=HELD_MIN_BYTES)) == (Sign.HELD,)
    assert signs_of(card(memory_before_bytes=5, memory_ready_bytes=5 + JUMP_MIN_BYTES)) == (Sign.MEMORY,)
    assert signs_of(card(memory_before_bytes=5, memory_ready_bytes=4 + JUMP_MIN_BYTES)) == ()
