"""Transfer: memories from files and into files, through the client."""
