"""Backups: how one is made, where they are kept, and when one is due."""
