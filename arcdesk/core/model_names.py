"""The names under which one model is known: to programs, on the server, in the measurements."""

from __future__ import annotations

import re
from pathlib import PurePath

from arcdesk.core.models import Format, ModelEntry, Place

_REFUSED = re.compile(r"[^A-Za-z0-9._-]+")  # narrower than SAFE_VALUE: a name for programs needs no slash


def short_name(model_id: str) -> str:
    """The last part: of a hub id without its organisation, of a path without its folder and '.gguf'."""
    name = PurePath(model_id.rstrip("/")).name or model_id
    return name[: -len(".gguf")] if name.lower().endswith(".gguf") else name


def served_name(model_id: str) -> str:
    """What programs write as the model when ArcDesk chose it; only what the start script takes."""
    name = _REFUSED.sub("-", short_name(model_id)).strip("-.").lower()
    return name or "model"


def names_of(entry: ModelEntry) -> frozenset[str]:
    """Every name, in lower case, under which an answer of this model may have been measured."""
    named = {entry.id, short_name(entry.id), served_name(entry.id), entry.served_name}
    if entry.format is Format.GGUF or entry.place is Place.STARTER:
        named.add(short_name(entry.path))
    return frozenset(name.casefold() for name in named if name)
