"""What every test gets: a home of its own, the rig's fixtures, and nothing left behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long one example takes says how busy the machine is. With CI=true Hypothesis' own profile does the same.
settings.register_profile("arcdesk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if os.environ.get("CI") != "true":
    settings.load_profile("arcdesk")

# llama.cpp's threads spin while they wait: beside other work on few cores that is four times as slow.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

pytest_plugins = ["tests.rig.fixtures", "tests.rig.desktop_fixtures"]

# Set by the tier runner, so that a tier with Qt knows it and the unit tier can forbid it.
HAS_QT = os.environ.get("ARCDESK_TEST_TIER", "ui") not in ("unit",)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the person's files."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith("ARCDESK_") and name != "ARCDESK_TEST_TIER":
            monkeypatch.delenv(name)
    for name, folder in (
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_RUNTIME_DIR", "run"),
    ):
        path = home / folder
        path.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(path))
    return home


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """A test leaves no thread of ArcDesk behind."""
    before = set(threading.enumerate())
    yield
    ours = [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.name.startswith(("docker", "arcdesk"))
    ]
    for thread in ours:
        thread.join(timeout=3)
    left = [thread.name for thread in ours if thread.is_alive()]
    assert not left, f"threads left behind: {left}"
