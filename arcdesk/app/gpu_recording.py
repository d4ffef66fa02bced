"""Writes what is read of the cards into a file, for a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.gpu import ContainerFdinfo
from arcdesk.services.threads import in_thread

if TYPE_CHECKING:
    from arcdesk.telemetry.gpu_port import GpuHost


async def save_recording(
    path: Path,
    *,
    answers: Callable[[], tuple[ContainerFdinfo, ...]] = tuple,
    host: GpuHost | None = None,
) -> None:
    """Look twice, a second apart, and write it to `path`, over what is there. Raises ArcDeskError.

    `answers` gives what the containers said last; `host` is this computer unless given.
    """
    try:
        await in_thread("arcdesk-gpu-record", lambda: _write(path, answers, host))
    except OSError as error:
        raise ArcDeskError(
            Problem(
                cause="gpu_recording",
                title="The recording could not be saved",
                detail=f"{path}: {error.strerror or error}.",
                hint="Choose another folder.",
            )
        ) from error


def _write(path: Path, answers: Callable[[], tuple[ContainerFdinfo, ...]], host: GpuHost | None) -> None:
    from arcdesk.telemetry.gpu_host import LiveHost
    from arcdesk.telemetry.gpu_record import record

    data = record(host or LiveHost(), containers=answers)
    path.write_text(json.dumps(data, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
