"""The table of the container's settings, the model's first."""

from __future__ import annotations

from arcdesk.core.settings import LOW_BIT_FORMATS
from arcdesk.core.settings_info import Effect, Kind, Rule, SettingInfo

_KNOWN_GOOD = "sym_int4"


def _container(
    name: str,
    title: str,
    why: str,
    kind: Kind,
    *,
    rule: Rule = Rule.ANY,
    unit: str = "",
    hint: str = "",
    choices: tuple[tuple[str, str], ...] = (),
) -> SettingInfo:
    return SettingInfo(
        table="container",
        name=name,
        title=title,
        why=why,
        page="container",
        kind=kind,
        effect=Effect.NEW_CONTAINER,
        rule=rule,
        unit=unit,
        hint=hint,
        choices=choices,
    )


CONTAINER = (
    _container(
        "model_path",
        "Model",
        "A name on Hugging Face, or a folder as the container sees it, such as /llm/models/name; "
        "TinyLlama, because it is small enough to try things with.",
        Kind.TEXT,
        rule=Rule.WORD,
    ),
    _container(
        "served_model_name",
        "Name of the model for programs",
        "What other programs write as the model when they ask this server.",
        Kind.TEXT,
        rule=Rule.WORD,
    ),
    _container(
        "load_in_low_bit",
        "Format of the weights",
        f"{_KNOWN_GOOD}, because it takes about a quarter of the memory of fp16 and is the fastest to read.",
        Kind.CHOICE,
        choices=tuple((name, name) for name in LOW_BIT_FORMATS),
    ),
    _container(
        "max_model_len",
        "Context length",
        "Question and answer together; 2048, because each token of it takes memory on the card.",
        Kind.NUMBER,
        unit="tokens",
    ),
    _container(
        "max_num_batched_tokens",
        "Tokens in one step",
        "At least the context length, or the server refuses to start; more needs more memory.",
        Kind.NUMBER,
        unit="tokens",
    ),
    _container(
        "max_num_seqs",
        "Questions at the same time",
        "8, because fewer leave more memory for the context.",
        Kind.NUMBER,
    ),
    _container(
        "tensor_parallel_size",
        "Cards for one model",
        "1, because one card needs no talk between cards; more must divide the model's attention heads.",
        Kind.NUMBER,
    ),
    _container(
        "image",
        "Image",
        "Pinned to the version that these settings were made for; another one may know other settings.",
        Kind.TEXT,
        rule=Rule.IMAGE,
    ),
    _container(
        "name",
        "Name of the container",
        "So that you recognise it in docker ps.",
        Kind.TEXT,
        rule=Rule.NAME,
    ),
    _container(
        "profile",
        "Name of the profile",
        "A word of yours for this set of settings, shown beside the engine.",
        Kind.TEXT,
        rule=Rule.NOT_EMPTY,
    ),
    _container(
        "host_port",
        "Port on this computer",
        "8001, because 8000 is often taken; it is reachable from this computer only.",
        Kind.NUMBER,
    ),
    _container(
        "port",
        "Port inside the container",
        "8000, as the image's documents have it; nobody outside sees it.",
        Kind.NUMBER,
    ),
    _container(
        "device",
        "Graphics device",
        "/dev/dri gives the container all cards; empty gives it none.",
        Kind.TEXT,
        hint="None",
    ),
    _container(
        "shm_size",
        "Shared memory",
        "16g, because Docker's own 64 MB break a model on several cards.",
        Kind.TEXT,
        rule=Rule.SIZE,
    ),
    _container(
        "hf_cache_dir",
        "Folder for downloaded models",
        "Hugging Face's own folder, so that what you have is not downloaded again; "
        "empty keeps downloads in the container, and they go with it.",
        Kind.FOLDER,
        hint="In the container",
    ),
    _container(
        "models_dir",
        "Folder with your models",
        "The container sees it as /llm/models and can't write to it; empty, because not everyone has one.",
        Kind.FOLDER,
        hint="None",
    ),
)
