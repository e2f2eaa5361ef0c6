"""Writing: the transactions of the only writer."""
