"""The files of a comparison: prompts that are read, a report that is written, and the dialogs for both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from arcdesk.core.ab_plan import prompts_of
from arcdesk.core.bench_prompts import prompts_of_file, prompts_of_sharegpt
from arcdesk.core.errors import Problem, UsageError
from arcdesk.services.threads import in_thread
from arcdesk.storage.log_file import stamp
from arcdesk.storage.paths import disk_errors

LARGEST_BYTES = 2 << 20


async def read_prompts(path: Path) -> tuple[str, ...]:
    """Blocks between empty lines; one a line where there are none; JSON as ShareGPT has it.

    Raises ArcDeskError.
    """
    data = await in_thread("arcdesk-ab", lambda: _read(path))
    if path.suffix.lower() == ".json":
        return prompts_of_sharegpt(data, path.name)
    prompts = prompts_of_file(data, path.name)
    return prompts_of(prompts[0]) if len(prompts) == 1 else prompts


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise UsageError(
            Problem(cause="bad_dataset", title=f"{path.name} can't be read", detail=f"{reason}.")
        ) from error
    if len(data) > LARGEST_BYTES:
        problem = Problem(
            cause="bad_dataset",
            title=f"{path.name} is too large for a comparison",
            detail=f"At most {LARGEST_BYTES >> 20} MiB of prompts are taken.",
        )
        raise UsageError(problem)
    return data


async def write_report(path: Path, text: str) -> None:
    """Write it as UTF-8. Raises ArcDeskError."""

    def write() -> None:
        with disk_errors(path):
            path.write_text(text, encoding="utf-8")

    await in_thread("arcdesk-ab", write)


def ask_to_open(parent: QWidget, names: str, on_file: Callable[[str], None]) -> QFileDialog:
    """Let the person choose a file."""
    chooser = _dialog(parent, parent.tr("Choose a file"), on_file)
    chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
    chooser.setNameFilter(names)
    chooser.open()
    return chooser


def ask_to_save(parent: QWidget, on_file: Callable[[str], None]) -> QFileDialog:
    """Let the person choose where the report goes."""
    chooser = _dialog(parent, parent.tr("Save the report"), on_file)
    chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    chooser.setNameFilter("Markdown (*.md)")
    chooser.setDefaultSuffix("md")
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    chooser.setDirectory(folder or str(Path.home()))
    chooser.selectFile(f"arcdesk-ab-{stamp()}.md")
    chooser.open()
    return chooser


def _dialog(parent: QWidget, title: str, on_file: Callable[[str], None]) -> QFileDialog:
    chooser = QFileDialog(parent, title)
    chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    chooser.fileSelected.connect(on_file)
    return chooser
