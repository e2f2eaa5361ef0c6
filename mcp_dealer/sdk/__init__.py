"""The MCP server of the SDK, over the features."""
