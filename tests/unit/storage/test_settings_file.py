"""The settings file: what is read, what is overruled, what a save leaves alone."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcdesk.core.errors import ArcDeskError
from arcdesk.core.settings import ContainerSettings, Settings
from arcdesk.storage.settings_file import SettingsFile
from arcdesk.storage.settings_keys import KEYS

BY_HAND = """\
# my machine
[engine]
engine = "container" # not auto

[container] # the big card
host_port = 9001   # 8001 is taken
image = 'mine:1'
invented = [1, 2]

[elsewhere]
a = 1
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "arcdesk" / "config.toml"


def write(path: Path, text: str) -> SettingsFile:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return SettingsFile(path, environ={})


def test_without_a_file_the_defaults_hold(path: Path) -> None:
    source = SettingsFile(path, environ={})
    assert source.load() == Settings()
    assert not source.problems
    assert not path.parent.exists()


def test_the_file_lies_in_the_config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert SettingsFile().path == tmp_path / "arcdesk" / "config.toml"


def test_every_setting_has_a_place() -> None:
    expected = {f.name for f in (*fields(Settings), *fields(ContainerSettings))} - {"container"}
    assert {key.name for key in KEYS} | {"presets"} == expected
    assert len({key.variable for key in KEYS}) == len(KEYS)


def test_a_file_by_hand_is_read(path: Path) -> None:
    source = write(path, BY_HAND)
    loaded = source.load()
    assert loaded.engine == "container"
    assert (loaded.container.host_port, loaded.container.image) == (9001, "mine:1")
    assert loaded.theme == "system"
    assert not source.problems


def test_a_save_keeps_comments_unknown_keys_and_order(path: Path) -> None:
    source = write(path, BY_HAND)
    loaded = source.load()
    source.save(replace(loaded, container=replace(loaded.container, host_port=9002)))
    assert path.read_text() == BY_HAND.replace("9001", "9002")
    source.save(replace(source.load(), theme="dark"))
    assert path.read_text() == BY_HAND.replace("9001", "9002") + '\n[general]\ntheme = "dark"\n'


def test_a_save_of_what_stands_there_changes_nothing(path: Path) -> None:
    source = write(path, BY_HAND)
    before = path.stat().st_ino
    source.save(source.load())
    assert path.stat().st_ino == before
    assert [file.name for file in path.parent.iterdir()] == ["config.toml"]


def test_a_new_file_holds_only_what_differs(path: Path) -> None:
    SettingsFile(path, environ={}).save(Settings(theme="light", stop_engine_on_quit=True))
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == [
        "config_version = 1",
        "[general]",
        'theme = "light"',
        "[engine]",
        "stop_engine_on_quit = true",
    ]


def test_back_to_the_default_is_written_where_the_key_stands(path: Path) -> None:
    source = write(path, '[general]\ntheme = "dark" # at night\n')
    source.save(Settings())
    assert path.read_text() == '[general]\ntheme = "system" # at night\n'


def test_files_are_private_and_the_last_version_is_kept(path: Path) -> None:
    source = SettingsFile(path, environ={})
    source.save(Settings(theme="dark"))
    first = path.read_text()
    source.save(Settings(theme="light"))
    backup = path.with_name("config.toml.bak")
    assert backup.read_text() == first
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert len(list(path.parent.iterdir())) == 2


def test_a_linked_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "arcdesk.toml"
    real.parent.mkdir()
    real.write_text('[general]\ntheme = "dark"\n')
    path.parent.mkdir()
    path.symlink_to(real)
    SettingsFile(path, environ={}).save(Settings(theme="light"))
    assert path.is_symlink()
    assert 'theme = "light"' in real.read_text()


ENVIRON = {
    "ARCDESK_ENGINE": "embedded",
    "ARCDESK_GGUF_PATH": "/models/a.gguf",
    "ARCDESK_STOP_ENGINE_ON_QUIT": "yes",
    "ARCDESK_CONTAINER_IMAGE": "other:2",
    "ARCDESK_CONTAINER_HOST_PORT": "9100",
    "ARCDESK_API_KEY": "not a setting",
}


def test_variables_overrule_the_file(path: Path) -> None:
    write(path, BY_HAND)
    source = SettingsFile(path, environ=ENVIRON)
    loaded = source.load()
    assert (loaded.engine, loaded.gguf_path, loaded.stop_engine_on_quit) == (
        "embedded",
        "/models/a.gguf",
        True,
    )
    assert (loaded.container.image, loaded.container.host_port) == ("other:2", 9100)
    assert not source.problems


def test_variables_are_never_written(path: Path) -> None:
    write(path, BY_HAND)
    source = SettingsFile(path, environ=ENVIRON)
    source.save(replace(source.load(), theme="dark"))
    assert path.read_text() == BY_HAND + '\n[general]\ntheme = "dark"\n'
    source.save(replace(source.load(), engine="auto"))  # chosen by the person, against the variable
    assert SettingsFile(path, environ={}).load().engine == "auto"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("ARCDESK_CONTAINER_HOST_PORT", "many"),
        ("ARCDESK_STOP_ENGINE_ON_QUIT", "perhaps"),
        ("ARCDESK_THEME", "purple"),
    ],
)
def test_a_variable_that_cant_be_used_is_told(path: Path, variable: str, text: str) -> None:
    source = SettingsFile(path, environ={variable: text})
    assert source.load() == Settings()
    (problem,) = source.problems
    assert variable in problem.title
    assert text in problem.evidence


@pytest.mark.parametrize(
    "line",
    [
        '[container]\nhost_port = "9001"',
        "[container]\nhost_port = true",
        "[container]\nhost_port = 80.5",
        "[general]\ntheme = 1",
        '[general]\ntheme = "purple"',
        "[engine]\nstop_engine_on_quit = 1",
        "container = 3",
    ],
)
def test_a_value_of_the_wrong_kind_gives_its_default_and_a_problem(path: Path, line: str) -> None:
    source = write(path, f'{line}\n[engine2]\nx = 1\n[engine3]\n"y z" = 2\n')
    assert source.load() == Settings()
    assert [problem.cause for problem in source.problems] == ["bad_setting"]
    before = path.read_text()
    source.save(source.load())
    assert path.read_text() == before  # a mistake is the person's to correct
    source.save(replace(Settings(), container=replace(ContainerSettings(), host_port=9009), theme="dark"))
    assert SettingsFile(path, environ={}).load().container.host_port == 9009


BROKEN = {
    "syntax": b"[general\ntheme = 3",
    "no text": b"\xff\xfe\x00",
    "twice": b"[a]\nx = 1\nx = 2\n",
    "deep": b"a = " + b"[" * 100_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_gives_defaults_and_is_kept_when_saved_over(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    source = SettingsFile(path, environ={})
    assert source.load() == Settings()
    assert [problem.cause for problem in source.problems] == ["settings_broken"]
    assert path.read_bytes() == content
    source.save(Settings(theme="dark"))
    copy = path.with_name(f"config.toml.broken-{time.strftime('%Y-%m-%d')}")
    assert copy.read_bytes() == content
    assert source.load().theme == "dark"
    assert not source.problems


def test_the_place_of_a_mistake_is_told(path: Path) -> None:
    source = write(path, "[general]\ntheme = dark\n")
    source.load()
    assert "line 2" in source.problems[0].detail


def test_a_mark_of_windows_editors_is_no_mistake(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'\xef\xbb\xbf[general]\r\ntheme = "dark"\r\n')
    source = SettingsFile(path, environ={})
    assert source.load().theme == "dark"


def test_a_folder_in_place_of_the_file_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    source = SettingsFile(path, environ={})
    assert source.load() == Settings()
    assert [problem.cause for problem in source.problems] == ["settings_unreadable"]
    with pytest.raises(ArcDeskError, match="can't write"):
        source.save(Settings(theme="dark"))


def test_a_path_that_no_file_can_hold_is_told(path: Path) -> None:
    with pytest.raises(ArcDeskError) as told:
        SettingsFile(path, environ={}).save(Settings(gguf_path="/m/\udcff.gguf"))
    assert "UTF-8" in told.value.problem.detail
    assert list(path.parent.iterdir()) == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may look into; pytest's own ones are private."""
    with tempfile.TemporaryDirectory(prefix="arcdesk-settings-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def save_as_nobody(path: Path) -> list[str]:
    command = [sys.executable, "-m", "tests.unit.storage.readonly_home", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_home_that_cant_be_written_is_told_and_read(open_folder: Path) -> None:
    file = open_folder / "config.toml"
    file.write_text('[general]\ntheme = "light"\n')
    file.chmod(0o644)
    open_folder.chmod(0o555)
    assert save_as_nobody(file) == ["light", "storage_unwritable"]
    assert [entry.name for entry in open_folder.iterdir()] == ["config.toml"]
    open_folder.chmod(0o755)


def test_a_home_where_no_folder_can_be_made_is_told(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    assert save_as_nobody(open_folder / "a" / "b" / "config.toml") == ["system", "storage_unwritable"]
    open_folder.chmod(0o755)


def test_a_file_that_must_not_be_read_is_told_and_not_replaced(open_folder: Path) -> None:
    file = open_folder / "config.toml"
    file.write_text('[general]\ntheme = "light"\n')
    file.chmod(0o000)
    open_folder.chmod(0o777)
    assert save_as_nobody(file) == ["system settings_unreadable", "storage_unwritable"]
    file.chmod(0o600)
    assert "light" in file.read_text()


def test_folders_that_are_missing_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "not" / "there"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "neither"))
    source = SettingsFile()
    assert source.load() == Settings()
    source.save(Settings(theme="dark"))
    assert (tmp_path / "not" / "there" / "arcdesk" / "config.toml").is_file()
    assert SettingsFile().load().theme == "dark"


def test_after_a_broken_save_of_an_editor_the_backup_is_named(path: Path) -> None:
    source = SettingsFile(path, environ={})
    source.save(Settings(theme="dark"))
    source.save(Settings(theme="light"))
    path.write_bytes(b"\0" * 200)  # what a power cut may leave
    assert source.load() == Settings()
    assert "config.toml.bak" in source.problems[0].hint


def test_the_same_broken_file_is_set_aside_once(path: Path) -> None:
    path.parent.mkdir()
    for _ in range(3):
        path.write_text("[general\n")
        SettingsFile(path, environ={}).save(Settings(theme="dark"))
    assert len([file for file in path.parent.iterdir() if "broken" in file.name]) == 1


def test_a_save_that_fails_half_way_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SettingsFile(path, environ={})
    source.save(Settings(theme="dark"))
    before = path.read_text()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArcDeskError, match="No space left"):
        source.save(Settings(theme="light"))
    assert path.read_text() == before
    assert [file.name for file in path.parent.iterdir()] == ["config.toml"]


WAYS = {
    "empty": "",
    "inline": 'container = {image = "x", host_port = 1}\n',
    "dotted": 'container.image = "x"\ncontainer.host_port = 1\n',
    "split": '[container]\nimage = "x"\n[container.more]\na = 1\n[engine]\n[other]\nb = 2\n[engine.deep]\n',
    "hand": BY_HAND,
}
any_settings = st.builds(
    Settings,
    engine=st.text(),
    gguf_path=st.text(),
    theme=st.sampled_from(["system", "light", "dark"]),
    stop_engine_on_quit=st.booleans(),
    confirmed_close_without_tray=st.booleans(),
    hotkey=st.text(),
    container=st.builds(ContainerSettings, image=st.text(), host_port=st.integers(-(2**60), 2**60)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=any_settings, way=st.sampled_from(sorted(WAYS)))
def test_what_was_saved_is_loaded_however_the_file_is_written(path: Path, chosen: Settings, way: str) -> None:
    source = write(path, WAYS[way])
    source.save(chosen)
    assert source.load() == chosen
    assert not source.problems
