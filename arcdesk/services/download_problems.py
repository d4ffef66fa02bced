"""Why a download can't be, in words for people."""

from __future__ import annotations

from arcdesk.core.errors import Action, ActionKind, ArcDeskError, Problem, mistake_of_ours

GIB = 1024**3


class DownloadsBusy(ArcDeskError):
    """This download is on its way already."""

    exit_code = 2


class NoDownload(ArcDeskError):
    """There is no such download."""

    exit_code = 5


def busy(repo_id: str) -> DownloadsBusy:
    """It was started twice."""
    return DownloadsBusy(
        Problem(
            cause="download_busy",
            title=f"{repo_id} is on its way already",
            detail="It is in the list of downloads.",
            hint="Wait for it, or pause or cancel it there.",
        )
    )


def not_there(repo_id: str) -> NoDownload:
    """Nobody downloads it."""
    return NoDownload(
        Problem(
            cause="download_unknown",
            title=f"Nothing downloads {repo_id}",
            detail="It has ended, or was never started.",
            hint="Start it anew.",
        )
    )


def no_room(repo_id: str, needed_bytes: int, free_bytes: int, spare_bytes: int) -> Problem:
    """Told before the first byte."""
    spare = f" and should keep {gib(spare_bytes)} free" if spare_bytes else ""
    return Problem(
        cause="disk_full",
        title=f"{repo_id} does not fit on the disk",
        detail=f"It needs {gib(needed_bytes)} more{spare}, but only {gib(free_bytes)} are free.",
        hint="Delete a model that you don't need, or choose a smaller one. The cache can also be moved to "
        "another disk in the settings.",
        actions=(
            Action(kind=ActionKind.OPEN_MODELS, label="Show models"),
            Action(kind=ActionKind.RETRY, label="Try again"),
        ),
    )


def nothing_to_load(repo_id: str, file: str) -> Problem:
    """No weights in a form that an engine reads, or not the wanted file."""
    if file:
        return Problem(
            cause="hub_no_file",
            title=f"{repo_id} has no file {file}",
            detail="It may have been renamed.",
            hint="Look at the list of files on the model's page.",
        )
    return Problem(
        cause="hub_no_weights",
        title=f"{repo_id} holds no weights that can be loaded",
        detail="There are no safetensors, GGUF or PyTorch files in it.",
        hint="Choose another model, for example one of the start list.",
    )


def unexpected(error: Exception) -> Problem:
    """A mistake of ours."""
    return mistake_of_ours(
        error,
        cause="unexpected",
        what="The download",
        kept="What has come is kept.",
        again="Try again",
        actions=(Action(kind=ActionKind.RETRY, label="Try again"),),
    )


def gib(size_bytes: int) -> str:
    """A size as people read it: '1.5 GiB', '12 MiB'."""
    if size_bytes >= GIB:
        return f"{size_bytes / GIB:.1f} GiB"
    return f"{size_bytes / 1024**2:.0f} MiB" if size_bytes >= 1024**2 else f"{size_bytes / 1024:.0f} KiB"
