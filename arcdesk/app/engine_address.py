"""Finds where the engine would be asked, without starting or changing anything."""

from __future__ import annotations

import os
from typing import Any

from arcdesk.core.engine_state import EngineKind, EnginePhase, EngineSnapshot
from arcdesk.core.ports import Endpoint
from arcdesk.core.settings import Settings

Found = tuple[Endpoint | None, str]  # the endpoint, or why there is none


def of_running(snapshot: EngineSnapshot, endpoint: Endpoint | None, settings: Settings) -> Found:
    """In the window's process: the engine in use."""
    if endpoint is not None and snapshot.phase is EnginePhase.READY:
        return endpoint, ""
    if settings.engine.startswith(("http://", "https://")):
        return of_settings(settings)
    return None, f"It is {snapshot.phase.value.replace('_', ' ')}."


def of_status(status: dict[str, Any]) -> Found:
    """In the terminal, by what the running app said: its address, without its key."""
    engine = status.get("engine") or {}
    url, phase = engine.get("base_url"), str(engine.get("phase", "unknown"))
    if not url or (phase != EnginePhase.READY.value and engine.get("kind") != EngineKind.REMOTE.value):
        return None, f"It is {phase}, says the running ArcDesk."
    return Endpoint(base_url=str(url), model="", engine=str(engine.get("kind", ""))), ""


def of_settings(settings: Settings) -> Found:
    """Without a running app: a server elsewhere, or whatever listens at the container's port."""
    from arcdesk.core.errors import UsageError
    from arcdesk.engine import port_owner
    from arcdesk.services.engine_service import kind_of
    from arcdesk.services.remote_driver import endpoint_of_url
    from arcdesk.services.run_watch import base_url_at
    from arcdesk.storage.secrets import API_KEY_VARIABLE  # the keyring is not asked: it might ask back

    try:
        kind = kind_of(settings.engine)
        if kind is EngineKind.REMOTE:
            return endpoint_of_url(settings.engine, os.environ.get(API_KEY_VARIABLE) or None), ""
    except UsageError as error:
        return None, error.problem.sentence()
    if kind is EngineKind.EMBEDDED:
        return None, "The embedded engine lives with ArcDesk's window."
    port = settings.container.host_port
    if port_owner.is_free(port):
        return None, f"Nothing listens at its port {port}."
    return Endpoint(base_url=base_url_at(port), model="", engine=EngineKind.CONTAINER.value), ""
