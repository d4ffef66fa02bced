"""Turns the header of a GGUF file into what ArcDesk knows of a model."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from arcdesk.core.model_config import ModelConfig
from arcdesk.storage.gguf_header import FILE_TYPES, BadGguf, GgufReader, Value

_QUANTISATION = re.compile(r"[-._](?P<name>(?:I?Q\d|TQ\d|BF16|F16|F32|MXFP4)[A-Z0-9_]*)$", re.IGNORECASE)
_BITS = re.compile(r"\d+")
_PLAIN = ("F32", "F16", "BF16")  # not quantised
COUNT_LIMIT = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFacts:
    """What the header says. `size_label` is '135M', `kind` is 'model', 'mmproj', 'adapter' …"""

    config: ModelConfig
    name: str = ""
    size_label: str = ""
    licence: str = ""
    quantisation: str = ""
    kind: str = "model"


def read_gguf(path: str) -> GgufFacts | None:
    """The facts of one file; None if it is no sound GGUF file. Raises OSError."""
    with open(path, "rb", opener=_at_once) as file:
        try:
            return _facts(_wanted(GgufReader(file, os.fstat(file.fileno()).st_size)), path)
        except BadGguf:
            return None


def _at_once(path: str, flags: int) -> int:
    """Never waits, as for somebody who writes into a pipe of that name."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def plain_name(path: str) -> str:
    """A file's name without its end, its number and its quantisation: 'SmolLM2-135M-Instruct'."""
    return _QUANTISATION.sub("", _stem(path))


def _stem(path: str) -> str:
    return re.sub(r"-\d{5}-of-\d{5}$", "", os.path.basename(path)[: -len(".gguf")])


def _wanted(reader: GgufReader) -> dict[str, Value]:
    """All values, up to the vocabulary where what stands behind it is not needed."""
    found: dict[str, Value] = {}
    for key, value in reader.pairs():
        if value is not None:
            found[key] = value
        if key.startswith("tokenizer.") and "general.file_type" in found and _shape_is_known(found):
            break
    return found


def _shape_is_known(found: dict[str, Value]) -> bool:
    return f"{found.get('general.architecture')}.block_count" in found


def _facts(found: dict[str, Value], path: str) -> GgufFacts:
    family = _word(found, "general.architecture")
    quantisation = _quantisation(found, path)
    heads = _count(found, f"{family}.attention.head_count")
    hidden = _count(found, f"{family}.embedding_length")
    config = ModelConfig(
        architecture=family,
        model_type=family,
        layers=_count(found, f"{family}.block_count"),
        hidden_size=hidden,
        intermediate_size=_count(found, f"{family}.feed_forward_length"),
        heads=heads,
        kv_heads=_count(found, f"{family}.attention.head_count_kv") or heads,
        head_dim=_count(found, f"{family}.attention.key_length")
        or (hidden // heads if hidden and heads else None),
        vocab_size=_count(found, f"{family}.vocab_size"),
        context=_count(found, f"{family}.context_length"),
        sliding_window=_count(found, f"{family}.attention.sliding_window"),
        experts=_count(found, f"{family}.expert_count"),
        experts_per_token=_count(found, f"{family}.expert_used_count"),
        dtype=quantisation.lower() if quantisation in _PLAIN else "",
        quantization="" if quantisation in _PLAIN else quantisation.lower(),
        quantization_bits=_bits(quantisation),
    )
    return GgufFacts(
        config=config,
        name=_word(found, "general.name"),
        size_label=_word(found, "general.size_label"),
        licence=_word(found, "general.license"),
        quantisation=quantisation,
        kind="mmproj" if family == "clip" else _word(found, "general.type") or "model",
    )


def _quantisation(found: dict[str, Value], path: str) -> str:
    """The header's word, else the file name's."""
    stated = found.get("general.file_type")
    if isinstance(stated, int) and stated in FILE_TYPES:
        return FILE_TYPES[stated]
    named = _QUANTISATION.search(_stem(path))
    return named["name"].upper() if named else ""


def _bits(quantisation: str) -> int | None:
    digits = _BITS.search(quantisation)
    return int(digits[0]) if digits and quantisation not in _PLAIN else None


def _count(found: dict[str, Value], key: str) -> int | None:
    value = found.get(key)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < COUNT_LIMIT
    return value if is_count and isinstance(value, int) else None


def _word(found: dict[str, Value], key: str) -> str:
    value = found.get(key)
    return "".join(char for char in value if char.isprintable())[:200] if isinstance(value, str) else ""
