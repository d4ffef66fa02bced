"""A part of the screen in the quick prompt: chosen in a portal, seen as a chip, sent, shown, removed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFrame, QLabel, QToolButton

from arcdesk.core.image import MOST_IMAGES
from arcdesk.ui.quick_prompt import QuickPrompt
from tests.desktop.hotkey_rig import mock_portal, wayland_session
from tests.fakes.openai_server import OpenAIServer, json_response, vllm_error
from tests.ui.app_rig import no_docker, server, until
from tests.ui.test_quick_prompt import CTRL, SHIFT, WHOLE, Quick, open_quick

__all__ = ["no_docker", "server"]  # fixtures
pytestmark = [
    pytest.mark.qt_log_ignore("does not support raise"),  # the offscreen platform says so
    pytest.mark.usefixtures("no_docker"),
]

CHIP = "Screen region · 640 × 400"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A session bus of our own, which ArcDesk takes for its session's."""
    with wayland_session() as env:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", env["DBUS_SESSION_BUS_ADDRESS"])
        yield env


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture that no call deletes: it lies in a folder that counts as the person's own."""
    monkeypatch.setattr("arcdesk.desktop.screenshot.is_left_over", lambda _path: False)
    image = QImage(640, 400, QImage.Format.Format_RGB32)
    image.fill(0x2B57E0)
    path = tmp_path / "shot.png"
    assert image.save(str(path))
    return path


def chips(bar: QuickPrompt) -> list[str]:
    """What the chips say, as far as they are seen."""
    frames = [one for one in bar.chips.findChildren(QFrame, "quickChip") if one.isVisible()]
    return [
        label.text()
        for one in frames
        for label in one.findChildren(QLabel)
        if label.isVisible() and label.text()
    ]


def remove(bar: QuickPrompt, number: int) -> None:
    frames = [one for one in bar.chips.findChildren(QFrame, "quickChip") if one.isVisible()]
    button = frames[number].findChild(QToolButton)
    assert isinstance(button, QToolButton)
    assert button.accessibleName() == f"Remove: {CHIP}"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def take(quick: Quick, wanted: int = 1) -> None:
    """Choose a region by its key; the bar steps aside and comes back with a chip."""
    quick.key(Qt.Key.Key_R, CTRL | SHIFT)
    assert not quick.bar.isVisible()
    await until(lambda: quick.bar.isVisible() and len(chips(quick.bar)) == wanted, "the chip")


async def until_answered(quick: Quick) -> None:
    """The answer is whole, and nothing is under way any more."""
    await until(lambda: WHOLE in quick.shown and quick.app.is_idle, "the answer")


def asked(server: OpenAIServer) -> list[Any]:
    """The contents of the messages that the server was last asked."""
    return [message["content"] for message in server.requests[-1].body["messages"]]


async def test_a_region_is_seen_sent_and_shown(
    server: OpenAIServer, session: dict[str, str], picture: Path
) -> None:
    with mock_portal(session, "--picture", picture.as_uri()):
        async with open_quick(server.base_url) as quick:
            quick.type("What is this?")
            await take(quick)
            assert chips(quick.bar) == [CHIP]
            assert quick.bar.text == "What is this?"
            (small,) = (one for one in quick.bar.chips.findChildren(QLabel) if not one.pixmap().isNull())
            assert (small.sizeHint().width(), small.sizeHint().height()) == (42, 26)
            quick.key(Qt.Key.Key_Return)
            await until_answered(quick)
            url = f"data:image/png;base64,{b64encode(picture.read_bytes()).decode()}"
            image = {"type": "image_url", "image_url": {"url": url}}
            assert asked(server) == [[{"type": "text", "text": "What is this?"}, image]]
            assert chips(quick.bar) == []
            assert "[image 640 × 400]" in quick.shown
            (question, _answer) = await quick.stored()
            assert [one.data for one in question.images] == [picture.read_bytes()]

            quick.key(Qt.Key.Key_Return, CTRL)
            await until(lambda: "[image 640 × 400]" in quick.app.words, "the talk in the chat window")
            await until(lambda: quick.app.is_idle, "the rest of it")
            quick.app.ask("And now?")
            await until(lambda: quick.app.words.count(WHOLE) == 2, "the second answer")
            first, *rest = asked(server)
            assert [part["type"] for part in first] == ["text", "image_url"]
            assert rest == [WHOLE, "And now?"]


async def test_the_menu_has_it_and_a_chip_can_be_taken_off(
    server: OpenAIServer, session: dict[str, str], picture: Path
) -> None:
    with mock_portal(session, "--picture", picture.as_uri()):
        async with open_quick(server.base_url) as quick:
            (entry,) = (one for one in quick.bar._attach.menu().actions() if one.text() == "Screen region…")
            entry.trigger()
            await until(lambda: quick.bar.isVisible() and chips(quick.bar) == [CHIP], "the chip")
            await take(quick, 2)
            remove(quick.bar, 0)
            await until(lambda: chips(quick.bar) == [CHIP], "one chip less")
            remove(quick.bar, 0)
            await until(lambda: chips(quick.bar) == [], "no chip")
            quick.ask("Hello")
            await until_answered(quick)
            assert asked(server) == ["Hello"]


async def test_text_and_region_go_together_and_neither_moves_unasked(
    server: OpenAIServer, session: dict[str, str], picture: Path
) -> None:
    with mock_portal(session, "--picture", picture.as_uri()):
        async with open_quick(server.base_url) as quick:
            QGuiApplication.clipboard().setText("copied")
            quick.key(Qt.Key.Key_V, CTRL | SHIFT)
            await take(quick, 2)
            quick.key(Qt.Key.Key_Return, CTRL)
            assert quick.status.startswith("Ask first")
            assert quick.bar.isVisible()
            quick.key(Qt.Key.Key_Return)
            await until_answered(quick)
            (parts,) = asked(server)
            assert [part["type"] for part in parts] == ["text", "image_url"]
            assert parts[0]["text"] == "```\ncopied\n```"


async def test_a_preset_works_on_a_region_instead_of_a_text(
    server: OpenAIServer, session: dict[str, str], picture: Path
) -> None:
    with mock_portal(session, "--picture", picture.as_uri()):
        async with open_quick(server.base_url) as quick:
            await take(quick)
            quick.ask("/explain ")
            await until_answered(quick)
            (parts,) = asked(server)
            assert [part["type"] for part in parts] == ["text", "image_url"]


async def test_more_than_four_are_refused_and_four_kept(
    server: OpenAIServer, session: dict[str, str], picture: Path
) -> None:
    with mock_portal(session, "--picture", picture.as_uri()):
        async with open_quick(server.base_url) as quick:
            for number in range(MOST_IMAGES):
                await take(quick, number + 1)
            quick.key(Qt.Key.Key_R, CTRL | SHIFT)
            await until(lambda: quick.status.startswith("Too many images"), "the refusal")
            assert chips(quick.bar) == [CHIP] * MOST_IMAGES


async def test_who_cancels_gets_the_bar_back_as_it_was(server: OpenAIServer, session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=wait") as portal:
        async with open_quick(server.base_url) as quick:
            quick.type("What is")
            quick.key(Qt.Key.Key_R, CTRL | SHIFT)
            await until(lambda: "dialog" in portal.said, "the desktop's dialog")
            assert not quick.bar.isVisible()
            portal.tell("deny")
            await until(quick.bar.isVisible, "the bar")
            assert (quick.bar.text, quick.status, chips(quick.bar)) == ("What is", "", [])
            assert not quick.bar.notice.isVisible()


async def test_without_a_portal_the_bar_says_why(server: OpenAIServer, session: dict[str, str]) -> None:
    async with open_quick(server.base_url) as quick:
        quick.key(Qt.Key.Key_R, CTRL | SHIFT)
        await until(lambda: quick.bar.isVisible() and quick.bar.notice.isVisible(), "the reason")
        words = " ".join(label.text() for label in quick.bar.notice.findChildren(QLabel))
        assert "No desktop portal runs here" in words


async def test_quitting_closes_the_desktops_dialog(server: OpenAIServer, session: dict[str, str]) -> None:
    with mock_portal(session, "--answer=wait") as portal:
        async with open_quick(server.base_url) as quick:
            quick.key(Qt.Key.Key_R, CTRL | SHIFT)
            await until(lambda: "dialog" in portal.said, "the desktop's dialog")
        await until(lambda: "request closed by the app" in portal.said, "its end")


async def test_a_model_that_takes_no_images_is_told_in_the_bar(
    server: OpenAIServer, session: dict[str, str], picture: Path
) -> None:
    refusal = vllm_error("tinyllama is not a multimodal model", "BadRequestError", 400)
    with mock_portal(session, "--picture", picture.as_uri()):
        async with open_quick(server.base_url) as quick:
            await take(quick)
            server.script(json_response(400, refusal))
            quick.ask("What is this?")
            await until(lambda: "This model takes no images" in quick.shown, "the refusal")
            assert "New chat" in quick.shown
