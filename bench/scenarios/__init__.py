"""Scenarios: each measures one promise."""
