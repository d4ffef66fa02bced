"""What differs between two runs besides their figures: what they were made on, and what was asked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from arcdesk.core.bench import BenchPlan, Surroundings

# A host with more than this load, and twice that of the other run, may have been the reason.
BUSY_LOAD = 1.0
DIGEST_LENGTH = 12
UNKNOWN = "unknown"

_PLAIN = (
    ("model", "model"),
    ("engine", "engine"),
    ("image", "image"),
    ("driver", "driver"),
    ("kernel", "kernel"),
)
# What is asked without being part of the question: its amount, its limits, how it was warmed up.
_NOT_ASKED = frozenset(
    {"concurrencies", "requests", "duration_s", "ttft_limit_ms", "tpot_limit_ms", "e2e_limit_ms"}
)
_PLAN_LABELS = {
    "input_tokens": "input length",
    "output_tokens": "output length",
    "rate_per_s": "arrival rate",
    "warm_up_requests": "warm-up",
    "is_ignoring_eos": "ignore end of text",
    "is_same_prompt": "same prompt each time",
    "dataset_path": "file",
    "image_path": "picture",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that was another before. '' is unknown."""

    name: str
    before: str
    after: str

    @property
    def is_sure(self) -> bool:
        """Both sides are known."""
        return bool(self.before and self.after)

    def sentence(self) -> str:
        """'kernel: 6.16 → 6.17'."""
        return f"{self.name}: {self.before or UNKNOWN} → {self.after or UNKNOWN}"

    def since(self) -> str:
        """What stands behind 'since': 'kernel 6.17'."""
        return f"{self.name} {self.after or UNKNOWN}"


def differences(before: Surroundings, after: Surroundings) -> tuple[Difference, ...]:
    """All that differs, the image and the system first, then the settings by name."""
    found = [Difference(name=name, before=a, after=b) for name, a, b in _facts(before, after) if a != b]
    return (*found, *_settings(before, after))


def plan_differences(before: BenchPlan, after: BenchPlan) -> tuple[Difference, ...]:
    """What makes it another question: then figures can't be laid side by side."""
    found = []
    for field in fields(BenchPlan):
        a, b = getattr(before, field.name), getattr(after, field.name)
        if field.name not in _NOT_ASKED and a != b:
            label = _PLAN_LABELS.get(field.name, field.name.replace("_", " "))
            found.append(Difference(name=label, before=_word(a), after=_word(b)))
    return tuple(found)


def load_note(before: Surroundings, after: Surroundings) -> str:
    """A sentence if one of both runs was made on a busy computer, else ''."""
    a, b = before.host_load, after.host_load
    if a is None or b is None or max(a, b) <= BUSY_LOAD or max(a, b) < 2 * min(a, b):
        return ""
    which = "later" if b > a else "earlier"
    return f"The computer was busier in the {which} run: load {max(a, b):.1f}, else {min(a, b):.1f}."


def is_same(one: Surroundings, other: Surroundings) -> bool:
    """Nothing is known to differ. What is unknown on one side is taken for the same."""
    return not any(each.is_sure for each in differences(one, other))


def covers(known: Surroundings, about: Surroundings) -> bool:
    """`known` has all that is known of `about`: nothing is new. What is unknown now says nothing."""
    if about.settings and not known.settings:
        return False
    return not any(each.after for each in differences(known, about))


def _facts(before: Surroundings, after: Surroundings) -> list[tuple[str, str, str]]:
    plain = [(label, getattr(before, name), getattr(after, name)) for name, label in _PLAIN]
    digests = ("image digest", _short(before.image_digest), _short(after.image_digest))
    cards = ("cards", ", ".join(before.cards), ", ".join(after.cards))
    is_same_image = digests[1] and digests[1] == digests[2]  # whatever its name
    return [
        each for each in (*plain[:3], digests, *plain[3:], cards) if each[0] != "image" or not is_same_image
    ]


def _settings(before: Surroundings, after: Surroundings) -> list[Difference]:
    a, b = dict(before.settings), dict(after.settings)
    if not a or not b:  # of a server elsewhere nothing is known
        return []
    names = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
    return [
        Difference(
            name=name, before=a.get(name, "default") or "empty", after=b.get(name, "default") or "empty"
        )
        for name in names
    ]


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:DIGEST_LENGTH]


def _word(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(getattr(value, "value", value))
