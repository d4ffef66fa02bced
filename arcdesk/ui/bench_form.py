"""The form of a benchmark: a ready-made one or one's own, each field with its name and its refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QToolButton, QVBoxLayout, QWidget

from arcdesk.core.bench_check import Arrival, BenchForm, Checked, End
from arcdesk.core.bench_presets import PresetId
from arcdesk.ui.bench_form_fields import UNIT_WIDTH_PX, ChoiceField, FieldGrid, NumberField
from arcdesk.ui.bench_form_more import MoreFields
from arcdesk.ui.bench_words import field_title, preset_titles, preset_why
from arcdesk.ui.resources import icon
from arcdesk.ui.theme import LIGHT, Palette


class BenchFormView(QWidget):
    """Presents a BenchForm; what the person makes of it goes out whole."""

    edited = Signal(BenchForm)
    preset_chosen = Signal(PresetId)
    entered = Signal()  # Enter in a field

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form = BenchForm()
        self._palette = LIGHT
        self.preset = ChoiceField(self.tr("Benchmark"), preset_titles())
        self.preset.setMaximumWidth(1000)
        self.preset.edited.connect(self._on_preset)
        self._why = QLabel()
        self._why.setProperty("role", "secondary")
        self._why.setTextFormat(Qt.TextFormat.PlainText)
        self._why.setWordWrap(True)
        self.grid = FieldGrid()
        self.concurrencies = NumberField(field_title("concurrencies"), is_wide=True)
        self.concurrencies.line.setPlaceholderText(self.tr("1, 4, 8: a step for each"))
        self.input_tokens = NumberField(field_title("input_tokens"))
        self.output_tokens = NumberField(field_title("output_tokens"))
        self.end = ChoiceField(
            field_title("end"),
            (
                (End.FACTOR, self.tr("after 4 rounds")),
                (End.REQUESTS, self.tr("after so many requests")),
                (End.SECONDS, self.tr("after so many seconds")),
            ),
        )
        self.end_value = NumberField(field_title("end"), self.tr("requests"))
        self.end_value.unit.setMinimumWidth(UNIT_WIDTH_PX)
        self.arrival = ChoiceField(
            field_title("arrival"),
            (
                (Arrival.LOOP, self.tr("when another has ended")),
                (Arrival.RANDOM, self.tr("at random times")),
            ),
        )
        self.arrival.setToolTip(
            self.tr("Closed loop: always so many at once. Random times: a Poisson process, as people ask.")
        )
        self.rate = NumberField(field_title("rate"), self.tr("a second"))
        self.warm_up = NumberField(field_title("warm_up"))
        self.warm_up.line.setPlaceholderText(self.tr("2 rounds"))
        self.fold = QToolButton()
        self.fold.setText(self.tr("More"))
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.setCheckable(True)
        self.fold.toggled.connect(self.set_folded_out)
        self.more = MoreFields()
        self.more.hide()
        self._arrange()
        self._connect()
        self.present(self._form, PresetId.OWN)

    def _arrange(self) -> None:
        for field in ("concurrencies", "input_tokens", "output_tokens", "end", "end_value"):
            name = "" if field == "end_value" else field_title(field)
            self.grid.add(field, name, getattr(self, field))
        for field in ("arrival", "rate", "warm_up"):
            self.grid.add(field, "" if field == "rate" else field_title(field), getattr(self, field))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addWidget(self.preset)
        column.addWidget(self._why)
        column.addSpacing(8)
        column.addLayout(self.grid)
        column.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.more)
        column.addStretch(1)

    def _connect(self) -> None:
        for each in (self.concurrencies, self.input_tokens, self.output_tokens, self.warm_up):
            each.edited.connect(self._on_edited)
            each.entered.connect(self.entered)
        for each in (self.end_value, self.rate):
            each.edited.connect(self._on_edited)
            each.entered.connect(self.entered)
        for choice in (self.end, self.arrival):
            choice.edited.connect(self._on_edited)
        for choice in (self.preset, self.end, self.arrival):
            choice.entered.connect(self.entered)
        self.more.edited.connect(self._on_edited)
        self.more.entered.connect(self.entered)

    # showing

    def present(self, form: BenchForm, preset: PresetId) -> None:
        """Show it."""
        self._form = form
        self.preset.present(preset)
        self._why.setText(preset_why(preset))
        for field in ("concurrencies", "input_tokens", "output_tokens", "end_value", "rate", "warm_up"):
            getattr(self, field).present(getattr(form, field))
        self.end.present(form.end)
        self.arrival.present(form.arrival)
        self.more.present(form)
        self._show_rows(form)

    def _show_rows(self, form: BenchForm) -> None:
        is_random = form.arrival is Arrival.RANDOM
        self.grid.set_row_visible("end_value", form.end is not End.FACTOR)
        self.grid.set_row_visible("rate", is_random)
        unit = self.tr("seconds") if form.end is End.SECONDS else self.tr("requests")
        self.end_value.unit.setText(unit)
        self.end_value.line.setAccessibleName(f"{field_title('end')}: {unit}")
        self.grid.rename(
            "concurrencies", self.tr("At most at once") if is_random else self.tr("Requests at once")
        )
        is_own_length = self.more.is_own_length(form)
        self.input_tokens.setEnabled(not is_own_length)
        self.input_tokens.setToolTip(self.tr("As long as they are in the file") if is_own_length else "")

    def show_refusals(self, checked: Checked) -> None:
        """Say below each field why it can't stand."""
        for grid in (self.grid, self.more.grid):
            for field in grid.fields:
                grid.refuse(field, self.tr(why) if (why := checked.why(field)) else "")
        if any(checked.why(field) for field in self.more.grid.fields):
            self.set_folded_out(True)

    def show_prompts_note(self, note: str) -> None:
        """What was found in the file of prompts."""
        self.more.show_note(note)

    def set_folded_out(self, is_out: bool) -> None:
        """Show the rare fields."""
        self.fold.setChecked(is_out)
        self.more.setVisible(is_out)
        self._show_fold()

    def _show_fold(self) -> None:
        name = "fold" if self.fold.isChecked() else "unfold"
        self.fold.setIcon(icon(name, self._palette.secondary))
        self.fold.setAccessibleName(
            self.tr("Fewer settings") if self.fold.isChecked() else self.tr("More settings")
        )

    def set_palette_colors(self, palette: Palette) -> None:
        """Take other colours."""
        self._palette = palette
        self._show_fold()
        self.more.set_palette_colors(palette)

    # what the person does

    def _on_preset(self) -> None:
        self.preset_chosen.emit(cast(PresetId, self.preset.value))

    def _on_edited(self) -> None:
        form = replace(
            self.more.form(self._form),
            concurrencies=self.concurrencies.text,
            input_tokens=self.input_tokens.text,
            output_tokens=self.output_tokens.text,
            end=cast(End, self.end.value),
            end_value=self.end_value.text,
            arrival=cast(Arrival, self.arrival.value),
            rate=self.rate.text,
            warm_up=self.warm_up.text,
        )
        self._form = form
        self._show_rows(form)
        self.edited.emit(form)
