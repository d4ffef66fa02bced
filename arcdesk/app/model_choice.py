"""Decides what the settings become when a person picks a model, or why they can't."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from arcdesk.app.model_refusals import (
    bad_name,
    broken,
    needs_container,
    needs_embedded,
    no_weights,
    not_mountable,
    not_on_disk,
)
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import UsageError
from arcdesk.core.fit import Fit, Verdict
from arcdesk.core.model_names import served_name
from arcdesk.core.models import Format, ModelEntry, Place, Trouble
from arcdesk.core.settings import LOW_BIT_FORMATS, ContainerSettings, Settings, word_refusal
from arcdesk.core.settings_table import BY_ID

MODELS_TARGET = "/llm/models"  # where the container sees models_dir
USUAL_CONTEXT = 8192  # tokens; enough for a long talk, and most cards have room for it
USUAL_BATCHED = ContainerSettings().max_num_batched_tokens
_BREAKING = (Trouble.INCOMPLETE, Trouble.MISSING_SHARDS, Trouble.BROKEN_LINKS, Trouble.BAD_CONFIG)
_NO_MODELS = ("mmproj", "adapter", "imatrix")  # files beside a model
_STANDARD = ContainerSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting that becomes another. `title`, `before` and `after` are for people."""

    id: str
    title: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What picking a model does. `warnings` are sentences to read before the start."""

    settings: Settings
    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()


def choose(
    entry: ModelEntry,
    settings: Settings,
    kind: EngineKind,
    fit: Fit | None = None,
    *,
    low_bit: str = "",
) -> Choice:
    """The settings with which `kind` of engine runs `entry`. `fit` None: nothing is known of its fit.

    `low_bit` is a format that the person picked; '' leaves it to the fit.

    Raises UsageError whose problem says why not; an action USE_EMBEDDED or USE_CONTAINER in it means that
    the other kind can.
    """
    _check_whole(entry)
    is_gguf = entry.format is Format.GGUF or entry.place is Place.STARTER
    if is_gguf and kind is not EngineKind.EMBEDDED:
        raise UsageError(needs_embedded(entry, kind))
    if not is_gguf and kind is not EngineKind.CONTAINER:
        raise UsageError(needs_container(entry, kind))
    if is_gguf:
        return _choice(settings, replace(settings, gguf_path=gguf_file(entry)))
    return _choose_container(entry, settings, fit, low_bit)


def gguf_file(entry: ModelEntry) -> str:
    """The file that the embedded engine loads; '' is the starter's. Of a split one it wants the first part.

    Looks into the folder of a cache entry, which may hold several: the first by name.
    """
    if entry.place is Place.STARTER:
        return ""
    if entry.place is not Place.CACHE:
        return entry.path
    files = sorted(Path(entry.snapshot or entry.path).rglob("*.gguf"))
    models = [file for file in files if not file.name.lower().startswith(_NO_MODELS)]
    if not models:
        raise UsageError(no_weights(entry))
    return str(models[0])


def switch_to(settings: Settings, kind: EngineKind) -> Settings:
    """The settings that name `kind`; 'auto' gives way, since it may have chosen the other."""
    return replace(settings, engine=kind.value)


def changes_between(before: Settings, after: Settings) -> tuple[Change, ...]:
    """Every setting that differs, in the order of the settings window."""
    pairs = ((info, info.value_in(before), info.value_in(after)) for info in BY_ID.values())
    return tuple(
        Change(id=info.id, title=info.title, before=info.words_of(old), after=info.words_of(new))
        for info, old, new in pairs
        if old != new
    )


def taken_back(now: Settings, before: Settings, after: Settings) -> Settings:
    """`now` without the change from `before` to `after`; what was changed since stays as it is."""
    inner: dict[str, Any] = {}
    outer: dict[str, Any] = {}
    for change in changes_between(before, after):
        info = BY_ID[change.id]
        if info.value_in(now) == info.value_in(after):
            (inner if info.table == "container" else outer)[info.name] = info.value_in(before)
    return replace(now, container=replace(now.container, **inner), **outer)


def _check_whole(entry: ModelEntry) -> None:
    if entry.place is Place.SERVER:
        raise UsageError(not_on_disk(entry))
    is_whole = bool(entry.snapshot)  # then what is unfinished is another revision
    breaking = _BREAKING[1:] if is_whole else _BREAKING
    broken_by = [trouble for trouble in entry.troubles if trouble in breaking]
    if broken_by:
        raise UsageError(broken(entry, broken_by[0]))
    if entry.format in (Format.NONE, Format.OTHER) and entry.place is not Place.STARTER:
        raise UsageError(no_weights(entry))


def _choice(before: Settings, after: Settings, warnings: tuple[str, ...] = ()) -> Choice:
    return Choice(settings=after, changes=changes_between(before, after), warnings=warnings)


def _choose_container(entry: ModelEntry, settings: Settings, fit: Fit | None, low_bit: str) -> Choice:
    current = settings.container
    place = _place_in_container(entry, current)
    why = word_refusal(str(place["model_path"]))
    if why is not None:
        raise UsageError(bad_name(entry, why))
    context = _context(entry, current, fit)
    changed = replace(
        current,
        **place,
        served_model_name=_served_name(entry.id),
        load_in_low_bit=low_bit or _low_bit(current, fit),
        max_model_len=context,
        max_num_batched_tokens=_batched(current, context),
        tensor_parallel_size=_cards(entry, current.tensor_parallel_size),
    )
    warnings = (*_warnings(entry, fit), *_moved_folder(current, changed))
    return _choice(settings, replace(settings, container=changed), warnings)


def _served_name(model_id: str) -> str:
    """The image's users know TinyLlama by its short name: it keeps it."""
    return _STANDARD.served_model_name if model_id == _STANDARD.model_path else served_name(model_id)


def _place_in_container(entry: ModelEntry, current: ContainerSettings) -> Mapping[str, Any]:
    if entry.place is Place.CACHE:
        return _in_cache(entry, current)
    folder = Path(entry.path)
    root = Path(current.models_dir).expanduser() if current.models_dir else None
    if root is not None and folder != root and folder.is_relative_to(root):
        inside = folder.relative_to(root)
        return {"model_path": str(PurePosixPath(MODELS_TARGET) / inside.as_posix())}
    return {"model_path": f"{MODELS_TARGET}/{folder.name}", "models_dir": str(folder.parent)}


def _in_cache(entry: ModelEntry, current: ContainerSettings) -> Mapping[str, Any]:
    """The container sees one cache folder; inside, the library looks into its 'hub'."""
    hub = Path(entry.path).parent
    if not entry.path or hub == Path(current.hf_cache_dir or "/").expanduser() / "hub":
        return {"model_path": entry.id}
    if hub.name != "hub":
        raise UsageError(not_mountable(entry, str(hub)))
    return {"model_path": entry.id, "hf_cache_dir": str(hub.parent)}


def _low_bit(current: ContainerSettings, fit: Fit | None) -> str:
    """The format of now; where the model does not fit in it, the most exact one that does."""
    if fit is None or fit.best_low_bit not in LOW_BIT_FORMATS:
        return current.load_in_low_bit
    return fit.best_low_bit if fit.verdict is Verdict.DOES_NOT else current.load_in_low_bit


def _context(entry: ModelEntry, current: ContainerSettings, fit: Fit | None) -> int:
    """What is usual, or what the person has if that is more; never more than model and card take."""
    known = fit is not None and fit.largest_context is not None
    wanted = max(current.max_model_len, USUAL_CONTEXT) if known else current.max_model_len
    limits = [entry.config.context if entry.config else None, fit.largest_context if fit else None]
    return max(1, min([wanted, *(limit for limit in limits if limit)]))


def _batched(current: ContainerSettings, context: int) -> int:
    """At least the context (the server insists); a larger one of the old context is not dragged along."""
    followed = current.max_num_batched_tokens <= max(current.max_model_len, USUAL_BATCHED)
    wanted = USUAL_BATCHED if followed else current.max_num_batched_tokens
    return max(wanted, context, current.max_num_seqs)


def _cards(entry: ModelEntry, wanted: int) -> int:
    """The server takes a number of cards only if they can share the attention heads evenly."""
    heads = entry.config.heads if entry.config else None
    if heads is None:
        return wanted
    kv_heads = (entry.config.kv_heads if entry.config else None) or heads
    even = (n for n in range(wanted, 0, -1) if heads % n == 0 and (kv_heads % n == 0 or n % kv_heads == 0))
    return next(even)


def _warnings(entry: ModelEntry, fit: Fit | None) -> tuple[str, ...]:
    said: list[str] = []
    if fit is not None and fit.verdict is Verdict.DOES_NOT and not fit.best_low_bit:
        said.append("It does not fit on the card in any format; the start will most likely fail.")
    if entry.format is Format.PYTORCH:
        said.append(
            "Its weights are pickled files, which can run code when they are loaded: "
            "use it only if you trust where it comes from."
        )
    quantized = entry.config.quantization if entry.config else ""
    if quantized in ("awq", "gptq"):
        said.append(
            f"Its weights are {quantized.upper()}, which this image's start script has no setting for: "
            "the start may fail. The unquantised model is the safe one."
        )
    return tuple(said)


def _moved_folder(before: ContainerSettings, after: ContainerSettings) -> tuple[str, ...]:
    if not before.models_dir or before.models_dir == after.models_dir:
        return ()
    return (f"The container will see {after.models_dir} instead of {before.models_dir}.",)
