"""The applications menu: all files or none, of this version and this place, and gone without a trace."""

from __future__ import annotations

import os
import pwd
import shlex
from pathlib import Path

import pytest

from arcdesk.core.errors import ArcDeskError
from arcdesk.desktop import desktop_files, install
from arcdesk.desktop.entry import exec_words, own_command, read_entry
from arcdesk.desktop.install import Presence
from arcdesk.desktop.search_provider import SEARCH_PATH
from tests.unit.desktop.files_rig import read_only


@pytest.fixture
def data(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's data folder; the system's is another one, and there is no bus to tell."""
    monkeypatch.setenv("XDG_DATA_DIRS", str(own_home / "system"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
    return own_home / "data"


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_installing_writes_all_and_uninstalling_leaves_nothing(data: Path) -> None:
    assert install.presence() is Presence.ABSENT
    written = install.install()
    assert {str(path.relative_to(data)) for path in written} == files_in(data)
    assert {
        "applications/org.arcdesk.ArcDesk.desktop",
        "metainfo/org.arcdesk.ArcDesk.metainfo.xml",
        "dbus-1/services/org.arcdesk.ArcDesk.service",
        "gnome-shell/search-providers/org.arcdesk.ArcDesk.search-provider.ini",
        "icons/hicolor/16x16/apps/org.arcdesk.ArcDesk.png",
        "icons/hicolor/256x256/apps/org.arcdesk.ArcDesk.png",
        "icons/hicolor/scalable/apps/org.arcdesk.ArcDesk.svg",
        "icons/hicolor/symbolic/apps/org.arcdesk.ArcDesk-symbolic.svg",
    } <= files_in(data)
    assert install.presence() is Presence.CURRENT
    assert install.is_installed() and install.is_current()
    assert set(install.uninstall()) == set(written)
    assert files_in(data) == set()
    assert install.presence() is Presence.ABSENT
    assert install.uninstall() == []


def test_all_can_be_read_by_everyone_and_is_no_program(data: Path) -> None:
    install.install()
    assert {path.stat().st_mode & 0o777 for path in data.rglob("*") if path.is_file()} == {0o644}


def test_each_exec_is_this_arcdesk_by_its_whole_path(data: Path) -> None:
    install.install()
    entry = read_entry((data / install.ENTRY).read_text())
    own = own_command()
    actions = {
        group.removeprefix("Desktop Action "): keys for group, keys in entry.items() if "Action" in group
    }
    assert set(actions) == {"quick", "chat", "start", "stop"}
    assert entry["Desktop Entry"]["Actions"].rstrip(";").split(";") == list(actions)
    for keys in entry.values():
        words = exec_words(keys["Exec"])
        assert words[: len(own)] == own or words[2 : 2 + len(own)] == own
        assert Path(words[0]).is_absolute()
    assert Path(entry["Desktop Entry"]["TryExec"]).exists()
    service = read_entry((data / install.SERVICE).read_text())["D-BUS Service"]
    assert service["Name"] == "org.arcdesk.ArcDesk"
    assert shlex.split(service["Exec"])[-1] == "--background"


def test_the_entry_promises_the_bus_only_with_its_service(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install.install()
    assert read_entry((data / install.ENTRY).read_text())["Desktop Entry"]["DBusActivatable"] == "true"
    install.uninstall()
    monkeypatch.setattr(install, "serves_dbus", lambda: False)
    install.install()
    assert "DBusActivatable" not in (data / install.ENTRY).read_text()
    assert not (data / install.SERVICE).exists()


def test_searching_finds_our_object_and_never_starts_the_app(data: Path) -> None:
    install.install()
    provider = read_entry((data / install.SEARCH).read_text())["Shell Search Provider"]
    assert provider["ObjectPath"] == SEARCH_PATH
    assert provider["BusName"] == "org.arcdesk.ArcDesk"
    assert provider["DesktopId"] == install.ENTRY.name
    assert provider["AutoStart"] == "false"


@pytest.mark.parametrize("path", [install.ENTRY, install.SERVICE, install.METAINFO])
def test_a_changed_or_missing_file_makes_it_outdated(data: Path, path: Path) -> None:
    install.install()
    with (data / path).open("a") as file:
        file.write("# of an older version\n")
    assert install.presence() is Presence.OUTDATED
    assert install.is_installed() and not install.is_current()
    install.install()
    assert install.presence() is Presence.CURRENT
    if path != install.ENTRY:
        (data / path).unlink()
        assert install.presence() is Presence.OUTDATED


def test_an_arcdesk_at_another_place_is_outdated(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install.install()
    monkeypatch.setattr(install, "own_command", lambda: ["/moved/bin/arcdesk"])
    assert install.presence() is Presence.OUTDATED


def test_a_package_counts_and_is_not_touched(data: Path, own_home: Path) -> None:
    packaged = own_home / "system" / install.ENTRY
    packaged.parent.mkdir(parents=True)
    packaged.write_text("[Desktop Entry]\n")
    assert install.presence() is Presence.BY_SYSTEM
    assert install.is_installed() and install.is_current()
    assert install.uninstall() == []
    assert packaged.exists()


def test_a_read_only_folder_is_told_and_nothing_half_stays(data: Path) -> None:
    with read_only(data), pytest.raises(ArcDeskError) as told:
        install.install()
    assert told.value.problem.cause == "desktop_unwritable"
    assert str(data) in told.value.problem.detail
    assert files_in(data) == set()


def test_a_failure_in_the_middle_takes_back_what_was_new(data: Path) -> None:
    (data / "metainfo").write_text("a file where the folder belongs")
    with pytest.raises(ArcDeskError, match="could not be put into the applications menu"):
        install.install()
    assert files_in(data) == {"metainfo"}
    assert install.presence() is Presence.ABSENT


def test_a_full_disk_keeps_the_old_file_whole(data: Path) -> None:
    install.install()
    entry = data / install.ENTRY
    before = entry.read_bytes()
    with read_only(entry.parent), pytest.raises(OSError, match="Permission denied"):
        desktop_files.write_file(entry, b"half")
    assert entry.read_bytes() == before
    assert os.listdir(entry.parent) == [entry.name]


def test_relative_folders_are_passed_over_as_the_specification_has_it(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "somewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    install.install()
    assert (tmp_path / ".local" / "share" / install.ENTRY).exists()


def test_without_any_home_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> pwd.struct_passwd:
        raise KeyError("uid not found")  # of a container without a list of users

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(ArcDeskError, match="home folder"):
        install.install()
