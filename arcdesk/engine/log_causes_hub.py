"""Signs of where the model comes from: the hub refuses or is not reached, the path is wrong."""

from __future__ import annotations

import re

from arcdesk.engine.log_causes import START_AGAIN, Sign, Weight, say

_AUTH = say(
    "hub_auth",
    "Hugging Face does not give you this model",
    "The model needs a licence that your account accepted, and a token.",
    "Accept the licence on the model's page and set HF_TOKEN, or choose another model.",
    START_AGAIN,
)
_OFFLINE = say(
    "hub_offline",
    "Hugging Face can't be reached",
    "The model is not on this computer, and the download failed.",
    "Check the network and the proxy, then start again.",
    START_AGAIN,
)
_PATH = say(
    "model_path",
    "The model was not found",
    "There is neither a folder nor a Hugging Face model with this name and a config.json.",
    "Check the model's name or path, and that its folder is mounted.",
)
_PATH_NAMED = say(
    "model_path",
    "The model was not found",
    "There is neither a folder nor a Hugging Face model '{name}' with a config.json.",
    "Check the model's name or path, and that its folder is mounted.",
)
_NOT_REACHED = re.compile(
    r"(?:huggingface\.co|hf-mirror|modelscope|hf\.co)"
    r".*(?:Max retries|[Tt]imed? ?out|Errno -[23]|resolve|refused|SSL)"
    r"|Temporary failure in name resolution|Name or service not known|Network is unreachable|No route to host"
    r"|Max retries exceeded with url|NameResolutionError|ProxyError|SSLEOFError|CERTIFICATE_VERIFY_FAILED"
)
_NOT_REACHED_RAISED = re.compile(
    r"^(?:\S+ \S+ |.*\) )?(?:requests|urllib3|httpx|aiohttp)\.[\w.]*"
    r"(?:Connection|Connect|SSL|Proxy|MaxRetry|NameResolution|Read)?(?<!HTTP)(?:Error|Timeout)\b.*huggingface\.co"
)
_NAMED_PATH = re.compile(
    r"Can't load the configuration of '(?P<name>[^']+)'"
    r"|Invalid repository ID or local directory specified: '(?P<name2>[^']+)'"
)
_NOT_A_MODEL = re.compile(
    r"(?P<name>\S+) (?:is not a local folder and is not a valid model|does not appear to have a file)"
)
_PATH_TEXT = re.compile(
    r"No such file or directory: '[^']*(?:config\.json|tokenizer\w*\.\w+|/models/[^']*)'"
    r"|Repo id must (?:be|use)|Repository Not Found for url|RepositoryNotFoundError|Revision Not Found"
    r"|Can't load (?:the model|tokenizer|feature extractor|image processor) for|Incorrect path_or_model_id"
    r"|Should have a `model_type` key|No supported config format found|not a valid JSON file"
)

HUB_SIGNS: tuple[Sign, ...] = (
    Sign(
        needles=("gated repo", "is restricted. You must", "awaiting a review", "GatedRepoError"),
        explain=_AUTH,
    ),
    Sign(
        needles=("Access to model",), pattern=re.compile(r"Access to model \S+ is restricted"), explain=_AUTH
    ),
    Sign(needles=("403 Client Error", "403 Forbidden"), explain=_AUTH, weight=Weight.HINT, is_certain=False),
    Sign(
        needles=("401 Client Error", "401 Unauthorized"), explain=_AUTH, weight=Weight.HINT, is_certain=False
    ),
    Sign(
        needles=(
            "We couldn't connect to",
            "LocalEntryNotFoundError",
            "OfflineModeIsEnabled",
            "offline mode is enabled",
            "outgoing traffic has been disabled",
        ),
        explain=_OFFLINE,
    ),
    Sign(needles=("huggingface.co",), pattern=_NOT_REACHED_RAISED, explain=_OFFLINE),
    Sign(
        needles=(
            "Max retries",
            "failure in name resolution",
            "Name or service not known",
            "Network is unreachable",
            "No route to host",
            "NameResolutionError",
            "ProxyError",
            "SSLEOFError",
            "CERTIFICATE_VERIFY_FAILED",
            "huggingface.co",
            "hf-mirror",
            "modelscope",
        ),
        pattern=_NOT_REACHED,
        unless=("stats.vllm.ai",),
        explain=_OFFLINE,
        weight=Weight.HINT,
        is_certain=False,  # it tries again, and may find the model in its cache
        at_any_level=True,
    ),
    Sign(
        needles=("Error retrieving file list", "Error retrieving safetensors"),
        explain=_OFFLINE,
        weight=Weight.FAINT,
        is_certain=False,
    ),
    Sign(
        needles=("Can't load the configuration", "Invalid repository ID"),
        pattern=_NAMED_PATH,
        explain=_PATH_NAMED,
        weight=Weight.SYMPTOM,
    ),
    Sign(
        needles=("is not a local folder", "does not appear to have a file"),
        pattern=_NOT_A_MODEL,
        explain=_PATH_NAMED,
    ),
    Sign(
        needles=(
            "No such file or directory: '",
            "Repo id must",
            "Repository Not Found",
            "RepositoryNotFoundError",
            "Revision Not Found",
            "Can't load",
            "path_or_model_id",
            "`model_type` key",
            "config format found",
            "valid JSON file",
        ),
        pattern=_PATH_TEXT,
        explain=_PATH,
    ),
)
