"""The settings as keys of a file, as variables and as options: names, kinds, what each accepts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from arcdesk.core.errors import Problem, UsageError
from arcdesk.core.settings import THEMES, ContainerSettings, Settings

_TABLES = {
    "engine": ("engine", "gguf_path", "stop_engine_on_quit", "start_engine_with_app"),
    "models": ("model_folders", "hub_endpoint", "hub_offline"),
    "bench": ("bench_offers", "live_export", "live_export_port"),
    "quick": ("hotkey", "quick_hides_on_blur", "quick_takes_clipboard"),
}
_TABLE_OF = {name: table for table, names in _TABLES.items() for name in names}
_CHOICES: dict[str, tuple[str, ...]] = {"theme": THEMES}
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
    def id(self) -> str:
        """The one name that means this setting everywhere: 'container.host_port'."""
        return f"{self.table}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that overrules the file."""
        prefix = "ARCDESK_CONTAINER_" if self.table == "container" else "ARCDESK_"
        return prefix + self.name.upper()

    @property
    def flag(self) -> str:
        """The option of the command line that overrules the variable."""
        return "--engine" if self.id == "engine.engine" else f"--set {self.id}"

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
            return _whole_number(word, text)
        return text


def _whole_number(word: str, text: str) -> object:
    try:
        return int(word) if word.lstrip("-").isdecimal() else text
    except ValueError:  # '--3', or more digits than Python converts
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


def parse_assignments(texts: Iterable[str]) -> dict[str, str]:
    """'table.name=value' of the command line as overrides. Raises UsageError for what can't be meant."""
    known = {key.id: key for key in KEYS}
    overrides: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        key = known.get(name.strip())
        if key is None or not sign:
            raise UsageError(_no_assignment(text, name.strip(), bool(sign)))
        why = key.refusal(key.parse(value))
        if why is not None:
            raise UsageError(
                Problem(cause="bad_setting", title=f"'{value}' can't be used for {key.id}", detail=why)
            )
        overrides[key.id] = value
    return overrides


def _no_assignment(text: str, name: str, has_value: bool) -> Problem:
    if not has_value:
        return Problem(cause="bad_setting", title=f"'{text}' sets nothing", hint="Write TABLE.NAME=VALUE.")
    near = [key.id for key in KEYS if key.name == name.rpartition(".")[2]]
    return Problem(
        cause="bad_setting",
        title=f"There is no setting '{name}'",
        hint=f"Did you mean {' or '.join(near)}?" if near else "Its names are those of the settings file.",
    )
