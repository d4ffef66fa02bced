"""Connects the privacy page with the keys and the list of contacts."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from arcdesk.core.egress_list import as_csv
from arcdesk.core.errors import Action, ActionKind, ArcDeskError
from arcdesk.core.secrets import HUB_TOKEN, SecretRepo, remote_key
from arcdesk.core.settings import Settings
from arcdesk.services.egress import EgressLedger
from arcdesk.storage.paths import PRIVATE_FILE_MODE, disk_errors
from arcdesk.ui.privacy_page import PrivacyPage
from arcdesk.ui.tasks import Tasks

Wish = Callable[[], Awaitable[None]]
EXPORT_NAME = "arcdesk-contacts.csv"


class PrivacyController:
    """Does what the page asks for. `key_changed` is called with a secret's name after each change."""

    def __init__(
        self,
        *,
        page: PrivacyPage,
        secrets: SecretRepo,
        ledger: EgressLedger,
        tasks: Tasks,
        settings: Callable[[], Settings],
        key_changed: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._page = page
        self._secrets = secrets
        self._ledger = ledger
        self._tasks = tasks
        self._settings = settings
        self._key_changed = key_changed
        self._refused: Wish | None = None
        page.shown.connect(self.refresh)
        page.secret_given.connect(lambda name, secret: self._do(lambda: self._put(name, secret)))
        page.secret_removed.connect(lambda name: self._do(lambda: self._remove(name)))
        page.move_requested.connect(lambda: self._do(self._secrets.move_to_keyring))
        page.clear_requested.connect(lambda: self._do(self._ledger.clear))
        page.export_requested.connect(self._ask_where)
        page.action_requested.connect(self._on_action)

    def refresh(self) -> None:
        """Look anew."""
        self._tasks.spawn(self._refresh(), name="look at keys and contacts")

    async def _refresh(self) -> None:
        engine = self._settings().engine
        servers = (remote_key(engine),) if engine.startswith(("http://", "https://")) else ()
        try:
            self._page.present_contacts(await self._ledger.view(), time.time())
            self._page.present_secrets(await self._secrets.view((*servers, HUB_TOKEN)))
        except ArcDeskError as error:
            self._page.present_problem(error.problem)

    def _do(self, wish: Wish) -> None:
        self._tasks.spawn(self._try(wish), name="change keys or contacts")

    async def _try(self, wish: Wish) -> None:
        """What the keyring refuses can be tried again, or be done with the file."""
        try:
            await wish()
        except ArcDeskError as error:
            self._refused = wish
            self._page.present_problem(error.problem)
            return
        self._refused = None
        self._page.present_problem(None)
        await self._refresh()

    async def _put(self, name: str, secret: str) -> None:
        await self._secrets.put(name, secret)
        self._page.close_edit(name)
        self._key_changed(name)

    async def _remove(self, name: str) -> None:
        await self._secrets.remove(name)
        self._key_changed(name)

    def _on_action(self, action: Action) -> None:
        if action.kind is ActionKind.KEEP_IN_FILE:
            self._secrets.use_file()
        if self._refused is not None:
            self._do(self._refused)
        else:
            self._page.present_problem(None)
            self.refresh()

    def _ask_where(self) -> None:
        dialog = QFileDialog(self._page, self._page.tr("Export the list of contacts"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("CSV (*.csv)")
        dialog.setDefaultSuffix("csv")
        dialog.selectFile(EXPORT_NAME)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._do(lambda: self.export(Path(path))))
        dialog.open()

    async def export(self, path: Path) -> None:
        """Write the list as CSV, for the person's eyes only. Raises ArcDeskError."""
        text = as_csv(await self._ledger.view())
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with disk_errors(path), os.fdopen(os.open(path, flags, PRIVATE_FILE_MODE), "w") as out:
            out.write(text)
