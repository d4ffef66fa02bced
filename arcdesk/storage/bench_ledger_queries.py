"""The words in which the ledger's file is asked, and how a whole run goes in and comes out."""

from __future__ import annotations

import sqlite3

from arcdesk.core.bench import BenchRun, BenchStep
from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.storage import bench_ledger_codec as codec
from arcdesk.storage.bench_ledger_records import UnknownPacking, pack, unpack

_INSERT = f"""INSERT INTO runs ({codec.ROW_COLUMNS.removeprefix("id, ")}, vram_peak_bytes, energy_j)
    VALUES ({", ".join("?" * 18)})"""  # noqa: S608 - our own column names
_SHOWN = "deleted_at IS NULL AND (? = '' OR model = ?)"
_SEARCHED = """casefold(model || ' ' || engine || ' ' || image_digest || ' ' || driver || ' ' || kernel
    || ' ' || cards || ' ' || note)"""
HISTORY_OF = f"""SELECT {codec.ROW_COLUMNS}, data FROM runs JOIN surroundings ON run_id = id
    WHERE plan = ? AND model = ? AND deleted_at IS NULL ORDER BY at DESC, id DESC LIMIT ?"""  # noqa: S608
LIKE = """SELECT id FROM runs WHERE plan = ? AND model = ? AND deleted_at IS NULL AND is_cancelled = 0
    ORDER BY id DESC LIMIT ?"""  # a clock that was ahead must not keep the later ones out


def list_query(model: str, text: str) -> tuple[str, tuple[str, ...]]:
    """A page of the list, and its first values; those of (at, id) to begin after and the limit follow."""
    where, values = wanted(model, text)
    query = f"""SELECT {codec.ROW_COLUMNS} FROM runs WHERE {where} AND (at, id) < (?, ?)
        ORDER BY at DESC, id DESC LIMIT ?"""  # noqa: S608 - our own words; what is typed is bound
    return query, values


def wanted(model: str, text: str) -> tuple[str, tuple[str, ...]]:
    """The condition of the list, and the values bound in it."""
    words = text.casefold().split()
    where = " AND ".join([_SHOWN, *[f"instr({_SEARCHED}, ?) > 0"] * len(words)])
    return where, (model, model, *words)


def insert(db: sqlite3.Connection, run: BenchRun) -> int:
    """Its new id."""
    values = (*codec.row_values(run), run.vram_peak_bytes, run.energy_j)
    key = db.execute(_INSERT, values).lastrowid or 0
    about = codec.surroundings_to_json(run.surroundings)
    db.execute("INSERT INTO surroundings VALUES (?, ?)", (key, about))
    db.executemany(
        "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (key, number, one.concurrency, one.duration_s, one.cpu_s, one.is_cancelled, pack(one.records))
            for number, one in enumerate(run.steps)
        ),
    )
    return key


def get(db: sqlite3.Connection, run_id: int) -> BenchRun:
    """The whole run, a deleted one too. Raises ArcDeskError."""
    query = """SELECT at, plan, data, vram_peak_bytes, energy_j, note FROM runs
        JOIN surroundings ON run_id = id WHERE id = ?"""
    row = db.execute(query, (run_id,)).fetchone()
    if row is None:
        raise ArcDeskError(gone())
    at, plan, about, vram_peak_bytes, energy_j, note = row
    try:
        return BenchRun(
            id=run_id,
            at=at,
            plan=codec.plan_from_json(plan),
            surroundings=codec.surroundings_from_json(about),
            steps=_steps(db, run_id),
            vram_peak_bytes=vram_peak_bytes,
            energy_j=energy_j,
            note=note,
        )
    except UnknownPacking as error:
        raise ArcDeskError(_unreadable(run_id, "A newer ArcDesk wrote it.", str(error))) from error
    except (ValueError, TypeError) as error:
        raise ArcDeskError(_unreadable(run_id, "Its bytes are damaged.", str(error))) from error


def _steps(db: sqlite3.Connection, run_id: int) -> tuple[BenchStep, ...]:
    query = """SELECT concurrency, duration_s, cpu_s, is_cancelled, records FROM steps
        WHERE run_id = ? ORDER BY number"""
    return tuple(
        BenchStep(
            concurrency=concurrency,
            duration_s=duration_s,
            cpu_s=cpu_s,
            is_cancelled=bool(is_cancelled),
            records=unpack(blob),
        )
        for concurrency, duration_s, cpu_s, is_cancelled, blob in db.execute(query, (run_id,))
    )


def gone() -> Problem:
    """It is in the file no more."""
    return Problem(
        cause="bench_run_gone",
        title="This benchmark is gone",
        detail="It was deleted more than 30 days ago, or by another window.",
        hint="Open the list again.",
    )


def _unreadable(run_id: int, detail: str, evidence: str) -> Problem:
    return Problem(
        cause="bench_run_unreadable",
        title=f"Benchmark {run_id} can't be read",
        detail=detail,
        hint="The other benchmarks are not concerned; this one stays in the file as it is.",
        evidence=evidence,
    )
