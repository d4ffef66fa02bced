"""The words of the benchmark's window: what a plan asks for, how far it is, what the engine does."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from arcdesk.core.bench_presets import OWN_TITLE, OWN_WHY, PRESETS, PresetId
from arcdesk.core.bench_progress import BenchPhase, BenchProgress
from arcdesk.core.bench_size import PlanSize
from arcdesk.core.engine_state import EnginePhase, EngineSnapshot
from arcdesk.ui.bench_view import BenchState, BenchView, Pulse
from arcdesk.ui.phase_words import PHASE_LOOK, SEPARATOR, where
from arcdesk.ui.timeline import STEP_WORDS

FIELD_TITLES = {
    "concurrencies": "Requests at once",
    "input_tokens": "Prompt tokens",
    "output_tokens": "Answer tokens",
    "end": "Each step ends",
    "end_value": "Each step ends",
    "arrival": "Requests come",
    "rate": "Requests a second",
    "warm_up": "Warm-up requests",
    "dataset": "Prompts",
    "dataset_path": "File with prompts",
    "image_path": "Image",
    "api": "Sent as",
    "is_ignoring_eos": "Full length",
    "is_same_prompt": "Same prompt",
    "seed": "Seed",
    "ttft_limit": "First token within",
    "tpot_limit": "Each token within",
    "e2e_limit": "Whole answer within",
}


def tr(text: str) -> str:
    """In the person's language."""
    return QCoreApplication.translate("Bench", text)


def field_title(field: str) -> str:
    """How the field is called."""
    return tr(FIELD_TITLES[field])


def preset_titles() -> list[tuple[PresetId, str]]:
    """The list of presets, the own plan last."""
    return [*((each.id, tr(each.title)) for each in PRESETS), (PresetId.OWN, tr(OWN_TITLE))]


def preset_why(preset: PresetId) -> str:
    """What it is for."""
    return tr(next((each.why for each in PRESETS if each.id is preset), OWN_WHY))


def grouped(number: int) -> str:
    """'12 000'."""
    return f"{number:,}".replace(",", "\u202f")


def counted(number: int, one: str, many: str) -> str:
    """'1 step', '3 steps'."""
    return f"{grouped(number)} {tr(one) if number == 1 else tr(many)}"


def about_time(seconds: float) -> str:
    """'half a minute' would be too clever: '25 s', '4 min', '2 h 5 min'."""
    if seconds < 90:
        return f"{max(1, round(seconds))}\u202fs"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes}\u202fmin"
    return f"{minutes // 60}\u202fh {minutes % 60}\u202fmin"


def summary(size: PlanSize, estimate_s: float | None) -> str:
    """What will be done: '3 steps, 48 requests and 24 to warm up, about 50 000 tokens; about 4 min …'."""
    parts = [counted(size.steps, "step", "steps")]
    if size.requests is not None:
        parts.append(counted(size.requests, "request", "requests"))
    if size.warm_up:
        before = tr("{0} to warm up")
        if size.requests is not None:
            parts[-1] += tr(" and {0}").format(before.format(grouped(size.warm_up)))
        else:
            parts.append(before.format(counted(size.warm_up, "request", "requests")))
    if size.tokens is not None:
        parts.append(tr("about {0} tokens").format(grouped(_rounded(size.tokens))))
    text = ", ".join(parts)
    if estimate_s is None:
        return tr("{0}.").format(text)
    return tr("{0}; about {1} at what was measured last.").format(text, about_time(estimate_s))


def context_warning(input_tokens: int, output_tokens: int, context: int | None) -> str:
    """The prompt and its answer are longer than the model's context; '' they fit, or nobody knows."""
    if context is None or input_tokens + output_tokens <= context:
        return ""
    return tr("{0} tokens in and {1} out don't fit: this model's context holds {2}.").format(
        grouped(input_tokens), grouped(output_tokens), grouped(context)
    )


def start_label(engine: EngineSnapshot) -> str:
    """What the button does now."""
    return tr("Start") if engine.phase is EnginePhase.READY else tr("Start the engine and measure")


def engine_line(engine: EngineSnapshot) -> str:
    """What would be measured, or why nothing can be yet."""
    if engine.phase is EnginePhase.READY:
        return SEPARATOR.join(part for part in (tr("Ready"), engine.model or "", where(engine)) if part)
    label = tr(PHASE_LOOK[engine.phase].label)
    progress = engine.progress
    if progress is None:
        return SEPARATOR.join(part for part in (label, engine.model or "") if part)
    count = f" {grouped(progress.done)}/{grouped(progress.total)}" if progress.total and progress.done else ""
    return f"{label}{SEPARATOR}{tr(STEP_WORDS[progress.step])}{count}"


def why_not(view: BenchView) -> str:
    """Why Start can't be pressed; '' it can."""
    if not view.checked.refusals:
        return ""
    field, why = view.checked.refusals[0]
    return f"{field_title(field)}: {tr(why)}"


def progress_title(view: BenchView) -> str:
    """What it does now."""
    progress = view.progress
    if view.state is BenchState.WAITING:
        return tr("Waiting for the engine")
    if view.state is BenchState.ENDING:
        return tr("Keeping what was measured…")
    if view.state is BenchState.REPEATING:
        return tr("ArcDesk measures the suite once more")
    if progress is None or progress.phase is BenchPhase.PREPARING:
        return tr("Preparing the prompts…")
    doing = tr("warm-up") if progress.phase is BenchPhase.WARM_UP else tr("measuring")
    parts = [tr("{0} at once").format(grouped(progress.concurrency)), doing]
    if progress.steps > 1:
        parts.insert(0, tr("Step {0} of {1}").format(progress.step, progress.steps))
    return SEPARATOR.join(parts)


def progress_detail(view: BenchView) -> str:
    """How far it is."""
    if view.state is BenchState.WAITING:
        return engine_line(view.engine)
    if view.state is BenchState.REPEATING:
        return tr("The last one alone could not tell. It takes about a minute.")
    progress = view.progress
    if view.state is not BenchState.RUNNING or progress is None or progress.phase is BenchPhase.PREPARING:
        return ""
    return SEPARATOR.join((_done(progress), *_left(progress)))


def _done(progress: BenchProgress) -> str:
    of = tr(" of {0}").format(grouped(progress.total)) if progress.total is not None else ""
    done = tr("{0}{1} requests").format(grouped(progress.done), of)
    return tr("{0}, {1} failed").format(done, grouped(progress.failed)) if progress.failed else done


def _left(progress: BenchProgress) -> list[str]:
    if progress.seconds_left is None:
        return []
    left = about_time(progress.seconds_left)
    if progress.phase is BenchPhase.WARM_UP:
        return [tr("{0} left of the warm-up").format(left)]
    is_last = progress.step == progress.steps
    return [tr("{0} left").format(left) if is_last else tr("{0} left of this step").format(left)]


def pulse_text(pulse: Pulse) -> str:
    """How fast it goes just now; '' nobody knows."""
    parts = []
    if pulse.pieces_per_s is not None:
        parts.append(tr("{0} pieces/s").format(grouped(round(pulse.pieces_per_s))))
    if pulse.ttft_ms is not None:
        parts.append(tr("first token after {0} ms").format(grouped(round(pulse.ttft_ms))))
    return SEPARATOR.join(parts)


def _rounded(number: int) -> int:
    """To two digits that count: it is about so many."""
    step: int = 10 ** max(0, len(str(number)) - 2)
    return round(number / step) * step
