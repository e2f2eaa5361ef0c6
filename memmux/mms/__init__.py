"""mcp-memory-service: its databases and exports are read, and a database of its own is written.

`source` opens a file of theirs, from a consistent copy (`private_copy`), and `to_memory` makes the lines that
`memory.load` takes, with a record of what was odd (`report`). `write_database` writes a database that its releases
open.
`memmux.config` knows where its files are (`mms_database`) and what its environment variables mean (`mms_variables`).
"""
