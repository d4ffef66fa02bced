"""Makes the Debian root file system under the stand-in images, from the machine's own mirror."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.rig.content_hash import content_hash
from tests.rig.dockerd import unmount_below
from tests.rig.errors import RigUnavailable
from tests.rig.paths import cache_dir

SUITE = "bookworm"
# procps: the app ends the server by `pkill` inside the container. The rest: what vLLM and llama.cpp load.
PACKAGES = ("python3", "libgomp1", "libnuma1", "ca-certificates", "procps")
APT_FOLDER = Path("/etc/apt")


def base_hash() -> str:
    return content_hash(SUITE, *PACKAGES)


def base_rootfs() -> Path:
    """The folder with the root file system; made on first use (some 40 s, 270 MB)."""
    root = cache_dir() / f"rootfs-{base_hash()}"
    if not root.is_dir():
        building = root.with_suffix(".building")
        _remove(building)
        _debootstrap(building)
        building.rename(root)
    return root


def mirror(apt_folder: Path = APT_FOLDER) -> str:
    """The first Debian archive that apt uses for the suite; raises RigUnavailable when there is none."""
    for uri, suites in _archives(apt_folder):
        if SUITE in suites:
            return uri
    raise RigUnavailable(f"apt has no source for Debian {SUITE}, which the images are made from")


def _archives(apt_folder: Path) -> Iterator[tuple[str, list[str]]]:
    folder = apt_folder / "sources.list.d"
    for file in sorted(folder.glob("*.sources")):
        yield from _deb822_archives(file.read_text(encoding="utf-8"))
    for file in [apt_folder / "sources.list", *sorted(folder.glob("*.list"))]:
        if file.is_file():
            yield from _one_line_archives(file.read_text(encoding="utf-8"))


def _deb822_archives(text: str) -> Iterator[tuple[str, list[str]]]:
    for stanza in text.split("\n\n"):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields = {key.lower(): value.split() for key, _, value in (line.partition(":") for line in lines)}
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"])[0] != "no":
            for uri in fields.get("uris", []):
                yield uri, fields.get("suites", [])


def _one_line_archives(text: str) -> Iterator[tuple[str, list[str]]]:
    for line in text.splitlines():
        words = line.split()
        if not words or words[0] != "deb":
            continue
        while len(words) > 1 and words[1].startswith("["):
            end = next((i for i, word in enumerate(words) if word.endswith("]")), len(words) - 1)
            del words[1 : end + 1]
        if len(words) > 2:
            yield words[1], [words[2]]


def _debootstrap(target: Path) -> None:
    program = shutil.which("debootstrap") or "/usr/sbin/debootstrap"
    packages = f"--include={','.join(PACKAGES)}"
    command = [program, "--variant=minbase", packages, SUITE, str(target), mirror()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RigUnavailable("debootstrap is missing (apt package debootstrap)") from error
    if done.returncode != 0:
        _remove(target)
        raise RigUnavailable(f"debootstrap failed: {done.stdout.strip()[-500:]}")
    for leftover in (target / "var/cache/apt/archives").glob("*.deb"):
        leftover.unlink()


def _remove(folder: Path) -> None:
    if folder.exists():
        unmount_below(folder)  # a broken debootstrap leaves /proc mounted inside
        shutil.rmtree(folder)
