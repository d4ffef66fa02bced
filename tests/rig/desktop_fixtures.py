"""The desktop rig as fixtures: a display for the session, panels and buses for each test."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from tests.rig import desktop
from tests.rig.desktop import Desktop, TrayHost
from tests.rig.errors import RigUnavailable


@contextlib.contextmanager
def _or_skip() -> Iterator[None]:
    """A desktop that cannot be had skips the test here, and fails it where it is promised (CI=true)."""
    try:
        yield
    except RigUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def x_display() -> Iterator[Desktop]:
    """An X display with openbox and without a session bus."""
    with _or_skip(), desktop.x_display() as made:
        yield made


@pytest.fixture
def session_bus(x_display: Desktop) -> Iterator[Desktop]:
    """The display with a fresh session bus."""
    with _or_skip(), desktop.session_bus(x_display) as made:
        yield made


@pytest.fixture
def xembed_tray(x_display: Desktop) -> Iterator[TrayHost]:
    """`trayer` on the display."""
    with _or_skip(), desktop.xembed_tray(x_display) as made:
        yield made


@pytest.fixture
def sni_tray(session_bus: Desktop) -> Iterator[TrayHost]:
    """`xfce4-panel` on the display, with its bus."""
    with _or_skip(), desktop.sni_tray(session_bus) as made:
        yield made
