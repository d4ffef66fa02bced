"""The examination of a tree of real files, whose render nodes answer the real system call."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from arcdesk.core.doctor import finding_json
from arcdesk.telemetry.doctor_cards import card_findings
from arcdesk.telemetry.gpu_recorded import RecordedHost
from tests.rig.drm_kernel import VERSION, Node
from tests.rig.drm_shim import run_shimmed
from tests.unit.telemetry.card_trees import materialise, recording

CLIENT = """
import json, sys
from pathlib import Path
from arcdesk.core.doctor import finding_json
from arcdesk.telemetry.doctor_cards import card_findings
print(json.dumps([finding_json(found) for found in card_findings(Path(sys.argv[1]))]))
"""


def nodes(name: str) -> dict[str, Node]:
    """A recording's render nodes, as its user sees them."""
    made = {}
    for node, told in recording(name)["ioctl"].items():
        kind = "mem_regions" if told["driver"] == "xe" else "memory_regions"
        raw = bytes.fromhex(told[f"{told['driver']}:{kind}:unprivileged"])
        made[node] = Node(driver=told["driver"], regions=raw)
    return made


@pytest.mark.parametrize("name", ["b580_xe", "dual_b580_xe", "a770_i915", "lunarlake_xe_igpu"])
def test_real_files_and_calls_are_judged_as_their_recording(tmp_path: Path, name: str) -> None:
    materialise(name, tmp_path)
    answering = nodes(name)
    done = run_shimmed([sys.executable, "-c", CLIENT, str(tmp_path)], answering)
    assert done.returncode == 0, done.stderr
    recorded = card_findings(RecordedHost(recording(name)))
    assert json.loads(done.stdout) == json.loads(json.dumps([finding_json(found) for found in recorded]))
    assert all(len(node.calls) == 3 for node in answering.values())


def test_a_sleeping_cards_node_is_never_called(tmp_path: Path) -> None:
    materialise("b580_xe_suspended", tmp_path)
    answering = nodes("b580_xe_suspended")
    done = run_shimmed([sys.executable, "-c", CLIENT, str(tmp_path)], answering)
    assert "cards.asleep.0000:09:00.0" in done.stdout
    assert answering["renderD128"].calls == []
    for path in (tmp_path / "sys/devices").rglob("runtime_status"):
        path.write_text("active\n")
    run_shimmed([sys.executable, "-c", CLIENT, str(tmp_path)], answering)
    assert answering["renderD128"].calls[0] == VERSION  # awake, the same card is asked
