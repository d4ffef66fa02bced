"""The rings behind the plots."""

from __future__ import annotations

from arcdesk.core.gpu import Figure, GpuSnapshot, Unknown, Why
from arcdesk.core.gpu_view import HistoryKey, Plotted, Point
from arcdesk.services.gpu_history import KEPT_POINTS, GpuHistory
from tests.unit.services.gpu_rig import ADDRESS, reading

POWER = HistoryKey(ADDRESS, Plotted.POWER)


def look(at: float, **facts: object) -> GpuSnapshot:
    return GpuSnapshot(at=at, cards=(reading(**facts),))


def test_only_the_last_points_are_kept() -> None:
    history = GpuHistory()
    for number in range(KEPT_POINTS + 20):
        history.add(look(float(number), power_w=float(number)))

    points = history.points(POWER)
    assert len(points) == KEPT_POINTS
    assert points[0] == Point(20.0, 20.0)
    assert points[-1] == Point(319.0, 319.0)


def test_unknown_is_a_gap_and_not_nought() -> None:
    history = GpuHistory()
    asleep: Figure[float] = Figure(unknown=Unknown(Why.ASLEEP, "sleeps"))
    history.add(look(1, power_w=30.0))
    history.add(look(2, power_w=asleep))
    history.add(look(3, power_w=0.0))

    assert list(history.points(POWER)) == [Point(1, 30.0), Point(2, None), Point(3, 0.0)]


def test_a_figure_that_a_card_does_not_have_has_no_line() -> None:
    history = GpuHistory()
    history.add(look(1, busy_pct={"gt0": 4.0, "gt1": 9.0}))

    assert history.keys == (HistoryKey(ADDRESS, Plotted.BUSY),)
    assert list(history.points(HistoryKey(ADDRESS, Plotted.BUSY))) == [Point(1, 9.0)]
    assert list(history.points(POWER)) == []


def test_each_figure_comes_from_its_place() -> None:
    history = GpuHistory()
    history.add(
        look(
            1,
            vram_used_bytes=7,
            power_w=1.5,
            temps_c={"pkg": 60.0, "vram": 70.0},
            act_mhz={"gt0": 2000, "gt1": 900},
            engines_pct={"ccs": 80.0, "rcs": 90.0},
        )
    )

    assert {key.figure: history.points(key)[0].value for key in history.keys} == {
        Plotted.VRAM: 7,
        Plotted.POWER: 1.5,
        Plotted.TEMPERATURE: 70.0,
        Plotted.FREQUENCY: 2000,
        Plotted.COMPUTE: 80.0,
    }


def test_an_integrated_gpu_has_the_memory_that_it_shares() -> None:
    history = GpuHistory()
    history.add(look(1, is_integrated=True, shared_used_bytes=5, vram_used_bytes=9))

    assert list(history.points(HistoryKey(ADDRESS, Plotted.VRAM))) == [Point(1, 5)]


def test_a_card_that_has_gone_leaves_a_gap_and_in_the_end_nothing() -> None:
    history = GpuHistory(kept_points=3)
    history.add(look(1, power_w=30.0))
    history.add(GpuSnapshot(at=2))
    assert list(history.points(POWER)) == [Point(1, 30.0), Point(2, None)]

    for number in range(3, 6):
        history.add(GpuSnapshot(at=number))

    assert history.keys == ()


def test_the_same_look_counts_once() -> None:
    history = GpuHistory()
    history.add(look(2, power_w=30.0))
    history.add(look(2, power_w=30.0))
    history.add(look(1, power_w=10.0))

    assert list(history.points(POWER)) == [Point(2, 30.0)]
