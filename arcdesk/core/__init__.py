"""Facts and decisions of ArcDesk: standard library only, no input or output."""
