"""Writes settings into the text of a TOML file and leaves alone what a person wrote there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from arcdesk.core.settings import Settings
from arcdesk.storage.settings_keys import SettingKey, Value
from arcdesk.storage.settings_layers import PRESETS, Layers
from arcdesk.storage.settings_migrations import VERSION_KEY, Migration, migrated, transplant

HEADING = "ArcDesk settings. Only what differs from the defaults needs to stand here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What shall stand in the file: the settings, but only the `keys` that no option or variable fixed."""

    settings: Settings
    keys: Sequence[SettingKey]
    forgotten: Collection[str]  # ids to take out of the file where their value is that of the layers below
    below: Layers  # all that lies under the person's own file


def merged(old_text: str, wish: Wish, migrations: Sequence[Migration]) -> str:
    """The text with the wish in it, brought to the newest form. Raises ValueError."""
    import tomlkit  # only a save needs it

    document = tomlkit.parse(old_text)
    if not old_text:
        document.add(tomlkit.comment(HEADING))
        document[VERSION_KEY] = 1 + len(migrations)
    data = document.unwrap()
    transplant(document, data, migrated(data, migrations))
    for key in wish.keys:
        _put_or_forget(document, key, wish)
    _put_presets(document, wish)
    return tomlkit.dumps(document)


def _put_or_forget(document: MutableMapping[str, Any], key: SettingKey, wish: Wish) -> None:
    value, base = key.value_in(wish.settings), wish.below.base[key.id]
    table = document.get(key.table)
    if key.id in wish.forgotten and value == base:
        if isinstance(table, MutableMapping):
            table.pop(key.name, None)
    elif _must_write(key, value, base, table):
        _table(document, key.table)[key.name] = value


def _must_write(key: SettingKey, value: Value, base: Value, table: object) -> bool:
    """The file does not lead to `value` yet. What a person wrote by hand is not touched without need."""
    written = _plain(table.get(key.name)) if isinstance(table, Mapping) else None
    if written is not None and key.refusal(written) is None:
        return bool(written != value)
    return value != base


def _plain(item: Any) -> Any:
    """tomlkit's numbers and texts are of classes of their own."""
    return item.unwrap() if hasattr(item, "unwrap") else item


def _table(document: MutableMapping[str, Any], name: str) -> MutableMapping[str, Any]:
    import tomlkit

    if not isinstance(document.get(name), MutableMapping):
        document[name] = tomlkit.table()
    table: MutableMapping[str, Any] = document[name]
    return table


def _put_presets(document: MutableMapping[str, Any], wish: Wish) -> None:
    from arcdesk.core.preset_names import laid_over

    wanted, below = dict(wish.settings.presets), wish.below.base_presets
    present = _plain(document.get(PRESETS, {}))
    own = present if isinstance(present, dict) else {}
    shown, refused = laid_over(below, own)
    if list(shown.items()) == list(wanted.items()):
        return
    table = _table(document, PRESETS)
    kept = [name for name in shown if name in wanted]
    is_reordered = kept != list(wanted)[: len(kept)]
    for name in own.keys() - dict(refused).keys():
        if name not in wanted or is_reordered:
            table.pop(name)
    for name, text in wanted.items():
        if below.get(name) != text and _plain(table.get(name)) != text:
            table[name] = text
    for name in below:
        if name not in wanted:
            table[name] = ""
