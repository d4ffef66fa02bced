"""Why a model on the disk could not be removed, moved or checked, in a person's words."""

from __future__ import annotations

import errno

from arcdesk.core.errors import Action, ActionKind, ArcDeskError, NotFoundError, Problem

OWN_CACHE = Action(kind=ActionKind.OWN_CACHE, label="Take ownership")


class ModelError(ArcDeskError):
    """A model's files could not be handled as asked."""


def gone(name: str) -> NotFoundError:
    """The files are not there any more."""
    return NotFoundError(
        Problem(
            cause="model_gone",
            title=f"{name} is no longer there",
            detail="Its files were moved or removed meanwhile.",
            hint="Look at the list again.",
        )
    )


def in_use(name: str) -> ModelError:
    """The engine reads these files just now."""
    return ModelError(
        Problem(
            cause="model_in_use",
            title=f"{name} is in use",
            detail="The engine is running with it.",
            hint="Stop the engine, or start it with another model first.",
        )
    )


def outside(name: str, path: str) -> ModelError:
    """The path is not in a folder that ArcDesk may change."""
    return ModelError(
        Problem(
            cause="model_outside",
            title=f"{name} lies outside your model folders",
            detail=f"{path} is not in the model cache, nor in a folder of the settings.",
            hint="Delete or move it in your file manager.",
            evidence=path,
        )
    )


def is_link(name: str, path: str) -> ModelError:
    """What would be removed is only a link."""
    return ModelError(
        Problem(
            cause="model_link",
            title=f"{name} is a link to files elsewhere",
            detail=f"{path} leads out of your model folders, and ArcDesk removes nothing through a link.",
            hint="Delete or move the files where they are.",
            evidence=path,
        )
    )


def not_removable(name: str) -> ModelError:
    """The starter model, or one that is only on a server."""
    return ModelError(
        Problem(
            cause="model_not_yours_to_remove",
            title=f"{name} can't be removed",
            detail="It came with ArcDesk, or is only on a server.",
            hint="Choose a model of the cache or of your folders.",
        )
    )


def refused(what: str, path: str, error: OSError) -> ModelError:
    """The system did not let us. `what`: 'remove', 'move', 'read'."""
    reason = (error.strerror or str(error)).rstrip(".")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_room(path, None, None)
    if error.errno == errno.EFBIG:
        return _too_large(path)
    if error.errno in (errno.EACCES, errno.EPERM):
        return ModelError(
            Problem(
                cause="model_not_yours",
                title=f"You may not {what} these files",
                detail=f"{path}: {reason}. Often a container downloaded them as root.",
                hint="Let ArcDesk take ownership of the cache, then try again.",
                evidence=str(error),
                actions=(OWN_CACHE,),
            )
        )
    return ModelError(
        Problem(
            cause="model_disk",
            title=f"ArcDesk couldn't {what} the files",
            detail=f"{path}: {reason}.",
            hint="Look at the disk, then try again.",
            evidence=str(error),
        )
    )


def _too_large(path: str) -> ModelError:
    return ModelError(
        Problem(
            cause="model_too_large",
            title="This disk can't hold files that large",
            detail=f"{path} could not be written: sticks with FAT, for one, end at 4\u202fGB.",
            hint="Choose another disk. The model is where it was.",
            evidence=path,
        )
    )


def no_room(folder: str, needed_bytes: int | None, free_bytes: int | None) -> ModelError:
    """The target disk is too small, or became full."""
    figures = (
        f"{_size(needed_bytes)} are needed at {folder}, {_size(free_bytes)} are free."
        if needed_bytes is not None and free_bytes is not None
        else f"{folder} takes no more."
    )
    return ModelError(
        Problem(
            cause="disk_full",
            title="There is not enough space",
            detail=figures,
            hint="Free some space, or choose another disk. The model is where it was.",
            evidence=folder,
        )
    )


def is_taken(path: str) -> ModelError:
    """Something of that name is there already."""
    return ModelError(
        Problem(
            cause="model_exists",
            title="A model of this name is there already",
            detail=path,
            hint="Remove that one first, or choose another folder.",
            evidence=path,
        )
    )


def bad_copy(path: str) -> ModelError:
    """What was written is not what was read."""
    return ModelError(
        Problem(
            cause="model_bad_copy",
            title="The copy differs from the model",
            detail=f"{path} could not be read back as it was written. The model is where it was.",
            hint="The target disk may be failing: choose another one.",
            evidence=path,
        )
    )


def changed(name: str) -> ModelError:
    """Something wrote to the model while it was handled."""
    return ModelError(
        Problem(
            cause="model_changed",
            title=f"{name} changed meanwhile",
            detail="Another program writes to its files, perhaps a download. Nothing was moved.",
            hint="Wait until that has ended, then try again.",
        )
    )


def left_behind(source: str, target: str, error: OSError) -> ModelError:
    """The copy is made, but the old place could not be emptied."""
    reason = (error.strerror or str(error)).rstrip(".")
    return ModelError(
        Problem(
            cause="model_left_behind",
            title="The model was copied, but its old place couldn't be emptied",
            detail=f"{source}: {reason}. The new place is {target}.",
            hint="Delete the old files yourself, or let ArcDesk take ownership and remove them.",
            evidence=str(error),
            actions=(OWN_CACHE,),
        )
    )


def stopped() -> ModelError:
    """The person stopped it."""
    return ModelError(Problem(cause="stopped", title="Stopped", detail="Everything is as it was."))


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f}\u202fGB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f}\u202fMB"
