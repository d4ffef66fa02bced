"""Moves a model to another folder or disk; until the last step the old place stays whole."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from arcdesk.core.models import ModelEntry, Place
from arcdesk.storage import model_problems
from arcdesk.storage.model_cache import PREFIX
from arcdesk.storage.model_copy import Piece, Progress, ShouldStop, copy_pieces, pieces_of
from arcdesk.storage.model_remove import plan_removal

SPARE_BYTES = 64 << 20
UNFINISHED = ".arcdesk-moving-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move that was checked: from where, to where, how much must be copied (0 on the same disk)."""

    entry: ModelEntry
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    copy_bytes: int


def plan_move(
    entry: ModelEntry, folder: Path, roots: Iterable[Path], *, in_use: Collection[str] = ()
) -> Move:
    """Check target and space. Blocks shortly. Raises ModelError.

    A model of the cache keeps the cache's layout: it goes to `folder`/hub, which then is a cache by
    itself, unless `folder` is one already.
    """
    removal = plan_removal(entry, roots, in_use=in_use)
    place = _place(entry, folder)
    targets = [os.path.join(place, os.path.basename(path)) for path in removal.paths]
    for target in targets:
        if os.path.lexists(target):
            raise model_problems.is_taken(target)
    if os.path.commonpath([entry.path, place]) == entry.path:
        raise model_problems.is_taken(str(place))
    existing = _existing(place)
    try:
        is_same_disk = os.stat(existing).st_dev == os.stat(entry.path).st_dev
        pieces = [piece for path in removal.paths for piece in pieces_of(path)]
        # A link out of the model (into the cache's common store) would lead nowhere after a rename.
        needs_copy = not is_same_disk or any(_leads_out(piece) for piece in pieces)
        copy_bytes = sum(piece.size_bytes for piece in pieces) if needs_copy else 0
        free = shutil.disk_usage(existing).free
    except OSError as error:
        raise model_problems.refused("move", entry.path, error) from error
    if copy_bytes and free < copy_bytes + SPARE_BYTES:
        raise model_problems.no_room(str(folder), copy_bytes + SPARE_BYTES, free)
    return Move(entry=entry, sources=removal.paths, targets=tuple(targets), copy_bytes=copy_bytes)


def do_move(move: Move, progress: Progress, should_stop: ShouldStop) -> str:
    """Move; returns the new path of the model. Blocks. Raises ModelError; then the old place is whole."""
    place = os.path.dirname(move.targets[0])
    try:
        os.makedirs(place, exist_ok=True)
    except OSError as error:
        raise model_problems.refused("move", place, error) from error
    if not move.copy_bytes and _renamed(move):
        return _new_path(move)
    empty_unfinished(Path(place))
    unfinished = os.path.join(place, UNFINISHED + uuid.uuid4().hex)
    try:
        os.mkdir(unfinished)
        _copy(move, unfinished, progress, should_stop)
    except OSError as error:
        raise model_problems.refused("move", error.filename or place, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _drop_sources(move)
    return _new_path(move)


def empty_unfinished(folder: Path) -> None:
    """Delete what a move left that was killed on its way here: its model is still whole where it was. Blocks.

    Only one move is made at a time, so what is there is nobody's.
    """
    try:
        with os.scandir(folder) as items:
            left = [item.path for item in items if item.name.startswith(UNFINISHED) and item.is_dir()]
    except OSError:
        return
    for path in left:
        shutil.rmtree(path, ignore_errors=True)


def _copy(move: Move, unfinished: str, progress: Progress, should_stop: ShouldStop) -> None:
    pieces = [pieces_of(source) for source in move.sources]
    total = 2 * sum(piece.size_bytes for group in pieces for piece in group)
    done = 0
    copies = [os.path.join(unfinished, os.path.basename(target)) for target in move.targets]
    for group, copy in zip(pieces, copies, strict=True):

        def tell(done_here: int, _total: int, base: int = done) -> None:
            progress(base + done_here, total)

        copy_pieces(group, copy, tell, should_stop)
        done += 2 * sum(piece.size_bytes for piece in group)
    if [pieces_of(source) for source in move.sources] != pieces:
        raise model_problems.changed(move.entry.id)
    for target in move.targets:
        if os.path.lexists(target):  # somebody was faster
            raise model_problems.is_taken(target)
    for copy, target in zip(copies, move.targets, strict=True):
        os.rename(copy, target)


def _renamed(move: Move) -> bool:
    """On the same disk a rename is all; False where the disks turn out to be two."""
    done: list[tuple[str, str]] = []
    try:
        for source, target in zip(move.sources, move.targets, strict=True):
            os.rename(source, target)
            done.append((source, target))
    except OSError as error:
        for source, target in done:
            os.rename(target, source)
        if error.errno == errno.EXDEV:
            return False
        raise model_problems.refused("move", move.entry.path, error) from error
    return True


def _leads_out(piece: Piece) -> bool:
    return piece.kind == "file" and os.path.islink(piece.source)


def _drop_sources(move: Move) -> None:
    """The copy is whole; an old place that can't be removed is told, with both places whole."""
    for source in move.sources:
        try:
            shutil.rmtree(source) if os.path.isdir(source) else os.unlink(source)
        except OSError as error:
            raise model_problems.left_behind(source, move.targets[0], error) from error


def _new_path(move: Move) -> str:
    return move.targets[move.sources.index(move.entry.path)]


def _place(entry: ModelEntry, folder: Path) -> str:
    if entry.place is not Place.CACHE:
        return str(folder)
    is_cache = folder.name == "hub" or any(folder.glob(f"{PREFIX}*"))
    return str(folder if is_cache else folder / "hub")


def _existing(path: str) -> str:
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path
