"""The words of the transcript: live lines, labels, and what a screen reader hears."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from arcdesk.core.chat import AnswerStats, Message, MessageState
from arcdesk.core.image import Image

UNKNOWN = "–"
THIN = "\u2009"  # between a figure and its unit


def tr(text: str) -> str:
    """The text in the person's language."""
    return QCoreApplication.translate("Transcript", text)


def question_words(message: Message) -> str:
    """A question as it is shown: its text, then a line for each image that went along."""
    lines = [message.text.strip("\n"), *map(_image_words, message.images)]
    return "\n".join(line for line in lines if line)


def _image_words(image: Image) -> str:
    return tr("[image {size}]").format(size=image.size_words).replace(" ]", "]")


def xray_hint() -> str:
    """What the X-ray behind the live line is for."""
    return tr("Where the time went")


def live_line(message: Message) -> str:
    """What is known of an answer in one line; '' if nothing was measured and nothing happened."""
    if message.state is MessageState.FAILED and not message.text:
        return ""  # what is said is the problem
    parts = [tr("Stopped")] if message.state is MessageState.STOPPED else []
    if message.state is MessageState.FAILED and message.text:
        parts.append(tr("Cut off"))
    if message.stats is not None:
        parts += _figures(message.stats)
    return " · ".join(parts)


def unknown_reason(stats: AnswerStats | None) -> str:
    """Why a figure of the live line is '–'; '' if all are known."""
    if stats is None:
        return ""
    known = (stats.ttft_ms, stats.decode_tokens_per_s, stats.completion_tokens, stats.device)
    if all(figure is not None for figure in known):
        return ""
    return stats.reason_unknown or tr("The server did not report it.")


def _figures(stats: AnswerStats) -> list[str]:
    rate = UNKNOWN if stats.decode_tokens_per_s is None else f"{stats.decode_tokens_per_s:.1f}"
    tokens = UNKNOWN if stats.completion_tokens is None else str(stats.completion_tokens)
    device = tr("device") + f" {UNKNOWN}" if stats.device is None else stats.device
    figures = [f"TTFT {_duration(stats.ttft_ms)}", f"{rate}{THIN}tok/s", f"{tokens}{THIN}tok", device]
    return figures if stats.energy_j is None else [*figures, _energy(stats.energy_j, stats.completion_tokens)]


def _energy(joules: float, tokens: int | None) -> str:
    """'31 J (0.24 J/tok)': what the card used while the answer was made."""
    text = f"{joules:.0f}{THIN}J" if joules >= 9.95 else f"{joules:.1f}{THIN}J"
    return f"{text} ({joules / tokens:.2g}{THIN}J/tok)" if tokens else text


def _duration(ms: float | None) -> str:
    if ms is None:
        return UNKNOWN
    return f"{ms:.0f}{THIN}ms" if ms < 10_000 else f"{ms / 1000:.1f}{THIN}s"
