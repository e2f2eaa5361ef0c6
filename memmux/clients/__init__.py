"""The MCP clients of this machine: where each keeps its servers, and how memmux gets into that file and out again.

table     which clients there are, and where their files are
entries   what a server's entry says, and what it runs: memmux, mcp-memory-service or something else
jsonc     a change to one member of a JSON file with comments; every other byte stays
tables    the same for TOML
plan      what an installation or a removal does to a file, before anything is written
files     the writing: a backup, then the whole file at once
trial     starts what was written, as the client will
shadow    the console scripts of mcp-memory-service, for what can't be configured
survey    what `memmux doctor` says of all this
"""
