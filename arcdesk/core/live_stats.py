"""The live figures: each with its value, whose measure it is, how many observations carry it, or why not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from arcdesk.core.errors import Problem
from arcdesk.core.metrics_names import Generation
from arcdesk.core.points import Point

KEPT_S = 300.0  # five minutes, however often somebody looks
KEPT_ROWS = 1500
NOBODY_LOOKED = "Nobody has looked yet."


class Source(Enum):
    """Who measured a figure."""

    OURS = "ours"  # this program, on its own answers as they arrived
    SERVER = "server"  # the server, over all its requests


class LiveKey(Enum):
    """One figure: its name (with the unit) and whose it is. The name is that of CSV and export, too."""

    OUR_TOKENS_PER_S = "ours_tokens_per_s"  # now: the last two seconds
    OUR_TOKENS_PER_S_MINUTE = "ours_tokens_per_s_minute"  # over the seconds of it in which answers came
    OUR_PROMPT_TOKENS_PER_S = "ours_prompt_tokens_per_s"  # prompt tokens / TTFT of a minute's answers
    OUR_TTFT_P50_MS = "ours_ttft_p50_ms"  # of the answers that ended in the last minute
    OUR_TTFT_P95_MS = "ours_ttft_p95_ms"
    OUR_TTFT_P99_MS = "ours_ttft_p99_ms"
    OUR_ITL_P50_MS = "ours_itl_p50_ms"  # gaps between pieces of the last minute
    OUR_ITL_P95_MS = "ours_itl_p95_ms"
    OUR_ITL_P99_MS = "ours_itl_p99_ms"
    OUR_RUNNING = "ours_running"
    TOKENS_PER_S = "server_tokens_per_s"
    TOKENS_PER_S_MINUTE = "server_tokens_per_s_minute"
    PROMPT_TOKENS_PER_S = "server_prompt_tokens_per_s"  # over a minute
    TTFT_P50_MS = "server_ttft_p50_ms"
    TTFT_P95_MS = "server_ttft_p95_ms"
    TTFT_P99_MS = "server_ttft_p99_ms"
    ITL_P50_MS = "server_itl_p50_ms"
    ITL_P95_MS = "server_itl_p95_ms"
    ITL_P99_MS = "server_itl_p99_ms"
    RUNNING = "server_running"
    WAITING = "server_waiting"
    SWAPPED = "server_swapped"  # begun, then moved out of the card's memory
    KV_USE = "server_kv_use"  # 0..1
    PREFIX_HIT_RATE = "server_prefix_hit_rate"  # 0..1, of a minute's prompt tokens
    PREEMPTIONS = "server_preemptions"  # in the last minute

    @property
    def source(self) -> Source:
        """Who measured it."""
        return Source.OURS if self.value.startswith("ours") else Source.SERVER


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigure:
    """A value in the unit of its key, or None with the reason: never 0 for 'unknown'.

    `n` is how many observations carry it (None where that has no meaning), `metric` the server's own name.
    `is_at_least`: the server's top bucket is full, the truth lies above. `is_estimate`: counted in pieces,
    because no answer has told yet how many tokens a piece has. `note` says what else to know.
    """

    value: float | None = None
    n: int | None = None
    metric: str = ""
    is_at_least: bool = False
    is_estimate: bool = False
    note: str = ""
    reason: str = ""


UNSEEN = LiveFigure(reason=NOBODY_LOOKED)


class LiveRow(NamedTuple):
    """All figures of one look. `at` is monotonic seconds; values stand in the order of LiveKey."""

    at: float
    values: tuple[float | None, ...]
    lower_bounds: tuple[LiveKey, ...] = ()
    estimates: tuple[LiveKey, ...] = ()


_KEYS = tuple(LiveKey)
_INDEX = {key: index for index, key in enumerate(_KEYS)}
_GAP = (None,) * len(_KEYS)


class LiveHistory:
    """The last minutes of all figures, for plots and CSV. Belongs to the loop's thread."""

    def __init__(self, kept_rows: int = KEPT_ROWS) -> None:
        self._rows: deque[LiveRow] = deque(maxlen=kept_rows)

    @property
    def rows(self) -> Sequence[LiveRow]:
        """The oldest first; the ring itself: don't keep it."""
        return self._rows

    def points(self, key: LiveKey) -> list[Point]:
        """One line of a plot, the oldest first; None is a gap."""
        index = _INDEX[key]
        return [Point(row.at, row.values[index]) for row in self._rows]

    def add(self, at: float, figures: Mapping[LiveKey, LiveFigure]) -> None:
        """Take one look; one that is not newer than the last is left out."""
        while self._rows and at - self._rows[0].at > KEPT_S:
            self._rows.popleft()
        if not self._rows or at > self._rows[-1].at:
            self._rows.append(_row(at, [figures.get(key, UNSEEN) for key in _KEYS]))

    def break_off(self, at: float) -> None:
        """Nobody looks from now on: lines are not to be drawn across the pause."""
        if self._rows and self._rows[-1].values != _GAP:
            self._rows.append(LiveRow(max(at, self._rows[-1].at), _GAP))


def _row(at: float, figures: Sequence[LiveFigure]) -> LiveRow:
    bounds = tuple(key for key, figure in zip(_KEYS, figures, strict=True) if figure.is_at_least)
    estimates = tuple(key for key, figure in zip(_KEYS, figures, strict=True) if figure.is_estimate)
    return LiveRow(at, tuple(figure.value for figure in figures), bounds, estimates)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveView:
    """All that is shown of the figures at one moment. `at` is monotonic seconds; 0 before the first look.

    `problem` says why the server's own figures are missing (None: they are there, or no engine runs).
    `restarts` counts how often the server was seen to begin anew since somebody watches.
    """

    at: float = 0.0
    figures: Mapping[LiveKey, LiveFigure] = field(default_factory=dict)
    history: LiveHistory = field(default_factory=LiveHistory)
    generation: Generation = Generation.UNKNOWN
    problem: Problem | None = None
    restarts: int = 0

    def __getitem__(self, key: LiveKey) -> LiveFigure:
        return self.figures.get(key, UNSEEN)


LiveWatcher = Callable[[LiveView], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OurView:
    """Our own answers alone: told while one streams, and once when the last has ended.

    `at` is monotonic seconds; 0 before the first answer. `last_tokens_per_s` is the decode rate of the last
    answer that had one, on the engine that is in use. `points` are the rates of the last tellings. `ended_at`
    is Unix seconds, as it is shown as a time of day: when the last answer with text ended; None before.
    """

    at: float = 0.0
    figures: Mapping[LiveKey, LiveFigure] = field(default_factory=dict)
    is_streaming: bool = False
    last_tokens_per_s: float | None = None
    points: tuple[Point, ...] = ()
    ended_at: float | None = None

    def __getitem__(self, key: LiveKey) -> LiveFigure:
        return self.figures.get(key, UNSEEN)


OurWatcher = Callable[[OurView], None]


def unknown(keys: Iterable[LiveKey], reason: str) -> dict[LiveKey, LiveFigure]:
    """All these figures unknown, for one reason."""
    return dict.fromkeys(keys, LiveFigure(reason=reason))


def keys_of(source: Source) -> tuple[LiveKey, ...]:
    """The figures of one source."""
    return tuple(key for key in _KEYS if key.source is source)
