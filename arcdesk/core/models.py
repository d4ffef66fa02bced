"""Models as a person meets them: what is on the disk, what the server serves, what the hub offers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcdesk.core.model_config import ModelConfig


class Place(Enum):
    """Where a model was found."""

    CACHE = "cache"  # the Hugging Face cache
    FOLDER = "folder"  # one of the person's own folders
    SERVER = "server"  # served, and seen nowhere on the disk
    STARTER = "starter"  # the embedded engine's own


class Format(Enum):
    """How the weights are stored."""

    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    PYTORCH = "pytorch"  # .bin, .pt: pickled
    OTHER = "other"
    NONE = "none"  # a cache entry without weights


class Trouble(Enum):
    """What is wrong with a model on the disk."""

    INCOMPLETE = "incomplete"  # a download that has not ended
    BROKEN_LINKS = "broken links"
    BAD_CONFIG = "bad config"
    MISSING_SHARDS = "missing shards"
    NOT_YOURS = "not yours"  # files that belong to another user (root, by a container)
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedSeen:
    """What this machine measured with a model: medians over the last `n` answers."""

    n: int
    decode_tokens_per_s: float
    ttft_ms: float | None = None
    engine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model. `id` is the hub's 'org/name', a path, or a served name."""

    id: str
    place: Place
    path: str = ""  # folder (of the repository in the cache, or of the files) or GGUF file
    snapshot: str = ""  # in the cache: the folder of the newest whole revision
    revision: str = ""
    format: Format = Format.NONE
    size_bytes: int | None = None  # on the disk, each blob once
    partial_bytes: int = 0  # of unfinished downloads
    config: ModelConfig | None = None
    licence: str = ""  # as the model card states it; '' unknown
    modified_at: float = 0.0  # Unix seconds
    troubles: tuple[Trouble, ...] = ()
    is_served: bool = False
    served_name: str = ""
    parent: str = ""  # a LoRA's base: the served name it stands under
    speed: SpeedSeen | None = None

    @property
    def is_lora(self) -> bool:
        """An adapter under a served base model."""
        return bool(self.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """One line of /v1/models. `root` is a path or a hub id, `parent` the base of a LoRA."""

    id: str
    root: str = ""
    parent: str = ""
    max_model_len: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartModel:
    """One line of the curated list (resources/models.toml)."""

    id: str
    title: str
    licence: str
    parameters: float  # billions
    why: str  # one sentence
    low_bit: str = "sym_int4"
    context: int = 4096
    is_validated: bool = False  # named in the image's documents
    is_gated: bool = False
    cards: tuple[str, ...] = ()  # names that it fits on, of the card table
    source: str = ""
    engine: str = "container"  # or 'embedded' (GGUF)
    file: str = ""  # of a GGUF repository
