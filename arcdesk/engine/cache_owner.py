"""Gives files of the model cache that a container wrote as root back to the person whose cache it is."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcdesk.core.errors import Action, ActionKind, EngineError, Problem
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.container_spec import HF_CACHE_TARGET, hf_cache_folder

if TYPE_CHECKING:
    from docker import DockerClient

log = logging.getLogger(__name__)

# What servers write there. The rest is not touched: somebody may have named a whole disk as the cache.
NAMES = ("hub", "xet", "modules")
ALL_NAMES = frozenset({*NAMES, "assets", "datasets", "token", "stored_tokens", "CACHEDIR.TAG"})
NEEDED_FOLDERS = ("hub", "hub/.locks", "xet")  # made by the person, or root makes them
FIRST_SUBORDINATE_UID = 65_536  # of a daemon with user namespaces; below are people and services
ENTRIES_LIMIT = 1_000_000
WAIT_S = 300

# -h and -xdev: the links themselves, and never beyond the mount. Only files of the given users change:
# what belongs to other people stays theirs. `find` is in every image with a shell that serves models.
SCRIPT = f"""
cd "$1" || exit; to=$2; also=$3; shift 3
for of in "$@"; do
    for name in {" ".join(NAMES)} $also; do
        [ -e "$name" ] || [ -L "$name" ] || continue
        depth=; [ "$name" != . ] || depth="-maxdepth 0"
        find "./$name" $depth -xdev -user "$of" -exec chown -h "$to" {{}} + || exit
    done
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose the cache should be."""

    uid: int
    gid: int


def this_person() -> Owner | None:
    """The user that ArcDesk runs as; None where files have no owners."""
    return Owner(uid=os.getuid(), gid=os.getgid()) if hasattr(os, "getuid") else None


def make_cache_folders(cache: Path) -> None:
    """Make what the server would otherwise make as root. Raises OSError if `cache` itself can't be made."""
    cache.mkdir(parents=True, exist_ok=True)
    for name in NEEDED_FOLDERS:
        with contextlib.suppress(OSError):  # in a cache that is root's already: that is mended afterwards
            (cache / name).mkdir(exist_ok=True)


def foreign_uids(cache: Path, owner: Owner) -> dict[int, int]:
    """Which other users own how many entries of what servers write. Blocks; never raises, follows no link.

    With rootless Docker root inside is the person outside, so nothing is foreign.
    """
    found: dict[int, int] = {}
    for entry in _entries(cache):
        with contextlib.suppress(OSError):
            uid = os.lstat(entry).st_uid
            if uid != owner.uid:
                found[uid] = found.get(uid, 0) + 1
    return found


def _entries(cache: Path) -> Iterator[str]:
    if _is_nothing_else(cache):
        yield str(cache)
    count = 0
    for top in (os.path.join(cache, name) for name in NAMES):
        yield top
        for parent, folders, files in () if os.path.islink(top) else os.walk(top):
            for name in (*folders, *files):
                count += 1
                if count > ENTRIES_LIMIT:
                    return
                yield os.path.join(parent, name)


def _is_nothing_else(cache: Path) -> bool:
    """The folder itself is a cache, and not one that holds other things as well."""
    try:
        return ALL_NAMES.issuperset(os.listdir(cache))
    except OSError:
        return False


def is_foreign(settings: ContainerSettings, owner: Owner | None = None) -> bool:
    """Something in the cache is not the person's. Blocks; for root all is."""
    owner = owner or this_person()
    folder = hf_cache_folder(settings)
    return owner is not None and owner.uid != 0 and bool(folder) and bool(foreign_uids(Path(folder), owner))


def own_cache(client: DockerClient, settings: ContainerSettings, owner: Owner | None = None) -> int:
    """Give back what a container owns in the cache; returns how many entries changed hands. Blocks.

    Done inside a running container that has the cache, else by one made for this from the same image,
    without network. Raises EngineError if entries of the engine's users are still there afterwards.
    """
    owner = owner or this_person()
    folder = hf_cache_folder(settings)
    if owner is None or not folder or not os.path.isdir(folder) or owner.uid == 0:
        return 0
    is_mapped = _has_user_namespaces(client)
    before = _of_engines(foreign_uids(Path(folder), owner), is_mapped=is_mapped)
    if not before:
        return 0
    command = _command(owner, before, also="." if _is_nothing_else(Path(folder)) else "")
    running = None if is_mapped else _container_with(client, folder)
    if running is None or not _done_inside(client, running, command):
        _done_by_another(client, settings.image, folder, command, is_mapped=is_mapped)
    left = _of_engines(foreign_uids(Path(folder), owner), is_mapped=is_mapped)
    if left:
        raise EngineError(_still_foreign(folder, sum(left.values())))
    return sum(before.values())


def _of_engines(found: Mapping[int, int], *, is_mapped: bool) -> dict[int, int]:
    """Root's entries, and those of users that only a daemon with user namespaces makes."""
    return {
        uid: count for uid, count in found.items() if uid == 0 or (is_mapped and uid >= FIRST_SUBORDINATE_UID)
    }


def _command(owner: Owner, uids: Mapping[int, int], *, also: str) -> list[str]:
    who = f"{owner.uid}:{owner.gid}"
    return ["sh", "-c", SCRIPT, "arcdesk", HF_CACHE_TARGET, who, also, *(str(uid) for uid in sorted(uids))]


def _has_user_namespaces(client: DockerClient) -> bool:
    return any("name=userns" in option for option in client.info().get("SecurityOptions") or ())


def _container_with(client: DockerClient, folder: str) -> str | None:
    """A running container that has this very folder as its cache, writable."""
    for summary in client.api.containers():
        for mount in summary.get("Mounts") or ():
            is_ours = mount.get("Destination") == HF_CACHE_TARGET and mount.get("RW")
            if is_ours and _is_same(mount.get("Source", ""), folder) and summary.get("State") == "running":
                return str(summary["Id"])
    return None


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _done_inside(client: DockerClient, container_id: str, command: list[str]) -> bool:
    """False for a container that can't: it ended meanwhile, is rootless inside, has no `find`."""
    from docker.errors import APIError

    try:
        run = client.api.exec_create(container_id, command, user="0:0")["Id"]
        said = client.api.exec_start(run)
        code = client.api.exec_inspect(run)["ExitCode"]
    except APIError as error:
        log.info("the cache was not given back inside %s: %s", container_id[:12], error.explanation)
        return False
    if code != 0:
        log.info("the cache was not given back inside %s: %r", container_id[:12], said[-300:])
    return bool(code == 0)


def _done_by_another(
    client: DockerClient, image: str, folder: str, command: list[str], *, is_mapped: bool
) -> None:
    """A container for this alone. Raises NotFoundError (by the caller's translation) without the image."""
    options: dict[str, Any] = {"userns_mode": "host"} if is_mapped else {}
    mount: Any = {"Type": "bind", "Source": folder, "Target": HF_CACHE_TARGET, "ReadOnly": False}
    container = client.containers.create(
        image,
        command=command[1:],
        entrypoint=command[:1],
        user="0:0",
        network_mode="none",
        mounts=[mount],
        cap_drop=["ALL"],
        cap_add=["CHOWN", "DAC_OVERRIDE", "FOWNER"],
        **options,
    )
    try:
        container.start()
        code = container.wait(timeout=WAIT_S)["StatusCode"]
        if code != 0:
            raise EngineError(_failed(folder, container.logs(tail=5).decode("utf-8", "replace")))
    finally:
        container.remove(force=True)


def _still_foreign(folder: str, count: int) -> Problem:
    return Problem(
        cause="cache_not_yours",
        title="Some files of the model cache still belong to root",
        detail=f"{count} entries in {folder} could not be given back to you.",
        hint="The disk may not keep owners, or another container writes there. Try again after it has ended.",
        evidence=folder,
    )


def _failed(folder: str, said: str) -> Problem:
    return Problem(
        cause="cache_not_yours",
        title="The model cache could not be given back to you",
        detail="The container that was to do it said why, below.",
        hint="Give them back to yourself with the command.",
        evidence=said.strip(),
        actions=(Action(kind=ActionKind.COPY, label="Copy command", target=_chown(folder)),),
    )


def _chown(folder: str) -> str:
    places = [os.path.join(folder, name) for name in NAMES if os.path.lexists(os.path.join(folder, name))]
    return f"sudo chown -R -h --from=root $USER {shlex.join(places)}"
