"""Logs: how processes write them, which events there are, and how they are read."""
