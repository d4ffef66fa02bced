"""A child of the tests: looks at a cache, and removes a model, as a person whose files a container wrote."""

from __future__ import annotations

import json
import os
import shutil
import sys
import uuid
from pathlib import Path

from arcdesk.core.errors import ArcDeskError
from arcdesk.storage import model_remove
from arcdesk.storage.model_cache import ModelCache

assert shutil and uuid  # all is imported while root's Python can still be read
hub, uid = Path(sys.argv[1]), int(sys.argv[2])
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
found = ModelCache(uid=uid).entries(hub)
told: dict[str, object] = {entry.id: [trouble.value for trouble in entry.troubles] for entry in found}
for entry in found:
    try:
        model_remove.remove(model_remove.plan_removal(entry, [hub], uid=uid))
        told[f"removed {entry.id}"] = True
    except ArcDeskError as error:
        told[f"removed {entry.id}"] = error.problem.cause
print(json.dumps(told))
