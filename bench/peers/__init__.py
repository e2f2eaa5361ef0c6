"""Peers: the same searches by other databases."""
