"""Checking: whether the rows, what is made of them, and the schema are as they should be."""
