"""Where B's model is chosen: one of this computer, or one written by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from PySide6.QtWidgets import QComboBox

from arcdesk.core.engine_state import EngineKind
from arcdesk.core.settings_info import Value
from arcdesk.ui.ab_view import ModelOffer

FOLDERS = ("models_dir", "hf_cache_dir")


class OfferBox(QComboBox):
    """Holds offers by their texts, no two of them alike: what is written tells which one is meant.

    `name` is the setting that it fills: 'model_path' or 'gguf_path'.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)

    @property
    def offer(self) -> ModelOffer | None:
        """The one that is chosen; None for what was written by hand."""
        index = self.findText(self.currentText().strip())
        return self._offer_at(index) if index >= 0 else None

    @property
    def value(self) -> str:
        """The setting's value."""
        offer = self.offer
        return str(dict(offer.values)[self._name]) if offer is not None else self.currentText().strip()

    @property
    def folders(self) -> tuple[tuple[str, Value], ...]:
        """The settings of the folders in which the chosen offer lies."""
        return _folders(self.offer) if self.offer is not None else ()

    def fill(self, offers: Iterable[ModelOffer]) -> None:
        """Other offers; what is chosen stays chosen."""
        value, folders = self.value, self.folders
        self.blockSignals(True)
        self.clear()
        for text, offer in _texts(tuple(offers), self._name):
            self.addItem(text, offer)
        self.show_value(value, folders)
        self.blockSignals(False)

    def show_value(self, value: str, folders: tuple[tuple[str, Value], ...] = ()) -> None:
        """Choose the offer with this value, in these folders if they are given; else it is written there."""
        known = [
            self.itemText(index)
            for index in range(self.count())
            if (offer := self._offer_at(index)) is not None
            and dict(offer.values)[self._name] == value
            and (not folders or _folders(offer) == folders)
        ]
        self.setEditText(known[0] if len(known) == 1 else value)

    def _offer_at(self, index: int) -> ModelOffer | None:
        offer = self.itemData(index)
        return offer if isinstance(offer, ModelOffer) else None


def _folders(offer: ModelOffer) -> tuple[tuple[str, Value], ...]:
    return tuple(pair for pair in offer.values if pair[0] in FOLDERS)


def _texts(offers: tuple[ModelOffer, ...], name: str) -> list[tuple[str, ModelOffer]]:
    """Each with its name; with its place too where others have that name."""
    names = [_name_of(offer, name) for offer in offers]
    often = Counter(names)
    return [
        (_placed(offer, text, offers) if often[text] > 1 else text, offer)
        for text, offer in zip(names, offers, strict=True)
    ]


def _name_of(offer: ModelOffer, name: str) -> str:
    return str(dict(offer.values)[name]) if offer.kind is EngineKind.CONTAINER else offer.label


def _placed(offer: ModelOffer, name: str, offers: tuple[ModelOffer, ...]) -> str:
    if offer.kind is not EngineKind.CONTAINER:
        return str(dict(offer.values)["gguf_path"]) or name  # the starter model has no path
    namesakes = [each for each in offers if dict(each.values)["model_path"] == name]
    told = [
        str(pair[1])
        for pair in _folders(offer)
        if pair[1] and any(pair not in each.values for each in namesakes)
    ]
    return f"{name} ({', '.join(told)})" if told else name
