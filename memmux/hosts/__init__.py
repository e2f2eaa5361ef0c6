"""The MCP clients of this machine: where each keeps its servers, and how memmux gets into that file and out again.

table     which clients there are, and where their files are
commands  what a command line runs in the end
entries   what a server's entry says, and what it runs: memmux, mcp-memory-service or something else
server    the entry that starts this memmux
jsonc     a change to one member of a JSON file with comments; every other byte stays
tables    the same for TOML
document  a client's file: its servers, and changes to it that are checked
plan      what an installation or a removal does to a file, before anything is written
files     the writing: a backup, then the whole file at once
trial     starts what was written, as the client will
shadow    the console scripts of mcp-memory-service, for what can't be configured; launcher is what they run
survey    what `memmux doctor` says of all this
"""
