"""The facts of a model as pairs of label and text, the way the detail lists them."""

from __future__ import annotations

from arcdesk.core.fit_tensors import tensors
from arcdesk.core.hub import HubModel, HubRepo
from arcdesk.core.model_config import ModelConfig, parse_config
from arcdesk.core.models import ModelEntry, Place, StartModel
from arcdesk.ui.models_view import Detail
from arcdesk.ui.models_words import (
    DOT,
    FORMATS,
    PLACES,
    UNKNOWN,
    billions_text,
    count_text,
    short_count,
    size_text,
    speed_text,
    tokens_text,
)

Fact = tuple[str, str]


def facts_of(detail: Detail) -> list[Fact]:
    """All that is known, in the order in which a person asks; what nobody knows is a dash."""
    match detail.subject:
        case ModelEntry() as entry:
            return _of_entry(entry)
        case StartModel() as model:
            known = [fact for fact in _of_repo(detail) if fact[0] != "Parameters"]
            return [*_of_start(model), *known]
        case HubModel() as model:
            return [*_of_hub(model, detail.repo), *_of_repo(detail)]


def subtitle_of(detail: Detail) -> str:
    """One line below the name."""
    match detail.subject:
        case ModelEntry() as entry:
            name = f" as {entry.served_name}" if entry.served_name else ""
            served = f"{DOT}Served now{name}" if entry.is_served else ""
            return f"{PLACES[entry.place]}{served}"
        case StartModel() as model:
            return model.why
        case HubModel() as model:
            gated = "Gated: its page asks you to accept a licence first" if model.is_gated else ""
            return DOT.join(text for text in ("On the hub", gated) if text)


def _of_entry(entry: ModelEntry) -> list[Fact]:
    if entry.place is Place.SERVER:
        facts = [("Served from", entry.path or UNKNOWN), ("Measured here", speed_text(entry.speed))]
        return [("Adapter of", entry.parent), *facts] if entry.is_lora else facts
    partial = f" (and {size_text(entry.partial_bytes)} unfinished)" if entry.partial_bytes else ""
    return [
        ("Size", f"{size_text(entry.size_bytes)}{partial}"),
        ("Format", _format(entry)),
        *_of_config(entry.config),
        ("Licence", entry.licence or UNKNOWN),
        ("Measured here", speed_text(entry.speed)),
        ("Where", entry.path or UNKNOWN),
    ]


def _format(entry: ModelEntry) -> str:
    return DOT.join((FORMATS[entry.format], *_quantised(entry.config)))


def _quantised(config: ModelConfig | None) -> tuple[str, ...]:
    if config is None or not config.quantization:
        return ()
    bits = f", {config.quantization_bits} bit" if config.quantization_bits else ""
    return (f"{config.quantization.upper()}{bits}",)


def _of_config(config: ModelConfig | None) -> list[Fact]:
    if config is None:
        return [("Architecture", UNKNOWN), ("Context", UNKNOWN)]
    layers = f"{count_text(config.layers)} layers, {count_text(config.heads)} heads"
    experts = f", {config.experts} experts" if config.experts else ""
    shape = f"{DOT}{layers}{experts}" if config.layers else ""
    window = f", window of {tokens_text(config.sliding_window)}" if config.sliding_window else ""
    groups = tensors(config)
    parameters = [("Parameters", billions_text(groups.total / 1e9))] if groups else []
    return [
        *parameters,
        ("Architecture", f"{config.architecture or config.model_type or UNKNOWN}{shape}"),
        ("Context", f"{tokens_text(config.context)}{window}"),
    ]


def _of_start(model: StartModel) -> list[Fact]:
    where = "Embedded engine" if model.engine == "embedded" else "Container"
    return [
        ("Parameters", billions_text(model.parameters)),
        ("Engine", f"{where}{DOT}{model.low_bit}{DOT}{tokens_text(model.context)}"),
        ("Licence", model.licence + (" (gated: accept it on its page first)" if model.is_gated else "")),
        *([("Fits on", ", ".join(model.cards))] if model.cards else []),
        ("Known from", model.source),
    ]


def _of_hub(model: HubModel, repo: HubRepo | None) -> list[Fact]:
    licence = model.licence or (repo.licence if repo else "")
    return [
        ("Downloads", short_count(model.downloads)),
        ("Likes", short_count(model.likes)),
        ("Updated", model.updated[:10] or UNKNOWN),
        ("Licence", licence or UNKNOWN),
    ]


def _of_repo(detail: Detail) -> list[Fact]:
    repo = detail.repo
    if repo is None:
        return []
    config = parse_config(repo.config) if repo.config else None
    quantised = [("Quantised", text) for text in _quantised(config)]
    return [("Download", size_text(detail.repo_bytes)), *_of_config(config), *quantised]
