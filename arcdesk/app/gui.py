"""The desktop program: one instance, the tray first, everything else when it is needed."""

from __future__ import annotations

import os
import sys

from arcdesk.core.ident import APP_ID

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from PySide6.QtWidgets import QApplication

WITHOUT_DISPLAY = """\
What works without one:
  arcdesk ask "What is the capital of France?"   asks, and starts an embedded engine if none runs
  arcdesk status                                 says how the engine is
  arcdesk start | stop | restart | logs          drive the engine in its container
"""


def run_gui(options: argparse.Namespace) -> int:
    """Open ArcDesk, or raise the one that runs; returns the exit code when it ends."""
    from arcdesk.app.display import no_display_reason

    reason = no_display_reason(os.environ)
    if reason is not None:
        _say_no_window(reason)
        return 1
    from arcdesk.desktop.instance_server import InstanceLock

    for _attempt in range(20):
        try:
            lock = InstanceLock.take()
        except OSError as error:
            print(f"arcdesk: the folder for running programs can't be used: {error}", file=sys.stderr)  # noqa: T201
            return 1
        if lock is not None:
            break
        # The other one has the lock but may not listen yet.
        if _raise_running(options):
            return 0
    else:
        print("arcdesk: another ArcDesk runs but does not answer.", file=sys.stderr)  # noqa: T201
        return 1
    try:
        return _run_desktop(options)
    except ImportError as error:
        if not _is_of_the_system(error):
            raise
        print(  # noqa: T201
            f"arcdesk: a library that windows need is missing: {error}. `make run` installs it.",
            file=sys.stderr,
        )
        return 1
    finally:
        lock.release()


def _say_no_window(reason: str) -> None:
    print(f"arcdesk: {reason}, so no window can be opened.\n{WITHOUT_DISPLAY}", end="", file=sys.stderr)  # noqa: T201


def _is_of_the_system(error: ImportError) -> bool:
    """PySide6 is not there, or the system's linker lacks something for it; else the mistake is ours."""
    return (error.name or "").partition(".")[0] in ("PySide6", "shiboken6") or "shared object" in str(error)


def _raise_running(options: argparse.Namespace) -> bool:
    """Ask the running app to show its window; after a refusal, give it a moment."""
    import time

    from arcdesk.desktop.activation import take_token
    from arcdesk.desktop.instance_client import call

    request = {
        "command": "status" if options.background else "open",  # nobody asked for a window
        "engine": options.engine,
        "activation_token": take_token(os.environ),
    }
    try:
        answer = call(request, timeout_s=5.0)
    except (OSError, ValueError):
        answer = None
    if answer is None:
        time.sleep(0.1)
    return answer is not None


def _run_desktop(options: argparse.Namespace) -> int:
    app = _make_application()
    app.setQuitOnLastWindowClosed(False)
    from arcdesk.desktop.activation import take_token

    options.activation_token = take_token(os.environ)  # out of the environment: children are others
    from arcdesk.ui.tray import Tray

    tray = Tray()
    tray.show()  # the first thing that is seen; what takes longer comes after it
    from arcdesk.app.session import run_session

    return run_session(app, tray, options)


def _make_application() -> QApplication:
    """Qt aborts when the display refuses us or its plugin lacks a library; here that is said: exit code 1."""
    from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
    from PySide6.QtWidgets import QApplication

    said: list[str] = []

    def on_message(kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
        if kind != QtMsgType.QtFatalMsg:
            said.append(text.strip())
            return
        if any("connect to display" in line for line in said):
            _say_no_window(f"the display {os.environ.get('DISPLAY', '')} refuses this user")
        else:
            print("\n".join(said), file=sys.stderr)  # noqa: T201
            _say_no_window("Qt could not load what it needs for one (`make run` installs it)")
        sys.stderr.flush()
        os._exit(1)  # what follows a return is abort()

    QApplication.setApplicationName("ArcDesk")
    QApplication.setDesktopFileName(APP_ID)
    qInstallMessageHandler(on_message)
    try:
        app = QApplication(["arcdesk"])
    finally:
        qInstallMessageHandler(None)
    for text in said:
        print(text, file=sys.stderr)  # noqa: T201
    return app
