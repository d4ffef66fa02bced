"""The setup script: which packages are missing, which Python serves, when .venv is made anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.packaging.shell import ROOT, Machine, copy_project, in_setup, run

INSTALLED = "install ok installed"
UNFETCHED = "The Python packages could not be fetched. Check the network (or the proxy), then try again."
BASE = ["libgomp1", "python3-venv"]
REAL_PYTHON = str(Path(sys.executable).resolve())
# Debian splits ensurepip off; the script is called as `python -I -c CODE`.
WITHOUT_ENSUREPIP = f"""\
exec '{REAL_PYTHON}' -I -c 'import sys; sys.modules["ensurepip"] = None; exec(sys.argv[1])' "$3"
"""
Healed = tuple[Path, Machine, str]
OLD = f"""\
exec '{REAL_PYTHON}' -I -c 'import sys; sys.version_info = (3, 10, 12); exec(sys.argv[1])' "$3"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.fixture(scope="module")
def native() -> str:
    return subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()


@pytest.fixture(scope="module")
def foreign(native: str) -> str:
    return "i386" if native != "i386" else "amd64"


# which packages are missing


def missing(machine: Machine, goal: str = "dev") -> list[str]:
    done = in_setup(f"choose_goal {goal}; missing_packages", env=machine.env())
    assert (done.code, done.err) == (0, "")
    return done.lines


def test_on_a_bare_machine_everything_is_missing(machine: Machine) -> None:
    wanted = in_setup("choose_goal test; wanted_packages", env=machine.env()).lines
    assert {"libgl1", "docker.io", "xvfb", *BASE} <= set(wanted)
    assert missing(machine, "test") == wanted


def test_a_library_of_two_architectures_is_not_missing(machine: Machine, native: str, foreign: str) -> None:
    machine.has_packages([("libgl1", native, INSTALLED), ("libgl1", foreign, INSTALLED)])
    names = missing(machine)
    assert "libgl1" not in names
    assert "libegl1" in names


def test_a_library_of_the_other_architecture_alone_is_missing(machine: Machine, foreign: str) -> None:
    machine.has_packages([("libgl1", foreign, INSTALLED)])
    assert "libgl1" in missing(machine)


def test_a_package_without_architecture_counts(machine: Machine) -> None:
    assert "fonts-dejavu-core" in missing(machine)
    machine.has_packages([("fonts-dejavu-core", "all", INSTALLED)])
    assert "fonts-dejavu-core" not in missing(machine)


def test_a_removed_package_is_missing(machine: Machine, native: str) -> None:
    machine.has_packages([("libgl1", native, "deinstall ok config-files")])
    assert "libgl1" in missing(machine)


@pytest.mark.parametrize("name", ["libglib2.0-0", "libglib2.0-0t64"])
def test_either_name_of_a_renamed_package_serves(machine: Machine, native: str, name: str) -> None:
    assert "libglib2.0-0|libglib2.0-0t64" in missing(machine)
    machine.has_packages([(name, native, INSTALLED)])
    assert "libglib2.0-0|libglib2.0-0t64" not in missing(machine)


def test_without_a_display_the_window_s_libraries_are_not_wanted(machine: Machine) -> None:
    assert in_setup("choose_goal run; wanted_packages", env=machine.env()).lines == BASE


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"])
def test_with_a_display_the_window_s_libraries_are_wanted(machine: Machine, name: str) -> None:
    wanted = in_setup("choose_goal run; wanted_packages", env=machine.env(**{name: "x"})).lines
    assert {"libgl1", *BASE} < set(wanted)
    assert "xvfb" not in wanted


# installing them


def test_without_sudo_the_line_to_run_is_printed(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    done = in_setup("choose_goal run; install_packages", env=machine.env())
    assert done.code == 2
    assert done.err.splitlines() == [
        "ArcDesk needs some system packages. Please run this line, then try again:",
        "  sudo apt-get update && sudo apt-get install -y --no-install-recommends libgomp1 python3-venv",
    ]


def test_when_apt_fails_for_root_its_words_and_the_line_to_run_are_printed(machine: Machine) -> None:
    machine.program("id", "echo 0")
    machine.program("apt-get", "echo 'E: Could not resolve the archive' >&2; exit 100")
    done = in_setup("choose_goal run; install_packages", env=machine.env())
    assert done.code == 2
    lines = done.err.splitlines()
    assert "E: Could not resolve the archive" in lines
    assert lines[-1] == "  apt-get update && apt-get install -y --no-install-recommends libgomp1 python3-venv"
    assert "could not install" in lines[-2]


def test_with_everything_installed_nothing_is_run(machine: Machine, native: str) -> None:
    machine.program("apt-get", "echo 'apt-get ran' >&2; exit 1")
    machine.has_packages([(name, native, INSTALLED) for name in BASE])
    done = in_setup("choose_goal run; install_packages", env=machine.env())
    assert (done.code, done.out, done.err) == (0, "", "")


# which Python


def test_a_python_that_makes_no_venv_is_passed_over(machine: Machine) -> None:
    machine.program("python3.13", WITHOUT_ENSUREPIP)
    machine.link("python3.11", REAL_PYTHON)
    done = in_setup("find_python", env=machine.env())
    assert (done.code, done.lines) == (0, [str(machine.folder / "bin" / "python3.11")])


def test_a_python_that_makes_no_venv_alone_names_its_package(machine: Machine) -> None:
    machine.program("python3.13", WITHOUT_ENSUREPIP)
    done = in_setup("find_python", env=machine.env())
    assert (done.code, done.out) == (2, "")
    assert "python3.13-venv" in done.err


def test_an_old_python_does_not_serve(machine: Machine) -> None:
    machine.program("python3", OLD)
    done = in_setup("find_python", env=machine.env())
    assert (done.code, done.out) == (2, "")
    assert "ArcDesk needs Python 3.11" in done.err


def test_without_a_python_make_run_gives_the_reason(machine: Machine, native: str, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    machine.has_packages([(name, native, INSTALLED) for name in BASE])
    done = run("make", "run", env=machine.env(), project=project)
    assert done.code == 2
    sentence, make_itself = done.err.splitlines()
    assert sentence.startswith("ArcDesk needs Python 3.11")
    assert make_itself.startswith("make")


# the environment


@pytest.fixture(scope="module", params=["project", "a folder with spaces"])
def healed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Healed:
    """A project whose .venv was half made and is whole again, its machine, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("healed")
    machine = Machine(folder / "machine")
    machine.link("python3", REAL_PYTHON)
    project = copy_project(folder / str(request.param))
    subprocess.run([REAL_PYTHON, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    assert in_setup("venv_version", env=machine.env(), project=project).code == 1
    done = in_setup("make_venv", env=machine.env(), project=project)
    assert done.code == 2  # there is no network here
    return project, machine, done.err


def version_in(project: Path, machine: Machine) -> tuple[int, str]:
    done = in_setup("venv_version", env=machine.env(), project=project)
    return done.code, done.out.strip()


def test_a_half_made_venv_is_made_anew(healed: Healed) -> None:
    project, machine, _ = healed
    assert version_in(project, machine) == (0, sys.version.split()[0])
    python = str(project / ".venv" / "bin" / "python")
    assert "pip" in subprocess.check_output([python, "-m", "pip", "--version"], text=True)


def test_without_network_the_last_line_says_so(healed: Healed) -> None:
    project, _, said = healed
    assert said.splitlines()[-1] == UNFETCHED
    assert "ERROR: No matching distribution found for uv" in said
    assert "Traceback" not in said
    assert not list((project / ".venv").glob(".arcdesk-*"))  # the next run tries again


def test_a_moved_venv_is_of_no_use(healed: Healed, tmp_path: Path) -> None:
    project, machine, _ = healed
    moved = tmp_path / "project"
    shutil.copytree(project, moved, symlinks=True)
    assert version_in(moved, machine)[0] == 1
    assert version_in(project, machine)[0] == 0


def test_a_venv_whose_python_has_gone_is_of_no_use(healed: Healed, tmp_path: Path) -> None:
    project, machine, _ = healed
    link = project / ".venv" / "bin" / "python"
    target = link.readlink()
    link.unlink()
    link.symlink_to(tmp_path / "python3.10")
    try:
        assert version_in(project, machine) == (127, "")
    finally:
        link.unlink()
        link.symlink_to(target)


def test_the_stamp_knows_the_lock_the_folder_and_the_python(machine: Machine, tmp_path: Path) -> None:
    one, other, changed = (copy_project(tmp_path / name) for name in ("one", "other", "changed"))

    def stamp(project: Path, version: str = "3.11.2") -> str:
        return in_setup(f"stamp_for {version}", env=machine.env(), project=project).out.strip()

    first = stamp(one)
    assert len(first) == 64
    assert stamp(one) == first
    before = stamp(changed)
    with (changed / "requirements.lock").open("a") as lock:
        lock.write("# one more\n")
    assert len({first, stamp(other), stamp(one, "3.11.9"), before, stamp(changed)}) == 5


def test_a_folder_that_is_not_ours_is_named(machine: Machine, tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    machine.link("python3", REAL_PYTHON)
    complaint = (
        "echo 'rm: Permission denied' >&2; exit 1"  # root may remove everything, so a real one won't do
    )
    machine.program("rm", f'case "$*" in *.venv*) {complaint};; esac; exec /bin/rm "$@"')
    done = in_setup("make_venv", env=machine.env(), project=project)
    assert done.code == 2
    assert "rm: Permission denied" in done.err
    assert str(project / ".venv") in done.err.splitlines()[-1]


# the tests' rig


def test_who_reaches_no_docker_is_told_what_to_do(machine: Machine) -> None:
    machine.program("id", '[ "$1" = -un ] && echo somebody || echo 1000')
    machine.program("docker", "echo 'permission denied' >&2; exit 1")
    done = in_setup("say_what_cannot_run", env=machine.env())
    assert done.code == 0
    assert "reaches no Docker Engine" in done.err
    assert "sudo usermod -aG docker somebody" in done.err


def test_who_reaches_docker_is_told_nothing(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("docker", "echo 27.0")
    assert in_setup("say_what_cannot_run", env=machine.env()).err == ""


def test_an_unknown_goal_is_refused() -> None:
    done = run(str(ROOT / "packaging" / "setup.sh"), "everything", env={"PATH": "/usr/bin:/bin"})
    assert (done.code, done.err) == (2, "Usage: packaging/setup.sh run|dev|test\n")
