"""Use cases over the ports: the only writers of the store."""
