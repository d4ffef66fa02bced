"""The global hotkey: a ladder of ways to get it, and a true word about each."""
