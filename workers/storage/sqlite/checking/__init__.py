"""Checking: whether the database's views and its rows agree."""
