"""Names things by what they are made of."""

import hashlib
from pathlib import Path


def content_hash(*parts: str | Path) -> str:
    """Twelve hex digits over texts and the contents of files, in this order."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.hexdigest()[:12]
