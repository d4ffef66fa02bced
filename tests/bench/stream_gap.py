"""Measures how long streaming keeps the event loop from its work: Transcript beside a bare text field."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import cycle

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget

from arcdesk.core.chat import AnswerStats, Message, Role
from arcdesk.ui.transcript import FRAME_MS, Transcript

TOKENS = 20_000
TOKENS_PER_S = 2_000
HEARTBEAT_MS = 5

_SECTIONS = (
    "## Part {n}: what the card does\n\n",
    "A graphics card works on *many* numbers at once. Its memory holds the **weights** of the model, and "
    "`decode` reads all of them once for each token, so that the speed follows the bandwidth.\n\n",
    "- the weights are read\n- the cache grows\n  - by one row for each token\n- a token comes out\n\n",
    "```python\ndef part_{n}(cards: list[int]) -> int:\n    total = 0\n    for card in cards:\n"
    "        total += card * {n}  # one after the other\n\n    return total\n```\n\n",
    "| card | memory | speed |\n|---|---:|---:|\n| A380 | 6 GiB | 21.{n} |\n| B580 | 12 GiB | 84.{n} |\n\n",
    "1. Measure first\n2. Change **one** thing\n3. Measure again, and write it down\n\n",
    "> The first token waits for the whole prompt; the others wait for the memory alone.\n\n",
)


def tokens() -> Iterator[str]:
    """Pieces of about five characters, as a tokenizer would cut them, without an end."""
    for number, section in enumerate(cycle(_SECTIONS)):
        text = section.replace("{n}", str(number))
        start = 0
        while start < len(text):
            step = 4 + (start * 7 + number) % 4
            yield text[start : start + step]
            start += step


class _Heart:
    """Beats each 5 ms and keeps the gaps between beats, in ms."""

    def __init__(self) -> None:
        self.gaps_ms: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(HEARTBEAT_MS)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps_ms.append((now - self._last) * 1000)
        self._last = now

    def stop(self) -> None:
        """Beat no more."""
        self._timer.stop()


def _stream(feed: Callable[[str], None], finish: Callable[[str], None], count: int) -> dict[str, float]:
    """Feed `count` tokens at the rate; returns the longest and the 99th percentile gap and the CPU share."""
    loop, heart, source = QEventLoop(), _Heart(), tokens()
    sent: list[str] = []
    began, cpu = time.perf_counter(), time.process_time()

    def pump() -> None:
        due = min(count, int((time.perf_counter() - began) * TOKENS_PER_S))
        while len(sent) < due:
            sent.append(next(source))
            feed(sent[-1])
        if len(sent) == count:
            timer.stop()
            finish("".join(sent))
            QTimer.singleShot(100, loop.quit)

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(pump)
    timer.start(HEARTBEAT_MS)
    loop.exec()
    heart.stop()
    gaps = sorted(heart.gaps_ms)
    share = (time.process_time() - cpu) / (time.perf_counter() - began)
    return {
        "longest_gap_ms": round(gaps[-1], 2),
        "p99_gap_ms": round(gaps[int(len(gaps) * 0.99)], 2),
        "cpu_percent": round(100 * share, 1),
    }


class _PlainField:
    """The yardstick: raw text into a QPlainTextEdit, flushed in the same frames."""

    def __init__(self) -> None:
        self.widget = QPlainTextEdit()
        self._pending: list[str] = []
        self._timer = QTimer(self.widget)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._flush)

    def feed(self, text: str) -> None:
        """Buffer, and flush within a frame."""
        self._pending.append(text)
        if not self._timer.isActive():
            self._timer.start(FRAME_MS)

    def _flush(self) -> None:
        cursor = QTextCursor(self.widget.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText("".join(self._pending))
        self._pending.clear()
        self.widget.verticalScrollBar().setValue(self.widget.verticalScrollBar().maximum())


def _show(widget: QWidget) -> None:
    widget.resize(900, 900)
    widget.show()
    for _ in range(5):
        QApplication.processEvents()


def _run_plain(count: int) -> dict[str, float]:
    field = _PlainField()
    _show(field.widget)
    try:
        return _stream(field.feed, lambda _: None, count)
    finally:
        field.widget.close()
        field.widget.deleteLater()


def _run_transcript(count: int) -> dict[str, float]:
    transcript = Transcript()
    _show(transcript)
    transcript.show_messages([Message(id=1, role=Role.USER, text="Tell me all about cards.")])
    transcript.begin_answer(2)

    def finish(text: str) -> None:
        stats = AnswerStats(completion_tokens=count)
        transcript.finish_answer(Message(id=2, role=Role.ASSISTANT, text=text, stats=stats))

    try:
        return _stream(lambda text: transcript.feed(2, text), finish, count)
    finally:
        transcript.close()
        transcript.deleteLater()


def run(count: int = TOKENS, rounds: int = 3) -> dict[str, object]:
    """Both in one process, by turns: `longest_gap_ms` of each, their `ratio`, `n` tokens.

    A stall of ours comes in every round, one of a busy machine does not: of the rounds, the best counts.
    """
    app = QApplication.instance() or QApplication([])
    warm_up = min(count, 600)
    _run_plain(warm_up)
    _run_transcript(warm_up)
    turns = [(_run_plain(count), _run_transcript(count)) for _ in range(rounds)]
    plain, transcript = (_best([turn[who] for turn in turns]) for who in (0, 1))
    del app
    return {
        "n": count,
        "rounds": rounds,
        "tokens_per_s": TOKENS_PER_S,
        "plain": plain,
        "transcript": transcript,
        "longest_gap_ms": {"plain": plain["longest_gap_ms"], "transcript": transcript["longest_gap_ms"]},
        "ratio": round(transcript["longest_gap_ms"] / plain["longest_gap_ms"], 2),
    }


def _best(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: min(one[name] for one in rounds) for name in rounds[0]}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
