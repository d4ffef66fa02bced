"""Feeds a tar archive, put together from several places, to a docker command."""

import io
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.docker_engine import DockerEngine
from tests.rig.errors import RigUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A file or folder on this machine and its place in the archive, less the entries with these names."""

    source: Path
    target: str
    without: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A small file that is written on the way."""

    content: str
    target: str
    mode: int = 0o644


Entry = Tree | Text


def stream(engine: DockerEngine, arguments: Iterable[str], entries: Iterable[Entry]) -> None:
    """Runs a docker command with the archive as its input; raises RigUnavailable with its complaint."""
    command = ["docker", "-H", engine.host, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        try:
            # GNU's format: every builder reads it, and its whole seconds keep python's caches valid.
            with tarfile.open(fileobj=process.stdin, mode="w|", format=tarfile.GNU_FORMAT) as archive:
                for entry in entries:
                    _add(archive, entry)
            process.stdin.close()
        except BrokenPipeError:
            pass  # the command ended early and says why
        complaint = process.stderr.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise RigUnavailable(f"{' '.join(command[:4])} failed: {complaint[-500:]}")


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
    if isinstance(entry, Text):
        content = entry.content.encode()
        info = tarfile.TarInfo(entry.target)
        info.size, info.mode = len(content), entry.mode
        archive.addfile(info, io.BytesIO(content))
        return

    def kept(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if Path(info.name).name in entry.without else info

    archive.add(entry.source, arcname=entry.target, filter=kept)
