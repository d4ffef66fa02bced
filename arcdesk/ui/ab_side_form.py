"""The form of side B: which engine, and its settings, begun as a copy of A."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from arcdesk.core.ab_plan import ENGINE_WORDS
from arcdesk.core.engine_state import EngineKind
from arcdesk.core.model_names import served_name
from arcdesk.core.settings import LOW_BIT_FORMATS, Settings
from arcdesk.core.settings_info import SettingInfo, Value
from arcdesk.core.settings_table import BY_ID
from arcdesk.ui.ab_offer_box import FOLDERS, OfferBox
from arcdesk.ui.ab_view import ModelOffer
from arcdesk.ui.number_box import NumberBox

Box = TypeVar("Box", bound=QComboBox)
KINDS = tuple(ENGINE_WORDS)
NUMBERS = ("max_model_len", "max_num_batched_tokens", "max_num_seqs", "tensor_parallel_size")
FIELD_PX = 30


class SideForm(QWidget):
    """Holds B's values; `changed` when the person changed one. `mark` shows which differ from A's."""

    changed = Signal()
    file_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = Settings()
        self._labels: dict[str, QLabel] = {}
        self.kind_box = QComboBox()
        self.kind_box.addItems([self.tr(words) for words in ENGINE_WORDS.values()])
        self.kind_box.setAccessibleName(self.tr("Engine of B"))
        self.model = self._combo("model_path", OfferBox("model_path"))
        self.low_bit = self._combo("load_in_low_bit", QComboBox())
        self.low_bit.addItems(LOW_BIT_FORMATS)
        self.numbers = {name: self._number(name) for name in NUMBERS}
        self.image = QLineEdit()
        self.image.setAccessibleName(_info("image").title)
        self.gguf = self._combo("gguf_path", OfferBox("gguf_path"))
        self.choose = QPushButton(self.tr("Choose…"))
        self.choose.setAutoDefault(False)
        self.choose.clicked.connect(self.file_requested)
        self.address = QLineEdit()
        self.address.setAccessibleName(self.tr("Address of the server"))
        self.address.setPlaceholderText("http://127.0.0.1:8000/v1")
        self._form = QFormLayout(self)
        self._arrange()
        self._connect()

    def _combo(self, name: str, box: Box) -> Box:
        box.setAccessibleName(_info(name).title)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)
        return box

    def _number(self, name: str) -> QSpinBox:
        info = _info(name)
        box = NumberBox()
        box.setRange(info.low, info.high)
        box.setAccessibleName(info.title)
        return box

    def _arrange(self) -> None:
        form = self._form
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self._add("kind", self.kind_box, self.tr("Engine"))
        self._add("model_path", self.model)
        self._add("load_in_low_bit", self.low_bit)
        for name, box in self.numbers.items():
            self._add(name, box)
        self._add("image", self.image)
        row = QWidget()
        inner = QHBoxLayout(row)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(8)
        inner.addWidget(self.gguf, 1)
        inner.addWidget(self.choose)
        self._add("gguf_path", row)
        self._add("engine", self.address, self.tr("Address"))
        self._fit_page()

    def _add(self, name: str, field: QWidget, title: str = "") -> None:
        made = QLabel(title or _info(name).title)
        made.setProperty("role", "secondary")
        made.setMinimumHeight(FIELD_PX)  # in line with its field's first line
        made.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._labels[name] = made
        if name not in ("kind", "engine"):
            made.setToolTip(_info(name).why)
        field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._form.addRow(made, field)

    def _connect(self) -> None:
        self.kind_box.currentIndexChanged.connect(lambda _: self._on_kind())
        self.model.activated.connect(lambda index: self._on_offer(self.model, index))
        self.gguf.activated.connect(lambda index: self._on_offer(self.gguf, index))
        for box in (self.model, self.gguf):
            box.editTextChanged.connect(lambda _: self.changed.emit())
        self.low_bit.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.numbers["max_model_len"].valueChanged.connect(self._on_context)
        for number in self.numbers.values():
            number.valueChanged.connect(lambda _: self.changed.emit())
        for line in (self.image, self.address):
            line.textChanged.connect(lambda _: self.changed.emit())

    # what it holds

    @property
    def kind(self) -> EngineKind:
        """Which engine B is."""
        return KINDS[max(0, self.kind_box.currentIndex())]

    @property
    def values(self) -> tuple[tuple[str, Value], ...]:
        """B's own values for this kind, by the settings' names."""
        match self.kind:
            case EngineKind.CONTAINER:
                numbers = tuple((name, box.value()) for name, box in self.numbers.items())
                return (
                    ("model_path", self.model_path),
                    ("served_model_name", self._served_name()),
                    ("load_in_low_bit", self.low_bit.currentText()),
                    *numbers,
                    ("image", self.image.text().strip()),
                    *self.model.folders,
                )
            case EngineKind.EMBEDDED:
                return (("gguf_path", self.gguf_path),)
            case EngineKind.REMOTE:
                return (("engine", self.address.text().strip()),)

    @property
    def model_path(self) -> str:
        """Of the container."""
        return self.model.value

    @property
    def gguf_path(self) -> str:
        """Of the embedded engine; '' is the starter model."""
        return self.gguf.value

    def _served_name(self) -> str:
        own = self._settings.container
        return own.served_model_name if self.model_path == own.model_path else served_name(self.model_path)

    def set_settings(self, settings: Settings, kind: EngineKind) -> None:
        """Begin as a copy of these."""
        self._settings = settings
        self.blockSignals(True)
        container = settings.container
        self.kind_box.setCurrentIndex(KINDS.index(kind))
        self.model.show_value(
            container.model_path, tuple((name, getattr(container, name)) for name in FOLDERS)
        )
        self.low_bit.setCurrentText(container.load_in_low_bit)
        for name, box in self.numbers.items():
            box.setValue(getattr(container, name))
        self.image.setText(container.image)
        self.show_file(settings.gguf_path)
        self.address.setText(settings.engine if settings.engine.startswith("http") else "")
        self.blockSignals(False)
        for line in (self.model.lineEdit(), self.gguf.lineEdit(), self.image, self.address):
            if line is not None:
                line.setCursorPosition(0)  # of a long name the begin is seen
        self._fit_page()

    def set_offers(self, offers: tuple[ModelOffer, ...]) -> None:
        """The models of this computer; what is chosen stays chosen."""
        for box, kind in ((self.model, EngineKind.CONTAINER), (self.gguf, EngineKind.EMBEDDED)):
            box.fill(offer for offer in offers if offer.kind is kind)

    def show_file(self, path: str) -> None:
        """Choose a GGUF file; '' is the starter model."""
        self.gguf.show_value(path)

    def mark(self, differs: frozenset[str]) -> None:
        """Point out the values that A has not."""
        for name, made in self._labels.items():
            role = "changed" if name in differs else "secondary"
            if made.property("role") != role:
                made.setProperty("role", role)
                made.style().unpolish(made)
                made.style().polish(made)

    # what the person does

    def _on_kind(self) -> None:
        self._fit_page()
        self.changed.emit()

    def _fit_page(self) -> None:
        """Only the rows of this kind are seen."""
        mine = {
            EngineKind.CONTAINER: ("model_path", "load_in_low_bit", *NUMBERS, "image"),
            EngineKind.EMBEDDED: ("gguf_path",),
            EngineKind.REMOTE: ("engine",),
        }[self.kind]
        for name, made in self._labels.items():
            self._form.setRowVisible(self._form.getWidgetPosition(made)[0], name == "kind" or name in mine)  # type: ignore[index]

    def _on_offer(self, box: QComboBox, index: int) -> None:
        offer = box.itemData(index)
        if isinstance(offer, ModelOffer):
            for name, value in offer.values:
                self._take(name, value)
        self.changed.emit()

    def _take(self, name: str, value: Value) -> None:
        if name in self.numbers and isinstance(value, int):
            self.numbers[name].setValue(value)
        elif name == "load_in_low_bit":
            self.low_bit.setCurrentText(str(value))

    def _on_context(self, context: int) -> None:
        """The server insists on at least as many tokens in one step."""
        batched = self.numbers["max_num_batched_tokens"]
        if batched.value() < context:
            batched.setValue(context)


def _info(name: str) -> SettingInfo:
    return BY_ID["engine.gguf_path" if name == "gguf_path" else f"container.{name}"]
