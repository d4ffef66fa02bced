"""Reads the body of /v1/models, whichever of its fields a server fills."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from arcdesk.core.models import ServedModel


def read_served_models(body: bytes) -> list[ServedModel] | None:
    """The models in the server's order; None if this is no list of models."""
    try:
        listed = json.loads(body)["data"]
        return [_served(card) for card in listed]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


def _served(card: Mapping[str, Any]) -> ServedModel:
    return ServedModel(
        id=str(card["id"]),
        root=_text(card.get("root")),
        parent=_text(card.get("parent")),
        max_model_len=_count(card.get("max_model_len")) or _of_llama(card.get("meta")),
    )


def _of_llama(meta: object) -> int | None:
    """What llama.cpp has for one request; not its `n_ctx_train`, which a server may have cut down."""
    return _count(meta.get("n_ctx")) if isinstance(meta, Mapping) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    return value if is_count else None  # type: ignore[return-value]  # an int, as `is_count` says
