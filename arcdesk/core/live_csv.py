"""The history of the live figures as CSV: a line for each look, an empty cell for what is unknown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

from arcdesk.core.live_stats import LiveKey, LiveRow

TIME_COLUMN = "time_utc"
MARK_COLUMNS = ("lower_bounds", "estimates")


def live_csv(rows: Iterable[LiveRow], wall_minus_monotonic_s: float) -> str:
    """Header and rows, lines ended by CR LF as RFC 4180 has it.

    `wall_minus_monotonic_s` is `time.time() - time.monotonic()`: it dates the rows. The last two columns name
    the figures of a row that are at least what is told, and those that are estimates.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([TIME_COLUMN, *(key.value for key in LiveKey), *MARK_COLUMNS])
    for row in rows:
        if all(value is None for value in row.values):
            continue  # nobody looked
        at = datetime.fromtimestamp(row.at + wall_minus_monotonic_s, UTC)
        marks = (" ".join(key.value for key in keys) for keys in (row.lower_bounds, row.estimates))
        writer.writerow([at.isoformat(timespec="milliseconds"), *map(_cell, row.values), *marks])
    return text.getvalue()


def _cell(value: float | None) -> str:
    """Six digits that count; no exponent, which some spreadsheets take for a text."""
    if value is None:
        return ""
    if value == int(value):
        return str(int(value))
    return f"{value:.6f}".rstrip("0").rstrip(".") if abs(value) < 1e6 else f"{value:.1f}"
