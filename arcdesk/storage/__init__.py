"""What stays on disk: folders, settings, conversations."""
