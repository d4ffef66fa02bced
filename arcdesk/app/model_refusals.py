"""Why a model can't be used as it is, and what to do then."""

from __future__ import annotations

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.model_names import short_name
from arcdesk.core.models import ModelEntry, Trouble

_EMBEDDED = Action(kind=ActionKind.USE_EMBEDDED, label="Use it with the embedded engine")
_CONTAINER = Action(kind=ActionKind.USE_CONTAINER, label="Use it with the container")
_BROKEN = {
    Trouble.INCOMPLETE: ("Its download has not ended.", "Download the rest, then use it."),
    Trouble.MISSING_SHARDS: (
        "Its index names files that are not there.",
        "Download it again: only they come.",
    ),
    Trouble.BROKEN_LINKS: ("Its cache entry points to files that are gone.", "Download it again."),
    Trouble.BAD_CONFIG: ("Its config.json can't be read.", "Download it again, or mend the file."),
}


def needs_embedded(entry: ModelEntry, kind: EngineKind) -> Problem:
    """A GGUF file where another engine runs."""
    why = (
        "It is a GGUF file. The image's server reads safetensors; the embedded engine reads GGUF."
        if kind is EngineKind.CONTAINER
        else "ArcDesk talks to a server elsewhere, which has its own models."
    )
    return Problem(
        cause="model_other_engine",
        title=f"{short_name(entry.id)} needs the embedded engine",
        detail=why,
        hint="The embedded engine runs on this computer's processor.",
        actions=(_EMBEDDED,),
    )


def needs_container(entry: ModelEntry, kind: EngineKind) -> Problem:
    """Safetensors or pickled weights where another engine runs."""
    why = (
        "The embedded engine reads GGUF files only."
        if kind is EngineKind.EMBEDDED
        else "ArcDesk talks to a server elsewhere, which has its own models."
    )
    return Problem(
        cause="model_other_engine",
        title=f"{short_name(entry.id)} needs the container",
        detail=why,
        hint="The container runs it on the Intel card.",
        actions=(_CONTAINER,),
    )


def not_on_disk(entry: ModelEntry) -> Problem:
    """A line of the server's list."""
    under = f"It is an adapter of {entry.parent}. " if entry.parent else ""
    return Problem(
        cause="model_elsewhere",
        title=f"{short_name(entry.id)} is on the server only",
        detail=f"{under}ArcDesk asks the first model of the server's list.",
        hint="Choose the model where the server is started.",
    )


def broken(entry: ModelEntry, trouble: Trouble) -> Problem:
    """Files are missing or can't be read."""
    why, hint = _BROKEN[trouble]
    can_download = "/" in entry.id and not entry.id.startswith(("/", "~", "."))
    download = Action(kind=ActionKind.DOWNLOAD_MODEL, label="Download", target=entry.id)
    return Problem(
        cause="model_broken",
        title=f"{short_name(entry.id)} is not whole",
        detail=why,
        hint=hint,
        actions=(download,) if can_download else (),
    )


def no_weights(entry: ModelEntry) -> Problem:
    """A folder that holds no model."""
    return Problem(
        cause="model_format",
        title=f"{short_name(entry.id)} holds no weights that an engine here reads",
        detail="The container reads safetensors, the embedded engine GGUF.",
        hint="Download the model in one of these forms.",
    )


def bad_name(entry: ModelEntry, why: str) -> Problem:
    """The image's start script would tear the name apart."""
    return Problem(
        cause="bad_setting",
        title="The folder's name can't be used",
        detail=why,
        hint="Rename the folder; keep words such as 'qwen' in it, since the image looks for them.",
        evidence=entry.path or entry.id,
    )


def not_mountable(entry: ModelEntry, hub: str) -> Problem:
    """A cache whose folder is not called 'hub'."""
    return Problem(
        cause="cache_layout",
        title="The container can't see this cache",
        detail=f"{hub} is not called 'hub', and inside the container the library looks for that name.",
        hint=f"Move {short_name(entry.id)} to the usual cache: 'Move…' does it.",
    )
