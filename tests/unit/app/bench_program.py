"""`arcdesk bench` alone, as the command line calls it: python -m tests.unit.app.bench_program bench …"""

from __future__ import annotations

import argparse
import sys

from arcdesk.app import cli_bench


def main() -> int:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--engine")
    shared.add_argument("--set", action="append")
    shared.add_argument("--json", action="store_true")
    shared.add_argument("-v", "--verbose", action="store_true")
    parser = argparse.ArgumentParser(prog="arcdesk")
    cli_bench.add_parser(parser.add_subparsers(dest="command"), shared)
    return cli_bench.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
