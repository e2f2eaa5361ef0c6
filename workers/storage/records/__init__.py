"""Records: memories and what belongs to them, as they are kept, for reading and writing on any engine."""
