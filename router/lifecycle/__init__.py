"""The life cycle of a router: the database's lock, the startup, worker processes, the handover to another router."""
