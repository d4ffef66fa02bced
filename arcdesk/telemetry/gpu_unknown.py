"""Says in plain sentences why a figure of a card is unknown, and what would make it known."""

from __future__ import annotations

import os
from typing import TypeVar

from arcdesk.core.gpu import Figure, Unknown, Why
from arcdesk.telemetry.gpu_pci import PciCard, version_of

T = TypeVar("T")

ASLEEP = Unknown(
    Why.ASLEEP, "The card sleeps; asking would wake it.", "It is told as soon as something uses the card."
)
SECOND_LOOK = Unknown(Why.SECOND_LOOK, "It is the difference of two looks.", "Look again in a second.")
SET_BACK = Unknown(Why.ERROR, "The card's counter was set back in this time.", "Look again in a second.")
INTEGRATED_VRAM = Unknown(
    Why.NOT_PROVIDED, "An integrated GPU has no memory of its own; it uses main memory.", ""
)
DISCRETE_SHARED = Unknown(Why.NOT_PROVIDED, "Told of integrated GPUs only.", "")
INTEGRATED_SENSORS = Unknown(Why.NOT_PROVIDED, "An integrated GPU has no sensors of its own.", "")
INTEGRATED_POWER = Unknown(
    Why.NOT_PROVIDED, "An integrated GPU has no counter of its own, and the processor's is for root only.", ""
)
INTEGRATED_LINK = Unknown(Why.NOT_PROVIDED, "An integrated GPU has no PCIe link.", "")
XE_HIDDEN = Unknown(
    Why.HIDDEN,
    "The kernel shows it only to programs with CAP_PERFMON.",
    "Kernel 7 or newer shows it to everybody, and so do newer updates of 6.12.",
)
I915_HIDDEN = Unknown(
    Why.HIDDEN,
    "The driver i915 shows it only to programs with CAP_PERFMON.",
    "What the readable programs hold is shown instead.",
)
NO_RENDER_GROUP = Unknown(
    Why.NO_PERMISSION,
    "You may not use the card's render node.",
    "Join the group render (sudo usermod -aG render $USER), then log in again.",
)
# The first kernel that tells it, by driver.
SINCE = {
    "sensors": {"xe": (6, 5), "i915": (6, 2)},
    "temperatures": {"xe": (6, 15), "i915": (6, 13)},
    "fans": {"xe": (6, 16), "i915": (6, 12)},
    "client memory": {"xe": (6, 8), "i915": (6, 8)},
    "client engines": {"xe": (6, 11), "i915": (6, 5)},
}


def unknown(reason: Unknown) -> Figure[T]:
    """A figure without a value."""
    return Figure(unknown=reason)


def no_driver(card: PciCard) -> Unknown:
    """The card has no driver, or one that tells nothing."""
    if card.driver:
        return Unknown(
            Why.NO_DRIVER,
            f"The driver {card.driver} has the card: it may be lent to a virtual machine.",
            "Give it back to xe or i915.",
        )
    return Unknown(
        Why.NO_DRIVER, "No driver has taken the card.", "A newer kernel may know it: see arcdesk doctor."
    )


def too_old(what: str, driver: str, kernel: str) -> Unknown:
    """The kernel or the card does not tell `what` (a key of SINCE)."""
    first, version = SINCE[what].get(driver), version_of(kernel)
    if first is not None and version is not None and version < first:
        return Unknown(
            Why.NOT_PROVIDED,
            f"Kernel {version[0]}.{version[1]} does not tell it with the driver {driver}.",
            f"Kernel {first[0]}.{first[1]} or newer tells it.",
        )
    return Unknown(Why.NOT_PROVIDED, "This card, or its driver, does not tell it.", "")


def not_provided(detail: str) -> Unknown:
    """There is no such figure here."""
    return Unknown(Why.NOT_PROVIDED, detail, "")


def absurd(what: str) -> Unknown:
    """The kernel gave a value that can't be."""
    return Unknown(Why.ERROR, f"The kernel gave a value that can't be: {what}.", "")


def of_error(error: OSError, missing: Unknown) -> Unknown:
    """Why a read failed; `missing` when there is no such file."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return missing
    if isinstance(error, PermissionError):
        return Unknown(Why.NO_PERMISSION, "You may not read it.", "")
    words = os.strerror(error.errno) if error.errno else str(error)
    return Unknown(Why.ERROR, f"Reading failed: {words}.", "")
