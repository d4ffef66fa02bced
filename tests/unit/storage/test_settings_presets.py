"""The person's presets in the settings file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcdesk.core.preset_names import LONGEST_TEXT, name_refusal, text_refusal
from arcdesk.core.presets import all_presets, called
from arcdesk.core.settings import Settings
from arcdesk.core.settings_source import SourceKind
from arcdesk.storage.settings_file import SettingsFile

TEXT = """\
[presets]
fix = "Correct this: {text}" # often
"uü-1" = '''
Two
lines'''
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "arcdesk").mkdir()
    return tmp_path / "arcdesk" / "config.toml"


def test_presets_are_read_in_their_order(path: Path) -> None:
    path.write_text(TEXT)
    source = SettingsFile(path, environ={})
    assert source.load().presets == (("fix", "Correct this: {text}"), ("uü-1", "Two\nlines"))
    assert not source.problems
    assert source.source_of("presets").kind is SourceKind.USER


def test_bad_ones_are_told_and_the_others_kept(path: Path) -> None:
    path.write_text('[presets]\n"a b" = "x"\nnumber = 3\nempty = " "\ngood = "y"\nGood = "z"\n')
    source = SettingsFile(path, environ={})
    assert source.load().presets == (("good", "y"),)
    assert [problem.title.split()[2] for problem in source.problems] == ["a", "number", "empty", "Good"]
    before = path.read_text()
    source.save(source.load())
    assert path.read_text() == before
    source.save(replace(source.load(), presets=(("good", "y"), ("new", "w"))))
    assert path.read_text() == before + 'new = "w"\n', "a mistake is the person's to correct"


def test_what_should_be_a_table_is_told(path: Path) -> None:
    path.write_text("presets = 3\n")
    source = SettingsFile(path, environ={})
    assert source.load() == Settings()
    assert [problem.evidence for problem in source.problems] == ["presets"]


def test_one_change_leaves_the_rest_of_the_table_alone(path: Path) -> None:
    path.write_text(TEXT)
    source = SettingsFile(path, environ={})
    source.save(replace(source.load(), presets=(("fix", "Correct this: {text}"), ("uü-1", "One"))))
    assert "# often" in path.read_text()
    assert source.load().presets[1] == ("uü-1", "One")


def test_the_administrators_presets_can_be_changed_and_taken_away(path: Path, tmp_path: Path) -> None:
    system = tmp_path / "etc" / "arcdesk" / "config.toml"
    system.parent.mkdir(parents=True)
    system.write_text('[presets]\na = "one"\nb = "two"\n')
    environ = {"XDG_CONFIG_DIRS": str(tmp_path / "etc")}
    source = SettingsFile(path, environ=environ)
    assert source.load().presets == (("a", "one"), ("b", "two"))
    source.save(replace(source.load(), presets=(("b", "mine"), ("c", "three"))))
    again = SettingsFile(path, environ=environ)
    assert again.load().presets == (("b", "mine"), ("c", "three"))
    assert not again.problems
    assert again.source_of("presets").base == (("a", "one"), ("b", "two"))
    again.save(replace(again.load(), presets=(("a", "one"), ("b", "two"))))
    assert SettingsFile(path, environ=environ).load().presets == (("a", "one"), ("b", "two"))


@pytest.mark.parametrize("name", ["", "a b", "/fix", "-x", "1a", "ü", "x" * 33, "a\n"])
def test_names_that_cant_be_typed_are_refused(name: str) -> None:
    assert name_refusal(name)


def test_every_name_that_is_kept_can_be_called() -> None:
    for name in ("fix", "Fix_2", "zü", "x" * 32):
        assert called(f"/{name} this", all_presets(((name, "Say {text}"),))) is not None


@pytest.mark.parametrize("name", ["fix", "Fix_2", "zü", "x" * 32])
def test_names_that_can_are_taken(name: str) -> None:
    assert name_refusal(name) is None


def test_texts() -> None:
    assert text_refusal("x" * LONGEST_TEXT) is None
    assert text_refusal("x" * (LONGEST_TEXT + 1))
    assert text_refusal(3)
    assert text_refusal("  \n")


names = st.from_regex(r"[a-z][a-zü0-9_-]{0,5}", fullmatch=True)
lists = st.dictionaries(names, st.text(min_size=1).filter(str.strip), max_size=5).map(
    lambda found: tuple(found.items())
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=lists, then=lists)
def test_what_was_saved_is_loaded_in_the_same_order(
    path: Path, first: tuple[tuple[str, str], ...], then: tuple[tuple[str, str], ...]
) -> None:
    source = SettingsFile(path, environ={})
    for presets in (first, then, first):
        source.save(Settings(presets=presets))
        assert source.load().presets == presets
        assert not source.problems
