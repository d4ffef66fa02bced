"""`arcdesk quick`: the quick prompt from the terminal, or from a key that the desktop binds to it."""

from __future__ import annotations

import os
import sys
import time

from arcdesk.desktop.instance_client import MESSAGE_LIMIT_BYTES, call

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

START_PATIENCE_S = 20.0  # of an app that is started for this
ANSWER_PATIENCE_S = 5.0
LOOK_EVERY_S = 0.05
TOKEN_VARIABLES = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")


def run(options: argparse.Namespace) -> int:
    """Tell the running app, or start one in the background and tell that; returns the exit code."""
    request = _request(options)
    if request is None:
        return _complain("the question is empty or longer than a megabyte", 2)
    code = _tell(request)
    if code is not None:
        return code
    from arcdesk.app.display import no_display_reason

    reason = no_display_reason(os.environ)
    if reason is not None:
        return _complain(f'{reason}, so the quick prompt can\'t be shown. `arcdesk ask "…"` answers here', 1)
    pid = _start(options)
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline:
        code = _tell(request)
        if code is not None:
            return code
        if _has_failed(pid):
            return _complain("ArcDesk could not be started: run `arcdesk` to see why", 1)
        time.sleep(LOOK_EVERY_S)
    return _complain("ArcDesk was started but does not answer", 1)


def _request(options: argparse.Namespace) -> dict[str, Any] | None:
    text = " ".join(options.text)
    if text == "-":
        text = sys.stdin.buffer.read(MESSAGE_LIMIT_BYTES).decode("utf-8", "replace")
    if (options.text and not text.strip()) or len(text) > MESSAGE_LIMIT_BYTES // 6:
        return None  # JSON may write a character in six bytes
    action = "ask" if text else ("toggle" if options.toggle else "present")
    token = next((os.environ[name] for name in TOKEN_VARIABLES if os.environ.get(name)), "")
    return {"command": "quick", "action": action, "text": text, "activation_token": token}


def _tell(request: dict[str, Any]) -> int | None:
    """The app's exit code; None when none runs."""
    try:
        answer = call(request, timeout_s=ANSWER_PATIENCE_S)
    except TimeoutError:
        return _complain("ArcDesk runs but does not answer", 1)
    except (OSError, ValueError) as error:
        return _complain(f"the running ArcDesk went away: {error}", 1)
    if answer is None:
        return None
    if message := answer.get("message"):
        print(message, file=sys.stderr)  # noqa: T201
    return int(answer.get("exit_code", 0))


def _start(options: argparse.Namespace) -> int:
    """ArcDesk in the tray, on its own feet: it outlives this command and its terminal. Returns its pid."""
    command = [sys.executable, "-m", "arcdesk", "--background"]
    if options.engine:
        command += ["--engine", options.engine]
    env = {name: value for name, value in os.environ.items() if name not in TOKEN_VARIABLES}
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    return os.posix_spawn(sys.executable, command, env, file_actions=nowhere, setsid=True)


def _has_failed(pid: int) -> bool:
    """It ended, and not because another one was faster (that is exit code 0; then that one is told)."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # it ended well, earlier
        return False
    return ended != 0 and status != 0


def _complain(text: str, code: int) -> int:
    print(f"arcdesk: {text}.", file=sys.stderr)  # noqa: T201
    return code
