"""Saves a whole run of the ledger, with every request, for other programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from arcdesk.core.bench_ledger import BenchLedger
from arcdesk.services.threads import in_thread
from arcdesk.storage.paths import disk_errors


def ask_where(parent: QWidget, run_id: int, chosen: Callable[[str], None]) -> None:
    """Ask for a file; `chosen` gets its path."""
    dialog = QFileDialog(parent, parent.tr("Save all requests of the run"))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter("JSON (*.json)")
    dialog.setDefaultSuffix("json")
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    dialog.setDirectory(folder or str(Path.home()))
    dialog.selectFile(f"arcdesk-benchmark-{run_id}.json")
    dialog.fileSelected.connect(chosen)
    dialog.open()


async def export(ledger: BenchLedger, run_id: int, path: str) -> None:
    """Raises ArcDeskError."""
    text = await ledger.export(run_id)
    await in_thread("arcdesk-bench-export", partial(_write, path, text))


def _write(path: str, text: str) -> None:
    target = Path(path)
    with disk_errors(target):
        target.write_text(text, encoding="utf-8")
