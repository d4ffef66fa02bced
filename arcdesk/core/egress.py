"""What leaves this computer: which hosts may be contacted, and what a contact is."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:  # each start loads this module: it stays light
    from collections.abc import Iterable

    from arcdesk.core.settings import Settings

DOCKER_HUB = "docker.io"
BY_DOCKER = "Docker"  # as `via`: Docker made the contact, because ArcDesk asked for it
SOCKET_SCHEMES = ("unix", "http+unix", "npipe")


class Reason(Enum):
    """Why a host was contacted."""

    QUESTION = "question"
    HEALTH = "health"  # is the server up?
    MODELS = "models"  # which models does it serve?
    PROBE = "probe"  # one token, to see that it answers
    DOCKER = "docker"
    HUB = "hub"  # a search or a model download that a person asked for
    IMAGE = "image"  # a download that a person asked for
    OTHER = "other"


class Contact(NamedTuple):
    """One request. Bytes are those of HTTP, without TLS and TCP; `via` is a proxy between, '' if none."""

    host: str
    reason: Reason
    bytes_out: int = 0
    bytes_in: int = 0
    via: str = ""
    is_refused: bool = False  # ArcDesk did not let it out


class EgressGate(Protocol):
    """Asked before, and told after each contact; on the loop's thread."""

    def allows(self, host: str) -> bool:
        """The host is declared: a person's choice leads to it."""
        ...

    def record(self, contact: Contact) -> None:
        """Keep it. Never raises, never waits."""
        ...


def host_of(url: str) -> str:
    """The host of an address in lower case; of a socket file its whole address; '' of what is none."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        if parts.scheme in SOCKET_SCHEMES:
            return url
        return (parts.hostname or "").rstrip(".")
    except ValueError:  # a bracket that stays open
        return ""


def is_local(host: str) -> bool:
    """A contact with this host can't leave the computer."""
    if host.partition(":")[0] in SOCKET_SCHEMES or host == "localhost" or host.endswith(".localhost"):
        return True
    import ipaddress  # late, like the one above: this module is on the way of each start

    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a name
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def declared_hosts(settings: Settings) -> frozenset[str]:
    """The hosts beyond this computer that a person's settings lead to."""
    is_address = settings.engine.startswith(("http://", "https://"))
    host = host_of(settings.engine) if is_address else ""
    return frozenset({host} if host else ())


def is_declared(host: str, declared: Iterable[str]) -> bool:
    """ArcDesk may contact this host: it is this computer, or one of those that a person named."""
    return is_local(host) or host in declared


def registry_of(image: str) -> str:
    """The host of the registry that an image is downloaded from."""
    first, slash, _ = image.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    return host_of(f"//{first}") if is_host else DOCKER_HUB
