"""How many bytes a model's weights take on the fullest card, from its config and its index alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from arcdesk.core.fit_formats import SIXTEEN_BIT, Stack, bits_of
from arcdesk.core.fit_tensors import Tensors, tensors
from arcdesk.core.model_config import ModelConfig

DTYPE_BYTES = {"float32": 4, "float": 4, "float64": 8, "float8_e4m3fn": 1, "float8_e5m2": 1}
_PADDED = (
    "qwen",
    "qwen2",
    "qwen2_vl",
    "qwen2_5_vl",
    "baichuan",
    "chatglm",
)  # ipex-llm widens their MLP to 256s
_PAD = 256
_LEAST, _MOST = 0.5, 2.0  # index ÷ config beyond these: the config describes something else


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Bytes on the fullest card, in two groups, and of the whole model on the host."""

    packed_bytes: int  # layers in the chosen format
    plain_bytes: int  # what stays 16 bit: embeddings, norms, pictures, experts perhaps
    host_bytes: int  # of the whole checkpoint in main memory while it is converted
    parameters: int | None
    stored_as: str  # the format they end up in
    how: str

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.packed_bytes + self.plain_bytes


def weights_on_card(
    config: ModelConfig, index_bytes: int | None, low_bit: str, stack: Stack, *, tp: int = 1, pp: int = 1
) -> Weights | None:
    """Weights on one of `tp` × `pp` cards. None: config and index say too little, or the format is unknown.

    `index_bytes` is `total_size` of the safetensors index, or the sum of the weight files.
    """
    shape = tensors(config)
    if config.quantization:
        return _prequantised(config, shape, index_bytes, stack, tp, pp)
    bits = bits_of(low_bit) if stack.converts else SIXTEEN_BIT
    if bits is None:
        return None
    stored = index_bytes // DTYPE_BYTES.get(config.dtype, 2) if index_bytes else None
    shape = _matched(shape, stored, config)
    if shape is None:
        return None
    packed = _packed_parameters(config, shape, stack, tp, pp, is_low=bits < SIXTEEN_BIT)
    experts = shape.experts / (tp * pp)
    head = shape.head / tp
    if bits < SIXTEEN_BIT and shape.is_tied and config.model_type in ("llama", "mistral"):
        head = shape.embedding / tp  # ipex-llm makes a packed copy of the tied head beside the embeddings
    if pp > 1 and not shape.is_tied:
        head = 0.0  # on the last card, where no embeddings are
    experts_packed = experts if stack.experts_convert else 0.0
    plain = shape.embedding / tp + shape.plain / pp + shape.vision + (experts - experts_packed)
    return Weights(
        packed_bytes=_size(packed + head + experts_packed, bits),
        plain_bytes=_size(plain, SIXTEEN_BIT),
        host_bytes=shape.total * 2,
        parameters=shape.total,
        stored_as=low_bit,
        how=_how(shape, bits, stack),
    )


def _how(shape: Tensors, bits: float, stack: Stack) -> str:
    all_of_them = f"{_billions(shape.total)} parameters"
    if bits >= SIXTEEN_BIT:
        return f"{all_of_them}, 16 bits each"
    plain = "experts and embeddings" if shape.experts and not stack.experts_convert else "embeddings"
    return f"{all_of_them}, {bits:g} bits each; {plain} stay 16 bit"


def _size(parameters: float, bits: float) -> int:
    return math.ceil(parameters * bits / 8)


def _billions(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} billion" if parameters >= 1e8 else f"{parameters / 1e6:.1f} million"


def _matched(shape: Tensors | None, stored: int | None, config: ModelConfig) -> Tensors | None:
    """The config's tensors, their layers stretched so that all together are what the index says."""
    if stored is None:
        return shape
    if shape is None or not _LEAST <= stored / shape.total <= _MOST:
        table = (config.vocab_size or 0) * (config.hidden_size or 0)
        known = table * (1 if config.is_tied else 2)
        if known > stored * 0.9:
            table = known = 0
        return Tensors(
            linear=stored - known,
            embedding=table,
            head=known - table,
            is_tied=config.is_tied,
            mlp=0,
            experts=0,
            plain=0,
            vision=0,
        )
    return shape.stretched_to(stored)


def _packed_parameters(
    config: ModelConfig, shape: Tensors, stack: Stack, tp: int, pp: int, *, is_low: bool
) -> float:
    """Parameters of the layers' matrices on one card; the fullest of `pp` has one layer more."""
    share = _layer_share(config, pp)
    mlp = shape.mlp * share / tp
    width = config.intermediate_size
    if is_low and stack.name == "ipex-llm" and width and config.model_type in _PADDED:
        part = math.ceil(width / tp)
        mlp *= math.ceil(part / _PAD) * _PAD / part
    kv_copies = tp / config.kv_heads if config.kv_heads and tp > config.kv_heads else 1.0
    kv_part = shape.kv * share / tp * kv_copies
    rest = shape.linear - shape.mlp - shape.kv - shape.replicated
    return mlp + kv_part + rest * share / tp + shape.replicated * share


def _layer_share(config: ModelConfig, pp: int) -> float:
    if pp <= 1:
        return 1.0
    return math.ceil(config.layers / pp) / config.layers if config.layers else 1.0 / pp


def _prequantised(
    config: ModelConfig, shape: Tensors | None, index_bytes: int | None, stack: Stack, tp: int, pp: int
) -> Weights | None:
    """A checkpoint with its own format. ipex-llm repacks 4-bit AWQ and GPTQ into blocks of asym_int4."""
    bits = config.quantization_bits
    is_repacked = stack.name == "ipex-llm" and config.quantization in ("awq", "gptq") and bits == 4
    if is_repacked:
        stored_as, per_weight = "asym_int4", bits_of("asym_int4")
    else:
        scale = _scale_bits(config)
        stored_as, per_weight = config.quantization, bits + scale if bits else None
    if shape is None or per_weight is None or (index_bytes and not is_repacked):
        return _own_size(config, shape, index_bytes, tp, pp)
    experts = shape.experts / (tp * pp)
    is_mxfp4 = config.quantization == "mxfp4"  # gpt-oss: only its experts are packed
    packed = _packed_parameters(config, shape, stack, tp, pp, is_low=False)
    head = shape.head / tp
    plain = shape.embedding / tp + shape.plain / pp + shape.vision
    plain += packed if is_mxfp4 else 0.0
    plain += 0.0 if is_repacked else head
    packed = (0.0 if is_mxfp4 else packed) + experts + (head if is_repacked else 0.0)
    whole = _size(shape.linear + shape.experts, per_weight) + _size(shape.total_plain, SIXTEEN_BIT)
    return Weights(
        packed_bytes=_size(packed, per_weight),
        plain_bytes=_size(plain, SIXTEEN_BIT),
        host_bytes=index_bytes or whole,
        parameters=shape.total,
        stored_as=stored_as,
        how=f"{_billions(shape.total)} parameters, already {config.quantization} with {bits} bits",
    )


def _scale_bits(config: ModelConfig) -> float:
    """A weight's share of its group's scale: 8 bits in fp4 formats, else 16 and a zero point."""
    bits, group = config.quantization_bits, config.quantization_group
    if not group or not bits or bits >= 8:
        return 0.0
    return (8.0 if "fp4" in config.quantization else SIXTEEN_BIT + bits) / group


def _own_size(
    config: ModelConfig, shape: Tensors | None, index_bytes: int | None, tp: int, pp: int
) -> Weights | None:
    if not index_bytes:
        return None
    return Weights(
        packed_bytes=math.ceil(index_bytes / (tp * pp)),
        plain_bytes=0,
        host_bytes=index_bytes,
        parameters=shape.total if shape else None,
        stored_as=config.quantization,
        how=f"the size of the {config.quantization} checkpoint itself",
    )
