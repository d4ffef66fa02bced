"""The privacy page on real parts: what it says, what it asks for, and that it never shows a secret."""

from __future__ import annotations

import asyncio
import csv
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QPushButton, QTableWidget, QWidget

from arcdesk.app.privacy_controller import PrivacyController
from arcdesk.core.egress import BY_DOCKER, Contact, Reason
from arcdesk.core.egress_list import EgressView, Tally, day_of
from arcdesk.core.errors import Problem
from arcdesk.core.secrets import KeptIn, SecretState, SecretsView
from arcdesk.core.settings import Settings
from arcdesk.services.egress import EgressLedger
from arcdesk.storage.egress_db import EgressDb
from arcdesk.storage.keyring_thread import KeyringThread
from arcdesk.storage.secrets import SecretStore
from arcdesk.ui.privacy_page import PrivacyPage
from arcdesk.ui.privacy_words import sentence, size_words
from arcdesk.ui.tasks import Tasks

SERVER = "https://models.example:8443"
NAME = f"remote:{SERVER}"
KEY = "sk-marked-on-the-page"
NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC).timestamp()
DAY_S = 86_400.0
PATIENCE_S = 30.0


class Ring(KeyringBackend):
    """A keyring in memory that can be locked: the real one is in tests/desktop."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def _check(self) -> None:
        if self.is_locked:
            raise KeyringLocked("locked")

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.kept[service, username]


@dataclass(slots=True, kw_only=True)
class Desk:
    """The page with its controller over a real file, a real list and a keyring."""

    page: PrivacyPage
    controller: PrivacyController
    ledger: EgressLedger
    secrets: SecretStore
    tasks: Tasks
    ring: Ring
    has_ring: bool = True
    changed: list[str] = field(default_factory=list)
    told: list[Problem] = field(default_factory=list)

    async def settle(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.tasks._tasks:
                await asyncio.sleep(0.01)
        assert self.told == []

    def button(self, name: str) -> QPushButton:
        (found,) = (one for one in self.page.findChildren(QPushButton) if name in (one.text(), spoken(one)))
        return found

    async def press(self, name: str) -> None:
        button = self.button(name)
        assert button.isVisible() and button.isEnabled(), name
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        await self.settle()

    def words(self) -> str:
        return "\n".join(words_of(self.page))


def spoken(widget: QWidget) -> str:
    return widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")


def words_of(widget: QWidget) -> list[str]:
    """All visible text, that of labels, buttons and cells."""
    from PySide6.QtWidgets import QLabel

    said = [one.text() for one in widget.findChildren(QLabel) if one.isVisible()]
    said += [one.text() for one in widget.findChildren(QPushButton) if one.isVisible()]
    for table in widget.findChildren(QTableWidget):
        items = (
            table.item(row, col) for row in range(table.rowCount()) for col in range(table.columnCount())
        )
        said += [item.text() for item in items if item is not None and table.isVisible()]
    return said


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """The page, shown, for a server elsewhere."""
    gc.collect()  # nor one of an earlier test for ours
    ring = Ring()
    told: list[Problem] = []
    tasks = Tasks(told.append)
    changed: list[str] = []
    page = PrivacyPage()
    ledger = EgressLedger(lambda: EgressDb(tmp_path / "egress.db"))
    made: list[Desk] = []
    thread = KeyringThread(pick=lambda: ring if made[0].has_ring else None)
    secrets = SecretStore(environ={}, keyring=thread)
    controller = PrivacyController(
        page=page,
        secrets=secrets,
        ledger=ledger,
        tasks=tasks,
        settings=lambda: Settings(engine=f"{SERVER}/v1"),
        key_changed=changed.append,
    )
    made.append(
        Desk(
            page=page,
            controller=controller,
            ledger=ledger,
            secrets=secrets,
            tasks=tasks,
            ring=ring,
            changed=changed,
            told=told,
        )
    )
    page.resize(620, 640)
    page.show()
    await made[0].settle()
    yield made[0]
    await tasks.cancel_all()
    page.hide()
    page.deleteLater()
    await secrets.aclose()
    await ledger.aclose()
    gc.collect()  # no widget is left for a thread of the next test to delete


async def test_a_key_is_typed_kept_in_the_keyring_and_never_shown(desk: Desk) -> None:
    await desk.press(f"Set: API key of {SERVER}")
    edit = desk.page.keys.rows[NAME].edit
    assert edit.hasFocus() and edit.echoMode() is QLineEdit.EchoMode.Password
    QTest.keyClicks(edit, KEY)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    await desk.settle()

    assert list(desk.ring.kept.values()) == [KEY]
    assert not edit.isVisible() and edit.text() == ""
    assert "In the keyring (test privacy page Ring)" in desk.words()
    assert KEY not in desk.words()
    assert desk.changed == [NAME]

    await desk.press(f"Remove: API key of {SERVER}")
    assert desk.ring.kept == {}
    assert await desk.secrets.get(NAME) is None
    assert desk.changed == [NAME, NAME]


async def test_escape_gives_the_line_up(desk: Desk) -> None:
    await desk.press("Set: Hugging Face token")
    edit = desk.page.keys.rows["hf_token"].edit
    QTest.keyClicks(edit, KEY)
    QTest.keyClick(edit, Qt.Key.Key_Escape)
    assert not edit.isVisible() and edit.text() == ""
    await desk.settle()
    assert desk.ring.kept == {}


async def test_a_locked_keyring_is_told_and_the_file_is_a_way_out(desk: Desk) -> None:
    desk.ring.is_locked = True
    await desk.press(f"Set: API key of {SERVER}")
    edit = desk.page.keys.rows[NAME].edit
    QTest.keyClicks(edit, KEY)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    await desk.settle()
    assert "The keyring is locked" in desk.words()
    assert edit.text() == KEY, "what was typed is not lost"

    await desk.press("Try again")
    assert "The keyring is locked" in desk.words()

    await desk.press("Keep in a file instead")
    assert "The keyring is locked" not in desk.words()
    assert "In a file that only you can read" in desk.words()
    assert "because you chose it" in desk.words()
    assert await desk.secrets.get(NAME) == KEY

    desk.ring.is_locked = False
    await desk.press("Move to the keyring")
    assert list(desk.ring.kept.values()) == [KEY]
    assert "In the keyring" in desk.words() and "In a file" not in desk.words()


async def test_without_a_keyring_the_file_is_said_plainly(desk: Desk) -> None:
    desk.has_ring = False
    await desk.secrets.put(NAME, KEY)
    desk.controller.refresh()
    await desk.settle()
    assert "because this computer offers no keyring" in desk.words()
    assert not desk.page.keys.move_button.isVisible()


async def test_what_can_be_no_key_is_refused_and_stays_to_be_corrected(desk: Desk) -> None:
    await desk.press("Set: Hugging Face token")
    edit = desk.page.keys.rows["hf_token"].edit
    edit.setText("hf_ü")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    await desk.settle()
    assert "This can't be a key" in desk.words()
    assert edit.isVisible() and edit.text() == "hf_ü"


async def test_a_key_of_the_environment_is_shown_as_such_and_can_not_be_changed(desk: Desk) -> None:
    state = SecretState(name=NAME, kept_in=KeptIn.VARIABLE, place="ARCDESK_API_KEY")
    desk.page.present_secrets(SecretsView(secrets=(state,)))
    assert "Set by the variable ARCDESK_API_KEY" in desk.words()
    assert not desk.button(f"Set: API key of {SERVER}").isEnabled()


async def test_the_list_names_who_was_contacted_and_can_be_exported_and_cleared(
    desk: Desk, tmp_path: Path
) -> None:
    for contact in (
        Contact(host="models.example", reason=Reason.QUESTION, bytes_out=1200, bytes_in=34_000),
        Contact(host="models.example", reason=Reason.QUESTION, bytes_out=800, bytes_in=1000),
        Contact(host="docker.io", reason=Reason.IMAGE, bytes_in=5_000_000_000, via=BY_DOCKER),
        Contact(host="127.0.0.1", reason=Reason.QUESTION, bytes_out=10, bytes_in=10),
        Contact(host="evil.example", reason=Reason.OTHER, is_refused=True),
    ):
        desk.ledger.record(contact)
    desk.controller.refresh()
    await desk.settle()

    words = desk.words()
    assert "ArcDesk contacted 2 hosts beyond this computer" in words
    assert "Image download, by Docker" in words
    assert "Refused by ArcDesk: Other" in words
    assert "Contacts within this computer: 1 (127.0.0.1)." in words
    table = desk.page.contacts.table
    rows = [[table.item(row, col).text() for col in range(5)] for row in range(table.rowCount())]  # type: ignore[union-attr]
    assert ["models.example", "Questions and answers", "2", "2.0\u202fkB", "35.0\u202fkB"] in rows
    assert ["docker.io", "Image download, by Docker", "1", "–", "5.0\u202fGB"] in rows

    target = tmp_path / "contacts.csv"
    await desk.controller.export(target)
    written = list(csv.DictReader(target.read_text().splitlines()))
    assert {row["host"] for row in written} == {"models.example", "docker.io", "127.0.0.1", "evil.example"}
    assert sum(int(row["bytes_sent"]) for row in written) == 2010
    assert target.stat().st_mode & 0o777 == 0o600

    QTest.mouseClick(desk.button("Clear the list…"), Qt.MouseButton.LeftButton)
    await desk.press("Clear")
    assert "Nothing that ArcDesk sent has left this computer today" in desk.words()
    assert not table.isVisible()
    assert not desk.button("Export as CSV…").isEnabled()


def tally(host: str, at: float) -> Tally:
    return Tally(day=day_of(at), host=host, reason=Reason.QUESTION, first_at=at, last_at=at)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (EgressView(), "Nothing has been recorded yet."),
        (
            EgressView(since=NOON - 41 * DAY_S, tallies=(tally("127.0.0.1", NOON),)),
            "Nothing that ArcDesk sent left this computer in 41 days, since",
        ),
        (EgressView(since=NOON - DAY_S), "Nothing that ArcDesk sent has left this computer since yesterday."),
        (EgressView(since=NOON - 60), "Nothing that ArcDesk sent has left this computer today, since"),
        (EgressView(since=NOON + 9 * DAY_S), "Nothing that ArcDesk sent has left this computer today"),
        (
            EgressView(since=NOON - DAY_S, tallies=(tally("192.168.1.9", NOON),)),
            "ArcDesk contacted one host beyond this computer since",
        ),
    ],
)
def test_the_sentence_claims_what_the_list_proves(qapp: object, view: EgressView, said: str) -> None:
    assert sentence(view, NOON).startswith(said)


def test_sizes_are_read_at_a_glance(qapp: object) -> None:
    sizes = [0, 999, 1000, 99_950, 999_500, 1_500_000]
    assert [size_words(size).replace("\u202f", " ") for size in sizes] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "100 kB",
        "1.0 MB",
        "1.5 MB",
    ]


async def test_every_control_has_a_name_of_its_own(desk: Desk) -> None:
    await desk.press("Set: Hugging Face token")
    controls = [*desk.page.findChildren(QPushButton), *desk.page.findChildren(QLineEdit)]
    names = [spoken(one) for one in controls if one.isVisible()]
    assert all(names)
    assert len(names) == len(set(names))
