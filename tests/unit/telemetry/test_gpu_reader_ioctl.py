"""The reader's memory figures through real files and the real ioctl, as the kernel answers or refuses."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rig.drm_kernel import VERSION, Node, Region, answer
from tests.rig.drm_shim import run_shimmed
from tests.unit.telemetry.card_trees import materialise

CLIENT = """
import json, sys
from arcdesk.telemetry.gpu_host import LiveHost
from arcdesk.telemetry.gpu_reader import CardReader
def told(figure):
    return [figure.value, figure.unknown.why.name if figure.unknown else ""]
cards = CardReader(LiveHost(sys.argv[1])).sample().cards
print(json.dumps({
    card.address: {
        "total": told(card.vram_total_bytes),
        "used": told(card.vram_used_bytes),
        "rebar": told(card.is_rebar_on),
        "clocks": card.act_mhz.value,
    }
    for card in cards
}))
"""
GIB = 1 << 30
VRAM = 12809404416


def sample(root: Path, nodes: dict[str, Node]) -> dict[str, Any]:
    """One sample of the tree, in a process of its own."""
    done = run_shimmed([sys.executable, "-c", CLIENT, str(root)], nodes)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def xe(used: int = GIB, **options: Any) -> Node:
    """A B580."""
    region = Region(instance=1, total=VRAM, second=used, visible=VRAM)
    return Node(driver="xe", regions=answer("xe", Region(kind=0, total=GIB, second=5), region), **options)


def test_each_card_has_its_own_nodes_figures(tmp_path: Path) -> None:
    materialise("dual_b580_xe", tmp_path)
    told = sample(tmp_path, {"renderD128": xe(used=3 * GIB), "renderD129": xe(used=0)})
    assert told["0000:03:00.0"]["total"] == told["0000:08:00.0"]["total"] == [VRAM, ""]
    assert told["0000:03:00.0"]["used"] == [3 * GIB, ""]
    assert told["0000:08:00.0"]["used"] == [None, "HIDDEN"]
    assert told["0000:03:00.0"]["rebar"] == [True, ""]


def test_i915_tells_what_is_free(tmp_path: Path) -> None:
    materialise("a770_i915", tmp_path)
    free = Region(total=16 * GIB, second=10 * GIB, visible=GIB // 4)
    told = sample(tmp_path, {"renderD128": Node(driver="i915", regions=answer("i915", free))})
    assert told["0000:03:00.0"]["used"] == [6 * GIB, ""]
    assert told["0000:03:00.0"]["rebar"] == [False, ""]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.EACCES, "NO_PERMISSION"),
        (errno.EPERM, "NO_PERMISSION"),
        (errno.EIO, "ERROR"),
        (errno.ENODEV, None),
        (errno.ENOTTY, None),
    ],
)
def test_a_refusal_is_a_reason_and_costs_no_other_figure(
    tmp_path: Path, number: int, why: str | None
) -> None:
    materialise("b580_xe", tmp_path)
    card = sample(tmp_path, {"renderD128": xe(errors={VERSION: [number]})})["0000:0b:00.0"]
    assert (card["total"][0], card["used"][0]) == (None, None)
    assert card["total"][1] == why if why else card["total"][1]
    assert card["clocks"]


def test_a_lie_is_an_error(tmp_path: Path) -> None:
    materialise("b580_xe", tmp_path)
    card = sample(tmp_path, {"renderD128": xe(used=VRAM + 1)})["0000:0b:00.0"]
    assert (card["used"], card["total"]) == ([None, "ERROR"], [None, "ERROR"])


def test_a_node_of_another_group_is_no_permission(tmp_path: Path) -> None:
    materialise("b580_xe", tmp_path)
    (tmp_path / "dev/dri/renderD128").chmod(0o000)
    node = xe()
    card = sample(tmp_path, {"renderD128": node})["0000:0b:00.0"]
    assert (card["total"], node.calls) == ([None, "NO_PERMISSION"], [])


def test_no_card_node_is_asked(tmp_path: Path) -> None:
    """The first to open one would be its master."""
    materialise("b580_xe", tmp_path)
    card, render = xe(), xe()
    assert (tmp_path / "dev/dri/card1").exists()
    told = sample(tmp_path, {"renderD128": render, "card1": card})
    assert told["0000:0b:00.0"]["total"] == [VRAM, ""]
    assert (card.calls, len(render.calls)) == ([], 3)


def test_a_sleeping_cards_node_is_not_called(tmp_path: Path) -> None:
    materialise("b580_xe_suspended", tmp_path)
    node = xe()
    assert sample(tmp_path, {"renderD128": node})["0000:09:00.0"]["total"] == [None, "ASLEEP"]
    assert node.calls == []
