"""What each setting is: its words, its reason, what it accepts, and when a change takes effect."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from enum import Enum
from urllib.parse import urlsplit

from arcdesk.core.errors import UsageError
from arcdesk.core.settings import APP_RANGES, RANGES, ContainerSettings, Range, Settings, word_refusal

Value = str | int | bool | tuple[tuple[str, str], ...]


class Kind(Enum):
    """What a person sees and does to change it."""

    SWITCH = "switch"
    CHOICE = "choice"
    OPEN_CHOICE = "open_choice"  # the choices, or a text of one's own
    NUMBER = "number"
    TEXT = "text"
    FILE = "file"
    FOLDER = "folder"
    KEY = "key"


class Effect(Enum):
    """When a change is in force."""

    AT_ONCE = "at_once"
    NEXT_START = "next_start"  # of the embedded engine
    NEW_CONTAINER = "new_container"  # the container is made anew when the engine restarts


class Rule(Enum):
    """What a text must be like."""

    ANY = "any"
    ENGINE = "engine"
    WORD = "word"  # passes through the image's start script
    IMAGE = "image"
    NAME = "name"  # of a container
    SIZE = "size"
    NOT_EMPTY = "not_empty"
    WEB = "web"  # an address that begins with http:// or https://


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInfo:
    """One setting for people. `why` is one sentence that holds the reason of the default."""

    table: str
    name: str
    title: str
    why: str
    page: str
    kind: Kind
    effect: Effect = Effect.AT_ONCE
    choices: tuple[tuple[str, str], ...] = ()  # (value, label)
    other: str = ""  # of an open choice: the label of one's own text
    unit: str = ""
    hint: str = ""  # shown in an empty field
    rule: Rule = Rule.ANY

    @property
    def id(self) -> str:
        """The one name that means this setting everywhere: 'container.host_port'."""
        return f"{self.table}.{self.name}"

    @property
    def low(self) -> int:
        """The least number that is taken."""
        return self._range.low

    @property
    def high(self) -> int:
        """The greatest number that is taken."""
        return self._range.high

    @property
    def _range(self) -> Range:
        return (RANGES if self.table == "container" else APP_RANGES)[self.name]

    def refusal(self, value: object) -> str | None:
        """Why `value` can't be kept; None if it can."""
        match self.kind:
            case Kind.SWITCH:
                return None if isinstance(value, bool) else "It must be on or off."
            case Kind.CHOICE:
                return None if value in dict(self.choices) else "It must be one of the list."
            case Kind.NUMBER:
                return self._number_refusal(value)
            case Kind.KEY:
                return text_refusal(self.rule, value) or key_refusal(str(value))
            case _:
                return text_refusal(self.rule, value)

    def _number_refusal(self, value: object) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "It must be a whole number."
        if self.low <= value <= self.high:
            return None
        return f"It must be between {self.low:,} and {self.high:,}.".replace(",", "\N{NARROW NO-BREAK SPACE}")

    def value_in(self, settings: Settings) -> Value:
        """What `settings` say."""
        value: Value = getattr(settings.container if self.table == "container" else settings, self.name)
        return value

    def words_of(self, value: object) -> str:
        """`value` as a person reads it."""
        if isinstance(value, bool):
            return "on" if value else "off"
        label = dict(self.choices).get(str(value), str(value))
        return f"{label} {self.unit}".strip() if label else "empty"


_SIZE = re.compile(r"[1-9]\d*[bkmg]?", re.IGNORECASE)
_CONTAINER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]+")
_REFUSALS = {
    Rule.SIZE: (_SIZE, "It must be a number with k, m or g, such as 16g."),
    Rule.NAME: (_CONTAINER_NAME, "It takes letters, digits and _ . - and begins with a letter or digit."),
    Rule.IMAGE: (re.compile(r"[^\s]+"), "It must be an image's name without spaces."),
    Rule.NOT_EMPTY: (re.compile(r".+"), "It can't be empty."),
}


def text_refusal(rule: Rule, value: object) -> str | None:
    """Why a text breaks its rule; None if it keeps it."""
    if not isinstance(value, str):
        return "It must be text."
    if any(char < " " or "\ud800" <= char <= "\udfff" for char in value):
        return "It holds a character that a settings file can't."
    if rule is Rule.ENGINE:
        return engine_refusal(value)
    if rule is Rule.WORD:
        return word_refusal(value)
    if rule is Rule.WEB:
        return web_refusal(value)
    pattern, why = _REFUSALS.get(rule, (None, ""))
    return None if pattern is None or pattern.fullmatch(value) else why


def engine_refusal(value: str) -> str | None:
    """Why `value` names no engine; None if it does."""
    if value in ("auto", "container", "embedded"):
        return None
    return web_refusal(value, example="http://127.0.0.1:8000/v1")


def web_refusal(value: str, example: str = "https://huggingface.co") -> str | None:
    """Why `value` is no address of a server; None if it is one."""
    try:
        parts = urlsplit(value.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that stays open
        is_address = False
    if not is_address:
        return f"An address looks like {example}."
    return "A name or password has no place in it." if "@" in parts.netloc or parts.query else None


def key_refusal(text: str) -> str | None:
    """Why `text` is no key to press anywhere; None if it is one, or empty: no key."""
    from arcdesk.core.shortcut import parse_shortcut, refusal

    if not text.strip():
        return None
    try:
        return refusal(parse_shortcut(text)) or None
    except UsageError as error:
        return error.problem.detail or error.problem.title


def with_value(settings: Settings, table: str, name: str, value: Value) -> Settings:
    """`settings` with one of them changed."""
    changed: dict[str, object] = {name: value}
    if table == "container":
        return replace(settings, container=replace(settings.container, **changed))  # type: ignore[arg-type]
    return replace(settings, **changed)  # type: ignore[arg-type]


def setting_names() -> set[str]:
    """Every setting there is, as 'name' or 'container.name'."""
    inner = {f"container.{field.name}" for field in fields(ContainerSettings)}
    return {field.name for field in fields(Settings)} - {"container"} | inner
