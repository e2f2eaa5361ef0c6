"""Formats of other memories and conversations: what their files hold, as lines for `memory.load`."""
