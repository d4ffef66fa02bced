"""Where the rig keeps what it reuses between runs."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
RIG_SOURCES = Path(__file__).resolve().parent


def cache_dir() -> Path:
    """The rig's cache folder; made on first use."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "arcdesk-rig"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def locked_version(package: str) -> str:
    """The version that the project pins, so that rig and application run the same one."""
    for line in (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition("==")
        if name.strip() == package:
            return rest.split(";")[0].strip()
    raise LookupError(f"requirements.lock has no line '{package}==…'")
