"""What is seen: widgets render snapshots and emit intents."""
