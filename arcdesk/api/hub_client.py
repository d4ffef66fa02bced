"""Searches the model hub, and looks into a repository before anything is downloaded."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from arcdesk.api import hub_problems
from arcdesk.api.hub_cache_files import NAME
from arcdesk.api.hub_caller import HubCaller
from arcdesk.core.hub import HubFile, HubModel, HubRepo
from arcdesk.core.hub_error import HubError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ExpandModelProperty_T, ModelInfo, RepoSibling

log = logging.getLogger(__name__)

TEXT = "text-generation"
INDEX_END = ".safetensors.index.json"


class HubClient:
    """A Hub, asked through the hub's own library."""

    def __init__(self, caller: HubCaller) -> None:
        self._caller = caller

    async def search(self, words: str, *, limit: int = 30) -> list[HubModel]:
        """Models that write text first, each kind by downloads. Raises HubError."""
        return await self._caller.call("", lambda endpoint, token: _search(endpoint, token, words, limit))

    async def repo(self, repo_id: str, *, revision: str = "main") -> HubRepo:
        """Files with sizes, config and index. Raises HubError.

        A gated model can be looked at without its licence; only its config is missing then.
        """
        return await self._caller.call(
            repo_id, lambda endpoint, token: _repo(endpoint, token, repo_id, revision)
        )

    async def aclose(self) -> None:
        """Close connections; calls under way end."""
        await self._caller.aclose()


def _search(endpoint: str, token: str | bool, words: str, limit: int) -> list[HubModel]:
    from huggingface_hub.hf_api import HfApi

    api = HfApi(endpoint=endpoint, token=token)
    fields: list[ExpandModelProperty_T] = [
        "downloads", "likes", "lastModified", "pipeline_tag", "gated", "private", "tags",
    ]  # fmt: skip

    def ask(pipeline: str | None) -> Iterable[ModelInfo]:
        found = api.list_models(
            search=words, pipeline_tag=pipeline, sort="downloads", limit=limit, expand=fields
        )
        return itertools.islice(found, limit)

    models = {info.id: _model(info) for info in ask(TEXT)}
    if len(models) < limit:
        for info in ask(None):
            models.setdefault(info.id, _model(info))
    return list(models.values())[:limit]


def _repo(endpoint: str, token: str | bool, repo_id: str, revision: str) -> HubRepo:
    from huggingface_hub.hf_api import HfApi

    info = HfApi(endpoint=endpoint, token=token).model_info(repo_id, revision=revision, files_metadata=True)
    commit = info.sha or ""
    if not NAME.fullmatch(commit):
        raise HubError(hub_problems.no_hub(endpoint, "It names no commit for the model."))
    files = tuple(_file(each) for each in info.siblings or ())
    names = {file.path for file in files}
    index = min(
        (name for name in names if name.endswith(INDEX_END) and "/" not in name), key=_rank, default=""
    )

    def read(name: str) -> dict[str, Any] | None:
        return _json(endpoint, token, repo_id, commit, name) if name in names else None

    return HubRepo(
        id=repo_id,
        commit=commit,
        licence=_licence(info.tags),
        is_gated=bool(info.gated),
        files=files,
        config=read("config.json"),
        index=read(index),
    )


def _json(endpoint: str, token: str | bool, repo_id: str, commit: str, name: str) -> dict[str, Any] | None:
    """A JSON object of the repository; None if it is none, or its licence has not been accepted."""
    from huggingface_hub import errors
    from huggingface_hub.file_download import hf_hub_url
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented there
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    response = get_session().get(
        hf_hub_url(repo_id, name, revision=commit, endpoint=endpoint), headers=build_hf_headers(token=token)
    )
    try:
        hf_raise_for_status(response)
        data = json.loads(response.content)
    except (errors.GatedRepoError, errors.RemoteEntryNotFoundError) as error:
        log.info("%s of %s is not to be had: %s", name, repo_id, type(error).__name__)
        return None
    except (ValueError, RecursionError) as error:
        log.warning("%s of %s is no JSON: %s", name, repo_id, error)
        return None
    return data if isinstance(data, dict) else None


def _model(info: ModelInfo) -> HubModel:
    tags = tuple(str(tag) for tag in info.tags or ())
    return HubModel(
        id=str(info.id),
        downloads=info.downloads if isinstance(info.downloads, int) else None,
        likes=info.likes if isinstance(info.likes, int) else None,
        updated=info.last_modified.date().isoformat() if info.last_modified else "",
        pipeline=str(info.pipeline_tag or ""),
        licence=_licence(tags),
        is_gated=bool(info.gated),
        is_private=bool(info.private),
        tags=tags,
    )


def _file(each: RepoSibling) -> HubFile:
    lfs = each.lfs
    size = lfs.size if lfs is not None else each.size
    return HubFile(
        path=str(each.rfilename),
        size_bytes=size if isinstance(size, int) and size >= 0 else None,
        sha256=str(lfs.sha256).lower() if lfs is not None else "",
    )


def _licence(tags: Iterable[str] | None) -> str:
    prefix = "license:"
    return next((tag[len(prefix) :] for tag in tags or () if tag.startswith(prefix)), "")


def _rank(name: str) -> tuple[bool, str]:
    return name != f"model{INDEX_END}", name
