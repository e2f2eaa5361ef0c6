"""`memmux demo`: several clients share one memory, on real texts."""
