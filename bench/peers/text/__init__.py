"""Text in, texts out: what people would use instead of memmux, each client with all that it needs for that."""
