"""SQLite: the engine of one machine, whose database is one file."""
