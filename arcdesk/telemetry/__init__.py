"""What the card does (to come: GPU sources)."""
