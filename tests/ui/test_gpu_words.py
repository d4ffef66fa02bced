"""Cards in words: units, reasons, names of other programs, and never a zero for what is unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcdesk.core.gpu import Figure, GpuClient, GpuReading, GpuSnapshot, Link, Unknown, Why
from arcdesk.core.gpu_view import GpuView
from arcdesk.ui.gpu_facts import card_facts, engine_words, fan_words, link_words, throttle_words
from arcdesk.ui.gpu_holders import HolderKind, holder_sentences, holders
from arcdesk.ui.gpu_words import (
    UNKNOWN,
    at_least_gib,
    gib,
    memory_text,
    plain,
    provenance,
    reason,
    short_names,
    summary_line,
    tip,
    tray_lines,
    watts,
)
from tests.shots_gpu import RECORDINGS, view_of

GIB = 1024**3
BARE = GpuReading(
    address="0000:03:00.0",
    at=1.0,
    name="Intel Arc B580",
    pci_id="8086:e20b",
    driver="xe",
    kernel="6.17",
)
FULL = replace(
    BARE,
    vram_total_bytes=Figure(12809404416, "ioctl"),
    vram_used_bytes=Figure(int(9.6 * GIB), "ioctl"),
    busy_pct=Figure({"gt0": 95.0, "gt1": 0.0}, "gtidle"),
    power_w=Figure(188.0, "hwmon energy1/card"),
    temps_c=Figure({"vram": 82.0, "pkg": 78.0}, "hwmon"),
)


def said(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\u202f", " ").replace("\u2007", " ")


def view(*cards: GpuReading) -> GpuView:
    return GpuView(snapshot=GpuSnapshot(at=1.0, cards=cards))


def test_the_trays_line_names_memory_load_power_and_heat() -> None:
    assert [said(line) for line in tray_lines(view(FULL))] == [
        "B580 · 9.6 of 11.9 GiB · 95 % · 188 W · 78 °C"
    ]


def test_cards_of_one_name_are_told_apart_by_their_address() -> None:
    other = replace(FULL, address="0000:08:00.0")
    assert short_names((FULL, other)) == ["B580 03:00.0", "B580 08:00.0"]
    far = replace(FULL, address="0001:08:00.0")
    assert short_names((FULL, far))[1] == "B580 0001:08:00.0"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Intel Arc Pro B60", "Pro B60"),
        ("Intel Arc A770", "A770"),
        ("Core Ultra 200V Series Processors Arc Graphics 130V/140V GPU", "Arc Graphics 130V/140V"),
        ("Intel GPU [8086:ffff]", "GPU [8086:ffff]"),
        ("", "0000:03:00.0"),
    ],
)
def test_names_are_shortened_to_what_tells_cards_apart(name: str, short: str) -> None:
    assert short_names((replace(BARE, name=name),)) == [short]


def test_what_is_unknown_is_left_out_or_a_dash_but_never_zero() -> None:
    assert said(summary_line(BARE)) == "B580 · –"
    facts = card_facts(BARE)
    assert {fact.value for fact in facts} == {UNKNOWN}
    assert all(fact.why for fact in facts)
    assert not any(char.isdigit() for fact in facts for char in fact.value)


def test_an_asleep_card_says_so_and_nothing_else() -> None:
    assert summary_line(replace(BARE, is_asleep=True)) == "B580 · asleep"
    assert summary_line(replace(BARE, driver="", problem="no-driver")) == "B580 · no driver"


def test_no_card_is_told_in_the_menu_too() -> None:
    assert tray_lines(view()) == ["No Intel graphics card found"]
    wsl = GpuView(snapshot=GpuSnapshot(environment="wsl2"))
    assert tray_lines(wsl) == ["Graphics cards can't be read inside WSL"]


@pytest.mark.parametrize("why", list(Why))
def test_each_reason_has_a_word_and_its_remedy_in_the_tooltip(why: Why) -> None:
    figure: Figure[int] = Figure(unknown=Unknown(why, "It is so", "Do this"))
    assert reason(figure)
    assert provenance(figure) == "It is so.\nDo this."


def test_a_lower_bound_is_never_rounded_up() -> None:
    card = replace(
        BARE,
        vram_total_bytes=Figure(12809404416, "ioctl"),
        vram_used_at_least_bytes=Figure(11897143296, "fdinfo"),  # 11.08 GiB
    )
    assert said(memory_text(card)) == "≥ 11.0 of 11.9 GiB"
    assert said(at_least_gib(11897143296)) == "≥ 11.0 GiB"
    assert said(gib(11897143296)) == "11.1 GiB"


def test_a_known_zero_is_a_zero() -> None:
    assert said(watts(0.0)) == "0.0 W"
    assert said(fan_words((0, 1320))) == "0 · 1320 rpm"
    assert said(engine_words({"ccs": 0.0})) == "compute   0 %"


def test_engines_of_both_drivers_have_one_name() -> None:
    xe = said(engine_words({"rcs": 2.0, "ccs": 95.0, "bcs": 0.0, "vcs": 1.0, "vecs": 4.0}))
    i915 = said(
        engine_words({"render": 2.0, "compute": 95.0, "copy": 0.0, "video": 1.0, "video-enhance": 4.0})
    )
    assert xe == i915 == "compute  95 %   render   2 %   copy   0 %   media   4 %"


def test_digits_keep_their_columns() -> None:
    assert (
        len(engine_words({"ccs": 5.0}))
        == len(engine_words({"ccs": 95.0}))
        == len(engine_words({"ccs": 100.0}))
    )


def test_throttling_is_told_in_words_and_a_new_reason_as_it_is() -> None:
    assert throttle_words(("pl1",)) == "power limit (PL1)"
    assert throttle_words(("thermal", "soc_new")) == "temperature and soc_new"
    clock = next(
        fact
        for fact in card_facts(
            replace(FULL, act_mhz=Figure({"gt0": 900}), throttle=Figure(("thermal",), "x"))
        )
        if fact.id == "clock"
    )
    assert (clock.note, clock.is_warning) == ("held back: temperature", True)


def test_a_slot_with_too_few_lanes_is_a_warning() -> None:
    link = Link(speed="16.0 GT/s PCIe", width=4, max_speed="16.0 GT/s PCIe", max_width=8)
    fact = next(fact for fact in card_facts(replace(FULL, link=Figure(link, "sysfs"))) if fact.id == "link")
    assert said(fact.value) == "4.0 ×4 of ×8 (16 GT/s)"
    assert (fact.note, fact.is_warning) == ("only 4 of 8 lanes: try another slot", True)
    assert link_words(Link(speed="Unknown", width=0)) == ""


def test_who_holds_the_memory() -> None:
    card = replace(
        FULL,
        clients=(
            GpuClient(pid=1, name="python3", client_id=1, container="vllm", vram_bytes=4 * GIB),
            GpuClient(pid=2, name="python3", client_id=2, container="vllm", vram_bytes=4 * GIB),
            GpuClient(pid=3, name="Xorg", client_id=3, vram_bytes=GIB),
            GpuClient(pid=4, name="idle", client_id=4),
        ),
        unreadable_pids=(9,),
    )
    found = [(one.name, one.kind) for one in holders(card)]
    assert found == [
        ("vllm", HolderKind.CONTAINER),
        ("Xorg", HolderKind.PROGRAM),
        ("others", HolderKind.OTHERS),
    ]
    assert sum(one.size_bytes for one in holders(card)) == card.vram_used_bytes.value
    assert "One more program" in holder_sentences(card)[-1]


def test_names_of_other_programs_are_plain_text() -> None:
    assert plain("<b>&amp;\n\u202eevil\x00\udcff") == "<b>&amp;\ufffd\ufffdevil\ufffd\ufffd"
    assert len(plain("x" * 500)) == 40
    assert tip("<b>&\nx") == "<qt>&lt;b&gt;&amp;<br>x</qt>"
    assert plain("モデル 🚀") == "モデル 🚀"


@pytest.mark.parametrize("file", sorted(RECORDINGS.glob("*.json")), ids=lambda file: file.stem)
def test_every_recording_has_a_line_per_card(file: object) -> None:
    cards = view_of(file.stem)  # type: ignore[attr-defined]
    lines = tray_lines(cards)
    assert len(lines) == max(len(cards.snapshot.cards), 1)
    assert all(line and "None" not in line and "\n" not in line for line in lines)
