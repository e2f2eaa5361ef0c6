"""HTTP: the same memory over MCP's streamable HTTP, REST and a page, from the gateway's process."""
