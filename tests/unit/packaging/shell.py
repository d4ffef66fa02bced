"""Runs functions of packaging/setup.sh in bash, on a machine whose packages and programs a test chooses."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
WHAT_SETUP_READS = ("packaging", "Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock")
TOOLS = (
    *("bash", "cat", "cut", "dirname", "env", "grep", "head", "id", "make", "mktemp", "rm", "sed"),
    *("sha256sum", "sh", "sort", "tail", "tr"),
    *("apt-cache", "dpkg", "dpkg-query"),
)
CLOSED_PORT = "http://127.0.0.1:9/"  # nobody listens there: a machine without network, at once

RECORD = """\
Package: {name}
Status: {state}
Architecture: {architecture}
Maintainer: nobody <nobody@localhost>
Version: 1
Description: for a test
"""


@dataclass(frozen=True)
class Done:
    """What a script left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def run(*command: str, env: Mapping[str, str], project: Path = ROOT) -> Done:
    done = subprocess.run(command, env=env, cwd=project, capture_output=True, text=True, timeout=120)
    return Done(done.returncode, done.stdout, done.stderr)


def in_setup(script: str, *, env: Mapping[str, str], project: Path = ROOT) -> Done:
    """A few lines of bash that may use the functions of setup.sh."""
    return run("bash", "-c", f"source packaging/setup.sh; {script}", env=env, project=project)


def copy_project(folder: Path) -> Path:
    """The files that setup.sh reads, and its Makefile, in a folder of their own."""
    folder.mkdir()
    for name in WHAT_SETUP_READS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


@dataclass(frozen=True)
class Machine:
    """A PATH with few programs, and dpkg's records of a machine that has only what is said here."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "bin").mkdir(parents=True)
        for tool in TOOLS:
            self.link(tool, shutil.which(tool, path="/usr/bin:/bin:/usr/sbin:/sbin"))
        for name in ("info", "updates"):
            (self.folder / "dpkg" / name).mkdir(parents=True)
        self.has_packages(())

    def link(self, name: str, program: str | None) -> None:
        """Put a program of this machine on the PATH."""
        assert program is not None, f"{name} is missing on this machine"
        (self.folder / "bin" / name).symlink_to(program)

    def program(self, name: str, script: str) -> None:
        """Put a shell script on the PATH, in place of what is there."""
        path = self.folder / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def has_packages(self, records: Iterable[tuple[str, str, str]]) -> None:
        """Names, architectures, and states as in 'install ok installed'."""
        text = "".join(
            RECORD.format(name=name, architecture=architecture, state=state)
            + ("" if architecture == "all" else "Multi-Arch: same\n")
            + "\n"
            for name, architecture, state in records
        )
        (self.folder / "dpkg" / "status").write_text(text)

    def env(self, **changes: str) -> dict[str, str]:
        """An environment with nothing of the person's, and without network."""
        return {
            "PATH": str(self.folder / "bin"),
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "DPKG_ADMINDIR": str(self.folder / "dpkg"),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": CLOSED_PORT,
            "PIP_RETRIES": "0",
            **changes,
        }
