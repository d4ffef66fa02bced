"""Remembers unfinished downloads over a quit: a small JSON file that only the person can read."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from arcdesk.core.downloads import DownloadRecord
from arcdesk.storage.paths import PRIVATE_FILE_MODE, disk_errors, ensure_dir, state_dir

log = logging.getLogger(__name__)

FILE_NAME = "downloads.json"
VERSION = 1
MAX_BYTES = 1024 * 1024


class DownloadState:
    """A DownloadMemory. The file is small: it may be read and written on the loop.

    It is not forced to the disk, which would hold up the window while a download keeps the disk busy: after a
    power cut the list may be that of a moment before.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path or state_dir() / FILE_NAME

    def load(self) -> tuple[DownloadRecord, ...]:
        """What it holds; what can't be read is nothing, since the parts on the disk are found anyway."""
        try:
            with self.path.open("rb") as file:
                data: Any = json.loads(file.read(MAX_BYTES))
            if data["version"] != VERSION:
                return ()
            return tuple(_record(one) for one in data["downloads"])
        except FileNotFoundError:
            return ()
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            OverflowError,
        ) as error:
            log.warning("the unfinished downloads of last time can't be read: %s", error)
            return ()

    def save(self, records: tuple[DownloadRecord, ...]) -> None:
        """Replace it in one step. Raises ArcDeskError."""
        path = self.path
        if not records and not path.exists():
            return
        ensure_dir(path.parent)
        data = {"version": VERSION, "downloads": [asdict(record) for record in records]}
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        with disk_errors(path):
            beside.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(beside, flags, PRIVATE_FILE_MODE), "w", encoding="utf-8") as out:
                out.write(json.dumps(data, indent=1))
            beside.replace(path)


def _record(data: dict[str, Any]) -> DownloadRecord:
    total = data["total_bytes"]
    return DownloadRecord(
        repo=str(data["repo"]),
        revision=str(data["revision"]),
        commit=str(data["commit"]),
        file=str(data["file"]),
        done_bytes=int(data["done_bytes"]),
        total_bytes=None if total is None else int(total),
        partials=tuple(str(name) for name in data["partials"]),
    )
