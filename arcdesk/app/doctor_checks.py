"""Puts the checks of all layers together: the same for the window, the terminal and the support bundle."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from arcdesk.app.crash_files import FOLDER, reports
from arcdesk.app.versions import version_findings
from arcdesk.core.doctor import Area, Finding, Status, ok
from arcdesk.core.ports import ChatBackend, Endpoint
from arcdesk.core.settings import Settings
from arcdesk.services.doctor import Check, blocking

DOCKER_PATIENCE_S = 25.0  # a Docker that is just starting
ENGINE_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is known before. `endpoint` tells where the engine is asked, or why there is none."""

    settings: Settings
    backend: ChatBackend
    endpoint: Callable[[], Awaitable[tuple[Endpoint | None, str]]]
    is_app_running: bool


def make_checks(asked: Asked, environ: Mapping[str, str] | None = None) -> list[Check]:
    """All checks. Making them costs nothing: each loads what it needs when it runs."""
    environ = os.environ if environ is None else environ
    return [
        blocking("app", Area.APP, "ArcDesk", partial(_app, asked)),
        _docker_check(asked.settings, environ),
        blocking("cards", Area.CARDS, "Graphics cards", _cards),
        blocking("disk", Area.DISK, "Folders and files", _disk),
        Check(id="desktop", area=Area.DESKTOP, title="Desktop", run=partial(_desktop, environ)),
        Check(
            id="engine",
            area=Area.NETWORK,
            title="Engine",
            run=partial(_engine, asked),
            patience_s=ENGINE_PATIENCE_S,
        ),
        Check(id="proxy", area=Area.NETWORK, title="Proxies", run=partial(_proxy, environ)),
    ]


def _app(asked: Asked) -> Sequence[Finding]:
    from arcdesk.storage.paths import state_dir

    running = "It runs." if asked.is_app_running else "It does not run now."
    kept = reports(state_dir() / FOLDER)
    if not kept:
        crashes = ok("app.crashes", Area.APP, "No reports of crashes", running)
    else:
        crashes = Finding(
            id="app.crashes",
            area=Area.APP,
            status=Status.WARN,
            title=f"{len(kept)} report{'s' if len(kept) > 1 else ''} of crashes or mistakes",
            detail=f"The newest is {kept[-1]}. {running}",
            fix="A support bundle holds them. Delete them when they are dealt with.",
        )
    return [*version_findings(), crashes]


def _docker_check(settings: Settings, environ: Mapping[str, str]) -> Check:
    def look() -> Sequence[Finding]:
        from arcdesk.engine.doctor_docker import docker_findings

        return docker_findings(settings, environ)

    check = blocking("docker", Area.DOCKER, "Docker", look)
    return Check(id=check.id, area=check.area, title=check.title, run=check.run, patience_s=DOCKER_PATIENCE_S)


def _cards() -> Sequence[Finding]:
    from arcdesk.telemetry.doctor_cards import card_findings

    return card_findings()


def _disk() -> Sequence[Finding]:
    from arcdesk.storage.doctor_disk import disk_findings

    return disk_findings()


async def _desktop(environ: Mapping[str, str]) -> Sequence[Finding]:
    from arcdesk.app.display import no_display_reason
    from arcdesk.desktop.doctor_desktop import desktop_findings
    from arcdesk.services.threads import in_thread

    reason = await in_thread("arcdesk-doctor-display", lambda: no_display_reason(environ))
    return await desktop_findings(environ, reason)


async def _engine(asked: Asked) -> Sequence[Finding]:
    from arcdesk.api.doctor_net import engine_findings

    endpoint, why_none = await asked.endpoint()
    return await engine_findings(asked.backend, endpoint, why_none)


async def _proxy(environ: Mapping[str, str]) -> Sequence[Finding]:
    from arcdesk.api.doctor_net import proxy_findings

    return await proxy_findings(environ)
