"""What the models window shows, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcdesk.core.errors import Problem
from arcdesk.core.fit import Fit
from arcdesk.core.hub import Download, HubModel, HubRepo
from arcdesk.core.models import ModelEntry, StartModel
from arcdesk.services.model_list import ModelListing

Subject = ModelEntry | StartModel | HubModel


def key_of(subject: Subject) -> tuple[str, str, str]:
    """What makes it the same model at the next reading."""
    match subject:
        case ModelEntry():
            return ("entry", subject.id, subject.path)
        case StartModel():
            return ("start", subject.id, subject.file)
        case _:
            return ("hub", subject.id, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The chosen model. `fit_problem` is why its fit is not known; `problem` why something can't be done."""

    subject: Subject
    repo: HubRepo | None = None
    repo_bytes: int | None = None  # what a download would bring
    is_asking: bool = False  # the hub is asked, or the fit is reckoned
    fit: Fit | None = None
    fit_problem: Problem | None = None
    low_bit: str = ""  # the format that the fit is shown for
    problem: Problem | None = None
    download: Download | None = None
    is_here: bool = False  # what was found on the hub is on this computer, whole

    @property
    def name(self) -> str:
        """The id, as programs know it."""
        return self.subject.id


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSearch:
    """A search of the hub. `results` None: nothing was asked yet."""

    words: str = ""
    is_asking: bool = False
    results: tuple[HubModel, ...] | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What has just been done, with the buttons (name, label) that go on from there."""

    text: str
    detail: str = ""
    buttons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A long look at files that goes on; `total_bytes` None while it is not known."""

    text: str
    done_bytes: int = 0
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsView:
    """All of it."""

    listing: ModelListing = field(default_factory=ModelListing)
    start: tuple[StartModel, ...] = ()  # those that are not on the disk
    search: HubSearch = HubSearch()
    downloads: tuple[Download, ...] = ()
    detail: Detail | None = None
    problem: Problem | None = None
    notice: Notice | None = None
    work: Work | None = None
