"""Turns the GGUF model into the Hugging Face folder that vLLM reads; runs in the vLLM environment."""

# mypy: disable-error-code="import-not-found,import-untyped"

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(gguf: Path, target: Path) -> None:
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(**source).to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.config.save_pretrained(target)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    # The output layer is the embedding once more; safetensors refuses to store the same memory twice.
    weights.pop("lm_head.weight")
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    AutoTokenizer.from_pretrained(**source).save_pretrained(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
