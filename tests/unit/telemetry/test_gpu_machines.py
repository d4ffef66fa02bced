"""Cards that sleep, are lent away, come and go; several at once; programs and containers on them."""

from __future__ import annotations

import pytest

from arcdesk.telemetry.gpu_pci import list_cards
from arcdesk.telemetry.gpu_reader import CardReader
from arcdesk.telemetry.gpu_recorded import RecordedHost
from tests.unit.telemetry.gpu_changed import A770, B580, Changed, as_json, read_both, why


def test_a_card_lent_to_a_virtual_machine() -> None:
    changed = Changed("b580_xe")
    path = next(path for path in changed.data["links"] if path.endswith("0b:00.0/driver"))
    changed.data["links"][path] = "../../../../../../bus/pci/drivers/vfio-pci"
    host = changed.host()

    card = as_json(read_both(host)[1])["gpus"][B580]

    assert card["driver"] == "vfio-pci"
    assert card["problem"] == "other-driver"
    assert card["vram_total"] is None
    assert "vfio-pci" in card["unknown"]["vram_total"]
    assert not any("hwmon" in path or path.startswith("ioctl") for seen in host.trail for path in seen)


@pytest.mark.parametrize("status", ["suspended\n", "suspending\n"])
@pytest.mark.parametrize("name", ["a770_i915", "lunarlake_xe_igpu", "b580_xe"])
def test_any_card_may_sleep(name: str, status: str) -> None:
    changed = Changed(name).put("power/runtime_status", status)
    host = changed.host()

    card = next(iter(as_json(read_both(host)[1])["gpus"].values()))

    assert card["suspended"] is True
    assert card["power_w"] is None
    assert why(card, "vram_total") == "asleep"
    assert card["clients_host"] == card["containers"] == card["busy_pct"] == {}
    touched = {path for seen in host.trail for path in seen}
    for part in ("/hwmon/hwmon", "/gt", "link_speed", "/fdinfo", "dev/dri", "ioctl"):
        assert not [path for path in touched if part in path], part


def test_a_card_that_falls_asleep_keeps_what_never_changes() -> None:
    changed = Changed("b580_xe").put("power/runtime_status", "active\n", "suspended\n")
    host = changed.host()

    card = as_json(read_both(host)[1])["gpus"][B580]

    assert card["suspended"] is True
    assert card["vram_total"] == 12809404416
    assert card["power_w"] is None
    assert not any("hwmon4" in path or "/fdinfo" in path for path in host.trail[1])


def test_a_card_that_wakes_has_no_rates_yet() -> None:
    changed = Changed("b580_xe").put("power/runtime_status", "suspended\n", "active\n")

    card = changed.card()

    assert card["suspended"] is False
    assert why(card, "power_w") == "second look"
    assert card["temp_c"] == {"pkg": 61.0, "vram": 60.0}


def test_one_awake_and_one_asleep() -> None:
    changed = Changed("dual_b580_xe").put("08:00.0/power/runtime_status", "suspended\n")
    host = changed.host()

    cards = as_json(read_both(host)[1])["gpus"]

    assert cards[A770]["power_w"] == 188.0
    assert cards[A770]["containers"] == {"vllm-tp2": 10276044800}
    assert cards["0000:08:00.0"]["suspended"] is True
    assert cards["0000:08:00.0"]["containers"] == {}
    touched = {path for seen in host.trail for path in seen}
    assert not [path for path in touched if "08:00.0/hwmon/hwmon" in path or "08:00.0/tile" in path]
    assert "ioctl:renderD129" not in touched


def test_descriptors_of_a_sleeping_card_are_not_read_beside_an_awake_one() -> None:
    changed = Changed("dual_b580_xe").put("08:00.0/power/runtime_status", "suspended\n")
    changed.data["permissions"]["eacces"] = []
    host = changed.host()

    cards = as_json(read_both(host)[1])["gpus"]

    assert "61090" not in cards[A770]["clients_host"]  # it is in a container
    assert cards[A770]["containers"] == {"vllm-tp2": 10276044800}
    touched = {path for seen in host.trail for path in seen}
    assert "proc/61090/fdinfo/33" in touched
    assert "proc/61090/fdinfo/35" not in touched  # on the second card
    assert "proc/71440/fdinfo/9" not in touched


def test_readable_programs_in_containers_are_counted_once() -> None:
    changed = Changed("dual_b580_xe")
    changed.data["permissions"]["eacces"] = []

    cards = changed.cards()

    assert cards["0000:08:00.0"]["containers"] == {"vllm-tp2": 5477761024, "llama-b": 4294967296}
    assert cards["0000:08:00.0"]["clients_host"] == {}
    assert cards["0000:08:00.0"]["unreadable_pids"] == []


def test_an_integrated_and_a_discrete_card_are_not_mixed_up() -> None:
    discrete, integrated = Changed("b580_xe"), Changed("lunarlake_xe_igpu")
    integrated.rename("card0", "card7").rename("renderD128", "renderD130")
    for part in ("files", "links", "t1"):
        own = {
            path: text
            for path, text in integrated.data[part].items()
            if "00:02.0" in path or "/5150/" in path
        }
        discrete.data[part] |= own
    discrete.data["ioctl"]["renderD130"] = integrated.data["ioctl"]["renderD128"]

    cards = discrete.cards()

    small, big = cards["0000:00:02.0"], cards[B580]
    assert (small["kind"], small["card"], small["render"]) == ("integrated", "card7", "renderD130")
    assert small["shared_used"] == 5368709120
    assert small["vram_total"] is None
    assert small["clients_host"] == {"5150": 5368709120}
    assert small["power_w"] is None
    assert big["shared_used"] is None
    assert "5150" not in big["clients_host"]
    assert big["vram_used_lower_bound"] == 11897143296


def test_sixteen_cards() -> None:
    base = Changed("b580_xe")
    data = base.data
    for number in range(16):
        more = Changed("b580_xe").rename(B580, f"0000:{0x20 + number:02x}:00.0")
        more.rename("card1", f"card{number + 10}").rename("renderD128", f"renderD{number + 140}")
        for part in ("files", "links", "t1"):
            data[part] |= {path: text for path, text in more.data[part].items() if "proc/" not in path}
        data["ioctl"][f"renderD{number + 140}"] = data["ioctl"]["renderD128"]

    cards = base.cards()

    assert len(cards) == 17
    assert len({card["render"] for card in cards.values()}) == 17
    assert all(card["power_w"] == 95.0 for card in cards.values())


def test_a_card_that_is_unplugged_is_gone() -> None:
    host = Changed("dual_b580_xe").host()
    reader = CardReader(host)
    assert len(reader.sample().cards) == 2
    left = Changed("dual_b580_xe").remove("0000:08:00.0").host()
    host._files, host._links, host._folders = left._files, left._links, left._folders
    host._real.clear()

    snapshot = reader.sample()

    assert [card.address for card in snapshot.cards] == [A770]


def test_a_card_that_is_unplugged_while_it_is_read_is_gone() -> None:
    host = Changed("dual_b580_xe").host()
    reader = CardReader(host)
    reader.sample()
    real_exists, real_text = host.exists, host.text

    def text(path: str) -> str:
        if "08:00.0" in path and "/power/" not in path:
            raise OSError(19, "no such device")
        return real_text(path)

    host.text = text  # type: ignore[method-assign]
    host.exists = lambda path: "08:00.0" not in path and real_exists(path)  # type: ignore[method-assign]

    assert [card.address for card in reader.sample().cards] == [A770]


def test_a_card_that_no_longer_answers_is_unknown_not_zero() -> None:
    host = Changed("b580_xe").host()
    reader = CardReader(host)
    reader.sample()
    real = host.text

    def text(path: str) -> str:
        if "0b:00.0" in path and "/power/" not in path:
            raise OSError(5, "input/output error")
        return real(path)

    host.text = text  # type: ignore[method-assign]
    host.advance()
    card = as_json(reader.sample())["gpus"][B580]

    assert card["power_w"] is None
    assert why(card, "power_w") == "error"
    assert card["temp_c"] == card["act_mhz"] == {}


def test_a_new_card_is_found() -> None:
    host = Changed("dual_b580_xe").remove("0000:08:00.0").host()
    reader = CardReader(host)
    assert len(reader.sample().cards) == 1
    whole = Changed("dual_b580_xe").host()
    host._files, host._links, host._folders = whole._files, whole._links, whole._folders
    host._real.clear()

    assert len(reader.sample().cards) == 2


def test_names_with_any_byte() -> None:
    changed = Changed("b580_xe").put("proc/3300/comm", "\udcff\udc80\x1b[31m\ud800\n")
    changed.data["docker"]["\udcfe\n"] = changed.data["docker"].pop("llama-sycl")

    card = changed.card()

    assert card["client_names"]["3300"] == "\ufffd\ufffd\x1b[31m\ufffd"
    assert list(card["containers"]) == ["\ufffd\n"]


def test_a_deleted_node_still_counts() -> None:
    changed = Changed("b580_xe")
    changed.data["links"]["proc/3300/fd/21"] = "/dev/dri/renderD128 (deleted)"

    assert "3300" in changed.card()["clients_host"]


def test_a_container_that_can_not_tell_is_named_with_its_reason() -> None:
    from arcdesk.app.gpu_json import gpu_json

    changed = Changed("b580_xe")
    changed.data["docker"]["llama-sycl"] |= {"exec_rc": 127, "exec_t0": "", "exec_t1": ""}
    host = changed.host()
    snapshot = read_both(host)[1]

    card = gpu_json(snapshot, host.containers())["gpus"][B580]

    assert card["containers"] == {}
    assert "127" in card["unknown"]["containers.llama-sycl"]


def test_grep_with_an_exit_code_and_lines_counts() -> None:
    changed = Changed("b580_xe")
    changed.data["docker"]["llama-sycl"]["exec_rc"] = 2  # some processes were refused

    assert changed.card()["containers"] == {"llama-sycl": 11475615744}


def test_an_answer_that_is_given_again_is_no_new_work() -> None:
    """Docker is asked every few seconds, the card each second."""
    host = Changed("a770_i915").host()
    reader = CardReader(host)
    old = host.containers()
    reader.sample(old)
    host.advance()
    new = host.containers()
    busy = reader.sample(new).cards[0].engines_pct.value

    host._now += 1.0
    again = reader.sample(new).cards[0].engines_pct.value

    assert busy is not None
    assert busy["compute"] == pytest.approx(80.0)
    assert again is not None
    assert again["compute"] == pytest.approx(80.0)


def test_empty_files_everywhere_are_survived() -> None:
    changed = Changed("b580_xe")
    path = changed.paths("0b:00.0/class")[0].rpartition("/")[0]
    for file in changed.data["files"]:
        if file.startswith(path) and not file.endswith(("/vendor", "/class", "/device")):
            changed.data["files"][file] = ""
    changed.data["t1"] = {}

    card = changed.card()

    assert card["name"] == "Intel Arc B580"
    assert card["power_w"] is None
    assert card["link"] is None


def test_links_in_a_circle_are_survived() -> None:
    changed = Changed("b580_xe")
    changed.data["links"]["sys/bus/pci/devices/0000:77:00.0"] = "0000:77:00.0"

    assert set(changed.cards()) == {B580}


def test_the_list_of_cards() -> None:
    cards = list_cards(Changed("dual_b580_xe").host())

    assert [(card.card, card.render, card.driver) for card in cards] == [
        ("card1", "renderD128", "xe"),
        ("card2", "renderD129", "xe"),
    ]


def test_a_card_on_an_odd_place_is_known_by_its_id() -> None:
    changed = Changed("b580_xe").rename("0000:0b:00.0", "0000:00:02.0")

    assert changed.cards()["0000:00:02.0"]["kind"] == "discrete"


def test_nothing_at_all() -> None:
    snapshot = CardReader(RecordedHost({"files": {}})).sample()

    assert snapshot.cards == ()
    assert snapshot.why_none
