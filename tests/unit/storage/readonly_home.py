"""A child of the tests: saves settings as a user who may not write there, and prints what it was told."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from arcdesk.core.errors import ArcDeskError
from arcdesk.core.settings import Settings
from arcdesk.storage.settings_file import SettingsFile

with tempfile.TemporaryDirectory() as folder:  # all is imported while root's Python can still be read
    elsewhere = SettingsFile(Path(folder) / "config.toml", environ={})
    elsewhere.save(Settings(theme="light"))
    elsewhere.load()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)  # nobody: for root no folder is read-only
source = SettingsFile(Path(sys.argv[1]), environ={})
print(source.load().theme, *(problem.cause for problem in source.problems))
try:
    source.save(Settings(theme="dark"))
except ArcDeskError as error:
    print(error.problem.cause)
