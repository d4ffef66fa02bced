"""The rare fields of a benchmark's form: where prompts come from, how they are sent, limits for goodput."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from arcdesk.core.bench import Api, Dataset
from arcdesk.core.bench_check import BenchForm
from arcdesk.ui.bench_form_fields import ChoiceField, FieldGrid, FileField, NumberField
from arcdesk.ui.bench_words import field_title
from arcdesk.ui.theme import Palette

LIMITS = ("ttft_limit", "tpot_limit", "e2e_limit")


class MoreFields(QWidget):
    """Presents its part of a BenchForm."""

    edited = Signal()
    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grid = FieldGrid()
        self.dataset = ChoiceField(
            field_title("dataset"),
            (
                (Dataset.TEXT, self.tr("a text of ArcDesk")),
                (Dataset.FILE, self.tr("a text file, one a line")),
                (Dataset.SHAREGPT, self.tr("ShareGPT, JSON")),
            ),
        )
        self.dataset_path = FileField(field_title("dataset_path"), ())
        self._note = QLabel()
        self._note.setProperty("role", "secondary")
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setWordWrap(True)
        self._note.hide()
        pictures = self.tr("Images (*.png *.jpg *.jpeg *.webp)")
        self.image_path = FileField(field_title("image_path"), (pictures,))
        self.image_path.line.setPlaceholderText(self.tr("none"))
        self.api = ChoiceField(
            field_title("api"),
            ((Api.COMPLETIONS, self.tr("completions")), (Api.CHAT, self.tr("a chat"))),
        )
        self.eos = QCheckBox(self.tr("The model may not end early"))
        self.eos.setAccessibleName(self.tr("Full length: the model may not end an answer early"))
        self.eos.setToolTip(self.tr("ignore_eos: each answer has as many tokens as asked for"))
        self.same = QCheckBox(self.tr("The same prompt each time"))
        self.same.setAccessibleName(self.tr("The same prompt each time"))
        self.same.setToolTip(
            self.tr("As the documents' scripts do. A server that keeps prefixes then answers for nothing.")
        )
        self.seed = NumberField(field_title("seed"))
        self.seed.setToolTip(self.tr("Of the random times: the same ones each time"))
        self.limits = {name: NumberField(field_title(name), self.tr("ms")) for name in LIMITS}
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        for field in ("dataset", "dataset_path", "image_path", "api"):
            self.grid.add(field, field_title(field), getattr(self, field))
        self.grid.add("is_ignoring_eos", field_title("is_ignoring_eos"), self.eos)
        self.grid.add("is_same_prompt", "", self.same)
        self.grid.add("seed", field_title("seed"), self.seed)
        for name, limit in self.limits.items():
            self.grid.add(name, field_title(name), limit)
            limit.line.setPlaceholderText(self.tr("no limit"))
        good = QLabel(self.tr("Answers within all three limits are counted as goodput."))
        good.setProperty("role", "secondary")
        good.setTextFormat(Qt.TextFormat.PlainText)
        good.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._note)
        column.addLayout(self.grid)
        column.addWidget(good)

    def _connect(self) -> None:
        for choice in (self.dataset, self.api):
            choice.edited.connect(self.edited)
            choice.entered.connect(self.entered)
        for file in (self.dataset_path, self.image_path):
            file.entered.connect(self.entered)
        self.dataset_path.edited.connect(self.edited)
        self.image_path.edited.connect(self._on_image)
        for box in (self.eos, self.same):
            box.clicked.connect(lambda _: self.edited.emit())
        for number in (self.seed, *self.limits.values()):
            number.edited.connect(self.edited)
            number.entered.connect(self.entered)

    def _on_image(self) -> None:
        """A picture can only go along in a chat: nobody should have to know that."""
        if self.image_path.text.strip():
            self.api.present(Api.CHAT)
        self.edited.emit()

    def present(self, form: BenchForm) -> None:
        """Show it."""
        self.dataset.present(form.dataset)
        self.dataset_path.present(form.dataset_path)
        self.image_path.present(form.image_path)
        self.api.present(form.api)
        self.eos.setChecked(form.is_ignoring_eos)
        self.same.setChecked(form.is_same_prompt)
        self.seed.present(form.seed)
        for name, field in self.limits.items():
            field.present(getattr(form, name))
        self._show_rows()

    def form(self, form: BenchForm) -> BenchForm:
        """`form` with what stands here."""
        self._show_rows()
        return replace(
            form,
            dataset=cast(Dataset, self.dataset.value),
            dataset_path=self.dataset_path.text,
            image_path=self.image_path.text,
            api=cast(Api, self.api.value),
            is_ignoring_eos=self.eos.isChecked(),
            is_same_prompt=self.same.isChecked(),
            seed=self.seed.text,
            ttft_limit=self.limits["ttft_limit"].text,
            tpot_limit=self.limits["tpot_limit"].text,
            e2e_limit=self.limits["e2e_limit"].text,
        )

    def is_own_length(self, form: BenchForm) -> bool:
        """The prompts are as long as they are in their file."""
        return form.dataset is not Dataset.TEXT

    def _show_rows(self) -> None:
        kind = self.dataset.value
        self.grid.set_row_visible("dataset_path", kind is not Dataset.TEXT)
        self.grid.set_row_visible("is_same_prompt", kind is Dataset.TEXT)  # a file has many prompts
        filters = self.tr("JSON (*.json)") if kind is Dataset.SHAREGPT else self.tr("Texts (*.txt *.md)")
        self.dataset_path.set_filters((filters,))

    def show_note(self, note: str) -> None:
        """What was found in the file."""
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        for file in (self.dataset_path, self.image_path):
            file.set_palette_colors(palette)
        self._note.setAlignment(Qt.AlignmentFlag.AlignLeft)
