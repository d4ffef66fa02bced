"""The words of the privacy page: where keys are, and what the list of contacts says."""

from __future__ import annotations

from datetime import date, datetime

from PySide6.QtCore import QCoreApplication, QLocale

from arcdesk.core.egress import BY_DOCKER, Reason
from arcdesk.core.egress_list import EgressView, Tally, day_of
from arcdesk.core.secrets import HUB_TOKEN, REMOTE_PREFIX, KeptIn, SecretState

THIN = "\u202f"
REASON_WORDS = {
    Reason.QUESTION: "Questions and answers",
    Reason.HEALTH: "Is the server up?",
    Reason.MODELS: "Which models are there?",
    Reason.PROBE: "A test of one token",
    Reason.DOCKER: "Docker commands",
    Reason.HUB: "Model search and download",
    Reason.IMAGE: "Image download",
    Reason.OTHER: "Other",
}


def _tr(text: str) -> str:
    return QCoreApplication.translate("PrivacyPage", text)


def secret_title(name: str) -> str:
    """What a secret is for."""
    if name == HUB_TOKEN:
        return _tr("Hugging Face token")
    return _tr("API key of %s") % name.removeprefix(REMOTE_PREFIX)


def secret_purpose(name: str) -> str:
    """When it is used."""
    if name == HUB_TOKEN:
        return _tr("For models that need a login. A new container gets it as a file.")
    return _tr("Sent to this server only.")


def secret_place(state: SecretState) -> str:
    """Where it is kept."""
    match state.kept_in:
        case KeptIn.KEYRING:
            return _tr("In the keyring (%s)") % state.place if state.place else _tr("In the keyring")
        case KeptIn.FILE:
            return _tr("In a file that only you can read")
        case KeptIn.VARIABLE:
            return _tr("Set by the variable %s, which overrules a key kept here") % state.place
        case KeptIn.NOWHERE:
            return _tr("Not set")


def sentence(view: EgressView, now: float) -> str:
    """What the list proves, and no more than that."""
    if view.since is None:
        return _tr("Nothing has been recorded yet.")
    hosts = {one.host for one in view.departures}
    days = view.days(now) - 1
    start = _day(day_of(view.since))
    if not hosts and days == 0:
        return _tr("Nothing that ArcDesk sent has left this computer today, since %s.") % _clock(view.since)
    if not hosts and days == 1:
        return _tr("Nothing that ArcDesk sent has left this computer since yesterday.")
    if not hosts:
        return _tr("Nothing that ArcDesk sent left this computer in %d days, since %s.") % (days, start)
    if len(hosts) == 1:
        return _tr("ArcDesk contacted one host beyond this computer since %s.") % start
    return _tr("ArcDesk contacted %d hosts beyond this computer since %s.") % (len(hosts), start)


def home_line(view: EgressView) -> str:
    """The contacts that could not leave; '' if there were none."""
    count = sum(one.count for one in view.at_home)
    if not count:
        return ""
    hosts = ", ".join(sorted({home_word(one.host) for one in view.at_home}))
    return _tr("Contacts within this computer: %s (%s).") % (QLocale().toString(count), hosts)


def home_word(host: str) -> str:
    """Docker's socket has a long name."""
    return _tr("Docker's socket") if "docker" in host or "podman" in host else host


def reason_words(one: Tally) -> str:
    """Why, and by whom."""
    words = _tr(REASON_WORDS[one.reason])
    if one.is_refused:
        return _tr("Refused by ArcDesk: %s") % words
    if one.via == BY_DOCKER:
        return _tr("%s, by Docker") % words
    return _tr("%s, by way of %s") % (words, one.via) if one.via else words


def sent_words(one: Tally) -> str:
    """How much was sent; '–' where Docker sent it, whose protocol isn't counted."""
    return "–" if one.reason in (Reason.DOCKER, Reason.IMAGE) else size_words(one.bytes_out)


def received_words(one: Tally) -> str:
    """How much came; of an image, what Docker says it received."""
    return "–" if one.reason is Reason.DOCKER else size_words(one.bytes_in)


def size_words(size_bytes: int) -> str:
    """Bytes as people read them."""
    size, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):  # noqa: B007
        if size < 999.5:
            break
        size /= 1000
    digits = 0 if unit == "B" or size >= 99.95 else 1
    return f"{QLocale().toString(size, 'f', digits)}{THIN}{unit}"


def time_words(at: float, now: float) -> str:
    """The clock for today, else the day."""
    return _clock(at) if day_of(at) == day_of(now) else _day(day_of(at))


def _clock(at: float) -> str:
    moment = datetime.fromtimestamp(at)  # noqa: DTZ006  (as the person's clock shows it)
    return f"{moment:%H:%M}"


def _day(day: date) -> str:
    return QLocale().toString(day, "d MMMM yyyy")  # type: ignore[call-overload,no-any-return]
