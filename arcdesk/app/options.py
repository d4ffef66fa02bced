"""The command line's word on settings: it overrules file and variables, and is never written."""

from __future__ import annotations

import argparse
from dataclasses import replace

from arcdesk.core.errors import ArcDeskError, Problem
from arcdesk.core.settings import Settings
from arcdesk.services.engine_service import kind_of
from arcdesk.storage.settings_file import SettingsFile
from arcdesk.storage.settings_keys import parse_assignments


def overrides_of(options: argparse.Namespace) -> dict[str, str]:
    """`--set` and `--engine` as setting ids with their texts. Raises UsageError."""
    overrides = parse_assignments(getattr(options, "set", None) or ())
    if options.engine is not None:
        overrides["engine.engine"] = options.engine
    return overrides


def load_settings(options: argparse.Namespace) -> tuple[SettingsFile, Settings, tuple[Problem, ...]]:
    """The file, the settings that hold, and what was refused. Raises UsageError for a bad `--set`."""
    file = SettingsFile(overrides=overrides_of(options))
    settings = file.load()
    try:
        kind_of(settings.engine)
    except ArcDeskError as error:
        return file, replace(settings, engine="auto"), (error.problem,)
    return file, settings, ()
