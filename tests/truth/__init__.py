"""The load generator against the truth, and against other load generators: `make bench-truth`."""
