"""The running app with its models window: real files, the real hub client over a hub of this computer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.app.fit_teller import FitTeller
from arcdesk.app.hub_parts import make_downloads
from arcdesk.app.models_controller import ModelsController
from arcdesk.app.models_parts import make_models_controller
from arcdesk.core.gpu import Figure, GpuReading, GpuSnapshot
from arcdesk.engine.log_facts import read_figures
from arcdesk.engine.starter_model import find_starter_model
from arcdesk.services.downloads import Downloads
from arcdesk.services.fit_service import FitService
from arcdesk.storage import paths
from arcdesk.storage.fit_factors import FitFactorsFile
from arcdesk.storage.model_disk import ModelDisk
from arcdesk.storage.settings_file import FILE_NAME
from arcdesk.ui.models_rows import Row
from arcdesk.ui.models_window import ModelsWindow
from tests.rig.hub_server import HubServer
from tests.ui.app_rig import App, open_app, until

B580 = GpuReading(
    address="0000:03:00.0",
    at=0.0,
    name="Intel Arc B580",
    pci_id="8086:e20b",
    driver="xe",
    kernel="6.14",
    vram_total_bytes=Figure(12216 << 20, "ioctl"),
    vram_used_bytes=Figure(400 << 20, "ioctl"),
)


class Desk:
    """One session with its models window."""

    def __init__(self, app: App, downloads: Downloads, client: OpenAIClient) -> None:
        self.app = app
        self.cards: tuple[GpuReading, ...] = (B580,)
        self.owned = 0
        self.downloads = downloads
        session = app.session
        disk = ModelDisk(lambda: session.settings, starter=find_starter_model, environ={})
        service = FitService(FitFactorsFile(), read_figures, session.engine.log_tail)
        self.controller: ModelsController = make_models_controller(
            session,
            served=client,
            disk=disk,
            hub=downloads.hub,
            downloads=downloads,
            fit=FitTeller(lambda: session.settings, service, self._snapshot),
            own_cache=self._own,
        )
        self.disk = disk

    async def _snapshot(self) -> GpuSnapshot:
        return GpuSnapshot(cards=self.cards)

    async def _own(self) -> None:
        self.owned += 1

    @property
    def window(self) -> ModelsWindow:
        return self.controller.window

    @property
    def rows(self) -> list[Row]:
        return self.window.pane.rows.rows

    @property
    def ids(self) -> list[str]:
        return [row.subject.id for row in self.rows]

    async def settle(self) -> None:
        await until(lambda: self.app.is_idle, "all that was begun to end")

    async def choose(self, model_id: str) -> None:
        """Click on a model and wait until its detail is there."""
        row = next(row for row in self.rows if row.subject.id == model_id)
        assert self.window.choose(row.subject)
        await self.settle()
        assert self.window.detail.detail is not None
        assert self.window.detail.detail.name == model_id

    def click(self, label: str) -> None:
        """Press the one button of this name that is seen."""
        button(self.window, label).click()

    async def click_dialog(self, label: str) -> None:
        """Press a button of the question that is asked."""
        await until(lambda: found(self.window, label), f"the button {label}")
        self.click(label)
        await self.settle()

    def words(self, widget: QWidget | None = None) -> str:
        labels = (widget or self.window).findChildren(QLabel)
        return "\n".join(label.text() for label in labels if label.isVisible()).replace("\u200b", "")


def found(widget: QWidget, label: str) -> list[QPushButton]:
    buttons = widget.findChildren(QPushButton)
    return [one for one in buttons if one.text().replace("&", "") == label and one.isVisible()]


def button(widget: QWidget, label: str) -> QPushButton:
    (one,) = found(widget, label)
    return one


def write_settings(cache: Path, hub: str, engine: str = "", more: str = "") -> None:
    """The person's file, before the program starts."""
    paths.ensure_dir(paths.config_dir())
    chosen = f'[engine]\nengine = "{engine}"\n' if engine else ""
    text = f'{chosen}[container]\nhf_cache_dir = "{cache}"\n{more}\n[models]\nhub_endpoint = "{hub}"\n'
    (paths.config_dir() / FILE_NAME).write_text(text)


@asynccontextmanager
async def opened(
    hub: HubServer, cache: Path, *, engine: str | None = "container", setting: str = "", more: str = ""
) -> AsyncIterator[Desk]:
    """`engine` as the command line has it, `setting` as the file has it; `more` for [container]."""
    write_settings(cache, hub.endpoint, setting, more)
    async with open_app(engine) as app:  # type: ignore[arg-type]
        session = app.session
        downloads = make_downloads(lambda: session.settings, session.parts.secrets, session.parts.ledger)
        client = OpenAIClient(egress=session.parts.ledger)
        desk = Desk(app, downloads, client)
        try:
            desk.controller.show()
            await until(lambda: desk.rows and app.is_idle, "the models")
            yield desk
        finally:
            await desk.settle()
            desk.controller.close()
            await downloads.aclose()
            await desk.disk.aclose()
            await client.aclose()
