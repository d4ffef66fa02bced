"""Composition: command line, window, and everything built and taken down."""
