"""Cards get the names people know, whatever the machine tells."""

from __future__ import annotations

import pytest

from arcdesk.telemetry.gpu_names import card_name, known_cards
from arcdesk.telemetry.gpu_recorded import RecordedHost

PCI_IDS = """# a comment
10de  NVIDIA Corporation
\tabcd  Not this one
8086  Intel Corporation
\tabcc  Before
\tabcd  Some new card [Arc Z999]
\t\t8086 1100  A board
8087  Another
\tabce  Not Intel's
C 03  Display controller
"""


def host(text: str | None = None) -> RecordedHost:
    return RecordedHost({"files": {} if text is None else {"usr/share/misc/pci.ids": text}})


@pytest.mark.parametrize(
    ("pci_id", "name"),
    [
        ("8086:e20b", "Intel Arc B580"),
        ("8086:56a0", "Intel Arc A770"),
        ("8086:7d55", "Meteor Lake-P [Intel Arc Graphics]"),
        ("8086:abcd", "Intel Some new card [Arc Z999]"),
        ("8086:abce", "Intel GPU [8086:abce]"),
    ],
)
def test_names(pci_id: str, name: str) -> None:
    assert card_name(pci_id, host(PCI_IDS)) == name


def test_without_pci_ids_the_number_is_told() -> None:
    assert card_name("8086:abcd", host()) == "Intel GPU [8086:abcd]"


def test_the_tables_are_whole() -> None:
    cards = known_cards()

    assert len([one for one in cards.values() if not one.is_integrated]) >= 42
    assert len([one for one in cards.values() if one.is_integrated]) >= 27
    b580 = cards["8086:e20b"]
    assert (b580.vram_gib, b580.bandwidth_gb_per_s, b580.xe_cores, b580.tdp_w) == (12.0, 456.0, 20, 190.0)
    assert cards["8086:56a3"].vram_gib is None
