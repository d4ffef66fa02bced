"""The live panel on the program as it is started: opened by its key, asked for no longer than it is seen."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.desktop.driver import CLOSE_WINDOW, ArcDesk, arcdesk, choose_in_tray_menu
from tests.fakes.live_server import LiveServer, live_server_aside
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.desktop_tools import wait_for

pytestmark = pytest.mark.desktop

LIVE_KEY = "ctrl+shift+l"
STILL_S = 2.5  # a panel in sight would have asked twice or more


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with live_server_aside() as made:
        yield made


@pytest.fixture
def app(x_display: Desktop, server: LiveServer) -> Iterator[ArcDesk]:
    with arcdesk(x_display, ARCDESK_ENGINE=server.base_url) as program:
        yield program


def wait_until_asked(server: LiveServer) -> None:
    """Somebody sees the panel: the server is asked again and again."""
    before = server.times_asked
    wait_for(lambda: server.times_asked >= before + 3, "looks at the server's figures", 20)


def asks_while(server: LiveServer, seconds: float) -> int:
    """How often the server is asked in so many seconds, once what is under way has come."""
    time.sleep(0.5)
    before = server.times_asked
    time.sleep(seconds)
    return server.times_asked - before


def test_the_key_opens_and_closes_it_and_it_is_there_again(
    app: ArcDesk, server: LiveServer, xembed_tray: TrayHost
) -> None:
    app.start()
    app.wait_for_window()
    app.ask("What is a fox?")
    app.wait_for_answer()
    app.key(LIVE_KEY)
    wait_until_asked(server)
    app.key(LIVE_KEY)
    assert asks_while(server, STILL_S) == 0
    app.key(LIVE_KEY)
    wait_until_asked(server)
    app.ask("Where does it live?")
    app.wait_for_answer(2)  # the keyboard stayed in the prompt
    app.key("F6", "F6")  # to the panel, and back
    app.type("and ")
    wait_for(lambda: app.drafts() == ["and "], "what was typed as a draft")
    app.key("ctrl+a", "Delete")
    app.key(CLOSE_WINDOW)
    app.wait_until_hidden()
    assert asks_while(server, STILL_S) == 0
    choose_in_tray_menu(xembed_tray, "Up", "Return")
    app.assert_ended_in_order()

    app.start()
    app.wait_for_window()
    app.ask("What does it eat?")  # the keyboard is in the prompt, not in the panel
    app.wait_for_answer(3)
    wait_until_asked(server)
    choose_in_tray_menu(xembed_tray, "Up", "Return")
    app.assert_ended_in_order()
