"""Turns what Docker says when it refuses into a problem with a way out."""

from __future__ import annotations

import re

from arcdesk.core.errors import Action, ActionKind, Problem
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.log_causes import USE_CPU, Found, Sign, apply, copy, excerpt, pretty

_TRY_AGAIN = Action(kind=ActionKind.START, label="Try again")
_DEFAULT = ContainerSettings()


def _problem(found: Found, cause: str, title: str, detail: str, hint: str, *actions: Action) -> Problem:
    return Problem(
        cause=cause,
        title=title,
        detail=detail,
        hint=hint,
        evidence=excerpt(found.line, found.match),
        actions=actions,
    )


def _port(found: Found) -> Problem:
    port = found.number("port") or (found.settings or _DEFAULT).host_port
    free = port + 1 if port < 65535 else 8001
    return _problem(
        found,
        "docker_port",
        f"Port {port} is taken",
        "Another container or program on this computer already uses it.",
        "Use another port, or stop the other program.",
        apply(f"Use port {free} and start", host_port=free),
        _TRY_AGAIN,
    )


def _device(found: Found) -> Problem:
    device = found.text("device") or (found.settings or _DEFAULT).device
    return _problem(
        found,
        "docker_device",
        "Docker finds no graphics card",
        f"{device} does not exist where Docker runs: the driver is missing, or it runs in a virtual machine.",
        "Install the Intel graphics driver. Under WSL, use /dev/dxg as the device.",
        USE_CPU,
        _TRY_AGAIN,
    )


def _permission(found: Found) -> Problem:
    return _problem(
        found,
        "docker_permission",
        "Docker does not let you in",
        "Your user may not use Docker's socket.",
        "Add your user to the group docker, then log out and in again.",
        copy("Copy the command", "sudo usermod -aG docker $USER"),
        USE_CPU,
        _TRY_AGAIN,
    )


def _group(found: Found) -> Problem:
    group = found.text("group") or "render"
    return _problem(
        found,
        "docker_group",
        f"The image does not know the group '{group}'",
        "A group must be given by its number when the image has no such name.",
        "Use the number that this command prints.",
        copy("Copy the command", f"getent group {group} | cut -d: -f3"),
    )


def _image(found: Found) -> Problem:
    image = found.text("image") or (found.settings or _DEFAULT).image
    return _problem(
        found,
        "docker_image",
        "The image does not exist",
        f"No registry gives '{image}': the name or the tag is wrong, or it needs a login.",
        "Choose an image and a tag that exist.",
        _TRY_AGAIN,
    )


def _image_not_here(found: Found) -> Problem:
    image = found.text("image") or (found.settings or _DEFAULT).image
    return _problem(
        found,
        "docker_image",
        "The image is not on this computer",
        f"'{image}' has not been downloaded yet.",
        "Download it; it needs about 30\u202fGB on the disk.",
        Action(kind=ActionKind.PULL_IMAGE, label="Download the image", target=image),
    )


def _rate_limit(found: Found) -> Problem:
    return _problem(
        found,
        "docker_rate_limit",
        "Docker Hub allows no more downloads for now",
        "It limits how many images may be downloaded without a login.",
        "Log in to Docker Hub, or wait some hours.",
        copy("Copy 'docker login'", "docker login"),
        _TRY_AGAIN,
    )


def _name(found: Found) -> Problem:
    name = found.text("name").lstrip("/") or (found.settings or _DEFAULT).name
    return _problem(
        found,
        "docker_name",
        f"A container named '{name}' is already there",
        "Docker gives each name only once.",
        "Remove the old container, or use another name.",
        Action(kind=ActionKind.REMOVE_CONTAINER, label=f"Remove '{name}'", target=found.text("id") or name),
    )


def _daemon(found: Found) -> Problem:
    return _problem(
        found,
        "docker_daemon",
        "Docker is not running",
        "Nothing answers where Docker should listen.",
        "Start Docker, then try again.",
        copy("Copy the command", "sudo systemctl start docker"),
        USE_CPU,
        _TRY_AGAIN,
    )


def _runtime(found: Found) -> Problem:
    return _problem(
        found,
        "docker_daemon",
        "Docker could not start the container",
        f"Its runtime failed: {excerpt(found.line, found.match)[-200:]}",
        "Restart Docker, then try again.",
        copy("Copy the command", "sudo systemctl restart docker"),
        _TRY_AGAIN,
    )


def _disk(found: Found) -> Problem:
    return _problem(
        found,
        "disk_full",
        "The disk is full",
        f"The image needs about {pretty('30 GB')}, the model some more.",
        "Free some space, then try again.",
        copy("Copy 'docker system df'", "docker system df"),
        _TRY_AGAIN,
    )


_PORT = re.compile(
    r"(?:Bind for .*?:(?P<port>\d+) failed: )?port is already allocated"
    r"|(?:listen tcp\d? \S*?:(?P<port2>\d+): )?bind: (?:address already in use|Only one usage)"
    r"|bind host port .*?:(?P<port3>\d+)[:/].*address already in use"
    r"|[Pp]orts? (?:are|is) not available"
)
_DEVICE = re.compile(
    r'adding custom device "(?P<device>[^"]+)"|could not select device driver|not a device node'
    r"|error gathering device information"
)
_DENIED = re.compile(r"permission denied.*[Dd]ocker|docker\.sock.*[Pp]ermission denied|PermissionError\(13")
_NO_IMAGE = re.compile(
    r"manifest for (?P<image>\S+) not found|pull access denied for (?P<image2>[^\s,]+)"
    r"|manifest unknown|repository (?P<image3>\S+) not found|invalid reference format"
    r"|failed to resolve reference \W*(?P<image4>[^\s\"\\:]+(?::[^\s\"\\:]+)?)\W*: .*not found"
    r"|requested access to the resource is denied"
)
_NO_DAEMON = re.compile(
    r"Cannot connect to the Docker daemon|Is the docker daemon running|error during connect:"
    r"|fetching server API version|docker_engine|dockerDesktop(?:Linux)?Engine"
)

DOCKER_SIGNS: tuple[Sign, ...] = (
    Sign(
        needles=("port is already allocated", "bind: ", "bind host port", "not available: exposing port"),
        pattern=_PORT,
        explain=_port,
    ),
    Sign(
        needles=("custom device", "select device driver", "device node", "gathering device"),
        pattern=_DEVICE,
        explain=_device,
    ),
    Sign(
        needles=("Permission denied", "permission denied", "PermissionError(13"),
        pattern=_DENIED,
        explain=_permission,
    ),
    Sign(
        needles=("Unable to find group",),
        pattern=re.compile(r"Unable to find group (?P<group>[\w-]+)"),
        explain=_group,
    ),
    Sign(needles=("toomanyrequests", "pull rate limit"), explain=_rate_limit),
    Sign(
        needles=("No such image",),
        pattern=re.compile(r"No such image: (?P<image>[^\s\"')]+)"),
        explain=_image_not_here,
    ),
    Sign(
        needles=("manifest", "access denied", "repository ", "reference", "resource is denied"),
        pattern=_NO_IMAGE,
        explain=_image,
    ),
    Sign(
        needles=("is already in use by container",),
        pattern=re.compile(r'name "?(?P<name>[^\s"]+)"? is already in use by container "?(?P<id>\w+)'),
        explain=_name,
    ),
    Sign(
        needles=(
            "Docker daemon",
            "docker daemon",
            "during connect",
            "server API version",
            "docker_engine",
            "dockerDesktopLinuxEngine",
            "dockerDesktopEngine",
        ),
        pattern=_NO_DAEMON,
        explain=_daemon,
    ),
    Sign(
        needles=("failed to create shim task", "unknown or invalid runtime", "OCI runtime"), explain=_runtime
    ),
)
_DISK_SIGN = Sign(needles=("no space left on device", "No space left on device"), explain=_disk)


def explain_docker_error(text: str, settings: ContainerSettings | None = None) -> Problem:
    """What Docker's error text means; of an unknown one the text itself, with cause 'docker_error'."""
    line = " ".join(text.split())
    for sign in (*DOCKER_SIGNS, _DISK_SIGN):
        found = sign.find(line)
        if found is not None:
            return sign.explain(Found(match=found[0], line=line, settings=settings))
    return Problem(
        cause="docker_error",
        title="Docker refused",
        detail=excerpt(line, None) or "It gave no reason.",
        hint="Try again; if it comes back, restart Docker.",
        evidence=excerpt(line, None),
        actions=(_TRY_AGAIN,),
    )
