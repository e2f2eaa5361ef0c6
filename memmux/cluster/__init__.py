"""The cluster as a client sees it: found by its endpoint file, started, replaced, run as a service."""
