"""The error of tools: what a client is told that has called one."""


class ToolError(Exception):
    """Raised when a tool refuses, or has crashed; the message is what the client is told, and the cause is why."""
