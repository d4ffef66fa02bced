"""Errors made for people: what happened, why, and what to do next.

ArcDeskError
├── UsageError            the call itself was wrong                        exit 2
├── EngineError           the engine could not do what was asked           exit 1
│   ├── NotReadyError     nothing answers yet                              exit 3
│   └── NotFoundError     image, model or container is not there           exit 5
├── DockerUnreachable     no Docker Engine answers                         exit 4
└── AnswerError           a question got no (whole) answer                 exit 1
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ActionKind(Enum):
    """What a button beside an error can do. The app maps each kind to a service call."""

    START = "start"
    RESTART = "restart"
    RETRY = "retry"
    APPLY_SETTINGS = "apply_settings"  # settings: {name: value}; then start again
    USE_EMBEDDED = "use_embedded"
    USE_CONTAINER = "use_container"
    PULL_IMAGE = "pull_image"
    REMOVE_CONTAINER = "remove_container"  # target: container id or name
    CHOOSE_MODEL = "choose_model"  # lets the person pick a GGUF file
    SHOW_LOG = "show_log"
    COPY = "copy"  # target: text for the clipboard
    NEW_CHAT = "new_chat"
    OPEN_CHAT = "open_chat"  # target: conversation id, or empty for the window as it is
    OPEN_QUICK = "open_quick"  # shows the quick prompt with its last answer
    KEEP_IN_FILE = "keep_in_file"  # a secret that the keyring does not take
    UNDO_DELETE = "undo_delete"  # target: conversation id
    CHANGE_HOTKEY = "change_hotkey"  # shows the recorder in the settings
    RETRY_HOTKEY = "retry_hotkey"  # asks portal and display again
    INSTALL_DESKTOP = "install_desktop"  # writes our .desktop file, then asks again
    SHOW_REPORT = "show_report"  # target: path of a crash report
    SAVE_BUNDLE = "save_bundle"
    OPEN_DOCTOR = "open_doctor"
    OPEN_MODELS = "open_models"  # target: a model's id, or empty
    OPEN_GPU = "open_gpu"  # target: a card's PCI address, or empty
    DOWNLOAD_MODEL = "download_model"  # target: a hub id
    OPEN_BENCH = "open_bench"  # the benchmark's window; target: "suite" begins the small suite
    OPEN_LEDGER = "open_ledger"  # target: a run's id, or two with a comma to compare, or empty
    KEEP_RUN = "keep_run"  # puts the benchmark in view into the ledger that refused it
    UNDO_RUN_DELETE = "undo_run_delete"  # target: a run's id
    OPEN_LIVE = "open_live"
    USE_EXPORT_PORT = "use_export_port"  # target: the port at which the live figures are shown instead
    OWN_CACHE = "own_cache"  # gives files of the model cache back to the person


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A way out of an error, shown as a button (window) or a sentence (terminal)."""

    kind: ActionKind
    label: str
    target: str = ""
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error as a value: part of a snapshot, a chat bubble or a JSON answer.

    `cause` is a stable id (those of the log test set, e.g. "kv_context_too_long"), `title` says what
    happened, `detail` why (with the figure), `hint` what to do; `evidence` is the line that told us.
    """

    cause: str
    title: str
    detail: str = ""
    hint: str = ""
    evidence: str = ""
    actions: tuple[Action, ...] = ()

    def sentence(self) -> str:
        """All of it in one line, for a terminal."""
        return " ".join(part for part in (self.title.rstrip(".") + ".", self.detail, self.hint) if part)


def mistake_of_ours(
    error: BaseException, *, cause: str, what: str, kept: str, again: str, actions: tuple[Action, ...] = ()
) -> Problem:
    """An error that nobody foresaw. `what` broke off ('The answer'); `kept` says what is not lost."""
    return Problem(
        cause=cause,
        title=f"{what} broke off for an unknown reason",
        detail=f"This is a mistake of ArcDesk. {kept}",
        hint=f"{again}, and please report it.",
        evidence=f"{type(error).__name__}: {error}",
        actions=actions,
    )


class ArcDeskError(Exception):
    """Root of all errors that are meant to be read by a person."""

    exit_code = 1

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem.sentence()


class UsageError(ArcDeskError):
    """The call was wrong: a bad option, a refused setting."""

    exit_code = 2


class EngineError(ArcDeskError):
    """The engine could not do what was asked."""

    exit_code = 1


class NotReadyError(EngineError):
    """Nothing answers questions yet."""

    exit_code = 3


class NotFoundError(EngineError):
    """An image, a model or a container is not there."""

    exit_code = 5


class DockerUnreachable(ArcDeskError):
    """No Docker Engine answers, or it does not let us in."""

    exit_code = 4


class AnswerError(ArcDeskError):
    """A question got no answer, or only a part of one."""

    exit_code = 1
