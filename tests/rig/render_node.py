"""Gives the machine a render node to pass into containers, for as long as somebody wants one."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.errors import RigUnavailable
from tests.rig.ledger import Ledger, Record
from tests.rig.paths import cache_dir

FOLDER = Path("/dev/dri")
NODE = FOLDER / "renderD128"
DEVICE = os.makedev(226, 128)


@contextmanager
def render_node() -> Iterator[Path]:
    """`/dev/dri/renderD128`, real or made; what was made is removed by its last user.

    A made node has no driver behind it: passing it on works, opening it fails. Raises RigUnavailable when
    this machine doesn't permit it.
    """
    ledger = Ledger(cache_dir() / "render-node.json")
    with ledger.open() as record:
        _make(record)
        record.add_me()
    try:
        yield NODE
    finally:
        with ledger.open() as record:
            record.remove_me()
            if record.is_unused:
                _remove(record)


def _make(record: Record) -> None:
    if NODE.exists():
        return
    try:
        if not FOLDER.exists():
            FOLDER.mkdir()
            record.facts["folder"] = "made"
        os.mknod(NODE, 0o666 | stat.S_IFCHR, DEVICE)
        record.facts["node"] = "made"
    except OSError as error:
        _remove(record)
        raise RigUnavailable(f"{NODE} cannot be made here: {error.strerror}") from error


def _remove(record: Record) -> None:
    if record.facts.pop("node", ""):
        NODE.unlink(missing_ok=True)
    if record.facts.pop("folder", "") and FOLDER.is_dir():
        FOLDER.rmdir()
