"""mcp-memory-service: its databases and exports are read, its settings honoured, and a database of its own written.

`finding` knows where its files are, `variables` what its environment variables mean here. `source` opens a file of
theirs, from a consistent copy (`snapshot`), and gives the memories as the lines that `memory.load` takes, with a record
of what was odd (`report`). `back` writes a database that its releases open.
"""
