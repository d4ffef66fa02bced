"""Reads from the conversations how fast each model answered on this machine."""

from __future__ import annotations

import sqlite3
import statistics
from contextlib import closing
from pathlib import Path

from arcdesk.core.chat import AnswerStats
from arcdesk.core.models import SpeedSeen
from arcdesk.storage.history_codec import stats_from_json
from arcdesk.storage.history_db import FILE_NAME
from arcdesk.storage.paths import data_dir

ANSWERS = 50  # the last ones of each model
ROWS_LIMIT = 5_000
PATIENCE_S = 2.0
_STATS = "SELECT stats FROM messages WHERE stats IS NOT NULL ORDER BY id DESC LIMIT ?"


def speeds_seen(path: Path | None = None) -> dict[str, SpeedSeen]:
    """By the name that requests used: medians of the last answers with a known rate. Blocks shortly.

    Nothing where there are no conversations, or their file can't be read now. Never raises.
    """
    file = path or data_dir() / FILE_NAME
    if not file.is_file():
        return {}
    try:
        address = f"{file.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_S)) as connection:
            return _medians(connection.execute(_STATS, (ROWS_LIMIT,)))
    except sqlite3.Error:
        return {}


def _medians(rows: sqlite3.Cursor) -> dict[str, SpeedSeen]:
    by_model: dict[str, list[AnswerStats]] = {}
    for (text,) in rows:
        stats = stats_from_json(text if isinstance(text, str) else None)
        if stats is None or not stats.model or not stats.decode_tokens_per_s:
            continue
        answers = by_model.setdefault(stats.model, [])
        if len(answers) < ANSWERS:
            answers.append(stats)
    return {model: _speed(answers) for model, answers in by_model.items()}


def _speed(answers: list[AnswerStats]) -> SpeedSeen:
    first_ms = [stats.ttft_ms for stats in answers if stats.ttft_ms is not None]
    rates = [stats.decode_tokens_per_s for stats in answers if stats.decode_tokens_per_s is not None]
    return SpeedSeen(
        n=len(answers),
        decode_tokens_per_s=statistics.median(rates),
        ttft_ms=statistics.median(first_ms) if first_ms else None,
        engine=answers[0].engine or "",
    )
