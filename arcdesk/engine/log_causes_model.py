"""Signs of the model and the libraries that run it: files, architecture, format, template."""

from __future__ import annotations

import re

from arcdesk.engine.log_causes import START_AGAIN, Sign, Weight, copy, say

_MISSING = say(
    "weights_missing",
    "The model has no weights that the server can read",
    "No safetensors or .bin files were found; GGUF files do not work in this engine.",
    "Download the model again, or choose one with safetensors files.",
)
_CORRUPT = say(
    "weights_corrupt",
    "A file of the model is damaged",
    "It can't be read: usually a download that was cut off.",
    "Delete the model's files and download them again.",
    START_AGAIN,
)
_ARCH_NAMED = say(
    "arch_unsupported",
    "This image can't run this kind of model",
    "Its vLLM does not know the architecture {name}.",
    "Choose another model or a newer image.",
)
_ARCH = say(
    "arch_unsupported",
    "This image can't run this kind of model",
    "Its vLLM does not know the architecture.",
    "Choose another model or a newer image.",
)
_OLD = say(
    "transformers_old",
    "The model is newer than the image",
    "The image's Transformers library does not know this model.",
    "Choose a newer image or another model.",
)
_OLD_NAMED = say(
    "transformers_old",
    "The model is newer than the image",
    "The image's Transformers library does not know the model type '{name}'.",
    "Choose a newer image or another model.",
)
_TEMPLATE = say(
    "no_chat_template",
    "The model can't chat",
    "It has no chat template: it completes text, but does not know questions and answers.",
    "Choose a model for chat, with 'Instruct' or 'Chat' in its name.",
)
_LORA = say(
    "lora_unsupported",
    "LoRA adapters do not work here",
    "This model or this image can't load a LoRA adapter.",
    "Merge the adapter into the model, or start without it.",
)
_QUANT = say(
    "quant_unsupported",
    "The model's number format does not work here",
    "This image or card can't run the model's quantization or data type.",
    "Choose another version of the model, or another image.",
)
_LIB_NAMED = say(
    "lib_missing",
    "A part of the image is missing",
    "The library {name} was not found: usually the oneAPI environment is not loaded.",
    "Use an unchanged image, or one that matches the card.",
    copy("Copy 'source setvars.sh'", "source /opt/intel/oneapi/setvars.sh"),
)
_LIB = say(
    "lib_missing",
    "A part of the image is missing",
    "A library was not found or does not fit the others.",
    "Use an unchanged image, or one that matches the card.",
)

_LIB_FILE = re.compile(r"(?P<name>lib[\w.+-]*\.so[\d.]*): cannot open shared object file")
_LIB_OTHER = re.compile(r"undefined symbol: |version `?'?(?:GLIBC|GLIBCXX|CXXABI)_[\d.]+'? not found")
_MODULE = re.compile(r"ModuleNotFoundError: No module named '(?P<name>[^']+)'")
_BENIGN_IMPORT = ("Failed to import", "Failed to load image Python extension")
_WEIGHTS = re.compile(
    r"Cannot find any model weights with|no file named (?:pytorch_model|model\.safetensors|tf_model)"
    r"|have a file named (?:pytorch_model|model\.safetensors|tf_model)"
    r"|[Ww]eights were not initialized from checkpoint|No (?:safetensors|model) weights found"
)
_DAMAGED = re.compile(
    r"SafetensorError|HeaderTooLarge|HeaderTooSmall|MetadataIncompleteBuffer|InvalidHeader"
    r"|while deserializing header"
    r"|PytorchStreamReader failed|invalid load key|UnpicklingError|unexpected EOF, expected"
    r"|Consistency check failed|not in a subdirectory"
)
_ARCHITECTURE = re.compile(
    r"Model architectures \['?(?P<name>[^'\]]+).*?(?:not supported|failed to be inspected)"
    r"|(?P<name2>\w+) has no vLLM implementation|Cannot find model module\. '(?P<name3>[^']+)'"
)
_TYPE_UNKNOWN = re.compile(r"model type .(?P<name>[\w.-]+?). but Transformers does not recognize")
_TRANSFORMERS = re.compile(
    r"rope_scaling. must be a dictionary|requires (?:`?transformers|a newer version of `?transformers)"
    r"|no attribute 'max_pixels'|Tokenizer class \S+ does not exist"
    r"|cannot import name '\w+' from 'transformers"
    r"|Transformers does not recognize this architecture|upgrade (?:your )?[Tt]ransformers"
)
_QUANTIZATION = re.compile(
    r"Unknown quantization method|quantization is currently not supported"
    r"|not supported for quantization method"
    r"|quantization method \S+ is not supported|does not match the quantization method"
    r"|Cannot find the config file for"
    r"|Failed to find a kernel that can implement|No module named '(?:bitsandbytes|auto_gptq|awq|gptqmodel)'"
    r"|install bitsandbytes|[Bb][Ff]?loat16 is only supported|not supported in this architecture"
    r"|[Uu]nsupported quantization|[Qq]uantization .{0,60}not supported|not supported .{0,40}quantization"
    r"|fp8 is (?:only|not) supported|data ?type .{0,40}is not supported"
)
_LORA_TEXT = re.compile(
    r"(?i:lora).{0,80}not (?:yet )?(?:supported|implemented)|does not support LoRA|not support (?i:lora)"
)

MODEL_SIGNS: tuple[Sign, ...] = (
    Sign(
        needles=("cannot open shared object",), pattern=_LIB_FILE, unless=_BENIGN_IMPORT, explain=_LIB_NAMED
    ),
    Sign(
        needles=("undefined symbol", "GLIBC_", "GLIBCXX_", "CXXABI_"),
        pattern=_LIB_OTHER,
        unless=_BENIGN_IMPORT,
        explain=_LIB,
    ),
    Sign(
        needles=(
            "model weights with",
            "no file named",
            "have a file named",
            "weights were not",
            "weights found",
        ),
        pattern=_WEIGHTS,
        explain=_MISSING,
    ),
    Sign(
        needles=(
            "SafetensorError",
            "HeaderTooLarge",
            "HeaderTooSmall",
            "InvalidHeader",
            "InvalidHeaderDeserialization",
            "MetadataIncompleteBuffer",
            "deserializing header",
            "PytorchStreamReader",
            "invalid load key",
            "UnpicklingError",
            "unexpected EOF",
            "Consistency check failed",
            "not in a subdirectory",
        ),
        pattern=_DAMAGED,
        explain=_CORRUPT,
    ),
    Sign(
        needles=("Transformers does not recognize",),
        pattern=_TYPE_UNKNOWN,
        explain=_OLD_NAMED,
    ),
    Sign(
        needles=("rope_scaling", "transformers", "Transformers", "max_pixels", "Tokenizer class"),
        pattern=_TRANSFORMERS,
        explain=_OLD,
    ),
    Sign(
        needles=("CONFIG_MAPPING[config_dict",),
        explain=_OLD,
        weight=Weight.FAINT,
        is_certain=False,  # a source line of the traceback that ends in a bare KeyError
    ),
    Sign(needles=("Model architectures",), pattern=_ARCHITECTURE, explain=_ARCH_NAMED),
    Sign(needles=("has no vLLM implementation", "Cannot find model module"), explain=_ARCH),
    Sign(needles=("Unrecognized configuration class",), explain=_ARCH),
    Sign(
        needles=(
            "chat template is no longer",
            "chat_template is not set",
            "does not have a chat template",
            "does not define a chat template",
            "must provide a chat template",
        ),
        explain=_TEMPLATE,
        at_runtime=True,  # shows with the first chat request
    ),
    Sign(needles=("LoRA", "lora"), pattern=_LORA_TEXT, explain=_LORA),
    Sign(
        needles=(
            "quantization",
            "Quantization",
            "bitsandbytes",
            "bfloat16",
            "Bfloat16",
            "BFloat16",
            "architecture",
            "config file for",
            "find a kernel",
            "auto_gptq",
            "gptqmodel",
            "fp8",
            "data type",
            "datatype",
            "No module named 'awq'",
        ),
        pattern=_QUANTIZATION,
        explain=_QUANT,
    ),
    Sign(
        needles=("ModuleNotFoundError",),
        pattern=_MODULE,
        unless=_BENIGN_IMPORT,
        explain=_LIB_NAMED,
        weight=Weight.HINT,
        is_certain=False,
    ),
)
