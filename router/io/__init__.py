"""Sockets, signals and time around the dispatcher."""
