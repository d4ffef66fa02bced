"""The settings as keys of a file and as environment variables: names, kinds, what each accepts."""

from __future__ import annotations

from dataclasses import dataclass, fields

from arcdesk.core.settings import ContainerSettings, Settings

_TABLES = {
    "engine": ("engine", "gguf_path", "stop_engine_on_quit", "start_engine_with_app"),
    "quick": ("hotkey", "quick_hides_on_blur", "quick_takes_clipboard"),
}
_TABLE_OF = {name: table for table, names in _TABLES.items() for name in names}
_CHOICES: dict[str, tuple[str, ...]] = {"theme": ("system", "light", "dark")}
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_KIND_WORDS = {bool: "true or false", int: "a whole number", str: "text in quotes"}

Value = str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingKey:
    """One setting: where it stands in the file, its variable, its default."""

    table: str
    name: str
    default: Value

    @property
    def variable(self) -> str:
        """The environment variable that overrules the file."""
        prefix = "ARCDESK_CONTAINER_" if self.table == "container" else "ARCDESK_"
        return prefix + self.name.upper()

    def value_in(self, settings: Settings) -> Value:
        """What `settings` say."""
        value: Value = getattr(settings.container if self.table == "container" else settings, self.name)
        return value

    def refusal(self, value: object) -> str | None:
        """Why `value` can't be taken, None if it can."""
        if type(value) is not type(self.default):
            return f"It must be {_KIND_WORDS[type(self.default)]}."
        choices = _CHOICES.get(self.name)
        return f"It must be {' or '.join(choices)}." if choices and value not in choices else None

    def parse(self, text: str) -> object:
        """The value of a variable's text; the text itself where it can't be converted."""
        word = text.strip().lower()
        if isinstance(self.default, bool):
            return True if word in _TRUE else False if word in _FALSE else text
        if isinstance(self.default, int):
            return int(word) if word.lstrip("-").isdecimal() else text
        return text


def _all_keys() -> list[SettingKey]:
    default = Settings()
    outer = _plain_values(default)
    return [
        SettingKey(table=_TABLE_OF.get(name, "general"), name=name, default=value)
        for name, value in outer.items()
    ] + [
        SettingKey(table="container", name=name, default=value)
        for name, value in _plain_values(default.container).items()
    ]


def _plain_values(holder: Settings | ContainerSettings) -> dict[str, Value]:
    values = {field.name: getattr(holder, field.name) for field in fields(holder)}
    return {name: value for name, value in values.items() if isinstance(value, str | int)}


KEYS = _all_keys()
