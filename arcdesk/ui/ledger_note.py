"""The field for the note of the run on show."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from arcdesk.core.bench import BenchRun


class LedgerNote(QLineEdit):
    """Tells a note once it was typed, also where the window turned to another run before Enter."""

    given = Signal(int, str)  # of which run

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: BenchRun | None = None  # as it was last presented
        self._noted: tuple[int, str] = (0, "")  # run and note as they are in the ledger
        self.setEnabled(False)
        self.setPlaceholderText(self.tr("Note"))
        self.setAccessibleName(self.tr("Note of the run"))
        self.setToolTip(self.tr("Kept with the run; Enter keeps it"))
        self.editingFinished.connect(self._give)

    def present(self, run: BenchRun | None) -> None:
        """Show its note, but write over nothing that is being typed for the same run."""
        if run is self._run:
            return
        self._run = run
        run_id, note = (run.id, run.note) if run is not None else (0, "")
        if run_id != self._noted[0]:
            self._give()
        is_begun = run_id == self._noted[0] and self._typed != self._noted[1]
        self._noted = (run_id, note)
        if not is_begun and self._typed != note:
            self.setText(note)
        self.setEnabled(run is not None)

    @property
    def _typed(self) -> str:
        return self.text().strip()

    def _give(self) -> None:
        run_id, kept = self._noted
        text = self._typed
        if run_id and text != kept:
            self._noted = (run_id, text)
            self.given.emit(run_id, text)
