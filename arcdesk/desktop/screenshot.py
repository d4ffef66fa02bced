"""Asks the desktop's portal for a picture of a part of the screen, which the person chooses."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageWriter

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.image import MOST_BYTES, Image, image_too_large
from arcdesk.desktop.dbus_bus import SessionBus
from arcdesk.desktop.dbus_values import BusError, BusUnavailable
from arcdesk.desktop.hotkey.portal_link import PortalGone, PortalLink, Results, options
from arcdesk.services.threads import in_thread

SCREENSHOT = "org.freedesktop.portal.Screenshot"
THUMBNAIL_PX = QSize(128, 52)  # twice what a chip shows: a screen may be fine
_TAKEN, _CANCELLED = 0, 1
_MOST_FILE_BYTES = 100_000_000  # of a file that is not PNG yet, or will be refused: still read, to say why


@dataclass(frozen=True, slots=True, kw_only=True)
class Screenshot:
    """A picture in PNG, and the same small, for a chip."""

    image: Image
    thumbnail: bytes


async def take_region(address: str = "") -> Screenshot | None:
    """Let the person choose, as long as it takes; None if they cancelled it. Raises ArcDeskError.

    `address` is the session bus to ask on, '' the one of this session.

    Each call has a connection of its own, so that nothing is left when nobody takes pictures. Cancelling
    it closes the desktop's dialog.
    """
    own = SessionBus(address)
    try:
        code, results = await _ask(PortalLink(own, lambda: None))
    except BusUnavailable as error:
        raise ArcDeskError(_no_portal(f"There is no session bus: {error}.")) from error
    except PortalGone as error:
        raise ArcDeskError(_failed("The desktop portal went away", str(error))) from error
    except TimeoutError as error:
        raise ArcDeskError(_failed("The desktop portal does not answer", "It took too long.")) from error
    except BusError as error:
        raise ArcDeskError(_refused(error)) from error
    finally:
        await own.aclose()
    if code == _CANCELLED:
        return None
    if code != _TAKEN:
        why = f"It ended the request without a reason (response {code})."
        raise ArcDeskError(_failed("The desktop took no picture", why))
    path = path_of(str(results.get("uri", "")))
    return await in_thread("read-screenshot", lambda: _fetch(path))


async def _ask(link: PortalLink) -> tuple[int, Results]:
    await link.open()
    await link.start_portal()
    await link.register()
    return await link.request(
        SCREENSHOT,
        "Screenshot",
        "sa{sv}",
        lambda token: ["", options(handle_token=("s", token), interactive=("b", True))],
        patience_s=None,
    )


def path_of(uri: str) -> Path:
    """The file that a portal's answer names. Raises ArcDeskError if it names none of this machine."""
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.is_absolute():
        raise ArcDeskError(_failed("The desktop's answer names no file", uri or "It is empty."))
    return path


def is_left_over(path: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """The portal put the file where only passing things are; anywhere else it is the person's.

    Below `doc` in the runtime directory are the person's own files again, as sandboxes see them.
    """
    place = path.parent.resolve()
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime and place.is_relative_to(Path(runtime).resolve() / "doc"):
        return False
    passing = [folder for folder in (runtime, "/tmp", tempfile.gettempdir()) if folder]  # noqa: S108
    return any(place.is_relative_to(Path(folder).resolve()) for folder in passing)


def _fetch(path: Path) -> Screenshot:
    """Read the file (in a thread), and delete it if it is of no use to anybody else."""
    try:
        try:
            size_bytes = path.stat().st_size
            if size_bytes > _MOST_FILE_BYTES:
                raise ArcDeskError(image_too_large(size_bytes))
            data = path.read_bytes()
        finally:
            if is_left_over(path):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise ArcDeskError(_failed("The picture can't be read", f"{path}: {error.strerror}.")) from error
    return _screenshot(data, path)


def _screenshot(data: bytes, path: Path) -> Screenshot:
    picture = QImage.fromData(data)
    if picture.isNull():
        raise ArcDeskError(_failed("The picture can't be read", f"{path} is no picture that Qt can read."))
    image = Image(mime="image/png", data=data)
    if image.size_px is None:
        image = Image(mime="image/png", data=_png(picture))
    if len(image.data) > MOST_BYTES:
        raise ArcDeskError(image_too_large(len(image.data)))
    small = picture.scaled(
        THUMBNAIL_PX, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    return Screenshot(image=image, thumbnail=_png(small))


def _png(picture: QImage) -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"png")).write(picture)
    return bytes(data.data())


def _refused(error: BusError) -> Problem:
    if error.is_nobody_there:
        return _no_portal("No desktop portal runs here, and none could be started.")
    lacks = ("UnknownMethod", "UnknownInterface", "UnknownObject")
    if error.name.endswith(lacks):
        return _no_portal(f"The desktop portal takes no pictures: {error.text}.")
    return _failed("The desktop refused to take a picture", error.text or error.name)


def _no_portal(why: str) -> Problem:
    return Problem(
        cause="screenshot_portal_absent",
        title="This desktop offers no picture of the screen",
        detail=why,
        hint="Install xdg-desktop-portal and the part of it for your desktop.",
    )


def _failed(title: str, why: str) -> Problem:
    return Problem(cause="screenshot_failed", title=title, detail=why, hint="Try again.")
