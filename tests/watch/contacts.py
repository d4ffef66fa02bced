"""Runs a program so that each of its contacts is seen: see `sitecustomize` beside this."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def watching(file: Path, *declared: str) -> dict[str, str]:
    """Variables for the program. Contacts with hosts that are not declared are refused, and kept."""
    return {
        "PYTHONPATH": str(FOLDER),
        "ARCDESK_WATCH_FILE": str(file),
        "ARCDESK_WATCH_DECLARED": " ".join(declared),
    }


def seen(file: Path) -> list[tuple[str, str]]:
    """What was seen: (event, host). Fails on the first undeclared host, and if nothing was watched at all."""
    lines = file.read_text().splitlines() if file.exists() else []
    assert lines, "nothing was seen: the watch did not run, or nothing was contacted"
    undeclared = [line for line in lines if line.startswith("UNDECLARED")]
    assert not undeclared, f"undeclared hosts were contacted: {undeclared}"
    return [(event, host) for _, event, host in (line.split(" ", 2) for line in lines)]
