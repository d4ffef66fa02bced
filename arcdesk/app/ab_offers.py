"""The models of this computer as offers for side B, each with the settings that it needs."""

from __future__ import annotations

from collections.abc import Sequence

from arcdesk.app.model_choice import choose
from arcdesk.core.ab_plan import STARTER
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.errors import UsageError
from arcdesk.core.model_names import short_name
from arcdesk.core.models import Format, ModelEntry, Place
from arcdesk.core.settings import Settings
from arcdesk.core.settings_info import Value
from arcdesk.ui.ab_view import ModelOffer

FIELDS = (
    "model_path",
    "load_in_low_bit",
    "max_model_len",
    "max_num_batched_tokens",
    "tensor_parallel_size",
    "models_dir",
    "hf_cache_dir",
)


def offers_of(entries: Sequence[ModelEntry], settings: Settings) -> tuple[ModelOffer, ...]:
    """Those that an engine here can load, by name; what it would refuse is left out."""
    found = [offer for entry in entries if (offer := _offer(entry, settings)) is not None]
    unique = {(offer.kind, offer.values): offer for offer in found}
    return tuple(sorted(unique.values(), key=lambda offer: (offer.kind.value, offer.label.casefold())))


def _offer(entry: ModelEntry, settings: Settings) -> ModelOffer | None:
    is_starter = entry.place is Place.STARTER
    kind = EngineKind.EMBEDDED if is_starter or entry.format is Format.GGUF else EngineKind.CONTAINER
    try:
        chosen = choose(entry, settings, kind).settings
    except UsageError:
        return None
    values: tuple[tuple[str, Value], ...] = (("gguf_path", chosen.gguf_path),)
    if kind is EngineKind.CONTAINER:
        values = tuple((name, getattr(chosen.container, name)) for name in FIELDS)
    return ModelOffer(label=STARTER if is_starter else short_name(entry.id), kind=kind, values=values)
