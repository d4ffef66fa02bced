"""The prompts of a benchmark: a text of our own of any length, or those of a file."""

from __future__ import annotations

import json
from base64 import b64encode

from arcdesk.core.errors import Problem, UsageError

# A rule of thumb for English and the large vocabularies of today; short texts have more tokens a letter.
CHARS_PER_TOKEN = 4.6
MOST_PROMPTS = 100_000
# In front of each copy of the text, so that no two begin alike: a server's prefix cache would answer for
# the prefill. Its length in tokens hardly depends on the number: nine digits are as many pieces each time.
NUMBER_DIGITS = 9
NUMBER = "0" * NUMBER_DIGITS
NUMBERED = f"Copy {NUMBER}"
NUMBERED_HEAD = f"{NUMBERED}.\n\n"
HEAD_TOKENS = 10  # by rule of thumb; where a text is hardly longer no cache keeps it, and it gets no number
_MIMES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}

TEXT = """\
The keeper of the lighthouse had a habit of counting waves. He did not count all of them, for that
would have been foolish, but on quiet evenings he chose a rock, waited until the water had drawn
back from it, and began. Seven small ones, he used to say, and then one that means it. His daughter,
who had been to school in the town, told him that the sea knew nothing of the number seven. He
agreed with her, and went on counting.

In the autumn of that year a letter came with the supply boat. The harbour office wished to replace
the lamp by one that needed no oil, no wick and, as the letter said between two longer sentences, no
keeper. A man would come to measure the tower. He came in the second week of October, on a day of
such fog that the boat had to be called in by the bell. He was young, carried a folding rule and
three pencils, and was sick for an hour before he could measure anything.

They gave him soup. He drew the stairs, the gallery and the room of the lamp, and asked questions as
he drew. How often did the glass have to be cleaned? How long did the clockwork run? What happened
if nobody wound it? The keeper answered what he was asked. The clockwork ran for four hours and ten
minutes. In thirty-one years it had stopped twice: once in a thunderstorm, when lightning had found
its way down the weight, and once in the night when the daughter was born. Both times he had turned
the lens by hand until the morning, with a watch on the rail in front of him, so that the ships saw
the same light as ever, one flash in every twelve seconds.

The young man stopped drawing. He asked how somebody could keep that up for a whole night without a
mistake. The keeper thought about it. It is not difficult, he said, if you do not think of the
night. You think of twelve seconds. Everybody can be reliable for twelve seconds. Then you do it
once more.

The new lamp was built in the following summer, and it was a good one. It could be seen two miles
farther, it used less in a month than the old one in a night, and it told the office by wire when
something was wrong with it. The keeper was offered a room in the town. He took the one whose window
showed the harbour mouth, and on the first evening he set a chair in front of it and waited for the
dark. The light came on at the right minute. He held his watch in his hand and looked from one to
the other for a long time. Twelve seconds, and twelve, and twelve. When his daughter came in to
bring him the newspaper, he put the watch away. It keeps good time, he said. It does not even have
to count.

"""


def text_of_tokens(tokens: int, *, is_numbered: bool = False) -> str:
    """A text of about so many tokens by rule of thumb, and of at least one word."""
    if is_numbered and tokens > HEAD_TOKENS:
        return NUMBERED_HEAD + text_of_tokens(tokens - HEAD_TOKENS)
    return long_text(round(tokens * CHARS_PER_TOKEN) + 1).rpartition(" ")[0] or TEXT.partition(" ")[0]


def long_text(chars: int) -> str:
    """The built-in text, begun again as often as needed; each time under a number of its own."""
    parts: list[str] = []
    length = 0
    while length < chars:
        head = f"Part {len(parts) + 1}.\n\n" if parts else ""
        parts.append(head + TEXT)
        length += len(parts[-1])
    return "".join(parts)[:chars]


def prompts_of_file(data: bytes, name: str) -> tuple[str, ...]:
    """One prompt a line; a file with an empty line between its lines is one prompt. Raises UsageError."""
    text = _decoded(data, name).strip()
    lines = tuple(line.strip() for line in text.splitlines())
    if not text:
        raise _refused(name, "There is no text in it.")
    return (text,) if "" in lines else lines[:MOST_PROMPTS]


def prompts_of_sharegpt(data: bytes, name: str) -> tuple[str, ...]:
    """The first words of the human in each conversation. Raises UsageError with the reason."""
    try:
        parsed = json.loads(_decoded(data, name))
    except (ValueError, RecursionError) as error:
        raise _refused(name, f"It is no JSON: {error}.") from error
    if not isinstance(parsed, list):
        raise _refused(name, "A list of conversations is expected.")
    prompts = tuple(prompt for one in parsed if (prompt := _first_words(one)))
    if not prompts:
        raise _refused(name, f"None of its {len(parsed)} entries has words of a human.")
    return prompts[:MOST_PROMPTS]


def image_url_of(data: bytes, name: str) -> str:
    """An image file as a data URL. Raises UsageError for a kind that servers don't know."""
    dot = name.rfind(".")
    mime = _MIMES.get(name[dot:].lower()) if dot >= 0 else None
    if mime is None:
        raise _refused(name, f"An image whose name ends in {', '.join(_MIMES)} is expected.")
    if not data:
        raise _refused(name, "It is empty.")
    return f"data:{mime};base64,{b64encode(data).decode()}"


def _first_words(conversation: object) -> str:
    turns = (
        conversation.get("conversations") or conversation.get("messages")
        if isinstance(conversation, dict)
        else ()
    )
    for turn in turns if isinstance(turns, list) else ():
        if isinstance(turn, dict) and (turn.get("from") or turn.get("role")) in ("human", "user"):
            words = turn.get("value") or turn.get("content")
            return words.strip() if isinstance(words, str) else ""
    return ""


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(name, f"Byte {error.start} is no UTF-8.") from error


def _refused(name: str, detail: str) -> UsageError:
    return UsageError(
        Problem(
            cause="bad_dataset",
            title=f"{name} can't be used for a benchmark",
            detail=detail,
            hint="Use a text file with one prompt a line, or JSON as ShareGPT has it.",
        )
    )
