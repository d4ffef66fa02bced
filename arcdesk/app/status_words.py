"""A status object in words. Imports nothing: the forwarded `arcdesk status` must be quick."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def status_line(status: dict[str, Any]) -> str:
    """One line for people, made from the object of `snapshot_json.status_json`."""
    engine = status["engine"]
    words = [str(engine["phase"]).capitalize()]
    if engine["error"]:
        words.append(engine["error"]["title"])
    place = engine["place"] if engine["kind"] == "embedded" else engine["device"] or engine["place"]
    words += [word for word in (engine["model"], place, engine["base_url"]) if word]
    return " · ".join(words)
