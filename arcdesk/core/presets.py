"""Presets of the quick prompt: `/name argument: text` becomes a question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_ARGUMENT_CHARS = 40
PLACES = ("text", "argument", "clipboard", "selection")

# {text}: what is typed behind the name, or what is attached. {argument|default}: what stands before a colon.
BUILT_IN: tuple[tuple[str, str], ...] = (
    (
        "fix",
        "Correct spelling, grammar and punctuation. Keep the language, the meaning and the tone. "
        "Answer with the corrected text only.\n\n{text}",
    ),
    (
        "translate",
        "Translate into {argument|English}. Keep the meaning, the tone and the formatting. "
        "Answer with the translation only.\n\n{text}",
    ),
    ("summarize", "Summarize this in a few short sentences, in its own language.\n\n{text}"),
    ("explain", "Explain this in plain words, with a short example if that helps.\n\n{text}"),
    (
        "shell",
        "Write one {argument|Linux shell} command that does this. Answer with the command in a code block, "
        "then one sentence on what it does.\n\n{text}",
    ),
    (
        "rewrite",
        "Rewrite this so that it is {argument|clear and friendly}. Keep the language and the meaning. "
        "Answer with the rewritten text only.\n\n{text}",
    ),
)

_CALL = re.compile(r"/([A-Za-z][\w-]*)(?:\s+(.*))?\s*", re.DOTALL)
_BEGUN = re.compile(r"/([\w-]*)")
_PLACE = re.compile(r"\{(text|clipboard|selection|argument)(?:\|([^{}]*))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named question with places to fill."""

    name: str
    text: str
    is_own: bool = False  # made by the person

    @property
    def places(self) -> frozenset[str]:
        """Which places it has, of PLACES."""
        return frozenset(match[1] for match in _PLACE.finditer(self.text))

    @property
    def summary(self) -> str:
        """Its first sentence, for a list; places are shown as '…', defaults as themselves."""
        first = _PLACE.sub(lambda match: match[2] or "…", self.text).strip().partition("\n")[0]
        return first.partition(". ")[0].rstrip(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A preset with what was typed behind it. `text` may be empty: then something attached is meant."""

    preset: Preset
    argument: str
    text: str

    @property
    def lacks_text(self) -> bool:
        """It works on a text, and none was typed."""
        return "text" in self.preset.places and not self.text.strip()

    def question(self, given: Mapping[str, str]) -> str:
        """The question; `given` has 'text' for what is attached, and 'clipboard' and 'selection'."""
        values = {**given, "argument": self.argument}
        values["text"] = self.text or given.get("text", "")

        def fill(match: re.Match[str]) -> str:
            return values.get(match[1], "") or match[2] or ""

        filled = _PLACE.sub(fill, self.preset.text).strip()
        rest = "" if self.preset.places & {"text", "argument"} else self.text  # never lose what was typed
        return "\n\n".join(part for part in (filled, rest) if part)


def all_presets(own: Sequence[tuple[str, str]]) -> tuple[Preset, ...]:
    """The person's own and the built in ones by name; an own one takes the place of a built in one."""
    presets = {name: Preset(name=name, text=text) for name, text in BUILT_IN}
    presets |= {
        name.lower(): Preset(name=name.lower(), text=text, is_own=True)
        for name, text in own
        if name and text.strip()
    }
    return tuple(presets[name] for name in sorted(presets))


def matching(typed: str, presets: Sequence[Preset]) -> tuple[Preset, ...]:
    """The presets that a name just being typed may become; none once the name has ended."""
    begun = _BEGUN.fullmatch(typed)
    if begun is None:
        return ()
    return tuple(preset for preset in presets if preset.name.startswith(begun[1].lower()))


def called(typed: str, presets: Sequence[Preset]) -> Call | None:
    """The preset that `typed` calls; None for plain text, also for text that only looks like a call."""
    match = _CALL.fullmatch(typed)
    if match is None:
        return None
    name = match[1].lower()
    preset = next((preset for preset in presets if preset.name == name), None)
    if preset is None:
        return None
    argument, text = _split(preset, match[2] or "")
    return Call(preset=preset, argument=argument, text=text)


def _split(preset: Preset, rest: str) -> tuple[str, str]:
    """Argument and text. Without a colon all is text; where the preset takes no text, all is argument."""
    places = preset.places
    if "argument" not in places:
        return "", rest
    if "text" not in places:
        return rest.strip(), ""
    before, colon, behind = rest.partition(":")
    is_address = behind.startswith("//")
    is_argument = colon and not is_address and len(before) <= MOST_ARGUMENT_CHARS and "\n" not in before
    return (before.strip(), behind.strip(" ")) if is_argument else ("", rest)


def with_attached_text(call: Call) -> Call:
    """The same call where a text is attached: a short line behind the name is then the argument."""
    takes_argument = {"argument", "text"} <= call.preset.places
    line = call.text.strip()
    if takes_argument and not call.argument and 0 < len(line) <= MOST_ARGUMENT_CHARS and "\n" not in line:
        return Call(preset=call.preset, argument=line, text="")
    return call
