"""Keeps what a comparison has found so far, as one value."""

from __future__ import annotations

import random
from dataclasses import replace

from arcdesk.core.ab_plan import AbConfiguration, AbPlan, rows_of
from arcdesk.core.ab_report import AbAnswer, AbSide, AbTest
from arcdesk.core.bench_ports import CardUse
from arcdesk.core.errors import Problem

SIDE_WORDS = {"a": "A", "b": "B"}


class AbBook:
    """Holds one AbTest and replaces it with each news."""

    def __init__(self, plan: AbPlan) -> None:
        self.test = AbTest(
            prompts=plan.prompts,
            a=_empty(plan.a, len(plan.prompts)),
            b=_empty(plan.b, len(plan.prompts)),
            seed=random.randrange(2**31),  # noqa: S311 - a lot, no secret
            notes=(
                f"A was asked first. Temperature {plan.temperature:g}, at most {plan.max_tokens} tokens an "
                "answer, one question at a time after a short one that does not count.",
            ),
        )

    def started(self, side: str, start_s: float | None, was_running: bool) -> None:
        """It answers; `start_s` None if nobody saw its whole start."""
        self._change(side, start_s=start_s, was_running=was_running)

    def answered(self, side: str, number: int, answer: AbAnswer) -> None:
        """One answer, whole or not."""
        answers = list(self._side(side).answers)
        answers[number] = answer
        self._change(side, answers=tuple(answers))

    def used(self, side: str, use: CardUse) -> None:
        """What the cards did meanwhile."""
        self._change(side, vram_peak_bytes=use.vram_peak_bytes, energy_j=use.energy_j, notes=use.notes)

    def note_end(self, problem: Problem | None, side: str, is_cancelled: bool) -> None:
        """Why it did not come to its end."""
        if is_cancelled:
            self._note("It was cancelled before its end.")
        elif problem is not None:
            why = " ".join(part for part in (problem.title.rstrip(".") + ".", problem.detail) if part)
            self._note(f"It ended early at {SIDE_WORDS[side]}: {why}")

    def _note(self, text: str) -> None:
        self.test = replace(self.test, notes=(*self.test.notes, text))

    def _side(self, side: str) -> AbSide:
        return self.test.a if side == "a" else self.test.b

    def _change(self, side: str, **changes: object) -> None:
        changed = replace(self._side(side), **changes)  # type: ignore[arg-type]
        self.test = replace(self.test, a=changed) if side == "a" else replace(self.test, b=changed)


def _empty(side: AbConfiguration, prompts: int) -> AbSide:
    return AbSide(name=side.name, configuration=rows_of(side.settings, side.kind), answers=(None,) * prompts)
