"""`arcdesk --install-desktop` and `--uninstall-desktop`: the applications menu, from a terminal."""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def install_desktop(*, as_json: bool = False) -> int:
    """Write the desktop files; returns the exit code. Standard output: one written path a line."""
    from arcdesk.core.errors import ArcDeskError
    from arcdesk.desktop import install

    try:
        written = install.install()
    except (ArcDeskError, FileNotFoundError) as error:
        return _refuse(error)
    _print_paths(written, as_json)
    print("ArcDesk is in the applications menu now.", file=sys.stderr)  # noqa: T201
    return 0


def uninstall_desktop(*, as_json: bool = False) -> int:
    """Remove the desktop files and the wish to be opened at log-in; returns the exit code."""
    from arcdesk.core.autostart_state import AutostartKind
    from arcdesk.core.errors import ArcDeskError
    from arcdesk.desktop import autostart, install

    try:
        removed = install.uninstall()
        state = autostart.state()
        if state.kind in (AutostartKind.ON, AutostartKind.GONE) and not state.by_system:
            autostart.turn_off()
            print("ArcDesk is no longer opened when you log in.", file=sys.stderr)  # noqa: T201
    except ArcDeskError as error:
        return _refuse(error)
    _print_paths(removed, as_json)
    if install.is_installed():
        said = "A package of the system keeps ArcDesk in the applications menu."
    elif removed:
        said = "ArcDesk is no longer in the applications menu."
    else:
        said = "ArcDesk was not in the applications menu."
    print(said, file=sys.stderr)  # noqa: T201
    return 0


def _print_paths(paths: list[Path], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps([str(path) for path in paths]) + "\n")
    else:
        sys.stdout.write("".join(f"{path}\n" for path in paths))


def _refuse(error: Exception) -> int:
    print(f"arcdesk: {error}", file=sys.stderr)  # noqa: T201
    return int(getattr(error, "exit_code", 1))
