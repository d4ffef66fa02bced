"""`--install-desktop` and `--uninstall-desktop`: paths on standard output, words on standard error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arcdesk.app.cli_desktop import install_desktop, uninstall_desktop
from arcdesk.core.autostart_state import AutostartKind
from arcdesk.desktop import autostart
from tests.unit.desktop.files_rig import program


@pytest.fixture(autouse=True)
def folders(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No system's files, no bus."""
    monkeypatch.setenv("XDG_DATA_DIRS", str(own_home / "system"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(own_home / "system"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
    return own_home


def test_both_say_what_they_did(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install_desktop() == 0
    out, err = capsys.readouterr()
    paths = out.splitlines()
    assert str(folders / "data/applications/org.arcdesk.ArcDesk.desktop") in paths
    assert all(Path(path).is_file() for path in paths)
    assert err == "ArcDesk is in the applications menu now.\n"

    assert uninstall_desktop(as_json=True) == 0
    out, err = capsys.readouterr()
    assert sorted(json.loads(out)) == sorted(paths)
    assert err == "ArcDesk is no longer in the applications menu.\n"

    assert uninstall_desktop() == 0
    assert capsys.readouterr() == ("", "ArcDesk was not in the applications menu.\n")


def test_uninstalling_also_ends_opening_at_log_in(capsys: pytest.CaptureFixture[str]) -> None:
    install_desktop()
    autostart.turn_on()
    capsys.readouterr()
    assert uninstall_desktop() == 0
    assert "no longer opened when you log in" in capsys.readouterr().err
    assert autostart.state().kind is AutostartKind.OFF


def test_another_arcdesk_at_log_in_is_left_alone(folders: Path, tmp_path: Path) -> None:
    other = program(tmp_path / "arcdesk")
    file = folders / "config/autostart/org.arcdesk.ArcDesk.desktop"
    file.parent.mkdir()
    file.write_text(f"[Desktop Entry]\nExec={other}\n")
    assert uninstall_desktop() == 0
    assert file.exists()


def test_a_refusal_is_one_sentence_and_exit_code_1(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "data/applications").write_text("in the way")
    assert install_desktop() == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("arcdesk: ArcDesk could not be put into the applications menu.")
    assert err.count("\n") == 1
