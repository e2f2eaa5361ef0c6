"""What memmux knows of PostgreSQL without a connection: URLs of databases, and servers that are thrown away."""
