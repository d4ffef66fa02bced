"""Questions and conversations in the desktop's own search: GNOME's overview and Plasma's KRunner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from arcdesk.core.ident import APP_ID
from arcdesk.desktop.dbus_object import Exported, Method
from arcdesk.desktop.dbus_values import clean, variant

GNOME = "org.gnome.Shell.SearchProvider2"
KRUNNER = "org.kde.krunner1"
SEARCH_PATH = "/" + APP_ID.replace(".", "/") + "/SearchProvider"
RUNNER_PATH = "/" + APP_ID.replace(".", "/") + "/Runner"

MOST_CONVERSATIONS = 5
SHORTEST_SEARCH = 2  # characters; one alone finds everything
QUERY_LIMIT = 1000  # characters; no search box holds more
_TITLE_LENGTH = 80
_ASK, _CHAT = "ask:", "chat:"
_POSSIBLE_MATCH, _COMPLETION_MATCH = 30, 10  # KRunner's words for how sure a runner is


@dataclass(frozen=True, slots=True, kw_only=True)
class Titled:
    """A conversation as the search shows it."""

    id: int
    title: str


class SearchActions(Protocol):
    """What the app does for a search. `token` is an activation token, '' without one."""

    async def conversations(self) -> Sequence[Titled]:
        """All conversations, the newest first."""
        ...

    def present_quick(self, text: str, token: str) -> None:
        """Show the quick prompt; a text that is not empty is asked there."""
        ...

    def open_chat(self, token: str, conversation_id: int = 0) -> None:
        """Show the window, with this conversation if it is not 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result. The id says all that is needed to open it, so nothing is remembered between calls."""

    id: str
    title: str
    description: str


def is_question(query: str) -> bool:
    """More than a program's name: several words, or a question mark."""
    return len(query.split()) > 1 or query.rstrip().endswith("?")


def find(query: str, conversations: Sequence[Titled]) -> list[Hit]:
    """Titles that hold all words of the query, then the offer to ask it."""
    query = " ".join(query.split())[:QUERY_LIMIT]
    if len(query) < SHORTEST_SEARCH:
        return []
    words = query.casefold().split()
    hits = [
        hit_of(f"{_CHAT}{one.id}", conversations)
        for one in conversations
        if all(word in one.title.casefold() for word in words)
    ][:MOST_CONVERSATIONS]
    if is_question(query):
        hits.append(hit_of(f"{_ASK}{query}", conversations))
    return [hit for hit in hits if hit is not None]


def hit_of(key: str, conversations: Sequence[Titled]) -> Hit | None:
    """The result with this id; None when it is no more."""
    if key.startswith(_ASK):
        return Hit(id=key, title=f"Ask ArcDesk: {_cut(key.removeprefix(_ASK))}", description="Quick prompt")
    wanted = key.removeprefix(_CHAT)
    title = next((one.title for one in conversations if str(one.id) == wanted), None)
    return None if title is None else Hit(id=key, title=_cut(title) or "Untitled", description="Conversation")


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _TITLE_LENGTH else text[: _TITLE_LENGTH - 1].rstrip() + "…"


def search_objects(actions: SearchActions) -> list[Exported]:
    """The objects for both desktops' searches."""
    search = _Search(actions)
    return [
        Exported(path=SEARCH_PATH, interfaces={GNOME: search.gnome_methods()}),
        Exported(path=RUNNER_PATH, interfaces={KRUNNER: search.krunner_methods()}),
    ]


class _Search:
    """Both searches over the same results."""

    def __init__(self, actions: SearchActions) -> None:
        self._actions = actions

    def gnome_methods(self) -> tuple[Method, ...]:
        terms, results = ("terms", "as"), (("results", "as"),)
        return (
            Method(name="GetInitialResultSet", takes=(terms,), gives=results, run=self._results),
            Method(
                name="GetSubsearchResultSet",
                takes=(("previous_results", "as"), terms),
                gives=results,
                run=self._narrowed,
            ),
            Method(
                name="GetResultMetas",
                takes=(("identifiers", "as"),),
                gives=(("metas", "aa{sv}"),),
                run=self._metas,
            ),
            Method(
                name="ActivateResult",
                takes=(("identifier", "s"), terms, ("timestamp", "u")),
                run=self._activate,
            ),
            Method(name="LaunchSearch", takes=(terms, ("timestamp", "u")), run=self._launch),
        )

    def krunner_methods(self) -> tuple[Method, ...]:
        return (
            Method(name="Actions", gives=(("matches", "a(sss)"),), run=self._no_actions),
            Method(
                name="Match",
                takes=(("query", "s"),),
                gives=(("matches", "a(sssida{sv})"),),
                run=self._matches,
            ),
            Method(name="Run", takes=(("matchId", "s"), ("actionId", "s")), run=self._run),
        )

    async def _results(self, terms: list[str]) -> tuple[list[str]]:
        hits = find(" ".join(terms), await self._actions.conversations())
        return ([clean(hit.id) for hit in hits],)

    async def _narrowed(self, _previous: list[str], terms: list[str]) -> tuple[list[str]]:
        return await self._results(terms)

    async def _metas(self, keys: list[str]) -> tuple[list[dict[str, Any]]]:
        conversations = await self._actions.conversations()
        hits = [hit for key in keys if (hit := hit_of(key, conversations)) is not None]
        return ([_meta(hit) for hit in hits],)

    async def _activate(self, key: str, _terms: list[str], _timestamp: int) -> tuple[()]:
        self._open(key)
        return ()

    async def _launch(self, terms: list[str], _timestamp: int) -> tuple[()]:
        self._actions.present_quick(" ".join(terms)[:QUERY_LIMIT], "")
        return ()

    async def _no_actions(self) -> tuple[list[Any]]:
        return ([],)

    async def _matches(self, query: str) -> tuple[list[list[Any]]]:
        hits = find(query, await self._actions.conversations())
        return ([_match(hit) for hit in hits],)

    async def _run(self, key: str, _action: str) -> tuple[()]:
        self._open(key)
        return ()

    def _open(self, key: str) -> None:
        if key.startswith(_ASK):
            self._actions.present_quick(key.removeprefix(_ASK)[:QUERY_LIMIT], "")
        else:
            number = key.removeprefix(_CHAT)
            self._actions.open_chat("", int(number) if number.isdecimal() and number.isascii() else 0)


def _meta(hit: Hit) -> dict[str, Any]:
    values = {"id": hit.id, "name": hit.title, "description": hit.description, "gicon": APP_ID}
    return {key: variant("s", clean(value)) for key, value in values.items()}


def _match(hit: Hit) -> list[Any]:
    is_offer = hit.id.startswith(_ASK)
    kind, relevance = (_COMPLETION_MATCH, 0.3) if is_offer else (_POSSIBLE_MATCH, 0.7)
    details = {"subtext": variant("s", hit.description)}
    return [clean(hit.id), clean(hit.title), APP_ID, kind, relevance, details]
