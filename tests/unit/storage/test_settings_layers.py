"""Defaults, the administrator's files, the person's file, variables, options: which wins, and who said it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcdesk.core.errors import UsageError
from arcdesk.core.settings import Settings
from arcdesk.core.settings_source import Source, SourceKind
from arcdesk.storage.settings_file import SettingsFile
from arcdesk.storage.settings_keys import KEYS, parse_assignments
from arcdesk.storage.settings_layers import fixed_value, system_dirs

SYSTEM = '[general]\ntheme = "dark"\nnotify_ready = false\n[container]\nhost_port = 9100\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "arcdesk" / "config.toml"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Two folders of the administrator, the first one the stronger."""
    for name, text in (("strong", SYSTEM), ("weak", '[general]\ntheme = "light"\nstay_in_tray = false\n')):
        file = tmp_path / name / "arcdesk" / "config.toml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    return {"XDG_CONFIG_DIRS": f"{tmp_path / 'strong'}:relative/one:{tmp_path / 'weak'}"}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_administrators_folders_are_those_of_xdg() -> None:
    assert system_dirs({}) == [Path("/etc/xdg/arcdesk")]
    assert system_dirs({"XDG_CONFIG_DIRS": "/a:b:/c"}) == [Path("/c/arcdesk"), Path("/a/arcdesk")]


def test_the_administrators_files_lie_over_the_defaults(path: Path, environ: dict[str, str]) -> None:
    source = SettingsFile(path, environ=environ)
    loaded = source.load()
    assert (loaded.theme, loaded.notify_ready, loaded.stay_in_tray) == ("dark", False, False)
    assert loaded.container.host_port == 9100
    assert not source.problems
    assert not path.parent.exists()


def test_the_strongest_layer_wins_and_is_named(path: Path, environ: dict[str, str], tmp_path: Path) -> None:
    write(path, '[general]\ntheme = "light"\n[container]\nhost_port = 9200\nport = 9\n')
    environ |= {"ARCDESK_CONTAINER_HOST_PORT": "9300", "ARCDESK_CONTAINER_PORT": "10"}
    source = SettingsFile(path, environ=environ, overrides={"container.port": "11"})
    loaded = source.load()
    assert (loaded.theme, loaded.container.host_port, loaded.container.port) == ("light", 9300, 11)
    strong = str(tmp_path / "strong" / "arcdesk" / "config.toml")
    kinds = SourceKind
    expected = {
        "general.theme": Source(kind=kinds.USER, name=str(path), base="dark"),
        "general.notify_ready": Source(kind=kinds.SYSTEM, name=strong, base=False),
        "general.notify_failed": Source(kind=kinds.DEFAULT, base=True),
        "container.host_port": Source(kind=kinds.VARIABLE, name="ARCDESK_CONTAINER_HOST_PORT", base=9100),
        "container.port": Source(kind=kinds.FLAG, name="--set container.port", base=8000),
    }
    assert {name: source.source_of(name) for name in expected} == expected
    assert source.sources["general.theme"] == expected["general.theme"]
    fixed = {name for name in expected if source.source_of(name).kind.is_fixed}
    assert fixed == {"container.host_port", "container.port"}


def test_the_option_for_the_engine_has_its_own_name(path: Path) -> None:
    source = SettingsFile(path, environ={}, overrides={"engine.engine": "embedded"})
    assert source.load().engine == "embedded"
    assert source.source_of("engine.engine").name == "--engine"


def test_no_such_setting_has_no_source(path: Path) -> None:
    with pytest.raises(KeyError):
        SettingsFile(path, environ={}).source_of("general.no")


def test_a_layer_that_cant_be_used_leaves_the_one_below(path: Path, environ: dict[str, str]) -> None:
    write(path, '[general]\ntheme = "purple"\n')
    environ["ARCDESK_THEME"] = "green"
    source = SettingsFile(path, environ=environ, overrides={"general.theme": "red", "no.such": "1"})
    assert source.load().theme == "dark"
    assert len(source.problems) == 4
    assert source.source_of("general.theme").kind is SourceKind.SYSTEM


def test_a_broken_file_of_the_administrator_is_told_and_left_out(
    path: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "strong" / "arcdesk" / "config.toml"
    file.write_text("[general\n")
    source = SettingsFile(path, environ=environ)
    assert source.load().theme == "light"
    (problem,) = source.problems
    assert str(file) in problem.detail
    source.save(replace(source.load(), theme="dark"))
    assert file.read_text() == "[general\n"


def test_only_what_differs_from_the_layers_below_is_written(path: Path, environ: dict[str, str]) -> None:
    source = SettingsFile(path, environ=environ)
    source.save(replace(source.load(), theme="system", notify_answer=False))
    assert path.read_text().splitlines()[2:] == [
        "",
        "[general]",
        'theme = "system"',  # the built-in default, but not the administrator's
        "notify_answer = false",
    ]
    assert source.source_of("general.theme") == Source(kind=SourceKind.USER, name=str(path), base="dark")
    assert SettingsFile(path, environ=environ).load().theme == "system"


def test_options_are_never_written(path: Path) -> None:
    overrides = {"engine.engine": "embedded", "general.stay_in_tray": "off"}
    source = SettingsFile(path, environ={}, overrides=overrides)
    source.save(replace(source.load(), theme="dark"))
    assert SettingsFile(path, environ={}).load() == Settings(theme="dark")
    source.save(replace(source.load(), engine="container"))  # chosen by the person, against the option
    assert SettingsFile(path, environ={}).load().engine == "container"


def test_an_option_hides_the_variable_from_the_file_too(path: Path) -> None:
    source = SettingsFile(path, environ={"ARCDESK_THEME": "light"}, overrides={"general.theme": "dark"})
    source.save(replace(source.load(), notify_ready=False))
    assert "theme" not in path.read_text()


def test_a_forgotten_setting_leaves_the_file(path: Path, environ: dict[str, str]) -> None:
    write(path, '[general]\ntheme = "light"\nnotify_failed = false # my own\nnotify_answer = false\n')
    source = SettingsFile(path, environ=environ)
    loaded = source.load()
    source.forget("general.theme")
    source.forget("general.notify_answer")  # but its value is not the base: it stays
    source.save(replace(loaded, theme="dark"))
    assert path.read_text() == "[general]\nnotify_failed = false # my own\nnotify_answer = false\n"
    assert source.source_of("general.theme").kind is SourceKind.SYSTEM
    source.save(replace(loaded, theme="light"))  # the undo of a reset is just the value
    source.save(replace(loaded, theme="dark"))
    assert 'theme = "dark"' in path.read_text(), "only the next save forgets"


def test_assignments_of_the_command_line() -> None:
    assert parse_assignments(["general.theme=dark", "container.model_path=a=b"]) == {
        "general.theme": "dark",
        "container.model_path": "a=b",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme=dark", "general.theme"),
        ("general.theme", "TABLE.NAME=VALUE"),
        ("general.theme=purple", "light"),
        ("container.port=many", "whole number"),
        ("x.y=1", "names"),
    ],
)
def test_an_assignment_that_means_nothing_is_refused_with_the_way(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as told:
        parse_assignments([text])
    assert told.value.exit_code == 2


@given(text=st.text())
def test_no_variable_breaks_the_load(text: str) -> None:
    environ = {key.variable: text for key in KEYS}
    source = SettingsFile(Path("/nonexistent/config.toml"), environ=environ)
    loaded = source.load()
    refused = sum(fixed_value(key, environ, {}) is None for key in KEYS)
    assert len(source.problems) == refused
    assert loaded.container.image == text


@pytest.mark.parametrize("text", ["--3", "-", "9" * 5000, "٣"])
def test_odd_numbers_are_refused_or_read_but_never_raise(text: str) -> None:
    source = SettingsFile(Path("/nonexistent/config.toml"), environ={"ARCDESK_CONTAINER_PORT": text})
    loaded = source.load()
    assert loaded.container.port == 8000 if source.problems else 3


values = st.sampled_from(["system", "light", "dark"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    below=st.none() | values,
    user=st.none() | values,
    variable=st.none() | values,
    flag=st.none() | values,
    chosen=values,
)
def test_a_choice_holds_at_the_next_start_unless_something_stronger_is_set(
    tmp_path: Path, below: str | None, user: str | None, variable: str | None, flag: str | None, chosen: str
) -> None:
    system, path = tmp_path / "etc" / "arcdesk" / "config.toml", tmp_path / "u" / "config.toml"
    for file, value in ((system, below), (path, user)):
        write(file, f'[general]\ntheme = "{value}"\n' if value else "")
    environ = {"XDG_CONFIG_DIRS": str(tmp_path / "etc")} | ({"ARCDESK_THEME": variable} if variable else {})
    source = SettingsFile(path, environ=environ, overrides={"general.theme": flag} if flag else {})
    loaded = source.load()
    assert loaded.theme == (flag or variable or user or below or "system")
    source.save(replace(loaded, theme=chosen))
    plain = {"XDG_CONFIG_DIRS": str(tmp_path / "etc")}
    kept = chosen if chosen != (flag or variable) else (user or below or "system")
    assert SettingsFile(path, environ=plain).load().theme == kept
