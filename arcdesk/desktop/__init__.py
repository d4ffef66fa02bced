"""The desktop around the app: single instance, and later hotkeys, autostart, notifications."""
