"""The link of one client of MCP to its cluster: what is asked for, by whom, and what is kept of it."""
