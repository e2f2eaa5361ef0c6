"""The database: connections, schema, rows, and the SQL that reading and writing share."""
