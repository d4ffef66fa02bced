"""How a serving stack stores weights and cache: bits per weight, what stays 16 bit, block sizes."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1024**3
SIXTEEN_BIT = 16.0

# ipex-llm stores blocks of 64 weights: their bits and a 16-bit scale, the asymmetric ones also a 16-bit
# minimum. Proof: TinyLlama sym_int4 'Loading model weights took 0.6327 GB' (0.634 by this table), Llama-2-7B
# asym_int4 3.7381 GB (3.706). On a card sym_int5 is stored as asym_int5.
BITS: dict[str, float] = {
    "fp16": 16.0,
    "bf16": 16.0,
    "sym_int8": 8.25,
    "fp8": 8.25,
    "fp8_e5m2": 8.25,
    "fp8_e4m3": 8.25,
    "fp6": 6.25,
    "sym_int5": 5.5,
    "asym_int5": 5.5,
    "asym_int4": 4.5,
    "sym_int4": 4.25,
    "woq_int4": 4.25,
    "nf4": 4.25,
    "fp4": 4.25,
    "nf3": 3.25,
}
# The image's formats for a checkpoint that is not quantised, the most exact first.
BY_EXACTNESS = ("fp16", "fp8", "fp6", "asym_int4", "sym_int4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What differs between serving stacks. Shares and factors are of the figures named beside them."""

    name: str
    block_tokens: int  # tokens of one block of the KV cache
    converts: bool  # `load_in_low_bit` is applied to a checkpoint while loading
    experts_convert: bool
    has_window_cache: bool  # a windowed layer beside full ones holds no more than its window
    prefills_whole: bool  # a prompt is read in one batch: batched tokens ≥ context
    batched_tokens: int  # unless told otherwise
    base_reserve_bytes: int  # runtime, kernels, buffers
    activation_factor: float
    memory_share: float
    swap_bytes: int  # host memory beside each card


# vLLM 0.8.3+ipexllm (V0) in ipex-llm-serving-xpu:0.2.0-b2. ParallelLMHead is converted, embeddings are not;
# FusedMoE and ReplicatedLinear are not in the converter's list, so experts stay 16 bit. V0 gives every layer
# the whole cache (Gemma-3 with 62 layers on V0: 4097 blocks in 3.88 GiB). Base and factor are fitted to four
# block counts: 61014 (TinyLlama, B580), 1095, 2254 and 747 (Llama-2-7B, taken for an A770 16 GB at 0.9).
IPEX_LLM = Stack(
    name="ipex-llm",
    block_tokens=8,
    converts=True,
    experts_convert=False,
    has_window_cache=False,
    prefills_whole=True,
    batched_tokens=3000,
    base_reserve_bytes=int(0.7 * GIB),
    activation_factor=2.0,
    memory_share=0.95,
    swap_bytes=4 * GIB,
)
# Newer vLLM (V1): formats are quantised online for linear layers and experts alike, prompts come in chunks.
# Base: 'non_torch_memory takes 0.33GiB' (0.11 on another machine).
VLLM = Stack(
    name="vllm",
    block_tokens=16,
    converts=True,
    experts_convert=True,
    has_window_cache=True,
    prefills_whole=False,
    batched_tokens=2048,
    base_reserve_bytes=int(0.33 * GIB),
    activation_factor=1.1,
    memory_share=0.9,
    swap_bytes=0,
)
# llama.cpp takes a GGUF file as it is; base and factor are estimates, no document gives figures.
LLAMA_CPP = Stack(
    name="llama.cpp",
    block_tokens=1,
    converts=False,
    experts_convert=True,
    has_window_cache=False,
    prefills_whole=False,
    batched_tokens=512,
    base_reserve_bytes=int(0.3 * GIB),
    activation_factor=1.0,
    memory_share=0.95,
    swap_bytes=0,
)


def stack_of_image(image: str) -> Stack:
    """The stack inside a container image, by its name."""
    return IPEX_LLM if "ipex-llm" in image.lower() else VLLM


def bits_of(low_bit: str) -> float | None:
    """Bits per weight with its share of the scale; None for an unknown format."""
    return BITS.get(low_bit)
