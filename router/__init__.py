"""The router: dispatches requests from clients to workers."""
