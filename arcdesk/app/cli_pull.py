"""`arcdesk models pull`: one download from the hub, with its progress on standard error."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time

from arcdesk.app.hub_parts import make_downloads
from arcdesk.app.models_text import short_path, size_text
from arcdesk.app.parts import Parts
from arcdesk.core.errors import ArcDeskError, NotFoundError, Problem
from arcdesk.core.hub import Download, DownloadPhase
from arcdesk.core.models import ModelEntry
from arcdesk.core.settings import Settings
from arcdesk.storage.model_disk import ModelDisk
from arcdesk.storage.secrets import SecretStore

LINE_EVERY_S = 5.0
STALL_TOLD_S = 15.0
EXIT_INTERRUPTED = 130
NOT_THERE = ("hub_not_found", "hub_no_model", "hub_no_file", "hub_no_revision")
BUSY = (DownloadPhase.WAITING, DownloadPhase.CHECKING, DownloadPhase.RUNNING, DownloadPhase.VERIFYING)


class ProgressLine:
    """One line that is redrawn on a terminal; elsewhere a line every five seconds."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._is_terminal = sys.stderr.isatty()
        self._told_at_s = -LINE_EVERY_S
        self._last = ""

    def show(self, download: Download) -> None:
        """Say how far it is, if it is time."""
        now_s = time.monotonic()
        text = progress_text(download)
        is_due = self._is_terminal or now_s - self._told_at_s >= LINE_EVERY_S
        if self._is_quiet or text == self._last or not is_due:
            return
        self._told_at_s, self._last = now_s, text
        sys.stderr.write(f"\r\033[K{text}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line, so that messages begin below it."""
        if self._is_terminal and self._last:
            sys.stderr.write("\n")
            sys.stderr.flush()


def progress_text(download: Download) -> str:
    """How far one download is, in a line."""
    if download.phase in (DownloadPhase.WAITING, DownloadPhase.CHECKING):
        return f"{download.repo}: asking the hub …"
    if download.phase is DownloadPhase.VERIFYING:
        return f"{download.repo}: checking the files …"
    total = download.total_bytes
    share = f"{100 * download.done_bytes // total:3d} %  " if total else ""
    parts = [f"{share}{size_text(download.done_bytes)} of {size_text(total)}"]
    if download.stalled_s >= STALL_TOLD_S:
        parts.append(f"nothing has come for {download.stalled_s:.0f} s")
    elif download.bytes_per_s:
        parts.append(f"{size_text(int(download.bytes_per_s))}/s")
        if download.seconds_left is not None:
            parts.append(f"{duration_text(download.seconds_left)} left")
    return f"{download.repo}: {', '.join(parts)}"


def duration_text(seconds: float) -> str:
    """'40 s', '12 min', '2 h 5 min'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


async def pull(options: argparse.Namespace, settings: Settings, parts: Parts, disk: ModelDisk) -> int:
    """Download one model; returns the exit code. Raises ArcDeskError with the reason of a failure."""
    secrets = parts.secrets if isinstance(parts.secrets, SecretStore) else SecretStore()
    line, ended = ProgressLine(is_quiet=options.quiet), asyncio.Event()
    last = Download(repo=options.id)

    def heard(downloads: tuple[Download, ...]) -> None:
        nonlocal last
        for download in downloads:
            if download.repo == options.id:
                last = download
                line.show(download)
                if has_begun and download.phase not in BUSY:
                    ended.set()

    has_begun = False
    async with contextlib.aclosing(make_downloads(settings, secrets, parts.ledger)) as downloads:
        stop_listening = downloads.listen(heard)
        try:
            await downloads.start(options.id, revision=options.revision, file=options.file)
            has_begun = True
            heard(downloads.list())
            await ended.wait()
        except asyncio.CancelledError:
            await downloads.pause(options.id)
            line.end()
            print(  # noqa: T201
                f"Paused at {size_text(last.done_bytes)}. Go on with: arcdesk models pull {options.id}",
                file=sys.stderr,
            )
            return EXIT_INTERRUPTED
        finally:
            stop_listening()
    line.end()
    if last.phase is not DownloadPhase.DONE:
        raise _failure(last)
    return await _done(options, last, disk)


def _failure(download: Download) -> ArcDeskError:
    problem = download.problem or Problem(
        cause="download_ended", title=f"The download of {download.repo} was {download.phase.value}"
    )
    return NotFoundError(problem) if problem.cause in NOT_THERE else ArcDeskError(problem)


async def _done(options: argparse.Namespace, download: Download, disk: ModelDisk) -> int:
    entry = next((one for one in await disk.entries() if one.id == download.repo), None)
    path = _path(entry)
    if options.json:
        result = {
            "id": download.repo,
            "path": path or None,
            "revision": entry.revision if entry is not None else None,
            "bytes": download.total_bytes if download.total_bytes is not None else download.done_bytes,
        }
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{download.repo}: {size_text(download.done_bytes)} in {short_path(path)}\n")
    return 0


def _path(entry: ModelEntry | None) -> str:
    return (entry.snapshot or entry.path) if entry is not None else ""
