"""The clients: one session without I/O, and the blocking and the asynchronous client that drive it."""
