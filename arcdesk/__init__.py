"""ArcDesk: a tray companion for local LLM servers on Intel Arc."""

__version__ = "0.1.0.dev0"
