"""The features of the MCP server, as the protocol has them; nothing of the SDK."""
