"""The hotkey written into desktops' own settings: GNOME's custom shortcuts, KDE's shortcut service."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.desktop.hotkey_rig import XKEY, hotkey_program, wayland_session
from tests.rig import desktop as rig
from tests.rig.desktop import Desktop
from tests.rig.desktop_fixtures import _or_skip as or_skip
from tests.rig.desktop_tools import child, need, run, wait_for

pytestmark = pytest.mark.desktop

GNOME_KEYS = "org.gnome.settings-daemon.plugins.media-keys"
GNOME_FOLDER = "/org/gnome/settings-daemon/plugins/media-keys/custom-keybindings/"
KDE_SERVICE = "org.kde.kglobalaccel"
CTRL_ALT_SPACE_QT = 0x0C000020


@pytest.fixture
def gnome() -> Iterator[dict[str, str]]:
    """A Wayland session that says it is Ubuntu's GNOME, with a real dconf behind its settings."""
    with or_skip():
        need("gsettings", "dconf")
        with wayland_session(XDG_CURRENT_DESKTOP="ubuntu:GNOME") as env:
            assert run(["gsettings", "list-schemas"], env), "no schemas"
            yield env


def setting(env: Mapping[str, str], schema: str, key: str) -> str:
    """As GNOME reads it."""
    return run(["gsettings", "get", schema, key], env).strip()


def entry(env: Mapping[str, str], name: str, key: str) -> str:
    """A value of one custom shortcut."""
    return setting(env, f"{GNOME_KEYS}.custom-keybinding:{GNOME_FOLDER}{name}/", key)


def put_entry(env: Mapping[str, str], name: str, label: str, command: str, binding: str) -> None:
    """A custom shortcut that the person made in GNOME's settings."""
    schema = f"{GNOME_KEYS}.custom-keybinding:{GNOME_FOLDER}{name}/"
    for key, value in (("name", label), ("command", command), ("binding", binding)):
        subprocess.run(["gsettings", "set", schema, key, value], env=dict(env), check=True)
    paths = f"['{GNOME_FOLDER}{name}/']"
    subprocess.run(["gsettings", "set", GNOME_KEYS, "custom-keybindings", paths], env=dict(env), check=True)


def test_gnome_gets_our_entry_beside_the_persons_own(gnome: dict[str, str]) -> None:
    put_entry(gnome, "custom0", "Notes", 'it\'s a "note"', "<Super>n")
    with hotkey_program(gnome) as program:
        state = program.wait_for_state(how="none", one_click="GNOME")
        assert state["tried"] == ["hotkey_portal_absent", "hotkey_wayland"]
        program.order("bind")
        state = program.wait_for_state(how="gnome", works=True)
        assert state["trigger"] == "Ctrl+Alt+Space"
        assert setting(gnome, GNOME_KEYS, "custom-keybindings") == (
            f"['{GNOME_FOLDER}custom0/', '{GNOME_FOLDER}arcdesk/']"
        )
        assert entry(gnome, "arcdesk", "binding") == "'<Control><Alt>space'"
        command = shlex.split(entry(gnome, "arcdesk", "command").strip("'"))
        assert command[-2:] == ["quick", "--toggle"]
        assert entry(gnome, "custom0", "name") == "'Notes'"
        program.order("bind")  # again: no second entry
        assert setting(gnome, GNOME_KEYS, "custom-keybindings").count("arcdesk") == 1


def test_gnomes_entry_is_found_again_changed_and_removed(gnome: dict[str, str]) -> None:
    with hotkey_program(gnome) as program:
        program.wait_for_state(one_click="GNOME")
        program.order("bind")
        program.wait_for_state(how="gnome")
    with hotkey_program(gnome) as program:  # the next start
        program.wait_for_state(how="gnome", trigger="Ctrl+Alt+Space")
        program.order("rebind Super+F9")
        program.wait_for_state(how="gnome", trigger="Super+F9")
        assert entry(gnome, "arcdesk", "binding") == "'<Super>F9'"
        program.order("unbind")
        program.wait_for_state(how="none", works=False)
        assert setting(gnome, GNOME_KEYS, "custom-keybindings") == "@as []"
        assert entry(gnome, "arcdesk", "command") == "''"


def test_a_custom_shortcut_that_has_the_key_is_named(gnome: dict[str, str]) -> None:
    put_entry(gnome, "custom0", "My terminal", "kgx", "<Primary><Alt>space")
    with hotkey_program(gnome) as program:
        program.wait_for_state(one_click="GNOME")
        said = program.refused("bind")
        assert said.startswith("hotkey_taken: 'My terminal' already holds Ctrl+Alt+Space")
        assert program.states[-1]["how"] == "none"


def test_quitting_while_gnome_is_asked_leaves_nothing_behind(gnome: dict[str, str]) -> None:
    for _ in range(3):
        with hotkey_program(gnome) as program:
            program.wait_for_state(one_click="GNOME")
            program.tell("retry")
            program.tell("quit")
            program.wait_for("closed")


def test_a_press_by_gnomes_command_ends_a_self_test(gnome: dict[str, str]) -> None:
    with hotkey_program(gnome) as program:
        program.wait_for_state(one_click="GNOME")
        program.tell("test 20")
        program.wait_for("testing")
        program.tell("command")
        program.wait_for("tested True")
        program.wait_for("command True")
        program.tell("command")
        program.wait_for("command False")


@pytest.fixture
def kde(x_display: Desktop, tmp_path: Path) -> Iterator[Desktop]:
    """KDE's real shortcut service on the display; our program is told that it is under Wayland."""
    with or_skip():
        need("kglobalaccel5", "gdbus")
        own = Desktop(env=x_display.env | {"XDG_CONFIG_HOME": str(tmp_path)})  # it remembers keys there
        with rig.session_bus(own) as desktop, child(["kglobalaccel5"], desktop.env):
            wait_for(lambda: desktop.has_name(KDE_SERVICE), "KDE's shortcut service", 20)
            changes = {
                "XDG_CURRENT_DESKTOP": "KDE",
                "XDG_SESSION_TYPE": "wayland",
                "WAYLAND_DISPLAY": "wayland-9",
                "QT_QPA_PLATFORM": "offscreen",
            }
            yield Desktop(env=desktop.env | changes)


def ask_kde(desktop: Desktop, method: str, *words: str) -> str:
    """Call KDE's service as another program would."""
    call = ["gdbus", "call", "--session", "--dest", KDE_SERVICE, "--object-path", "/kglobalaccel"]
    return run([*call, "--method", f"org.kde.KGlobalAccel.{method}", *words], desktop.env)


def test_kde_binds_the_key_on_the_persons_word_and_remembers_it(kde: Desktop) -> None:
    with hotkey_program(kde.env) as program:
        program.wait_for_state(how="none", one_click="KDE")
        program.order("bind")
        program.wait_for_state(how="kde", works=True, trigger="Ctrl+Alt+Space")
        kde.key(XKEY)
        program.wait_for_presses(1)
    with hotkey_program(kde.env) as program:  # the next start
        program.wait_for_state(how="kde", works=True)
        kde.key(XKEY)
        program.wait_for_presses(1)
        program.order("rebind Super+F9")
        program.wait_for_state(how="kde", trigger="Super+F9", works=True)
        kde.key("super+F9")
        program.wait_for_presses(2)
        program.order("unbind")
        program.wait_for_state(how="none", works=False)


def test_kde_names_who_holds_a_taken_key(kde: Desktop) -> None:
    action = "['other', 'do', 'Other Program', 'Do a thing']"
    ask_kde(kde, "doRegister", action)
    assert str(CTRL_ALT_SPACE_QT) in ask_kde(kde, "setShortcut", action, f"[{CTRL_ALT_SPACE_QT}]", "uint32 2")
    with hotkey_program(kde.env) as program:
        program.wait_for_state(one_click="KDE")
        program.order("bind")
        state = program.wait_for_state(how="none", cause="hotkey_taken")
        assert state["sentence"].startswith("Other Program – Do a thing already holds Ctrl+Alt+Space")
