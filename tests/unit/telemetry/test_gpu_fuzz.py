"""Whatever the kernel's files hold, the reader survives it and claims nothing absurd."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcdesk.app.gpu_text import snapshot_text
from arcdesk.telemetry.gpu_recorded import RecordedHost
from tests.rig.gpu_tree import load_recording
from tests.unit.telemetry.gpu_changed import as_json, read_both

BASES = [load_recording(name) for name in ("dual_b580_xe", "a770_i915", "lunarlake_xe_igpu")]
TEXTS = st.one_of(
    st.text(max_size=30),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["", "\x00", "none\n", "0x", "-1\n", "NaN", "1e9", "١٢", "\udcff"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_contents(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from(BASES))
    paths = sorted(path for path in base["files"] if not path.endswith(("/class", "/vendor")))
    changes = data.draw(st.dictionaries(st.sampled_from(paths), TEXTS, max_size=12))
    later = data.draw(st.dictionaries(st.sampled_from(paths), TEXTS, max_size=12))
    refused = data.draw(st.lists(st.sampled_from(paths), max_size=4))
    recording = base | {
        "files": base["files"] | changes,
        "t1": base["t1"] | later,
        "permissions": {"eacces": refused, "eagain_once": sorted(changes)[:3]},
    }

    _, second = read_both(RecordedHost(recording))

    for card in as_json(second)["gpus"].values():
        for key in ("busy_pct", "engines_visible_pct"):
            assert all(0 <= value <= 100 for value in card[key].values())
        assert card["power_w"] is None or 0 < card["power_w"] <= 1000
        assert all(value >= 0 for value in card["fans_rpm"])
        assert card["vram_used"] is None or 0 < card["vram_used"] <= card["vram_total"]
        assert all((card[key] is None) == (key in card["unknown"]) for key in ("power_w", "link", "rebar"))
    json.dumps(as_json(second)).encode("ascii")
    snapshot_text(second).encode("utf-8")
