"""Files that are busy, refused, empty or absurd, and counters that stand still or go back."""

from __future__ import annotations

import pytest

from arcdesk.core.gpu import Why
from arcdesk.telemetry.gpu_reader import CardReader
from tests.unit.telemetry.gpu_changed import A770, Changed, read_both, why


@pytest.mark.parametrize("end", ["fan2_input", "energy2_input", "energy1_input"])
def test_a_file_that_is_busy_once_is_read_again(end: str) -> None:
    changed = Changed("b580_xe")
    changed.data["permissions"]["eagain_once"] = changed.paths(end)

    card = changed.card()

    assert card["fans_rpm"] == [0, 1320, 0]
    assert card["power_w"] == 95.0


def test_a_fan_that_stays_busy_keeps_its_speed() -> None:
    host = Changed("b580_xe").host()
    reader = CardReader(host)
    reader.sample()
    real = host.text

    def busy(path: str) -> str:
        if path.endswith("fan2_input"):
            raise BlockingIOError(11, "busy")
        return real(path)

    host.text = busy  # type: ignore[method-assign]
    host.advance()

    assert reader.sample().cards[0].fans_rpm.value == (0, 418, 0)


def test_a_user_outside_the_group_render_loses_the_memory_alone() -> None:
    card = Changed("b580_xe").refuse("dev/dri/renderD128").card()

    for key in ("vram_total", "vram_used"):
        assert card[key] is None
        assert why(card, key) == "no permission"
        assert "usermod -aG render" in card["unknown"][key]
    assert card["rebar"] is True  # by the card's nominal memory
    assert card["power_w"] == 95.0
    assert card["vram_used_lower_bound"] == 11897143296


def test_without_a_render_node() -> None:
    changed = Changed("b580_xe")
    for key in ("files", "links"):
        kept = {path: text for path, text in changed.data[key].items() if "/drm/renderD" not in path}
        changed.data[key] = kept

    card = changed.card()

    assert card["render"] is None
    assert card["vram_total"] is None
    assert why(card, "vram_total") == "not provided"


def test_refusals_in_the_middle_leave_the_rest() -> None:
    changed = Changed("b580_xe").refuse("temp2_input", "energy2_input", "gt0/freq0/act_freq", "reason_pl1")

    card = changed.card()

    assert card["temp_c"] == {"vram": 60.0}
    assert card["power_w"] is None
    assert card["act_mhz"] == {"gt1": 0}
    assert card["throttle"] == []  # `status` says that no reason is there
    assert card["busy_pct"] == {"gt0": 91.0, "gt1": 0.0}


def test_throttling_is_unknown_when_a_reason_is_refused_and_the_status_too() -> None:
    card = Changed("b580_xe").refuse("reason_pl1", "throttle/status").card()

    assert card["throttle"] is None
    assert why(card, "throttle") == "no permission"


def test_refused_fdinfo_of_a_listed_descriptor_names_the_process() -> None:
    card = Changed("b580_xe").refuse("proc/3300/fdinfo/21").card()

    assert card["unreadable_pids"] == [1, 3300, 48211]
    assert card["clients_host"] == {"2101": 196083712}


def test_a_process_list_that_is_refused() -> None:
    changed = Changed("b580_xe")
    changed.data["permissions"]["eacces"].append("proc")
    changed.data["docker"] = {}

    card = changed.card()

    assert card["vram_used_lower_bound"] is None
    assert card["clients_host"] == {}


def test_an_energy_counter_that_went_back_is_no_power() -> None:
    first, second = read_both(
        Changed("dual_b580_xe")
        .put("hwmon5/energy1_input", "9000000\n", "1000\n")
        .put("hwmon5/energy2_input", "9000000\n", "1000\n")
        .host()
    )

    card = second.cards[0]
    assert card.power_w.value is None
    assert card.power_w.unknown is not None
    assert card.power_w.unknown.why is Why.ERROR
    assert "set back" in card.power_w.unknown.detail
    assert first.cards[0].energy_j.value == 0.0
    assert not card.energy_j.is_known  # what was used in between is lost


def test_a_board_counter_that_went_back_leaves_the_package() -> None:
    card = Changed("dual_b580_xe").put("hwmon5/energy1_input", "9000000\n", "1000\n").cards()[A770]

    assert card["power_from"] == "energy2/pkg"
    assert card["power_w"] == 150.0


def test_counters_that_stand_still_are_no_power() -> None:
    card = Changed("b580_xe").put("energy2_input", "5\n").card()

    assert card["power_w"] is None
    assert card["energy_j"] is None
    assert "stand still" in card["unknown"]["power_w"]


@pytest.mark.parametrize("text", ["99999999999999999999\n", "-5\n", "", "many\n"])
def test_an_absurd_energy_is_no_power(text: str) -> None:
    card = Changed("b580_xe").put("energy2_input", "5\n", text).put("energy1_input", "5\n", text).card()

    assert card["power_w"] is None
    assert why(card, "power_w") == "error"


def test_64_bit_energy_is_exact() -> None:
    high = (1 << 63) + 12345
    card = Changed("b580_xe").put("energy2_input", f"{high}\n", f"{high + 190_000_000}\n").card()

    assert card["power_w"] == 95.0


def test_an_idle_counter_that_went_back_leaves_the_other() -> None:
    card = Changed("b580_xe").put("gt0/gtidle/idle_residency_ms", "900\n", "100\n").card()

    assert card["busy_pct"] == {"gt1": 0.0}


def test_an_idle_counter_that_leaps_is_no_figure() -> None:
    card = Changed("b580_xe").put("idle_residency_ms", "900\n", "900000\n").card()

    assert card["busy_pct"] == {}
    assert why(card, "busy_pct") == "error"


def test_idle_a_little_longer_than_the_time_is_idle() -> None:
    assert Changed("b580_xe").put("idle_residency_ms", "0\n", "2010\n").card()["busy_pct"]["gt0"] == 0.0


@pytest.mark.parametrize(("end", "key"), [("temp2_input", "temp_c"), ("fan2_input", "fans_rpm")])
@pytest.mark.parametrize("text", ["-2147483648\n", "2147483647000\n", "", "x"])
def test_absurd_sensors_are_left_out(end: str, key: str, text: str) -> None:
    card = Changed("b580_xe").put(end, text).card()

    assert card[key] in ({"vram": 60.0}, [0, 0])


def test_garbage_frequencies_are_left_out() -> None:
    card = Changed("b580_xe").put("gt0/freq0/max_freq", "627200\n").put("gt0/freq0/act_freq", "-1\n").card()

    assert card["max_mhz"]["gt0"] == 2850  # by rp0_freq
    assert "gt0" not in card["act_mhz"]
