"""Files of older and of newer versions of ArcDesk, and of people who number them as they like."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from arcdesk.core.settings import Settings
from arcdesk.storage.settings_file import SettingsFile
from arcdesk.storage.settings_migrations import MIGRATIONS, migrated, transplant, version_of

OLD = """\
# mine
[look]
theme = "dark" # at night
size = 3
[container]
host_port = 9001 # taken
"""


def move_look_to_general(data: dict[str, Any]) -> dict[str, Any]:
    """1 to 2, for these tests: [look] theme is now [general] theme."""
    look = data.get("look")
    if isinstance(look, dict) and "theme" in look:
        data.setdefault("general", {})["theme"] = look.pop("theme")
    return data


def drop_size(data: dict[str, Any]) -> dict[str, Any]:
    """2 to 3."""
    if isinstance(data.get("look"), dict):
        data["look"].pop("size", None)
    return data


STEPS = (move_look_to_general, drop_size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "arcdesk").mkdir()
    return tmp_path / "arcdesk" / "config.toml"


def names(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


def test_no_file_of_the_first_release_needs_a_migration() -> None:
    assert MIGRATIONS == ()


def test_an_old_file_is_read_as_todays_and_not_touched(path: Path) -> None:
    path.write_text(OLD)
    source = SettingsFile(path, environ={}, migrations=STEPS)
    loaded = source.load()
    assert (loaded.theme, loaded.container.host_port) == ("dark", 9001)
    assert not source.problems
    assert path.read_text() == OLD
    assert names(path) == {"config.toml"}


def test_the_next_save_migrates_the_file_and_keeps_the_old_one(path: Path) -> None:
    path.write_text(OLD)
    source = SettingsFile(path, environ={}, migrations=STEPS)
    source.save(replace(source.load(), notify_ready=False))
    assert path.with_name("config.toml.version-1").read_text() == OLD
    text = path.read_text()
    assert "# mine" in text
    assert "host_port = 9001 # taken" in text
    assert "size" not in text
    again = SettingsFile(path, environ={}, migrations=STEPS)
    assert (again.load().theme, again.load().notify_ready) == ("dark", False)
    assert not again.problems
    again.save(replace(again.load(), theme="light"))
    assert names(path) == {"config.toml", "config.toml.version-1", "config.toml.bak"}, "one copy is enough"


def test_the_version_stands_above_the_tables(path: Path) -> None:
    path.write_text(OLD)
    source = SettingsFile(path, environ={}, migrations=STEPS)
    source.save(source.load())
    import tomllib

    assert tomllib.loads(path.read_text())["config_version"] == 3


def test_a_file_of_the_second_version_takes_the_second_step_only(path: Path) -> None:
    path.write_text('config_version = 2\n[look]\ntheme = "dark"\nsize = 3\n')
    source = SettingsFile(path, environ={}, migrations=STEPS)
    assert source.load().theme == "system"
    source.save(source.load())
    assert path.read_text() == 'config_version = 3\n[look]\ntheme = "dark"\n'


FUTURE = """\
config_version = 7 # of tomorrow
[general]
theme = "dark"
glow = "soft"
stay_in_tray = "sometimes"
[orbit]
moons = [1, 2]
"""


def test_a_future_file_is_read_as_far_as_it_is_understood(path: Path) -> None:
    path.write_text(FUTURE)
    source = SettingsFile(path, environ={})
    assert source.load() == Settings(theme="dark")
    assert [problem.cause for problem in source.problems] == ["settings_newer", "bad_setting"]
    assert "7" in source.problems[0].detail
    assert path.read_text() == FUTURE


def test_a_save_into_a_future_file_keeps_a_copy_its_version_and_what_it_alone_knows(path: Path) -> None:
    path.write_text(FUTURE)
    source = SettingsFile(path, environ={})
    source.save(replace(source.load(), theme="light"))
    assert path.with_name("config.toml.version-7").read_text() == FUTURE
    assert path.read_text() == FUTURE.replace('"dark"', '"light"')
    source.save(replace(source.load(), notify_ready=False))
    copies = [name for name in names(path) if "version-7" in name]
    assert sorted(copies) == ["config.toml.version-7", "config.toml.version-7-2"]


def test_a_save_that_changes_nothing_in_a_future_file_leaves_no_copy(path: Path) -> None:
    path.write_text(FUTURE)
    source = SettingsFile(path, environ={})
    source.save(source.load())
    assert path.read_text() == FUTURE
    assert names(path) == {"config.toml"}


@pytest.mark.parametrize("said", ["0", "-1", "true", '"2"', "1.0", "[]"])
def test_a_version_that_is_none_is_told_and_left(path: Path, said: str) -> None:
    text = f'config_version = {said}\n[general]\ntheme = "dark"\n'
    path.write_text(text)
    source = SettingsFile(path, environ={}, migrations=STEPS)
    assert source.load().theme == "dark"
    (problem,) = source.problems
    assert "config_version" in problem.title
    source.save(replace(source.load(), theme="light"))
    assert path.read_text() == text.replace('"dark"', '"light"')


def test_a_file_of_the_administrator_is_migrated_in_memory_only(path: Path, tmp_path: Path) -> None:
    system = tmp_path / "etc" / "arcdesk" / "config.toml"
    system.parent.mkdir(parents=True)
    system.write_text(OLD)
    environ = {"XDG_CONFIG_DIRS": str(tmp_path / "etc")}
    source = SettingsFile(path, environ=environ, migrations=STEPS)
    assert source.load().theme == "dark"
    source.save(replace(source.load(), notify_ready=False))
    assert system.read_text() == OLD
    assert names(system) == {"config.toml"}


def test_a_migration_gets_tables_of_its_own() -> None:
    data = {"look": {"theme": "dark"}}
    before = copy.deepcopy(data)
    assert migrated(data, STEPS) == {"look": {}, "general": {"theme": "dark"}, "config_version": 3}
    assert data == before


def test_versions() -> None:
    assert version_of({}, 3) == 3
    assert version_of({"general": {}}, 3) == 1
    assert version_of({"config_version": 9}, 3) == 9
    assert version_of({"config_version": False}, 3) is None


leaf = st.integers(0, 9) | st.booleans() | st.text("ab", max_size=3)
word = st.text("abc", min_size=1, max_size=2)
tables = st.dictionaries(word, leaf | st.dictionaries(word, leaf | st.dictionaries(word, leaf, max_size=2)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=tables, new=tables)
@example(old={"a": {"a": {}}}, new={"a": {}})
def test_any_migration_can_be_carried_into_the_text(old: dict[str, Any], new: dict[str, Any]) -> None:
    import tomlkit

    document = tomlkit.parse(tomlkit.dumps(old))
    transplant(document, old, new)
    assert tomlkit.parse(tomlkit.dumps(document)).unwrap() == new
