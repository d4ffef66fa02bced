"""Reads the curated list of models to begin with from the text of `models.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from arcdesk.core.models import StartModel

_NAMES = frozenset(field.name for field in fields(StartModel))
_NEEDED = frozenset({"id", "title", "licence", "parameters", "why", "source"})
_ENGINES = ("container", "embedded")


def parse_start_models(text: str) -> tuple[StartModel, ...]:
    """The models in their order. Raises ValueError, with the line or the entry, for what is no such list."""
    raw = tomllib.loads(text).get("model", [])
    if not isinstance(raw, list):
        raise ValueError("'model' must be a list of tables")
    models = tuple(_model(table, number) for number, table in enumerate(raw, 1))
    seen: set[tuple[str, str]] = set()
    for model in models:
        if (model.id, model.file) in seen:
            raise ValueError(f"{model.id} stands twice in the list")
        seen.add((model.id, model.file))
    return models


def _model(table: Any, number: int) -> StartModel:
    if not isinstance(table, Mapping):
        raise ValueError(f"entry {number} is no table")
    unknown, missing = table.keys() - _NAMES, _NEEDED - table.keys()
    if unknown or missing:
        named = ", ".join(sorted(unknown or missing))
        raise ValueError(f"entry {number} {'has an unknown' if unknown else 'lacks its'} {named}")
    values = {**table, "cards": tuple(table.get("cards", ()))}
    try:
        model = StartModel(**{**values, "parameters": float(values["parameters"])})
    except (TypeError, ValueError) as error:
        raise ValueError(f"entry {number}: {error}") from error
    _check(model, number)
    return model


def _check(model: StartModel, number: int) -> None:
    where = f"entry {number} ({model.id})"
    if model.engine not in _ENGINES:
        raise ValueError(f"{where}: no engine is called {model.engine!r}")
    if (model.engine == "embedded") != model.file.endswith(".gguf"):
        raise ValueError(f"{where}: a model of the embedded engine names its GGUF file, others name none")
    if model.parameters <= 0 or model.context <= 0:
        raise ValueError(f"{where}: parameters and context are positive")
