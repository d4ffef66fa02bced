"""The command `arcdesk`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    if sys.argv[1:] in (["status"], ["status", "--json"]):
        # A panel or a script asks this often: beside a running app it needs no parser (15 ms).
        from arcdesk.app.cli_forward import quick_status

        code = quick_status(is_json="--json" in sys.argv)
        if code is not None:
            return code
    from arcdesk.app.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
