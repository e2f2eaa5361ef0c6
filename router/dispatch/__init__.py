"""The dispatcher and its parts: decisions without sockets, clock or randomness."""
