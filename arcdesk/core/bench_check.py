"""Reads a benchmark's form: a plan, or for each field that can't stand the reason in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from arcdesk.core.bench import Api, BenchPlan, Dataset

T = TypeVar("T")

MOST_AT_ONCE = 65_536
MOST_STEPS = 50
MOST_TOKENS = 1_000_000
MOST_REQUESTS = 1_000_000
MOST_SECONDS = 24 * 3600.0
RATE_SLOTS, RATE_WARM_UP = 1024, 2  # at random times with no limit given: as good as none


class End(Enum):
    """What ends a step."""

    FACTOR = "factor"  # 4 requests for each one at once, as the documents' script
    REQUESTS = "requests"
    SECONDS = "seconds"


class Arrival(Enum):
    """When a request is sent."""

    LOOP = "loop"  # when another has ended
    RANDOM = "random"  # at random times, so many a second


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchForm:
    """What stands in the fields, as it was typed."""

    concurrencies: str = "1"
    input_tokens: str = "1024"
    output_tokens: str = "512"
    end: End = End.FACTOR
    end_value: str = ""
    arrival: Arrival = Arrival.LOOP
    rate: str = ""
    warm_up: str = ""
    dataset: Dataset = Dataset.TEXT
    dataset_path: str = ""
    image_path: str = ""
    api: Api = Api.COMPLETIONS
    is_ignoring_eos: bool = True
    is_same_prompt: bool = False
    seed: str = "0"
    ttft_limit: str = ""
    tpot_limit: str = ""
    e2e_limit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a form: `plan`, or a reason for each field (by the name it has in BenchForm)."""

    plan: BenchPlan | None = None
    refusals: tuple[tuple[str, str], ...] = ()

    def why(self, field: str) -> str:
        """Why this field can't stand; '' it can."""
        return dict(self.refusals).get(field, "")


def form_of(plan: BenchPlan) -> BenchForm:
    """The form that gives this plan."""
    end, end_value = End.FACTOR, ""
    if plan.duration_s is not None:
        end, end_value = End.SECONDS, _plain(plan.duration_s)
    elif plan.requests is not None:
        end, end_value = End.REQUESTS, str(plan.requests)
    return BenchForm(
        concurrencies=", ".join(map(str, plan.concurrencies)),
        input_tokens=str(plan.input_tokens),
        output_tokens=str(plan.output_tokens),
        end=end,
        end_value=end_value,
        arrival=Arrival.LOOP if plan.rate_per_s is None else Arrival.RANDOM,
        rate=_plain(plan.rate_per_s),
        warm_up="" if plan.warm_up_requests is None else str(plan.warm_up_requests),
        dataset=plan.dataset,
        dataset_path=plan.dataset_path,
        image_path=plan.image_path,
        api=plan.api,
        is_ignoring_eos=plan.is_ignoring_eos,
        is_same_prompt=plan.is_same_prompt,
        seed=str(plan.seed),
        ttft_limit=_plain(plan.ttft_limit_ms),
        tpot_limit=_plain(plan.tpot_limit_ms),
        e2e_limit=_plain(plan.e2e_limit_ms),
    )


def check(form: BenchForm) -> Checked:
    """Read it. Files are not looked at: that takes a disk."""
    reader = _Reader(form)
    plan = reader.plan()
    if reader.refusals:
        return Checked(refusals=tuple(reader.refusals.items()))
    return Checked(plan=plan)


class _Reader:
    """Reads field after field and keeps why one can't stand; the plan is worth something without refusals."""

    def __init__(self, form: BenchForm) -> None:
        self._form = form
        self.refusals: dict[str, str] = {}

    def plan(self) -> BenchPlan:
        """Of all fields."""
        form = self._form
        is_random = form.arrival is Arrival.RANDOM
        is_unlimited = is_random and not form.concurrencies.strip()
        warm_up = self._count("warm_up", form.warm_up, least=0, most=MOST_REQUESTS, is_needed=False)
        if is_unlimited and warm_up is None:
            warm_up = RATE_WARM_UP  # twice as many as there are places would be a storm
        return BenchPlan(
            concurrencies=(RATE_SLOTS,) if is_unlimited else self._concurrencies(),
            input_tokens=self._input_tokens(),
            output_tokens=self._count("output_tokens", form.output_tokens, most=MOST_TOKENS) or 1,
            requests=self._requests(),
            duration_s=self._duration_s(),
            rate_per_s=self._positive("rate", form.rate, "a number above 0") if is_random else None,
            warm_up_requests=warm_up,
            api=self._api(),
            is_ignoring_eos=form.is_ignoring_eos,
            is_same_prompt=form.is_same_prompt,
            dataset=form.dataset,
            dataset_path=self._dataset_path(),
            image_path=form.image_path.strip(),
            seed=self._seed(),
            ttft_limit_ms=self._limit("ttft_limit", form.ttft_limit),
            tpot_limit_ms=self._limit("tpot_limit", form.tpot_limit),
            e2e_limit_ms=self._limit("e2e_limit", form.e2e_limit),
        )

    def _concurrencies(self) -> tuple[int, ...]:
        parts = self._form.concurrencies.replace(",", " ").replace(";", " ").split()
        if not parts:
            return self._refuse("concurrencies", "Write how many at once: 1, 4, 8.", (1,))
        numbers = []
        for part in parts:
            number = _whole(part)
            if number is None or number < 1:
                return self._refuse("concurrencies", f"'{part}' is no number of at least 1.", (1,))
            if number > MOST_AT_ONCE:
                return self._refuse("concurrencies", f"At most {_grouped(MOST_AT_ONCE)} at once.", (1,))
            if number in numbers:
                return self._refuse("concurrencies", f"{number} stands there twice.", (1,))
            numbers.append(number)
        if len(numbers) > MOST_STEPS:
            return self._refuse("concurrencies", f"At most {MOST_STEPS} steps.", (1,))
        return tuple(numbers)

    def _input_tokens(self) -> int:
        if self._form.dataset is not Dataset.TEXT:  # the prompts are as long as they are
            return _whole(self._form.input_tokens) or BenchPlan().input_tokens
        return self._count("input_tokens", self._form.input_tokens, most=MOST_TOKENS) or 1

    def _requests(self) -> int | None:
        form = self._form
        if form.end is End.REQUESTS:
            return self._count("end_value", form.end_value, most=MOST_REQUESTS)
        if form.end is End.FACTOR and form.arrival is Arrival.RANDOM:
            return self._refuse("end", "Random times need an end: so many requests, or seconds.", None)
        return None

    def _duration_s(self) -> float | None:
        if self._form.end is not End.SECONDS:
            return None
        seconds = self._positive("end_value", self._form.end_value, "a number of seconds above 0")
        if seconds is not None and seconds > MOST_SECONDS:
            return self._refuse("end_value", "A step may take a day at most.", None)
        return seconds

    def _api(self) -> Api:
        form = self._form
        if form.image_path.strip() and form.api is Api.COMPLETIONS:
            return self._refuse("api", "An image can only go along in a chat.", Api.CHAT)
        return form.api

    def _dataset_path(self) -> str:
        form = self._form
        if form.dataset is Dataset.TEXT:
            return ""
        if not form.dataset_path.strip():
            return self._refuse("dataset_path", "Choose the file with the prompts.", "")
        return form.dataset_path.strip()

    def _seed(self) -> int:
        text = self._form.seed.strip() or "0"
        number = _whole(text.removeprefix("-"))
        if number is None or number > 2**63 - 1:
            return self._refuse("seed", f"'{text}' is no whole number.", 0)
        return -number if text.startswith("-") else number

    def _limit(self, field: str, text: str) -> float | None:
        return self._positive(field, text, "a number of ms above 0", is_needed=False)

    def _count(
        self, field: str, text: str, *, least: int = 1, most: int, is_needed: bool = True
    ) -> int | None:
        if not text.strip() and not is_needed:
            return None
        number = _whole(text)
        if number is None or number < least:
            said = f"'{text.strip()}' is no number" if text.strip() else "Write a number"
            return self._refuse(field, f"{said} of at least {least}.", None)
        if number > most:
            return self._refuse(field, f"At most {_grouped(most)}.", None)
        return number

    def _positive(self, field: str, text: str, what: str, *, is_needed: bool = True) -> float | None:
        words = text.strip()
        if not words and not is_needed:
            return None
        try:
            value = float("".join(words.split()).replace(",", "."))
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            return self._refuse(field, f"'{words}' is not {what}." if words else f"Write {what}.", None)
        return value

    def _refuse(self, field: str, why: str, instead: T) -> T:
        self.refusals.setdefault(field, why)
        return instead


def _whole(text: str) -> int | None:
    """A whole number, also one written in groups ('1 024'); None: it is none."""
    digits = "".join(text.split())
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 20 else None


def _plain(value: float | None) -> str:
    """'' for None; without '.0'."""
    return "" if value is None else f"{value:.12g}"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")
