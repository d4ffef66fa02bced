"""The one name by which the desktop knows ArcDesk: files, D-Bus, portals, icons."""

from __future__ import annotations

APP_ID = "org.arcdesk.ArcDesk"
APP_NAME = "ArcDesk"
