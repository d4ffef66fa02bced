"""Loads the hub's own library, and leaves it no way out but our transport."""

from __future__ import annotations

import logging
import os
import threading

CHUNK_BYTES = 64 * 1024  # the library's 10 MiB would be lost with each pause, and progress would jump
ENVIRONMENT = {  # the library reads them once, when it is imported
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",  # transfers of its own, in Rust, that nobody could see
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
}

_lock = threading.Lock()
_is_loaded = False


def load() -> None:
    """Import it; takes half a second, so in a thread. Each request must belong to a HubJob from then on."""
    global _is_loaded
    with _lock:
        if _is_loaded:
            return
        kept = {name: os.environ.get(name) for name in ENVIRONMENT}
        os.environ.update(ENVIRONMENT)
        try:
            import huggingface_hub.file_download
            import huggingface_hub.hf_api  # noqa: F401
        finally:
            for name, value in kept.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        _constrain()
        _is_loaded = True


def is_loaded() -> bool:
    """Somebody has asked the hub for something."""
    return _is_loaded


def close() -> None:
    """Close its connections; a later request opens new ones."""
    from huggingface_hub import close_session

    close_session()


def is_offline() -> bool:
    """HF_HUB_OFFLINE was set when this program began."""
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())


def _constrain() -> None:
    """Once more as values, in case something else imported it before."""
    from huggingface_hub import constants, get_session, set_client_factory

    from arcdesk.api.hub_transport import new_client

    for name in ("TELEMETRY", "XET", "IMPLICIT_TOKEN", "UPDATE_CHECK"):
        setattr(constants, f"HF_HUB_DISABLE_{name}", True)
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    for name in ("httpx2", "httpcore2"):  # they log addresses, of which some carry a signature
        logging.getLogger(name).setLevel(logging.WARNING)
    set_client_factory(new_client)
    get_session()  # now: two threads that ask first at the same moment would each make one
