"""Builds the hub's client and the downloads, for the window and the terminal alike."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from arcdesk.core.errors import ArcDeskError
from arcdesk.core.secrets import HUB_TOKEN, SecretRepo
from arcdesk.core.settings import Settings

if TYPE_CHECKING:
    from arcdesk.core.hub import Download
    from arcdesk.services.downloads import Downloads
    from arcdesk.services.egress import EgressLedger

log = logging.getLogger(__name__)


def hub_cache(settings: Settings) -> Path:
    """The folder that the container mounts, and other tools use: the first of those that are listed."""
    from arcdesk.storage.model_cache import hub_folders

    return hub_folders(settings.container.hf_cache_dir, os.environ)[0]


def make_downloads(
    settings: Settings | Callable[[], Settings],
    secrets: SecretRepo,
    ledger: EgressLedger,
    *,
    keep_awake: Callable[[bool], None] = lambda wanted: None,
    on_over: Callable[[Download], None] = lambda download: None,
) -> Downloads:
    """On the loop; loads no library yet. `downloads.hub` is the Hub to search with. A function as
    `settings` is asked each time, so that a new endpoint or folder counts from the next request on.
    """
    from arcdesk.api.hub_caller import HubCaller
    from arcdesk.api.hub_client import HubClient
    from arcdesk.api.hub_download import HubDownload
    from arcdesk.services.downloads import Downloads
    from arcdesk.storage.download_state import DownloadState

    def now() -> Settings:
        return settings() if callable(settings) else settings

    async def token() -> str | None:
        try:
            return await secrets.get(HUB_TOKEN)
        except ArcDeskError as error:  # most models need none
            log.warning("the hub is asked without a token: %s", error)
            return None

    caller = HubCaller(lambda: now().hub_endpoint, token, ledger, lambda: now().hub_offline)
    return Downloads(
        HubClient(caller),
        HubDownload(caller, lambda: hub_cache(now())),
        DownloadState(),
        keep_awake=keep_awake,
        on_over=on_over,
    )
