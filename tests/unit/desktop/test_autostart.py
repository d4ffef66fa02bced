"""Opening at log-in: read from real files as desktops read them, written only when somebody asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcdesk.core.autostart_state import OFF, AutostartKind, AutostartState
from arcdesk.core.errors import ArcDeskError
from arcdesk.desktop import autostart
from arcdesk.desktop.entry import own_command, read_entry
from tests.unit.desktop.files_rig import program, read_only

NAME = "autostart/org.arcdesk.ArcDesk.desktop"


@pytest.fixture
def config(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's config folder; the system's is another empty one."""
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(own_home / "system"))
    return own_home / "config"


@pytest.fixture
def system(config: Path) -> Path:
    return config.parent / "system"


def write(folder: Path, *lines: str) -> Path:
    path = folder / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["[Desktop Entry]", "Type=Application", "Name=ArcDesk", *lines, ""]))
    return path


def test_it_is_off_until_turned_on_and_off_again_after(config: Path) -> None:
    assert autostart.state() == OFF
    assert list(config.iterdir()) == [], "looking leaves nothing behind"
    autostart.turn_on()
    assert autostart.state() == AutostartState(kind=AutostartKind.ON)
    autostart.turn_off()
    assert autostart.state() == OFF
    assert not (config / NAME).exists()


def test_it_opens_this_arcdesk_in_the_tray(config: Path) -> None:
    autostart.turn_on()
    entry = read_entry((config / NAME).read_text())["Desktop Entry"]
    assert entry["Exec"].endswith(" --background")
    assert entry["TryExec"] == own_command()[0]
    assert Path(entry["TryExec"]).is_absolute()
    assert entry["X-GNOME-Autostart-enabled"] == "true"


def test_turning_off_twice_and_on_twice_is_the_same_as_once(config: Path) -> None:
    autostart.turn_off()
    autostart.turn_on()
    autostart.turn_on()
    assert [path.name for path in (config / "autostart").iterdir()] == ["org.arcdesk.ArcDesk.desktop"]


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_what_the_desktop_disabled_is_said_and_can_be_turned_on_again(config: Path, line: str) -> None:
    write(config, f"Exec={own_command()[0]} --background", line)
    assert autostart.state().kind is AutostartKind.DISABLED
    assert not autostart.state().is_on
    autostart.turn_on()
    assert autostart.state().kind is AutostartKind.ON


def test_another_arcdesk_is_named(config: Path, tmp_path: Path) -> None:
    other = program(tmp_path / "old version" / "arcdesk")
    write(config, f'Exec="{other}" --background')
    assert autostart.state() == AutostartState(kind=AutostartKind.ELSEWHERE, program=str(other))
    autostart.turn_on()
    assert autostart.state().kind is AutostartKind.ON


def test_the_same_program_by_a_link_is_this_one(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "bin" / "arcdesk"
    link.parent.mkdir()
    link.symlink_to(own_command()[0])
    write(config, f"Exec={link} --background --engine embedded")
    assert autostart.state().kind is AutostartKind.ON


@pytest.mark.parametrize(
    "exec_line", ["Exec=/gone/arcdesk --background", "Exec=", 'Exec="broken', "Comment=no Exec"]
)
def test_what_is_not_there_is_not_opened(config: Path, exec_line: str) -> None:
    write(config, exec_line)
    assert autostart.state().kind is AutostartKind.GONE
    assert not autostart.state().is_on


def test_a_package_may_have_turned_it_on_for_everyone(config: Path, system: Path) -> None:
    everyone = write(system, f"Exec={own_command()[0]} --background")
    assert autostart.state() == AutostartState(kind=AutostartKind.ON, by_system=True)
    autostart.turn_off()
    assert autostart.state().kind is AutostartKind.DISABLED, "removing our file would not have been enough"
    assert everyone.exists()
    autostart.turn_on()
    assert autostart.state() == AutostartState(kind=AutostartKind.ON)


def test_a_missing_config_folder_is_made(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "not" / "yet"))
    assert autostart.state() == OFF
    autostart.turn_on()
    assert autostart.state().is_on


def test_without_the_variable_it_is_below_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    autostart.turn_on()
    assert (tmp_path / ".config" / NAME).exists()


def test_a_read_only_folder_is_told_with_its_path(config: Path) -> None:
    with read_only(config / "autostart"), pytest.raises(ArcDeskError) as told:
        autostart.turn_on()
    assert told.value.problem.cause == "desktop_unwritable"
    assert str(config / NAME) in told.value.problem.detail
    assert "Permission denied" in told.value.problem.detail
    assert autostart.state() == OFF
    assert list((config / "autostart").iterdir()) == []


def test_a_file_that_can_not_be_removed_stays_on_and_is_told(config: Path) -> None:
    autostart.turn_on()
    with read_only(config / "autostart"), pytest.raises(ArcDeskError, match="can't be turned off"):
        autostart.turn_off()
    assert autostart.state().is_on


def test_a_file_in_the_way_of_the_folder_is_told(config: Path) -> None:
    (config / "autostart").write_text("")
    assert autostart.state() == OFF
    with pytest.raises(ArcDeskError, match="can't be opened at log-in"):
        autostart.turn_on()


def test_a_link_of_the_persons_stays_a_link(config: Path, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "arcdesk.desktop"
    kept.parent.mkdir()
    (config / "autostart").mkdir()
    (config / NAME).symlink_to(kept)
    autostart.turn_on()
    assert (config / NAME).is_symlink()
    assert "--background" in kept.read_text()
