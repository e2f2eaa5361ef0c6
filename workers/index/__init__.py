"""The in-memory vector index: the fast path of search."""
