"""What a suite found, in words with buttons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.core import bench_alert
from arcdesk.core.bench import BenchRun, Surroundings
from arcdesk.core.bench_suite import SUITE, SuiteResult, suite_result
from arcdesk.core.errors import ActionKind
from arcdesk.core.regression import SUITE_REQUESTS
from arcdesk.core.settings import Settings, change_container
from tests.unit.storage import bench_rig as rig

NARROW = "\u202f"
KERNEL = replace(rig.ABOUT, kernel="6.17")
LONGER = replace(rig.ABOUT, settings=(("load_in_low_bit", "sym_int4"), ("max_model_len", "4096")))


def _suite(rate: float, number: int, about: Surroundings) -> BenchRun:
    steps = (
        rig.step(
            concurrency=each,
            requests=SUITE_REQUESTS,
            rate=rate / each,
            spread=0.02,
            seed=10 * number + each,
        )
        for each in SUITE.concurrencies
    )
    return replace(rig.run(*steps, about=about, plan=SUITE), id=number)


def _found(about: Surroundings, *, before: Surroundings = rig.ABOUT, rate: float = 80) -> SuiteResult:
    now = [_suite(rate, number, about) for number in (3, 4)]
    return suite_result(now, [_suite(100, number, before) for number in (2, 1)])


def test_a_slower_kernel_is_told_with_what_to_do() -> None:
    notice = bench_alert.slower_notice(_found(KERNEL), KERNEL)
    assert notice.title == f"decode −20{NARROW}% since kernel 6.17"
    assert "n = 80 now in 2 runs, 80 before in 2 runs" in notice.detail
    assert "boot kernel 6.16.3" in notice.hint
    assert [action.kind for action in notice.actions] == [ActionKind.OPEN_LEDGER]
    assert notice.actions[0].target == "2,4"


def test_settings_can_be_put_back() -> None:
    notice = bench_alert.slower_notice(_found(LONGER), LONGER)
    back = notice.actions[1]
    assert (back.kind, back.label) == (ActionKind.APPLY_SETTINGS, "Go back")
    assert back.settings == (("max_model_len", "2048"),)
    changed = change_container(Settings(), (("max_model_len", "4096"),))
    assert change_container(changed, back.settings).container.max_model_len == 2048
    assert "puts the earlier settings in place" in notice.hint


def test_an_image_by_name_can_be_put_back_and_one_by_digest_is_named() -> None:
    other = replace(rig.ABOUT, image="ipex-llm:newer", image_digest="sha256:" + "cd" * 32)
    back = bench_alert.go_back(rig.ABOUT, other)
    assert back is not None
    assert back.settings == (("image", "ipex-llm:latest"),)
    pulled = replace(rig.ABOUT, image_digest="sha256:" + "cd" * 32)
    notice = bench_alert.slower_notice(_found(pulled), pulled)
    assert len(notice.actions) == 1
    assert "begins with abababababab" in notice.hint


@pytest.mark.parametrize(
    "about",
    [
        replace(LONGER, engine="remote"),  # not ours to set
        replace(rig.ABOUT, settings=(("some_variable", "4"),)),
        replace(rig.ABOUT, settings=()),
    ],
)
def test_what_is_no_setting_of_ours_is_not_put_back(about: Surroundings) -> None:
    assert bench_alert.go_back(rig.ABOUT, about) is None


def test_a_slowdown_without_a_change_says_so() -> None:
    notice = bench_alert.slower_notice(_found(rig.ABOUT), rig.ABOUT)
    assert notice.title.endswith("nothing known changed")
    assert "Nothing known changed" in notice.hint


def test_what_is_not_sure_asks_for_one_more() -> None:
    earlier = [_suite(100, number, rig.ABOUT) for number in (2, 1)]
    result = suite_result([_suite(80, 3, KERNEL)], earlier)
    assert result.wants_more
    measuring = bench_alert.again_notice(result, is_measuring=True)
    assert measuring.actions == ()
    asking = bench_alert.again_notice(result, is_measuring=False)
    assert asking.actions[0].target == "suite"
    assert asking.title.startswith("It looks slower, but 1 run can't tell")


def test_no_alert_is_told_calmly() -> None:
    notice = bench_alert.measured_notice(_found(KERNEL, rate=100))
    assert "As fast as before" in notice.detail
    assert notice.actions[0].target == "2,4"


def test_the_figures_are_those_of_what_became_slower() -> None:
    def late(run: BenchRun) -> BenchRun:
        """Its first tokens come half as fast again; the decoding stays as it was."""
        steps = tuple(
            replace(
                step,
                records=tuple(
                    replace(
                        one,
                        events_s=tuple(at + 0.05 for at in one.events_s),
                        ended_s=None if one.ended_s is None else one.ended_s + 0.05,
                    )
                    for one in step.records
                ),
            )
            for step in run.steps
        )
        return replace(run, steps=steps)

    now = [late(_suite(100, number, KERNEL)) for number in (3, 4)]
    result = suite_result(now, [_suite(100, number, rig.ABOUT) for number in (2, 1)])
    notice = bench_alert.slower_notice(result, KERNEL)
    assert result.is_alert and notice.title.startswith("time to first token")
    assert notice.detail.startswith("time to first token +") and not result.details()[0].startswith("time")
