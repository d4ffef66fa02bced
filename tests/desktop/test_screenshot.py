"""A part of the screen from the desktop's portal, on a real bus: given, cancelled, refused, not there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.image import MOST_BYTES
from arcdesk.desktop import screenshot
from arcdesk.desktop.screenshot import Screenshot, is_left_over, path_of, take_region
from tests.desktop.bus_rig import nothing_left, until
from tests.desktop.hotkey_rig import mock_portal, wayland_session

pytestmark = pytest.mark.desktop


@pytest.fixture(scope="module")
def session() -> Iterator[dict[str, str]]:
    with wayland_session() as env:
        yield env


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture in a folder that counts as the person's own."""
    monkeypatch.setattr(screenshot, "is_left_over", lambda path: is_left_over_elsewhere(path, tmp_path))
    return draw(tmp_path / "Screenshot 1 ä.png")


def is_left_over_elsewhere(path: Path, own: Path) -> bool:
    return not path.is_relative_to(own) and is_left_over(path)


def draw(path: Path, width: int = 640, height: int = 400) -> Path:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(0x2B57E0)
    assert image.save(str(path))
    return path


async def take(env: dict[str, str]) -> Screenshot | None:
    with nothing_left():
        return await take_region(env["DBUS_SESSION_BUS_ADDRESS"])


async def refused(env: dict[str, str]) -> Problem:
    with pytest.raises(ArcDeskError) as caught:
        await take(env)
    return caught.value.problem


async def test_a_chosen_region_comes_as_png_with_a_small_one(session: dict[str, str], kept: Path) -> None:
    with mock_portal(session, "--picture", kept.as_uri()) as portal:
        taken = await take(session)
        assert "screenshot parent='' interactive=True" in portal.said
    assert taken is not None
    assert (taken.image.mime, taken.image.size_px) == ("image/png", (640, 400))
    assert taken.image.data == kept.read_bytes()
    small = QImage.fromData(taken.thumbnail)
    assert (small.width(), small.height()) == (83, 52)
    assert kept.exists(), "it lies in a folder of the person"


async def test_a_passing_file_is_deleted(session: dict[str, str]) -> None:
    file = draw(Path(session["XDG_RUNTIME_DIR"], "shot.png"))
    with mock_portal(session, "--picture", file.as_uri()):
        assert await take(session) is not None
    assert not file.exists()


async def test_other_kinds_of_picture_become_png(session: dict[str, str], tmp_path: Path) -> None:
    with mock_portal(session, "--picture", draw(tmp_path / "shot.bmp", 30, 20).as_uri()):
        taken = await take(session)
    assert taken is not None
    assert (taken.image.mime, taken.image.size_px) == ("image/png", (30, 20))


async def test_who_cancels_is_told_nothing(session: dict[str, str], kept: Path) -> None:
    with mock_portal(session, "--answer=cancel", "--picture", kept.as_uri()):
        assert await take(session) is None


async def test_the_person_has_all_the_time(session: dict[str, str], kept: Path) -> None:
    with mock_portal(session, "--answer=wait", "--picture", kept.as_uri()) as portal:
        taking = asyncio.ensure_future(take(session))
        await until(lambda: "dialog" in portal.said, "the desktop's dialog")
        assert not taking.done()
        portal.tell("allow")
        assert await taking is not None


async def test_giving_up_closes_the_dialog(session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=wait") as portal:
        taking = asyncio.ensure_future(take(session))
        await until(lambda: "dialog" in portal.said, "the desktop's dialog")
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        await until(lambda: "request closed by the app" in portal.said, "its end")


async def test_without_a_portal_the_reason_is_told(session: dict[str, str]) -> None:
    problem = await refused(session)
    assert problem.cause == "screenshot_portal_absent"
    assert problem.detail == "No desktop portal runs here, and none could be started."


async def test_a_portal_without_pictures_is_told_apart(session: dict[str, str]) -> None:
    with mock_portal(session, "--without", "screenshot"):
        problem = await refused(session)
    assert problem.cause == "screenshot_portal_absent"
    assert "No such interface" in problem.detail


async def test_a_refusal_is_told_in_the_portals_words(session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=refuse"):
        problem = await refused(session)
    assert (problem.cause, problem.detail) == (
        "screenshot_failed",
        "Pictures are switched off by the administrator",
    )


async def test_an_end_without_a_reason_is_told(session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=other"):
        assert "response 2" in (await refused(session)).detail


async def test_a_portal_that_dies_meanwhile_is_told(session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=wait") as portal:
        asking = asyncio.ensure_future(refused(session))
        await until(lambda: "dialog" in portal.said, "the desktop's dialog")
    assert (await asking).title == "The desktop portal went away"


async def test_without_a_bus_the_reason_is_told(tmp_path: Path) -> None:
    problem = await refused({"DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/no-bus"})
    assert problem.cause == "screenshot_portal_absent"
    assert problem.detail.startswith("There is no session bus")


async def test_a_file_that_is_gone_or_no_picture_is_told(session: dict[str, str], tmp_path: Path) -> None:
    with mock_portal(session, "--picture", (tmp_path / "gone.png").as_uri()):
        assert "No such file" in (await refused(session)).detail
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with mock_portal(session, "--picture", text.as_uri()):
        assert "no picture" in (await refused(session)).detail


async def test_too_large_a_picture_is_refused(session: dict[str, str], tmp_path: Path) -> None:
    large = draw(tmp_path / "large.png")
    with large.open("ab") as file:
        file.write(bytes(MOST_BYTES))  # readers of PNG stop at its end mark
    with mock_portal(session, "--picture", large.as_uri()):
        assert (await refused(session)).cause == "image_too_large"


@pytest.mark.parametrize("uri", ["", "https://example.org/a.png", "file://other.host/a.png", "file:a.png"])
def test_an_answer_that_names_no_file_here_is_refused(uri: str) -> None:
    with pytest.raises(ArcDeskError, match="names no file"):
        path_of(uri)


def test_a_files_name_is_decoded() -> None:
    assert path_of("file:///home/a/Screenshot%20%C3%A4.png") == Path("/home/a/Screenshot ä.png")


@pytest.mark.parametrize(
    ("path", "is_passing"),
    [
        ("/run/user/7/shot.png", True),
        ("/run/user/7/app/shot.png", True),
        ("/tmp/shot.png", True),
        ("/run/user/7/doc/ab12/shot.png", False),  # the person's own file, as sandboxes see it
        ("/run/user/8/shot.png", False),
        ("/home/a/Pictures/shot.png", False),
        ("/tmp/../home/a/shot.png", False),
        ("/tmpfiles/shot.png", False),
    ],
)
def test_only_passing_files_are_deleted(path: str, is_passing: bool) -> None:
    assert is_left_over(Path(path), {"XDG_RUNTIME_DIR": "/run/user/7"}) is is_passing
