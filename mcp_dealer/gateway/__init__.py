"""The gateway: one MCP server for all hosts of a cluster, each behind its relay."""
