"""Talks HTTP to OpenAI-compatible servers; the only home of httpx."""
