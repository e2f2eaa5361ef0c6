"""HTTP, served by the gateway's process where the setting `http` asks for it: MCP, REST, and the page."""
