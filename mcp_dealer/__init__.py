"""The MCP server: a client of the cluster that speaks MCP over stdio."""
