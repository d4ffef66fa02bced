"""PySide6 6.12.0 on Python 3.11 drops references to None and True and aborts: it must stay excluded."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import PySide6
import pytest
from packaging.requirements import Requirement
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

CALLS = 200
SLACK = 20
PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


class Sender(QObject):
    """Something that emits."""

    happened = Signal()


def test_void_calls_leave_none_alone(qtbot: QtBot) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for number in range(CALLS):
        label.setText(str(number))
        label.setToolTip("")
    assert abs(sys.getrefcount(None) - before) < SLACK


def test_emitting_leaves_true_alone() -> None:
    sender = Sender()
    before = sys.getrefcount(True)
    for _ in range(CALLS):
        sender.happened.emit()
    assert abs(sys.getrefcount(True) - before) < SLACK


def test_the_faulty_release_is_excluded_and_not_installed() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    wanted = next(
        requirement
        for requirement in map(Requirement, project["dependencies"])
        if requirement.name == "PySide6-Essentials"
    )
    assert not wanted.specifier.contains("6.12.0")
    assert wanted.specifier.contains(PySide6.__version__)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_pins_hold_no_address_and_not_the_faulty_release(lock: str) -> None:
    text = PYPROJECT.with_name(lock).read_text()
    assert "://" not in text
    assert "pyside6-essentials==6.12.0" not in text
