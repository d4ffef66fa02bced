"""The rig's command line: `python -m tests.rig build [llama|vllm|tiny …]`, `up`, `down`, `status`."""

import argparse
import sys
import time
from collections.abc import Callable

from tests.rig import docker_engine, images
from tests.rig.docker_engine import DockerEngine
from tests.rig.errors import RigUnavailable
from tests.rig.paths import cache_dir

BUILDERS: dict[str, Callable[[DockerEngine], str]] = {
    "tiny": images.tiny_image,
    "llama": images.llama_image,
    "vllm": images.vllm_image,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rig", description="Docker for the tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build the stand-in images that are missing")
    build.add_argument("names", nargs="*", metavar="image", help=f"{', '.join(BUILDERS)}; default: all")
    commands.add_parser("up", help="start the shared engine and keep it up")
    commands.add_parser("down", help="let the shared engine go")
    commands.add_parser("status", help="say what runs and what is built")
    chosen = parser.parse_args(arguments)
    try:
        match chosen.command:
            case "build":
                return _build(chosen.names or list(BUILDERS))
            case "up":
                print(docker_engine.keep_up().host)
            case "down":
                return _down()
            case _:
                _status()
    except RigUnavailable as error:
        print(f"rig unavailable: {error.reason}", file=sys.stderr)
        return 1
    return 0


def _build(names: list[str]) -> int:
    unknown = [name for name in names if name not in BUILDERS]
    if unknown:
        print(f"no such image: {', '.join(unknown)}", file=sys.stderr)
        return 2
    with docker_engine.engine() as engine:
        for name in names:
            started = time.monotonic()
            tag = BUILDERS[name](engine)
            print(f"{tag}  {time.monotonic() - started:.1f} s", flush=True)
    return 0


def _down() -> int:
    docker_engine.shared().unpin()
    still_using = docker_engine.shared().users()
    if still_using:
        print(f"the engine stays up for process {', '.join(still_using)}")
    return 0


def _status() -> None:
    print(f"cache: {cache_dir()}")
    engine = docker_engine.running()
    if engine is None:
        print("engine: none runs")
        return
    print(f"engine: {engine.host} ({'started by the rig' if engine.private else 'of this machine'})")
    print(f"users: {', '.join(docker_engine.shared().users()) or 'none'}")
    print(engine.docker("image", "ls", "--filter", "reference=arcdesk-rig/*"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
