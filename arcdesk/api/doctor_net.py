"""Examines the way to the engine: proxies, and whether its address answers. Asks no other host."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from arcdesk.core.doctor import Area, Finding, Status, from_problem, ok
from arcdesk.core.errors import AnswerError
from arcdesk.core.ports import ChatBackend, Endpoint

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PROXY_PATIENCE_S = 2.0
EXCEPT_LOOPBACK = "export no_proxy=localhost,127.0.0.1,::1 NO_PROXY=localhost,127.0.0.1,::1"


async def engine_findings(backend: ChatBackend, endpoint: Endpoint | None, why_none: str) -> list[Finding]:
    """Whether the engine answers at its address; without one that runs (`why_none`) that is no fault."""
    id_ = "network.engine"
    if endpoint is None:
        return [ok(id_, Area.NETWORK, "No engine to ask", why_none)]
    if not await backend.is_healthy(endpoint):
        return [
            Finding(
                id=id_,
                area=Area.NETWORK,
                status=Status.BAD,
                title="The engine does not answer",
                detail=f"Nothing useful came from {endpoint.root_url}.",
                fix="Start it, or correct its address in the settings.",
            )
        ]
    try:
        models = await backend.list_models(endpoint)
    except AnswerError as error:
        if error.problem.cause == "unauthorized" and endpoint.api_key is None:
            return [
                ok(id_, Area.NETWORK, "The engine answers", f"{endpoint.root_url} wants a key, as it should.")
            ]
        return [from_problem(id_, Area.NETWORK, Status.WARN, error.problem)]
    served = ", ".join(models) or "no model"
    return [ok(id_, Area.NETWORK, "The engine answers", f"{endpoint.root_url} serves {served}")]


async def proxy_findings(environ: Mapping[str, str]) -> list[Finding]:
    """Whether the proxies of the environment make sense. Only one on this computer is tried."""
    told = {name: _either(environ, name) for name in PROXY_VARIABLES}
    told = {name: value for name, value in told.items() if value}
    if not told:
        return [ok("network.proxy", Area.NETWORK, "No proxy is set", "Connections go out directly.")]
    findings = [finding for name, value in told.items() if (finding := await _proxy(name, value)) is not None]
    if not excepts_loopback(_either(environ, "no_proxy")):
        findings.append(_loopback_goes_out(next(iter(told))))
    if findings:
        return findings
    names = ", ".join(told)
    return [ok("network.proxy", Area.NETWORK, "A proxy is set", f"{names}; this computer is excepted.")]


def excepts_loopback(no_proxy: str) -> bool:
    """This computer is asked directly."""
    names = {name.strip().lower().lstrip(".") for name in no_proxy.split(",")}
    return "*" in names or {"localhost", "127.0.0.1"} <= names


def _either(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


async def _proxy(name: str, value: str) -> Finding | None:
    parts, port = _parts(value)
    if parts is None or not parts.hostname:
        return _bad_proxy(name, "It must look like http://host:port.")
    if parts.hostname not in LOOPBACK:
        return None  # another computer: not asked
    try:
        async with asyncio.timeout(PROXY_PATIENCE_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except OSError:  # TimeoutError is one
        return _bad_proxy(name, f"Nothing listens at port {port} of this computer.")
    writer.close()
    return None


def _parts(value: str) -> tuple[SplitResult | None, int]:
    """The address of a proxy and its port; None where it makes no sense."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        return parts, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None, 0


def _bad_proxy(name: str, why: str) -> Finding:
    return Finding(
        id=f"network.proxy.{name}",
        area=Area.NETWORK,
        status=Status.WARN,
        title=f"The proxy in {name} can't be used",
        detail=f"{why} Downloads of images and models would fail.",
        fix="Correct it where it is set, or remove it.",
        command=f"unset {name} {name.upper()}",
    )


def _loopback_goes_out(name: str) -> Finding:
    return Finding(
        id="network.no_proxy",
        area=Area.NETWORK,
        status=Status.WARN,
        title="Other programs reach this computer through a proxy",
        detail=f"{name} is set, no_proxy lacks localhost or 127.0.0.1. ArcDesk itself goes around it.",
        fix="Except this computer where the proxy is set.",
        command=EXCEPT_LOOPBACK,
    )
