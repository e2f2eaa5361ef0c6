"""The relay: what an MCP host starts and talks to; it carries lines to the cluster's gateway and answers back.

Every host has one, for as long as it runs, so it is as small as a Python process can be: nothing here imports more than
`os`, `sys` and built-in modules, or knows anything of JSON or MCP.
"""
